//! `check`: is everything there that a campaign needs? Each line says ok or what to do.

mod network;

use std::time::Duration;

use repilot_domain::TenantName;
use repilot_graph::{GraphError, Sufficiency, SystemicReason, TokenClaims};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::app::App;
use crate::args::CheckArguments;
use crate::dashboard_services::options;
use crate::drain::notify;
use crate::inventory::read_retry::{self, said};
use crate::settings::CredentialKind;
use crate::tenant::sign_ins::{self, Shown};
use crate::tenant::{credentials, tenants};
use crate::terminal::exit::Exit;
use crate::terminal::failure::hint;
use crate::terminal::output::{causes, plain, print, print_json};
use crate::{profile, zone_database};

/// A line of the check.
#[derive(Debug, Serialize)]
struct Line {
    check: String,
    ok: bool,
    says: String,
    /// What to do; empty where it is well.
    hint: String,
}

impl Line {
    fn ok(check: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            ok: true,
            says: says.into(),
            hint: String::new(),
        }
    }

    /// A line that is well, and may be meant otherwise.
    fn advised(check: impl Into<String>, says: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            hint: hint.unwrap_or_default(),
            ..Self::ok(check, says)
        }
    }

    fn bad(check: impl Into<String>, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            ok: false,
            says: says.into(),
            hint: hint.into(),
        }
    }
}

pub(crate) async fn run(app: &App, arguments: &CheckArguments) -> anyhow::Result<Exit> {
    let file = app
        .settings_file
        .as_ref()
        .map(|file| file.display().to_string());
    let mut lines = vec![Line::ok(
        "settings",
        file.unwrap_or_else(|| "defaults; no settings file was found".to_owned()),
    )];
    lines.push(ledger(app).await);
    lines.extend(redis(app).await);
    lines.extend(network::lines(app));
    lines.push(zones(app));
    lines.extend(zones_of_workers(app).await);
    let names = match &arguments.tenant {
        Some(name) => vec![tenants::choose(&app.settings, Some(name))?],
        None => tenants::names(&app.settings)?,
    };
    if names.is_empty() {
        lines.push(Line::bad(
            "tenant",
            "none is set up",
            "sign in with `repilot login`, or add a section [tenants.NAME] to repilot.toml; `repilot config default` shows how",
        ));
    }
    for name in &names {
        tenant(app, name, &mut lines).await;
    }
    provider(app, &mut lines).await;
    notifications(app, &mut lines).await;
    let all_well = lines.iter().all(|line| line.ok);
    if app.json {
        print_json(&lines)?;
    } else {
        for line in &lines {
            let mark = if line.ok { "ok  " } else { "FAIL" };
            print(&format!("{mark}  {:24}  {}", line.check, plain(&line.says)));
            if !line.hint.is_empty() {
                print(&format!("      {:24}  → {}", "", plain(&line.hint)));
            }
        }
    }
    Ok(if all_well { Exit::Done } else { Exit::Error })
}

async fn ledger(app: &App) -> Line {
    match app.open_ledger().await {
        Ok(ledger) => {
            let location = ledger.location().to_string();
            ledger.close().await;
            Line::ok("ledger", location)
        }
        Err(error) => failed("ledger", &error),
    }
}

/// Whether Redis answers, where the settings name one.
async fn redis(app: &App) -> Option<Line> {
    let hint = "check `[redis] url`, the network and the password";
    let address = &app.settings.redis.url;
    match profile::budgets(app) {
        Ok(None) => None,
        Ok(Some(budgets)) => Some(match budgets.check().await {
            Ok(()) => Line::ok("redis", address.to_string()),
            Err(error) => Line::bad("redis", format!("{address}: {error}"), hint),
        }),
        Err(error) => Some(Line::bad("redis", causes(&error), hint)),
    }
}

/// The time zone database. One that is old is no failure: most zones have not changed since.
fn zones(app: &App) -> Line {
    let (says, advice) = zone_database::described(app.now());
    Line {
        hint: advice.unwrap_or_default(),
        ..Line::ok("time zones", says)
    }
}

