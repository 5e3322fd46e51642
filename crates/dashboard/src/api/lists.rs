//! A device list into a campaign: the command line's plan, and what was enqueued of it.

use std::io::Write as _;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use futures::StreamExt as _;
use repilot_domain::{Action, HiddenRows, Reading, Repairs, SightedWithin, TenantName};
use repilot_ledger::Campaign;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;
use utoipa::{IntoParams, ToSchema};

use super::caller::Operator;
use super::problem::Problem;
use super::take::{Path, Repeatable};
use crate::actions::held::HeldFields;
use crate::actions::upload::{LIST_MAX_BYTES, lists, uploaded};
use crate::error::Refusal;
use crate::state::App;
use crate::tenant_services::plan_list::{Deed, Held, ListPlan, Lists};

/// What becomes of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meant {
    /// Whose devices it names; left out, the campaign's tenant, or the only one there is.
    tenant: Option<String>,
    /// What the list is called.
    #[param(example = "devices.csv")]
    list: Option<String>,
    /// What is done to the devices; left out, what the campaign does, or else they are unassigned. A list
    /// that says who is to be assigned is refused while nothing says which.
    action: Option<Action>,
    /// The list's column that says who is to be assigned, where its name does not say so.
    user_column: Option<String>,
    /// Look those users up in the tenant's directory, and refuse whom it does not know: `true`, where
    /// that the app may not is an error, or `false`; left out, they are looked up where it may.
    check_users: Option<bool>,
    /// Overlook these differences between a serial of the list and a device's, where exactly one device
    /// fits: `zeros`, `hyphens`, `letters`, several with commas.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "zeros,hyphens")]
    repair: Repairs,
    /// The list's column that names the devices, by its header, where that is not known.
    column: Option<String>,
    /// The sheets of a workbook that are read, the parameter once for each, or `all`; left out, the
    /// first that names devices.
    #[serde(default)]
    sheet: Vec<String>,
    /// What becomes of rows that a filter or a person hid: `skip` or `include`; left out, a list that
    /// has some is refused.
    #[param(value_type = Option<String>, example = "skip")]
    hidden_rows: Option<HiddenRows>,
    /// Let a device with an open job in another campaign wait for that job's end, instead of refusing it.
    #[serde(default)]
    after_others: bool,
    /// Longest age of the knowledge of who has a device before its call: `2min`, `0s` (a look right before
    /// each call) or `never`; left out, that of the settings or of the campaign.
    #[param(value_type = Option<String>, example = "2min")]
    sighted_within: Option<SightedWithin>,
    /// Devices that go first, as in `20` or `2%`; then the campaign waits for somebody to look. `none`: all
    /// at once. This and what follows: left out, as the settings say, or the campaign.
    #[param(example = "20")]
    canary: Option<String>,
    /// Dead letters that pause it, as in `10` or `1%` of the last 1,000 outcomes.
    max_failures: Option<String>,
    /// Largest rate, as in `2/s`, `100/20s` or `300/min`.
    rate: Option<String>,
    /// Hours in which it runs, as in `Mon-Fri 20:00-06:00`.
    windows: Option<String>,
    /// Zone whose clocks are meant, as in `Europe/Berlin`.
    zone: Option<String>,
    /// Moment before which nothing goes out, as in `2026-03-01T20:00Z` or `+2h`.
    not_before: Option<String>,
    /// Moment from which on nothing goes out.
    deadline: Option<String>,
    /// Which campaign of the tenant goes first: `low`, `normal`, `high` or a number.
    priority: Option<String>,
    /// Begin paused: nothing goes out before the campaign is resumed.
    #[serde(default)]
    paused: bool,
    /// Make the plan, and enqueue nothing.
    #[serde(default)]
    dry_run: bool,
    /// Enqueue precisely the devices of this plan, or none.
    plan_sha256: Option<String>,
}

