//! `notify`: do messages arrive?

use repilot_notify::Message;
use serde::Serialize;

use crate::app::App;
use crate::args::NotifyCommand;
use crate::drain::notify;
use crate::terminal::exit::Exit;
use crate::terminal::failure::{Failure, hint};
use crate::terminal::output::{causes, plain, print, print_json};

/// What became of a message.
#[derive(Serialize)]
struct Sent {
    destination: String,
    ok: bool,
    says: String,
    /// What to do; empty where it is well.
    hint: String,
}

pub(crate) async fn run(app: &App, command: &NotifyCommand) -> anyhow::Result<Exit> {
    let NotifyCommand::Test { destination: asked } = command;
    let mut destinations = notify::destinations(&app.settings.notify);
    if let Some(asked) = asked {
        destinations.retain(|(name, _)| name == asked);
    }
    if destinations.is_empty() {
        return Err(Failure::error(
            match asked {
                Some(asked) => format!("the settings have no destination `{asked}`"),
                None => "the settings name nobody to tell".to_owned(),
            },
            "add [notify.webhooks.NAME], [notify.mail.NAME] or [notify.commands.NAME]; `repilot config default` shows how",
        ));
    }
    let message = Message::test(&app.actor, app.now());
    let mut sent = Vec::new();
    for (name, set_up) in destinations {
        let told = match set_up {
            Ok(destination) => {
                let place = destination.place().to_owned();
                let told = destination.send(&message, app.now()).await;
                told.map(|()| place).map_err(anyhow::Error::from)
            }
            Err(error) => Err(error),
        };
        sent.push(match told {
            Ok(place) => Sent {
                destination: name,
                ok: true,
                says: format!("{place} took the message"),
                hint: String::new(),
            },
            Err(error) => Sent {
                destination: name,
                ok: false,
                says: causes(&error),
                hint: hint(&error).unwrap_or_default(),
            },
        });
    }
    if app.json {
        print_json(&sent)?;
    } else {
        for one in &sent {
            let mark = if one.ok { "ok  " } else { "FAIL" };
            print(&format!(
                "{mark}  {:24}  {}",
                one.destination,
                plain(&one.says)
            ));
            if !one.hint.is_empty() {
                print(&format!("      {:24}  → {}", "", plain(&one.hint)));
            }
        }
    }
    Ok(if sent.iter().all(|one| one.ok) {
        Exit::Done
    } else {
        Exit::Error
    })
}