/// That workers go by different time zone databases, where they do.
async fn zones_of_workers(app: &App) -> Option<Line> {
    // That it cannot be opened is said already.
    let ledger = app.open_ledger().await.ok()?;
    let workers = ledger
        .workers(app.now().before(repilot_ledger::HEARD_WITHIN))
        .await;
    ledger.close().await;
    let differ = zone_database::disagreement(&workers.ok()?)?;
    let hint = "update the program or tzdata on the machines with the older one, and start their workers again";
    Some(Line::bad("workers' time zones", differ, hint))
}

/// The identity provider by which people sign in to the dashboard, where one is set.
async fn provider(app: &App, lines: &mut Vec<Line>) {
    if app.settings.dashboard.oidc.issuer.is_empty() {
        return;
    }
    let name = "dashboard sign-in";
    let options = match options::options(app, None) {
        Ok(options) => options,
        Err(error) => return lines.push(failed(name, &error)),
    };
    match repilot_dashboard::check_provider(&options).await {
        Ok(checks) => lines.extend(checks.into_iter().map(|check| Line {
            check: format!("{name} {}", check.what),
            ok: check.ok,
            says: check.says,
            hint: check.hint,
        })),
        Err(error) => lines.push(failed(name, &error.into())),
    }
}

/// Whoever is told what happens: can they be, and have they been?
async fn notifications(app: &App, lines: &mut Vec<Line>) {
    let destinations = notify::destinations(&app.settings.notify);
    if destinations.is_empty() {
        return;
    }
    // That it cannot be opened is said already.
    let Ok(ledger) = app.open_ledger().await else {
        return;
    };
    let cursors = ledger.notify_cursors().await.unwrap_or_default();
    for (name, set_up) in destinations {
        let check = format!("notify {name}");
        let destination = match set_up {
            Ok(destination) => destination,
            Err(error) => {
                lines.push(failed(check, &error));
                continue;
            }
        };
        let place = destination.place();
        let cursor = cursors.iter().find(|cursor| cursor.destination == name);
        let unsent = ledger.has_unsent(vec![&name]).await.unwrap_or(false);
        lines.push(match cursor {
            None => Line::ok(
                check,
                format!("{place}; is told of what happens once a worker runs"),
            ),
            Some(cursor) if cursor.failures > 0 => Line::bad(
                check,
                format!(
                    "{place}; its next message failed {} times: {}",
                    cursor.failures, cursor.last_error
                ),
                format!("try with `repilot notify test {name}`"),
            ),
            Some(_) if unsent => Line::ok(check, format!("{place}; a worker has more to tell it")),
            Some(_) => Line::ok(check, format!("{place}; everything is told")),
        });
    }
    ledger.close().await;
}

fn failed(check: impl Into<String>, error: &anyhow::Error) -> Line {
    Line::bad(check, causes(error), hint(error).unwrap_or_default())
}

