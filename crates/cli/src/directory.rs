//! Which of the users that devices are to be assigned to the tenant's directory knows: one read a
//! user, in the budget of reads.

use std::collections::{BTreeMap, HashMap};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use repilot_domain::folded;
use repilot_graph::{CallRecord, GraphError, TokenClaims, User};
use repilot_ledger::Ledger;
use repilot_producer::{Account, NewUser};
use repilot_throttle::Lane;
use repilot_worker::Tenant;

use crate::app::App;
use crate::failure::Failure;
use crate::planning::PlannedDevice;
use crate::profile;
use crate::progress::Spinner;
use crate::reading::{self, Failures, said_on_record};

/// Users asked for at once: a read takes a quarter of a second, and the budget allows fifty a second.
const AT_ONCE: usize = 16;

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
    let mut failures = Failures::default();
    loop {
        let call = reading::ask(lane, tenant.client.user(&user)).await;
        match call.result {
            Ok(found) => return Ok((folded(&user), known(&found, &user))),
            // What the directory takes for no user's name is none.
            Err(GraphError::NotFound | GraphError::Rejected) => {
                return Ok((folded(&user), Account::Unknown));
            }
            Err(error) => {
                if !failures.may_pass(&error).await {
                    return Err(given_up(tenant, &error, &call.record));
                }
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
    Failure::error(said_on_record(error, record), hint).context(format!(
        "the directory of tenant `{}` does not say which users there are",
        tenant.name
    ))
}
