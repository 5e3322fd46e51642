//! Who uses the program, and on which machine: what the audit records.

use repilot_domain::Actor;
use repilot_graph::SignInRecord;

/// How the origin of whoever is at the command line begins.
const AT_COMMAND_LINE: &str = "cli at ";

/// Who is at the command line, so far as the machine knows.
pub(crate) fn here() -> Actor {
    let user = known(whoami::username().ok()).unwrap_or_else(|| "unknown user".to_owned());
    // Whoever became another user by `sudo` is still who they are.
    let name = match known(std::env::var("SUDO_USER").ok()) {
        Some(person) if person != user => format!("{person} as {user}"),
        _ => user,
    };
    Actor::new(name, format!("{AT_COMMAND_LINE}{}", host()))
}

/// Whoever is at the command line, as the person who signed in to the tenant; somebody else, as a
/// person at the dashboard, stays who they are.
pub(crate) fn signed_in(actor: &Actor, person: &SignInRecord) -> Actor {
    if !actor.origin.starts_with(AT_COMMAND_LINE) {
        return actor.clone();
    }
    Actor::new(&person.user, format!("{} by {}", actor.origin, actor.name))
}

/// This machine's name.
pub(crate) fn host() -> String {
    known(whoami::hostname().ok()).unwrap_or_else(|| "unknown host".to_owned())
}

fn known(name: Option<String>) -> Option<String> {
    let name = name?.trim().to_owned();
    (!name.is_empty()).then_some(name)
}
