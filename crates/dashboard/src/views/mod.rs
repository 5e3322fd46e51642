//! The pages that show the ledger: an address each, read by one function and rendered by another, so
//! that a page looks the same when it is opened and when it is live.

mod activity;
mod address;
mod background_task;
mod banner;
mod campaign;
mod campaigns;
mod dead;
mod hold_reasons;
mod job;
mod jobs;
mod lanes;
mod needs;
pub(crate) mod plan;
mod summary;
mod without_user;
mod workers;

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use maud::Markup;
use repilot_domain::{Role, Timestamp};

use crate::access::Visitor;
use crate::error::Refusal;
use crate::links::CampaignsAt;
use crate::live::Overview;
use crate::pages;
use crate::state::App;

pub(crate) use address::View;

/// Who looks, when, and at what.
pub(crate) struct ViewContext {
    pub(crate) role: Role,
    /// What their forms bring along.
    pub(crate) form_token: String,
    pub(crate) now: Timestamp,
    pub(crate) overview: Arc<Overview>,
}

impl ViewContext {
    /// Whether they may act.
    pub(crate) fn may_act(&self) -> bool {
        self.role.covers(Role::Operator)
    }
}

/// A part of a page that changes by itself.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) body: Markup,
}

impl Section {
    fn new(name: &'static str, body: Markup) -> Self {
        Self { name, body }
    }
}

/// What a view shows beyond the overview.
pub(crate) enum Read {
    Campaigns(CampaignsAt),
    Campaign(Box<campaign::Details>),
    Job(Box<job::Details>),
    Jobs(Box<jobs::Details>),
    Lanes,
    Workers,
    Dead,
    Activity(activity::Details),
}

/// Reads what a view shows beyond the overview.
pub(crate) async fn read(app: &App, view: &View, overview: &Overview) -> Result<Read, Refusal> {
    Ok(match view {
        View::Campaigns(at) => Read::Campaigns(CampaignsAt::clone(at)),
        View::Campaign(name) => {
            Read::Campaign(Box::new(campaign::read(app, name, overview).await?))
        }
        View::Job(id) => Read::Job(Box::new(job::read(app, *id, overview).await?)),
        View::Jobs(at) => Read::Jobs(Box::new(jobs::read(app, at, overview).await?)),
        View::Lanes => Read::Lanes,
        View::Workers => Read::Workers,
        View::Dead => Read::Dead,
        View::Activity(before) => Read::Activity(activity::read(app, *before).await?),
    })
}

/// A view's sections, in order.
pub(crate) fn sections(read: &Read, context: &ViewContext) -> Vec<Section> {
    let mut sections = vec![banner::section(context)];
    match read {
        Read::Campaigns(_) | Read::Dead => sections.push(without_user::all(context)),
        Read::Campaign(details) => {
            sections.push(without_user::of(details.campaign_of(context), context));
        }
        _ => {}
    }
    sections.extend(match read {
        Read::Campaigns(at) => campaigns::sections(at, context),
        Read::Campaign(details) => campaign::sections(details, context),
        Read::Job(details) => job::sections(details, context),
        Read::Jobs(details) => jobs::sections(details, context),
        Read::Lanes => lanes::sections(context),
        Read::Workers => workers::sections(context),
        Read::Dead => dead::sections(context),
        Read::Activity(details) => activity::sections(details, context),
    });
    sections
}

/// Any of these pages.
pub(crate) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Markup, Refusal> {
    let missing = || Refusal::Missing("page at this address".to_owned());
    let query = uri.query().unwrap_or_default();
    let view = View::of(uri.path(), query).ok_or_else(missing)?;
    let overview = app.overview().await?;
    let read = read(&app, &view, &overview).await?;
    let context = ViewContext {
        role: visitor.role,
        form_token: visitor.form_token.clone().unwrap_or_default(),
        now: app.now(),
        overview,
    };
    let done = pages::Done::of(query);
    let sections = sections(&read, &context);
    Ok(pages::live(&visitor, &view, done, &sections))
}
