//! Tells people what happened to a campaign.
//!
//! What is told is read from the audit, so nothing is told that did not happen, and nothing is lost:
//! each destination has a cursor in the ledger, and moves on when it has taken a message. It is told
//! at least once, each message under an id that stays the same.

mod address;
mod command;
mod destination;
mod error;
mod mail;
mod message;
mod outbox;
mod signature;
mod template;
mod webhook;

pub use address::{AddressError, WebhookUrl};
pub use command::CommandLine;
pub use destination::{Channel, Destination};
pub use error::SendError;
pub use mail::{Encryption, Mail, MailError, MailServer};
pub use message::{CampaignFacts, Message};
pub use outbox::{Notifier, Outbox};
pub use signature::{Signature, SigningKey};
pub use template::Template;
pub use webhook::Webhook;
