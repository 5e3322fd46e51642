//! Which of the users that devices are to be assigned to the tenant's directory knows: one read a
//! user, in the budget of reads.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use repilot_domain::folded;
use repilot_graph::{CallRecord, GraphError, TokenClaims, User};
use repilot_ledger::Ledger;
use repilot_producer::{Account, NewUser};
use repilot_throttle::{Answer, Lane};
use repilot_worker::Tenant;

use crate::app::App;
use crate::failure::Failure;
use crate::planning::PlannedDevice;
use crate::profile;
use crate::progress::Spinner;

/// Users asked for at once: a read takes a quarter of a second, and the budget allows fifty a second.
const AT_ONCE: usize = 16;

/// A user may fail so often before the plan is given up.
const ATTEMPTS: u32 = 6;

/// The wait before a user is asked for again doubles from here.
const BACKOFF: Duration = Duration::from_millis(500);

/// Each user of a plan once, as a list says them.
pub(crate) fn distinct(devices: &[PlannedDevice]) -> Vec<String> {
    let users = devices.iter().filter_map(|planned| {
        let user = &planned.new_user.as_ref()?.user_principal_name;
        Some((folded(user), user.clone()))
    });
    let distinct: BTreeMap<String, String> = users.collect();
    distinct.into_values().collect()
}

/// What the directory says of each, by their folded names.
pub(crate) async fn ask(
    app: &App,
    ledger: &Ledger,
    tenant: &Tenant,
    users: Vec<String>,
) -> anyhow::Result<HashMap<String, Account>> {
    let budgets = profile::budgets(app)?;
    let lane = repilot_worker::reads_lane(ledger, budgets.as_ref(), tenant, app.now()).await?;
    let all = users.len();
    let spinner = Spinner::start("asking for the users");
    let mut asked = 0;
    stream::iter(users)
        .map(|user| account(tenant, &lane, user))
        .buffer_unordered(AT_ONCE)
        .inspect_ok(|_| {
            asked += 1;
            spinner.show(&format!("asking for the users: {asked} of {all}"));
        })
        .try_collect()
        .await
}

async fn account(tenant: &Tenant, lane: &Lane, user: String) -> anyhow::Result<(String, Account)> {
    let mut failures = 0;
    loop {
        let permit = lane.acquire().await;
        let call = tenant.client.user(&user).await;
        permit.settle(match &call.result {
            Ok(_) => Answer::Accepted,
            Err(GraphError::Throttled { retry_after }) => Answer::Throttled {
                retry_after: *retry_after,
            },
            Err(GraphError::Unreachable) => Answer::NotSent,
            Err(_) => Answer::Failed,
        });
        match call.result {
            Ok(found) => return Ok((folded(&user), known(&found, &user))),
            // What the directory takes for no user's name is none.
            Err(GraphError::NotFound | GraphError::Rejected) => {
                return Ok((folded(&user), Account::Unknown));
            }
            // The lane waits for as long as Graph asks.
            Err(GraphError::Throttled { .. }) => {}
            Err(GraphError::Unauthorized) if failures == 0 => failures += 1,
            Err(error) => {
                failures += 1;
                let passing = matches!(
                    error,
                    GraphError::Transient { .. } | GraphError::Unreachable | GraphError::Unreadable
                );
                if !passing || failures >= ATTEMPTS {
                    return Err(given_up(tenant, &error, &call.record));
                }
                tokio::time::sleep(BACKOFF * 2_u32.pow(failures - 1)).await;
            }
        }
    }
}

/// A user as the directory spells them; one without a display name is greeted by their user principal
/// name.
fn known(found: &User, asked: &str) -> Account {
    if found.is_enabled == Some(false) {
        return Account::Disabled;
    }
    let user_principal_name = match found.user_principal_name.trim() {
        "" => asked.to_owned(),
        name => name.to_owned(),
    };
    let display_name = match found.display_name.as_str() {
        "" => user_principal_name.clone(),
        name => name.to_owned(),
    };
    Account::Known(NewUser {
        user_principal_name,
        display_name,
    })
}

fn given_up(tenant: &Tenant, error: &GraphError, record: &CallRecord) -> anyhow::Error {
    let hint = match error {
        GraphError::Systemic(_) | GraphError::Unauthorized => format!(
            "--check-users needs the permission {}: grant it to the app with admin consent, or leave --check-users out; nothing was enqueued",
            TokenClaims::wanted_for_users()
        ),
        _ => "run the same command again, or leave --check-users out; nothing was enqueued"
            .to_owned(),
    };
    let said = record.message.clone().unwrap_or_default();
    let mut message = error.to_string();
    // A refusal of the whole tenant has Graph's words in it already.
    if !message.contains(&said) {
        message = format!("{message}: {said}");
    }
    if let Some(request) = &record.request_id {
        message = format!("{message} (request-id {request})");
    }
    Failure::error(message, hint).context(format!(
        "the directory of tenant `{}` does not say which users there are",
        tenant.name
    ))
}
