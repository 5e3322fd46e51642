//! A list by upload: the same plan and the same question as on the command line.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Multipart, Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use repilot_domain::{
    Action, ControlError, HiddenRows, Reading, Repair, SightedWithin, TenantName, UnknownWord,
};
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio_util::io::ReaderStream;

use crate::access::{Act, Visitor, is_of_this_site, is_signed};
use crate::actions::held::{self, HeldFields};
use crate::error::Refusal;
use crate::links;
use crate::pages::{self, Done, Here};
use crate::parts::{devices, encoded};
use crate::pending_uploads::Waiting;
use crate::state::App;
use crate::tenant_services::plan_list::{Deed, Lists, Refused, UploadedList};
use crate::views;

/// A list with hardware hashes of 100,000 devices has 450 MB.
pub(crate) const LIST_MAX_BYTES: usize = 1_000_000_000;

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self::List {
            why: refused.why,
            advice: refused.advice,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct For {
    #[serde(default)]
    campaign: String,
}

/// Who takes lists, if anybody does.
pub(crate) fn lists(app: &App, visitor: &Visitor) -> Result<Arc<dyn Lists>, Refusal> {
    if !visitor.is_operator() {
        return Err(Refusal::Role);
    }
    let none = || {
        Refusal::Conflict(
            "this dashboard takes no lists: it runs beside a rehearsal, or without settings"
                .to_owned(),
        )
    };
    app.lists.clone().ok_or_else(none)
}

/// Where a list is given.
pub(crate) async fn page(
    State(app): State<App>,
    Query(For { campaign }): Query<For>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let tenants = lists(&app, &visitor)?.tenants();
    let known = app.overview().await?;
    let known = known.campaign(&campaign);
    let of_campaign = known.map(|known| known.tenant.clone());
    let action_of = known.map(|known| known.action);
    let body = html! {
        h1 { "Enqueue a list" }
        @if tenants.is_empty() {
            div.notice.warn { strong { "The settings have no tenant." } span { "Add one to the settings file of this dashboard and start it again." } }
        } @else {
            form.card.stack method="post" action="/upload" enctype="multipart/form-data" {
                // First, so that nothing else is read of a form that is not ours.
                input type="hidden" name="csrf" value=[&visitor.form_token];
                label for="tenant" { "Tenant" }
                select #tenant name="tenant" {
                    @for tenant in &tenants {
                        option value=(tenant) selected[of_campaign.as_ref() == Some(tenant)] { (tenant) }
                    }
                }
                label for="campaign" { "Campaign" }
                input #campaign name="campaign" required maxlength="100" value=(campaign) placeholder="spring" autocomplete="off";
                p.hint { "A new name makes a campaign; the name of one that there is adds to it." }
                label for="action" { "Action" }
                select #action name="action" required {
                    @if action_of.is_none() { option value="" { "Choose what is done to the devices" } }
                    @for action in Action::ALL {
                        option value=(action) selected[Some(*action) == action_of] { (in_words(*action)) }
                    }
                }
                label for="user_column" { "Column of the new users" }
                input #user_column name="user_column" maxlength="100" placeholder="New user" autocomplete="off";
                p.hint { "Only to assign, and only where its header could mean whoever has the device now: columns such as New user or Assign to are known." }
                (held::fields(known.is_none()))
                label for="sighted_within" { "Ask who has a device" }
                input #sighted_within name="sighted_within" maxlength="100" placeholder="2min" autocomplete="off" aria-describedby="sighted_within-hint";
                p.hint #sighted_within-hint { "At most so long before its call: 2min, 30s, 0s (a look right before each) or never; empty: as the settings, or the campaign, say." }
                label { input type="checkbox" name="after_others" value="true"; " A device with an open job in another campaign waits for its end, instead of being refused" }
                label { input type="checkbox" name="check_users" value="true" checked; " Look new users up in the directory where the app may, and refuse whom it does not know" }
                fieldset.stack {
                    legend { "Where a serial of the list is nearly that of exactly one device, overlook" }
                    @for repair in Repair::ALL {
                        label { input type="checkbox" name="repair" value=(repair); " " (repair_in_words(*repair)) }
                    }
                }
                label for="column" { "Column that names the devices" }
                input #column name="column" maxlength="100" placeholder="Serial number" autocomplete="off";
                p.hint { "Only where its header is not known: the plan says which columns it read." }
                label for="sheet" { "Sheet" }
                input #sheet name="sheet" maxlength="100" placeholder="the first that names devices" autocomplete="off";
                p.hint { "Of a workbook; all reads every visible sheet that names devices." }
                label for="hidden_rows" { "Rows that are hidden or filtered" }
                select #hidden_rows name="hidden_rows" {
                    option value="" { "Refuse a list that has some" }
                    @for choice in HiddenRows::ALL {
                        option value=(choice) { (hidden_in_words(*choice)) }
                    }
                }
                // Last, for nothing is read behind it.
                label for="list" { "Device list" }
                input #list name="list" type="file" required;
                p.hint { "CSV, a workbook of Excel or LibreOffice, JSON, or serials or ids one a line; packed with gzip or zip, or not. Hardware hashes never leave their row." }
                div.acts { button.primary type="submit" { "Show the plan" } }
                p.hint { "Nothing is enqueued before you have seen the plan and said yes." }
            }
        }
    };
    Ok(pages::page(
        &visitor,
        Some(Here::Campaigns),
        "Enqueue a list",
        &body,
    ))
}

