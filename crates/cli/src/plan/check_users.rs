//! Which of the users that devices are to be assigned to the tenant's directory knows: one read a
//! user, in the budget of reads.

use std::collections::{BTreeMap, HashMap};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use repilot_domain::folded;
use repilot_graph::{CallRecord, GraphError, SystemicReason, TokenClaims, User};
use repilot_ledger::Ledger;
use repilot_producer::{Account, NewUser};
use repilot_throttle::Lane;
use repilot_worker::Tenant;

use crate::app::App;
use crate::inventory::read_retry::{self, Failures, said_on_record};
use crate::plan::made::PlannedDevice;
use crate::profile;
use crate::terminal::failure::Failure;
use crate::terminal::progress::Spinner;

/// Users asked for at once: a read takes a quarter of a second, and the budget allows fifty a second.
const AT_ONCE: usize = 16;

/// Whether the directory is asked for the users who are to be assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckUsers {
    /// It is not.
    No,
    /// It is, where the app may read users.
    WhereAllowed,
    /// It is, and that the app may not is an error.
    Always,
}

impl CheckUsers {
    /// What an answer of yes, no or none means.
    pub(crate) fn said(said: Option<bool>) -> Self {
        match said {
            Some(true) => Self::Always,
            Some(false) => Self::No,
            None => Self::WhereAllowed,
        }
    }
}

/// What came of asking for the users of a plan.
pub(crate) enum Asked {
    /// What the directory says of each, by their folded names.
    Answered(HashMap<String, Account>),
    /// The app may not read users; why, in words.
    NotAllowed(String),
}

/// Why a user could not be asked for.
enum Stop {
    NotAllowed(String),
    Failed(anyhow::Error),
}

/// Each user of a plan once, as a list says them.
pub(crate) fn distinct(devices: &[PlannedDevice]) -> Vec<String> {
    let users = devices.iter().filter_map(|planned| {
        let user = &planned.new_user.as_ref()?.user_principal_name;
        Some((folded(user), user.clone()))
    });
    let distinct: BTreeMap<String, String> = users.collect();
    distinct.into_values().collect()
}

/// Asks the directory for each user. The first is asked for alone: where the app may not read users
/// the others need not be.
pub(crate) async fn ask(
    app: &App,
    ledger: &Ledger,
    tenant: &Tenant,
    check: CheckUsers,
    mut users: Vec<String>,
) -> anyhow::Result<Asked> {
    let Some(first) = users.pop() else {
        return Ok(Asked::Answered(HashMap::new()));
    };
    let budgets = profile::budgets(app)?;
    let lane = repilot_worker::reads_lane(ledger, budgets.as_ref(), tenant, app.now()).await?;
    let all = users.len() + 1;
    let spinner = Spinner::start("looking users up");
    let first = account(tenant, &lane, check, first).await;
    let mut asked = 1;
    let others = stream::iter(users)
        .map(|user| account(tenant, &lane, check, user))
        .buffer_unordered(AT_ONCE)
        .inspect_ok(|_| {
            asked += 1;
            spinner.show(&format!("looking users up: {asked} of {all}"));
        });
    let accounts = async {
        let mut accounts: HashMap<String, Account> = HashMap::new();
        let (user, known) = first?;
        accounts.insert(user, known);
        accounts.extend(others.try_collect::<HashMap<_, _>>().await?);
        Ok(accounts)
    };
    match accounts.await {
        Ok(accounts) => Ok(Asked::Answered(accounts)),
        Err(Stop::NotAllowed(why)) => Ok(Asked::NotAllowed(why)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

async fn account(
    tenant: &Tenant,
    lane: &Lane,
    check: CheckUsers,
    user: String,
) -> Result<(String, Account), Stop> {
    let mut failures = Failures::default();
    loop {
        let call = read_retry::ask(lane, tenant.client.user(&user)).await;
        match call.result {
            Ok(found) => return Ok((folded(&user), known(&found, &user))),
            Err(GraphError::NotFound) => return Ok((folded(&user), Account::Unknown)),
            // Not that it knows nobody of this name: it does not look for one.
            Err(GraphError::Rejected) => {
                let words = refused(&call.record);
                return Ok((folded(&user), Account::Refused(words)));
            }
            Err(GraphError::Systemic(SystemicReason::Forbidden(_)))
                if check == CheckUsers::WhereAllowed =>
            {
                return Err(Stop::NotAllowed(format!(
                    "the app may not read users: grant it {} with admin consent, or as a person sign in with `repilot login --check-users`",
                    TokenClaims::wanted_for_users()
                )));
            }
            Err(error) => {
                if !failures.may_pass(&error).await {
                    return Err(Stop::Failed(given_up(tenant, &error, &call.record)));
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

/// Status and words of a refusal.
fn refused(record: &CallRecord) -> String {
    let status = record.status.map(|status| status.to_string());
    let said = [status, record.code.clone(), record.message.clone()];
    let said: Vec<String> = said.into_iter().flatten().collect();
    said.join(" ")
}

fn given_up(tenant: &Tenant, error: &GraphError, record: &CallRecord) -> anyhow::Error {
    let hint = match error {
        GraphError::Systemic(_) | GraphError::Unauthorized => format!(
            "--check-users needs the permission {}: grant it to the app with admin consent, or as a person sign in with `repilot login --check-users`, or say --no-check-users; nothing was enqueued",
            TokenClaims::wanted_for_users()
        ),
        GraphError::Foreign(_) => read_retry::NOT_GRAPH.to_owned(),
        _ => "run the same command again, or say --no-check-users; nothing was enqueued".to_owned(),
    };
    Failure::error(said_on_record(error, record), hint).context(format!(
        "the directory of tenant `{}` does not say which users there are",
        tenant.name
    ))
}