impl Meant {
    fn held(&self) -> Result<Held, Problem> {
        let mut fields = HeldFields::default();
        for (name, said) in [
            ("canary", &self.canary),
            ("max_failures", &self.max_failures),
            ("rate", &self.rate),
            ("windows", &self.windows),
            ("zone", &self.zone),
            ("not_before", &self.not_before),
            ("deadline", &self.deadline),
            ("priority", &self.priority),
        ] {
            fields.keep(name, said.as_deref().unwrap_or_default());
        }
        if self.paused {
            fields.keep("paused", "true");
        }
        let held = fields.held();
        held.map_err(|error| Refusal::Unclear(error.to_string()).into())
    }
}

/// A plan, and what was done of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Listed {
    /// As `repilot plan --json` prints it.
    #[schema(value_type = Object)]
    plan: Value,
    /// Of its devices: what is enqueued later can be held to it.
    plan_sha256: String,
    /// Devices that were enqueued and were not in the campaign before; null where it is a dry run.
    enqueued: Option<u64>,
}

/// Enqueue a device list into a campaign
///
/// The body is the list, as a file of any kind that the command line reads. A name that is not there
/// yet makes a campaign.
#[utoipa::path(
    post,
    path = "/campaigns/{name}/lists",
    params(("name" = String, Path, description = "The campaign's name"), Meant),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Listed),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "No plan can be made of it here and now, or the plan no longer holds"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn enqueue(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
    Repeatable(meant): Repeatable<Meant>,
    body: Body,
) -> Result<Json<Listed>, Problem> {
    let lists = lists(&app, operator.visitor())?;
    let known = app.ledger.campaign(&name).await?;
    let tenant = tenant(&*lists, known.as_ref(), meant.tenant.as_deref())?;
    // A campaign that assigns has said so when it was made.
    let action_of = known.map(|known| known.action);
    let held = meant.held()?;
    let deed = Deed {
        held,
        action: meant
            .action
            .or(action_of.filter(|action| action.needs_user())),
        user_column: meant.user_column,
        check_users: meant.check_users,
        after_others: meant.after_others,
        sighted_within: meant.sighted_within,
        repairs: meant.repair,
        reading: Reading {
            column: meant.column,
            sheets: meant.sheet,
            hidden_rows: meant.hidden_rows,
        },
    };
    let file = received(body).await?;
    let called = meant.list.as_deref().unwrap_or_default();
    let list = uploaded(file, called, tenant.as_str(), &name, deed)?;
    let ListPlan {
        plan, fingerprint, ..
    } = lists.plan(&list).await?;
    if meant.plan_sha256.is_some_and(|shown| shown != fingerprint) {
        return Err(Problem::conflict(
            "The list or the inventory has changed since that plan was made; nothing was enqueued.",
        ));
    }
    let enqueued = if meant.dry_run {
        None
    } else {
        let by = operator.actor();
        Some(lists.enqueue(&list, &fingerprint, by).await?)
    };
    app.overview_cache.forget().await;
    Ok(Json(Listed {
        plan,
        plan_sha256: fingerprint,
        enqueued,
    }))
}

/// Whose devices are meant.
fn tenant(
    lists: &dyn Lists,
    known: Option<&Campaign>,
    said: Option<&str>,
) -> Result<TenantName, Problem> {
    if let Some(said) = said {
        return TenantName::new(said).map_err(|error| Problem::senseless(format!("{error}.")));
    }
    if let Some(known) = known {
        return Ok(known.tenant.clone());
    }
    match lists.tenants().as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(Problem::senseless(
            "`tenant` says whose devices are meant: the settings do not have exactly one.",
        )),
    }
}

/// Takes the list to the disk as it comes; only its owner can read it there.
async fn received(body: Body) -> Result<NamedTempFile, Problem> {
    let kept = |error: std::io::Error| {
        Problem::conflict(format!("The list cannot be kept for its plan: {error}."))
    };
    let mut file = NamedTempFile::new().map_err(kept)?;
    let mut bytes = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Problem::unclear(format!("{error}.")))?;
        bytes += chunk.len();
        if bytes > LIST_MAX_BYTES {
            return Err(Problem::too_large(LIST_MAX_BYTES));
        }
        file.write_all(&chunk).map_err(kept)?;
    }
    file.flush().map_err(kept)?;
    Ok(file)
}
