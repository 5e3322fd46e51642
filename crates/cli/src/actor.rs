//! Who uses the program, and on which machine: what the audit records.

use repilot_domain::Actor;

/// Who is at the command line, so far as the machine knows.
pub(crate) fn here() -> Actor {
    let user = known(whoami::username().ok()).unwrap_or_else(|| "unknown user".to_owned());
    // Whoever became another user by `sudo` is still who they are.
    let name = match known(std::env::var("SUDO_USER").ok()) {
        Some(person) if person != user => format!("{person} as {user}"),
        _ => user,
    };
    Actor::new(name, format!("cli at {}", host()))
}

/// This machine's name.
pub(crate) fn host() -> String {
    known(whoami::hostname().ok()).unwrap_or_else(|| "unknown host".to_owned())
}

fn known(name: Option<String>) -> Option<String> {
    let name = name?.trim().to_owned();
    (!name.is_empty()).then_some(name)
}
