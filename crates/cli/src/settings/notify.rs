//! Who is told what happens to a campaign.

use std::collections::BTreeMap;
use std::path::PathBuf;

use repilot_domain::AuditEvent;
use repilot_notify::{Encryption, Template};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// `[notify]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotifySettings {
    pub(crate) events: Vec<AuditEvent>,
    pub(crate) webhooks: BTreeMap<String, WebhookSettings>,
    pub(crate) commands: BTreeMap<String, CommandSettings>,
    pub(crate) mail: BTreeMap<String, MailSettings>,
}

/// `[notify.webhooks.NAME]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSettings {
    /// Whoever knows it can post.
    #[serde(default, serialize_with = "hidden", skip_serializing_if = "is_unset")]
    pub(crate) url: Option<SecretString>,
    /// The environment variable that holds it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) url_env: String,
    /// The file that holds it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) url_file: PathBuf,
    #[serde(default)]
    pub(crate) template: Template,
    /// The environment variable that holds what messages are signed with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) secret_env: String,
    /// The file that holds it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) secret_file: PathBuf,
    /// In place of those of `[notify]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<AuditEvent>>,
}

/// `[notify.commands.NAME]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandSettings {
    /// The program and its arguments; no shell reads them.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// In place of those of `[notify]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<AuditEvent>>,
}

/// `[notify.mail.NAME]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailSettings {
    /// Name or address of the mail server.
    #[serde(default)]
    pub(crate) server: String,
    /// Port, where it is not the usual one of the encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    #[serde(default)]
    pub(crate) encryption: Encryption,
    /// User name; none for a server that asks for no password.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) username: String,
    /// The environment variable that holds the password.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) password_env: String,
    /// The file that holds it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) password_file: PathBuf,
    /// Address that its messages come from.
    #[serde(default)]
    pub(crate) from: String,
    /// Addresses of those who get them.
    #[serde(default)]
    pub(crate) to: Vec<String>,
    /// In place of those of `[notify]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<AuditEvent>>,
}

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn is_unset(url: &Option<SecretString>) -> bool {
    url.as_ref()
        .is_none_or(|url| url.expose_secret().is_empty())
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn hidden<S: Serializer>(_url: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("***")
}