async fn tenant(app: &App, name: &TenantName, lines: &mut Vec<Line>) {
    let of = |what: &str| format!("{name} {what}");
    let tenant = match tenants::build(&app.settings, &app.clock, name) {
        Ok(tenant) => tenant,
        Err(error) => return lines.push(failed(of("settings"), &error)),
    };
    if let Some(person) = sign_ins::person(&app.settings, name) {
        let shown = Shown::of(&person);
        let words = shown.in_words(app.now());
        lines.push(if shown.lost.is_empty() {
            Line::ok(of("sign-in"), words)
        } else {
            Line::bad(
                of("sign-in"),
                words,
                format!("repilot login --tenant {name}"),
            )
        });
    }
    lines.extend(certificate(app, name));
    let token = match tenant.client.token().await {
        Ok(token) => token,
        Err(failure) => {
            let says = said(&failure.error, Some(&failure.message));
            return lines.push(Line::bad(of("token"), says, failure.hint));
        }
    };
    match TokenClaims::read(token.expose_secret()) {
        None => lines.push(Line::ok(
            of("token"),
            "there is one; what it carries cannot be read from outside",
        )),
        Some(claims) => {
            lines.push(permissions(&of("permissions"), &claims));
            lines.push(Line::ok(of("users"), users(&claims)));
        }
    }
    let call = tenant.client.inventory_page(None).await;
    lines.push(match call.result {
        Ok(page) => {
            let more = if page.next.is_some() { " and more" } else { "" };
            Line::ok(
                of("Graph"),
                format!("reached; {} devices{more}", page.devices.len()),
            )
        }
        Err(error) => {
            let hint = match &error {
                _ if call.record.hint.is_some() => call.record.hint.as_deref().unwrap_or_default(),
                GraphError::Unreachable | GraphError::NoToken { .. } => {
                    "check the network, DNS and proxy, and `[graph] cloud` or `root`"
                }
                GraphError::Unauthorized | GraphError::Systemic(SystemicReason::TokenRefused) => {
                    "check that tenant, cloud and credential belong together"
                }
                GraphError::Systemic(SystemicReason::SignInAgain { .. }) => {
                    "a person signs in with `repilot login`"
                }
                GraphError::Systemic(_) => "grant what is missing, with admin consent",
                GraphError::Throttled { .. } | GraphError::Transient { .. } => {
                    "Graph is busy; try again in a minute"
                }
                GraphError::Foreign(_) => read_retry::NOT_GRAPH,
                GraphError::NoCollection(_) => read_retry::NO_COLLECTION,
                GraphError::NotFound
                | GraphError::Rejected
                | GraphError::Ambiguous { .. }
                | GraphError::LinkForgotten
                | GraphError::Unreadable => "is `[graph] root` a Microsoft Graph?",
            };
            Line::bad(
                of("Graph"),
                said(&error, call.record.message.as_deref()),
                hint,
            )
        }
    });
}

/// The last days of a certificate, in which a new one should be made.
const ENDS_SOON: Duration = Duration::from_hours(30 * 24);

/// Which certificate signs, and until when, where one does.
fn certificate(app: &App, name: &TenantName) -> Option<Line> {
    let tenant = app.settings.tenants.get(name)?;
    if app.settings.token.is_some() || tenant.credential != CredentialKind::Certificate {
        return None;
    }
    // That it cannot be used is said already.
    let certificate = credentials::certificate(name, tenant, app.now()).ok()?;
    let until = certificate.valid_until();
    let says = format!(
        "{}, thumbprint {}, until {until}",
        certificate.subject(),
        certificate.thumbprint()
    );
    let soon = until.since(app.now()) < ENDS_SOON;
    let advice = "make a new certificate, and upload it to the app in Entra before that";
    Some(Line::advised(
        format!("{name} certificate"),
        says,
        soon.then(|| advice.to_owned()),
    ))
}

/// Whether users can be looked up: what only some campaigns need is no fault where it is missing.
fn users(claims: &TokenClaims) -> String {
    if claims.reads_users() {
        return "assign and reassign can look new users up in the directory".to_owned();
    }
    format!(
        "assign and reassign cannot look new users up in the directory, and nothing else needs to: it takes {}, with admin consent; a person asks for it with `repilot login --check-users`",
        TokenClaims::wanted_for_users()
    )
}

fn permissions(check: &str, claims: &TokenClaims) -> Line {
    let wanted = TokenClaims::wanted();
    match claims.sufficiency() {
        Sufficiency::Enough => Line::ok(check, wanted),
        Sufficiency::Perhaps(found) => Line::ok(
            check,
            format!("{found}: documented, but lesser; if Graph answers 403, grant {wanted}"),
        ),
        Sufficiency::Missing => {
            let found: Vec<&str> = claims.permissions().collect();
            let found = if found.is_empty() {
                "none".to_owned()
            } else {
                found.join(", ")
            };
            Line::bad(
                check,
                format!("the token carries {found}"),
                format!("grant the app {wanted} with admin consent"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_users_be_looked_up_is_named_and_lacked_without_fault() {
        let with = |role: &str| TokenClaims {
            roles: vec![role.to_owned()],
            ..TokenClaims::default()
        };
        let lacking = users(&with(TokenClaims::wanted()));
        assert!(lacking.contains("User.Read.All"), "{lacking}");
        assert!(users(&with("User.Read.All")).contains("can look"));
    }
}
