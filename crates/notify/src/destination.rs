//! Who is told of what.

use repilot_domain::{AuditEvent, Timestamp};

use crate::{CommandLine, Mail, Message, SendError, Webhook};

/// How a message gets there.
#[derive(Debug)]
pub enum Channel {
    /// Over HTTP.
    Webhook(Webhook),
    /// To a program on this machine.
    Command(CommandLine),
    /// By e-mail.
    Mail(Mail),
}

/// Somebody who wants to be told.
#[derive(Debug)]
pub struct Destination {
    /// What the settings call it.
    pub name: String,
    /// Of these.
    pub events: Vec<AuditEvent>,
    /// In this way.
    pub channel: Channel,
}

impl Destination {
    /// Where it is, so far as that may be shown.
    #[must_use]
    pub fn place(&self) -> &str {
        match &self.channel {
            Channel::Webhook(webhook) => webhook.host(),
            Channel::Command(command) => command.program(),
            Channel::Mail(mail) => mail.host(),
        }
    }

    /// Tells it.
    pub async fn send(&self, message: &Message, now: Timestamp) -> Result<(), SendError> {
        match &self.channel {
            Channel::Webhook(webhook) => webhook.send(message, now).await,
            Channel::Command(command) => command.send(message).await,
            Channel::Mail(mail) => mail.send(message).await,
        }
    }
}
