//! From settings to destinations, and to an outbox beside the work.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use repilot_domain::AuditEvent;
use repilot_ledger::Ledger;
use repilot_notify::{
    Channel, CommandLine, Destination, Mail, MailServer, Notifier, Outbox, SigningKey, Webhook,
    WebhookUrl,
};
use secrecy::SecretString;

use crate::actor;
use crate::app::App;
use crate::settings::{CommandSettings, MailSettings, NotifySettings, WebhookSettings};
use crate::terminal::failure::Failure;
use crate::terminal::output::causes;

/// What a destination is called, and it, or why there is none.
pub(crate) type SetUp = (String, anyhow::Result<Destination>);

/// Every destination of the settings: one whose settings are wrong stops no other.
pub(crate) fn destinations(settings: &NotifySettings) -> Vec<SetUp> {
    let webhooks = settings.webhooks.iter().map(|(name, webhook)| {
        let set_up = set_up_webhook(name, webhook, &settings.events);
        (name.clone(), set_up)
    });
    let commands = settings.commands.iter().map(|(name, command)| {
        let taken = settings.webhooks.contains_key(name);
        let set_up = only_once(name, "commands", taken)
            .and_then(|()| set_up_command(name, command, &settings.events));
        (name.clone(), set_up)
    });
    let mail = settings.mail.iter().map(|(name, mail)| {
        let taken = settings.webhooks.contains_key(name) || settings.commands.contains_key(name);
        let set_up =
            only_once(name, "mail", taken).and_then(|()| set_up_mail(name, mail, &settings.events));
        (name.clone(), set_up)
    });
    webhooks.chain(commands).chain(mail).collect()
}

/// Refuses a name that another kind of destination has: messages are counted by name.
fn only_once(name: &str, kind: &str, taken: bool) -> anyhow::Result<()> {
    if taken {
        return Err(Failure::error(
            format!("two destinations are called `{name}`"),
            format!("give [notify.{kind}.{name}] another name"),
        ));
    }
    Ok(())
}

/// Starts to tell whoever the settings name what happens; nobody where they name none, and nobody of
/// a rehearsal.
pub(crate) async fn start(app: &App, ledger: &Ledger) -> Option<Notifier> {
    if app.is_simulated() {
        return None;
    }
    let mut ready = Vec::new();
    for (name, set_up) in destinations(&app.settings.notify) {
        match set_up {
            Ok(destination) => ready.push(destination),
            Err(error) => tracing::error!(
                destination = name,
                error = causes(&error),
                "nobody is told here; `repilot check` says what to do"
            ),
        }
    }
    if ready.is_empty() {
        return None;
    }
    let chance: u32 = rand::random();
    let owner = format!("{}-{}-{chance:08x}", actor::host(), std::process::id());
    let outbox = Outbox {
        ledger: ledger.clone(),
        clock: Arc::clone(&app.clock),
        owner,
        destinations: ready,
    };
    Some(Notifier::start(outbox).await)
}

fn set_up_webhook(
    name: &str,
    settings: &WebhookSettings,
    events: &[AuditEvent],
) -> anyhow::Result<Destination> {
    let section = format!("[notify.webhooks.{name}]");
    let url = match &settings.url {
        Some(url) => Some(url.clone()),
        None => secret(&section, "url", &settings.url_env, &settings.url_file)?,
    };
    let Some(url) = url else {
        return Err(Failure::error(
            format!("{section} says of no address"),
            "set `url_env` or `url_file`, or `url` where nobody else reads the settings",
        ));
    };
    let url = WebhookUrl::parse(&url).with_context(|| section.clone())?;
    let key = secret(
        &section,
        "secret",
        &settings.secret_env,
        &settings.secret_file,
    )?;
    let key = key.as_ref().map(SigningKey::new);
    let webhook = Webhook::new(url, settings.template, key).with_context(|| section.clone())?;
    Ok(Destination {
        name: name.to_owned(),
        events: settings.events.clone().unwrap_or_else(|| events.to_vec()),
        channel: Channel::Webhook(webhook),
    })
}

fn set_up_command(
    name: &str,
    settings: &CommandSettings,
    events: &[AuditEvent],
) -> anyhow::Result<Destination> {
    let Some(command) = CommandLine::new(&settings.command) else {
        return Err(Failure::error(
            format!("[notify.commands.{name}] names no program"),
            "write command = [\"/path/to/program\", \"argument\"]",
        ));
    };
    Ok(Destination {
        name: name.to_owned(),
        events: settings.events.clone().unwrap_or_else(|| events.to_vec()),
        channel: Channel::Command(command),
    })
}

fn set_up_mail(
    name: &str,
    settings: &MailSettings,
    events: &[AuditEvent],
) -> anyhow::Result<Destination> {
    let section = format!("[notify.mail.{name}]");
    if settings.server.is_empty() {
        return Err(Failure::error(
            format!("{section} names no mail server"),
            "set `server`, as in server = \"mail.contoso.com\"",
        ));
    }
    let password = secret(
        &section,
        "password",
        &settings.password_env,
        &settings.password_file,
    )?;
    let sign_in = match (settings.username.as_str(), password) {
        ("", None) => None,
        ("", Some(_)) => {
            return Err(Failure::error(
                format!("{section} has a password, and no user name to go with it"),
                "set `username`",
            ));
        }
        (_, None) => {
            return Err(Failure::error(
                format!("{section} has a user name, and no password to go with it"),
                "set `password_env` or `password_file`; leave `username` out where the server asks for none",
            ));
        }
        (username, Some(password)) => Some((username.to_owned(), password)),
    };
    let server = MailServer {
        host: settings.server.clone(),
        port: settings.port,
        encryption: settings.encryption,
        sign_in,
    };
    let mail = Mail::new(&server, &settings.from, &settings.to).with_context(|| section.clone())?;
    Ok(Destination {
        name: name.to_owned(),
        events: settings.events.clone().unwrap_or_else(|| events.to_vec()),
        channel: Channel::Mail(mail),
    })
}

/// What a variable or a file holds; `None` where neither is named.
pub(crate) fn secret(
    section: &str,
    what: &str,
    variable: &str,
    file: &Path,
) -> anyhow::Result<Option<SecretString>> {
    if !file.as_os_str().is_empty() {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{section} {what}_file {}", file.display()))?;
        return Ok(Some(SecretString::from(text)));
    }
    if variable.is_empty() {
        return Ok(None);
    }
    match std::env::var(variable) {
        Ok(text) => Ok(Some(SecretString::from(text))),
        Err(_absent) => Err(Failure::error(
            format!("{section} {what}_env names {variable}, which is not set"),
            format!("set {variable} where the program runs"),
        )),
    }
}
