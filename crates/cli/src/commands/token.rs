//! `token`: what programs use the API with.

use repilot_dashboard::Secret;
use repilot_ledger::NewApiToken;
use serde::Serialize;

use crate::app::App;
use crate::args::TokenCommand;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{moment, print, print_json, rendered, say, table};

/// What `--json` prints of a new token.
#[derive(Serialize)]
struct Made<'a> {
    id: i64,
    name: &'a str,
    token: &'a str,
}

pub(crate) async fn run(app: &App, command: &TokenCommand) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger().await?;
    match command {
        TokenCommand::Create {
            name,
            role,
            expires,
        } => {
            let secret = Secret::new(rand::random());
            let now = app.now();
            let new = NewApiToken {
                name: name.clone(),
                role: *role,
                token_sha256: secret.sha256(),
                expires_at: now.after(expires.0),
            };
            let id = ledger.add_api_token(&new, &app.actor, now).await?;
            if app.json {
                let token = secret.reveal();
                print_json(&Made { id, name, token })?;
                return Ok(Exit::Done);
            }
            say(&format!(
                "token {id} for {name}, role {role}, good until {}; it is shown this once:",
                moment(new.expires_at)
            ));
            print(secret.reveal());
        }
        TokenCommand::List => {
            let tokens = ledger.api_tokens().await?;
            if app.json {
                print_json(&tokens)?;
                return Ok(Exit::Done);
            }
            if tokens.is_empty() {
                print("no tokens; `repilot token create NAME --role viewer` makes one");
                return Ok(Exit::Done);
            }
            let mut rows = table(&["ID", "FOR", "ROLE", "MADE BY", "GOOD UNTIL", "USED"]);
            for token in tokens {
                rows.add_row([
                    token.id.to_string(),
                    token.name,
                    token.role.to_string(),
                    token.created_by,
                    moment(token.expires_at),
                    token.used_at.map_or_else(|| "never".to_owned(), moment),
                ]);
            }
            print(&rendered(&rows));
        }
        TokenCommand::Revoke { id } => {
            if !ledger.revoke_api_token(*id, &app.actor, app.now()).await? {
                return Err(Failure::error(
                    format!("there is no token {id}"),
                    "`repilot token list` shows those there are",
                ));
            }
            print(&format!("token {id} is good for nothing any more"));
        }
    }
    Ok(Exit::Done)
}