/// What is chosen to be done.
const fn in_words(action: Action) -> &'static str {
    match action {
        Action::Unassign => "Unassign the users",
        Action::Assign => "Assign to the users in the list",
        Action::Reassign => "Unassign, then assign to the users in the list",
    }
}

/// What becomes of hidden rows.
const fn hidden_in_words(hidden_rows: HiddenRows) -> &'static str {
    match hidden_rows {
        HiddenRows::Skip => "Leave them out",
        HiddenRows::Include => "Read them as the others",
    }
}

/// What is overlooked.
const fn repair_in_words(repair: Repair) -> &'static str {
    match repair {
        Repair::Zeros => "leading zeros that a spreadsheet took away",
        Repair::Hyphens => "hyphens and blanks",
        Repair::Letters => "O for 0, I for 1 and the like",
    }
}

/// Takes a list, and shows its plan.
pub(crate) async fn plan(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Multipart,
) -> Result<Response, Refusal> {
    is_of_this_site(&headers)?;
    let lists = lists(&app, &visitor)?;
    let list = received(&visitor, form).await?;
    let plan = lists.plan(&list).await?;
    let campaign = list.campaign.clone();
    let id = app.uploads.keep(Waiting {
        list,
        fingerprint: plan.fingerprint,
        rejects: plan.rejects.clone(),
        since: app.now(),
    });
    let again = format!("/upload?campaign={}", encoded(&campaign));
    let refused_at = plan.rejects.map(|_| format!("/upload/{id}/refused.csv"));
    let says = format!(
        "Enqueue {}",
        devices(i64::try_from(plan.devices).unwrap_or(i64::MAX))
    );
    let body = html! {
        h1 { "The plan" }
        (views::plan::shown(&plan.plan, &campaign, refused_at.as_deref()))
        details { summary { "The same as the command line says it" } pre.plan tabindex="0" aria-label="The plan" { (plan.text) } }
        div.card {
            p.lead { strong { (plan.question) } }
            form.acts method="post" action={ "/upload/" (id) } {
                input type="hidden" name="csrf" value=[&visitor.form_token];
                button.primary type="submit" { (says) }
                a.button href=(again) { "No, another list" }
            }
        }
    };
    Ok(pages::page(&visitor, Some(Here::Campaigns), "The plan", &body).into_response())
}

/// Reads the form, field by field; the list goes to the disk as it comes.
async fn received(visitor: &Visitor, mut form: Multipart) -> Result<UploadedList, Refusal> {
    let unclear =
        |error: axum::extract::multipart::MultipartError| Refusal::Unclear(error.body_text());
    let mut signed = false;
    let (mut tenant, mut campaign) = (String::new(), String::new());
    let mut deed = Deed {
        check_users: Some(false),
        ..Deed::default()
    };
    let mut fields = HeldFields::default();
    while let Some(mut field) = form.next_field().await.map_err(unclear)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "csrf" => {
                is_signed(visitor, &field.text().await.map_err(unclear)?)?;
                signed = true;
            }
            _ if !signed => return Err(Refusal::Foreign),
            "tenant" => tenant = field.text().await.map_err(unclear)?,
            "campaign" => campaign = field.text().await.map_err(unclear)?,
            "action" => {
                let word = field.text().await.map_err(unclear)?;
                let unknown = |error: UnknownWord| Refusal::Unclear(error.to_string());
                if word.is_empty() {
                    return Err(Refusal::Unclear(
                        "choose what is done to the devices; nothing was enqueued".to_owned(),
                    ));
                }
                deed.action = Some(word.parse().map_err(unknown)?);
            }
            "user_column" => {
                let column = field.text().await.map_err(unclear)?;
                deed.user_column = Some(column).filter(|column| !column.trim().is_empty());
            }
            "column" | "sheet" | "hidden_rows" => {
                let said = field.text().await.map_err(unclear)?;
                read_as(&mut deed.reading, &name, said.trim())?;
            }
            "repair" => {
                let word = field.text().await.map_err(unclear)?;
                let unknown = |error: UnknownWord| Refusal::Unclear(error.to_string());
                let repair: Repair = word.parse().map_err(unknown)?;
                deed.repairs = deed.repairs.with(repair);
            }
            // A box that is not ticked is not sent.
            "sighted_within" => {
                let said = field.text().await.map_err(unclear)?;
                deed.sighted_within = within(&said)?;
            }
            held if HeldFields::NAMES.contains(&held) => {
                fields.keep(&name, &field.text().await.map_err(unclear)?);
            }
            "after_others" => deed.after_others = true,
            "check_users" => deed.check_users = None,
            "list" => {
                let called = field.file_name().unwrap_or_default().to_owned();
                let kept = |error: std::io::Error| {
                    Refusal::Conflict(format!("the list cannot be kept for its plan: {error}"))
                };
                // Only its owner can read it.
                let mut file = NamedTempFile::new().map_err(kept)?;
                while let Some(chunk) = field.chunk().await.map_err(unclear)? {
                    file.write_all(&chunk).map_err(kept)?;
                }
                file.flush().map_err(kept)?;
                let wrong = |error: ControlError| Refusal::Unclear(error.to_string());
                deed.held = fields.held().map_err(wrong)?;
                return uploaded(file, &called, &tenant, &campaign, deed);
            }
            _ => {}
        }
    }
    Err(Refusal::Unclear("no list was given".to_owned()))
}

