//! `user`: who may sign in to the dashboard.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use anyhow::Context as _;
use repilot_dashboard::hash_password;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::args::UserCommand;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{moment, print, print_json, rendered, table};

/// Shorter ones are guessed.
const PASSWORD_MIN_CHARS: usize = 12;

/// Longer ones are a file that was not meant.
const PASSWORD_MAX_BYTES: usize = 1_024;

pub(crate) async fn run(app: &App, command: &UserCommand) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger().await?;
    match command {
        UserCommand::Add {
            name,
            role,
            password_file,
        } => {
            let hash = hashed(&password(password_file.as_deref(), name)?)?;
            if !ledger
                .add_user(name, *role, &hash, &app.actor, app.now())
                .await?
            {
                return Err(Failure::error(
                    format!("there is a user `{name}` already"),
                    format!(
                        "`repilot user password {name}` changes the password; to change the role, remove and add them"
                    ),
                ));
            }
            print(&format!("{name} may sign in as {role}"));
        }
        UserCommand::List => {
            let users = ledger.users().await?;
            if app.json {
                print_json(&users)?;
                return Ok(Exit::Done);
            }
            if users.is_empty() {
                print("nobody yet; `repilot user add NAME --role operator` makes somebody");
                return Ok(Exit::Done);
            }
            let mut rows = table(&["NAME", "ROLE", "SINCE", "SIGNED IN"]);
            for user in users {
                rows.add_row([
                    user.name,
                    user.role.to_string(),
                    moment(user.created_at),
                    user.signed_in_at.map_or_else(|| "never".to_owned(), moment),
                ]);
            }
            print(&rendered(&rows));
        }
        UserCommand::Remove { name } => {
            if !ledger.remove_user(name, &app.actor, app.now()).await? {
                return Err(missing(name));
            }
            print(&format!(
                "{name} may no longer sign in; their sessions ended"
            ));
        }
        UserCommand::Password {
            name,
            password_file,
        } => {
            if ledger.user(name).await?.is_none() {
                return Err(missing(name));
            }
            let hash = hashed(&password(password_file.as_deref(), name)?)?;
            if !ledger
                .change_password(name, &hash, &app.actor, app.now())
                .await?
            {
                return Err(missing(name));
            }
            print(&format!(
                "{name} has another password; their sessions ended"
            ));
        }
    }
    Ok(Exit::Done)
}

fn missing(name: &str) -> anyhow::Error {
    Failure::error(
        format!("there is no user `{name}`"),
        "`repilot user list` names those there are",
    )
}

fn hashed(password: &SecretString) -> anyhow::Result<String> {
    let hash = hash_password(password.expose_secret(), rand::random());
    hash.context("cannot hash the password")
}

/// From a file, or from whoever sits at the terminal; never from the command line, which everybody
/// on the machine can read.
fn password(file: Option<&Path>, name: &str) -> anyhow::Result<SecretString> {
    let text = match file {
        Some(path) if path.as_os_str() == "-" => {
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .context("cannot read the password from standard input")?;
            line
        }
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the password from {}", path.display()))?,
        None => asked(name)?,
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.chars().count() < PASSWORD_MIN_CHARS || text.len() > PASSWORD_MAX_BYTES {
        return Err(Failure::error(
            format!("a password has at least {PASSWORD_MIN_CHARS} characters"),
            "several words are easier to keep in mind than signs",
        ));
    }
    Ok(SecretString::from(text.to_owned()))
}

fn asked(name: &str) -> anyhow::Result<String> {
    let terminal = console::Term::stderr();
    if !terminal.is_term() || !std::io::stdin().is_terminal() {
        return Err(Failure::error(
            "there is no terminal to ask for the password on",
            "give it with --password-file FILE, or `-` for standard input",
        ));
    }
    let ask = |question: String| {
        terminal.write_str(&question)?;
        terminal.read_secure_line()
    };
    let first = ask(format!("Password for {name}: ")).context("cannot read the password")?;
    let second = ask("The same again: ".to_owned()).context("cannot read the password")?;
    if first != second {
        return Err(Failure::error(
            "the two passwords differ",
            "nothing was changed; run the same command again",
        ));
    }
    Ok(first)
}
