//! Signing in and out.

use clap::Args;
use repilot_domain::TenantName;

#[derive(Debug, Args)]
pub(crate) struct LoginArguments {
    /// Tenant: a domain, an id, or a name in the settings [default: the account's]
    #[arg(long, value_parser = tenant)]
    pub(crate) tenant: Option<String>,
    /// Show a code to type into a browser on any other machine, instead of opening one here
    #[arg(long)]
    pub(crate) device_code: bool,
    /// App to sign in with [default: Microsoft Graph Command Line Tools]
    #[arg(long, value_name = "ID", value_parser = client_id)]
    pub(crate) client_id: Option<String>,
    /// Cloud: global, us-gov, us-gov-dod or china [default: `[graph] cloud`]
    #[arg(long)]
    pub(crate) cloud: Option<String>,
    /// Ask for the permission that looking users up takes, too
    #[arg(long)]
    pub(crate) check_users: bool,
    /// Ask for this delegated permission, too, as in DeviceManagementManagedDevices.ReadWrite.All
    #[arg(long = "permission", value_name = "NAME", value_parser = permission)]
    pub(crate) permissions: Vec<String>,
    /// Keep the tokens in a private file even where there is a keyring
    #[arg(long)]
    pub(crate) no_keyring: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {
    /// Tenant [default: the only one that somebody is signed in to]
    #[arg(long, conflicts_with = "all")]
    pub(crate) tenant: Option<TenantName>,
    /// Every tenant
    #[arg(long)]
    pub(crate) all: bool,
}

/// What stands in an address without changing it.
fn plain(text: &str, what: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !text.is_empty() && text.len() <= 255 && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{what} has letters, digits, dots, hyphens and underscores alone"
    ))
}

fn tenant(text: &str) -> Result<String, String> {
    plain(text, "a tenant's domain, id or name")
}

fn client_id(text: &str) -> Result<String, String> {
    plain(text, "an app's id")
}

fn permission(text: &str) -> Result<String, String> {
    plain(text, "a permission's name")
}