/// A field that says how long before a call it must be known who has its device; an empty one says nothing.
pub(crate) fn within(said: &str) -> Result<Option<SightedWithin>, Refusal> {
    let said = said.trim();
    if said.is_empty() {
        return Ok(None);
    }
    let parsed = said.parse();
    parsed
        .map(Some)
        .map_err(|error: ControlError| Refusal::Unclear(error.to_string()))
}

/// Takes a field that says how the list is to be read; an empty one says nothing.
fn read_as(reading: &mut Reading, field: &str, said: &str) -> Result<(), Refusal> {
    if said.is_empty() {
        return Ok(());
    }
    match field {
        "column" => reading.column = Some(said.to_owned()),
        "sheet" => reading.sheets.push(said.to_owned()),
        _ => {
            let unknown = |error: UnknownWord| Refusal::Unclear(error.to_string());
            reading.hidden_rows = Some(said.parse().map_err(unknown)?);
        }
    }
    Ok(())
}

/// A list that has come.
pub(crate) fn uploaded(
    file: NamedTempFile,
    called: &str,
    tenant: &str,
    campaign: &str,
    deed: Deed,
) -> Result<UploadedList, Refusal> {
    let tenant = TenantName::new(tenant).map_err(|error| Refusal::Unclear(error.to_string()))?;
    let campaign = campaign.trim();
    let fits = !campaign.is_empty() && campaign.chars().count() <= 100;
    if !fits || campaign.starts_with('-') || campaign.chars().any(char::is_control) {
        return Err(Refusal::Unclear(
            "a campaign's name has 1 to 100 characters and does not begin with a hyphen".to_owned(),
        ));
    }
    // Some browsers send the folder as well.
    let name = called.rsplit(['/', '\\']).next().unwrap_or_default();
    Ok(UploadedList {
        name: if name.is_empty() { "upload" } else { name }.to_owned(),
        tenant,
        campaign: campaign.to_owned(),
        deed,
        file,
    })
}

/// The rows that a plan refuses, as a file.
pub(crate) async fn refused(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    lists(&app, &visitor)?;
    let gone = || Refusal::Missing("plan that still waits: give the list again".to_owned());
    let waiting = app.uploads.look(&id).ok_or_else(gone)?;
    let path = waiting.rejects.clone().ok_or_else(gone)?;
    let unread = |error: std::io::Error| {
        Refusal::Conflict(format!("the refused rows cannot be read: {error}"))
    };
    let file = tokio::fs::File::open(&*path).await.map_err(unread)?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"refused.csv\""),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

#[derive(Deserialize)]
pub(crate) struct Confirm {}

/// Enqueues what the plan said.
pub(crate) async fn enqueue(
    State(app): State<App>,
    Path(id): Path<String>,
    Act { visitor, .. }: Act<Confirm>,
) -> Result<Redirect, Refusal> {
    let lists = lists(&app, &visitor)?;
    let gone = || Refusal::Missing("plan that still waits: give the list again".to_owned());
    let waiting = app.uploads.take(&id).ok_or_else(gone)?;
    let Waiting {
        list, fingerprint, ..
    } = &*waiting;
    let added = lists.enqueue(list, fingerprint, visitor.actor()).await?;
    app.overview_cache.forget().await;
    let done = Done::Enqueued(i64::try_from(added).unwrap_or(i64::MAX));
    Ok(Redirect::to(&done.at(&links::campaign(&list.campaign))))
}
