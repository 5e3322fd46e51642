//! A tenant's settings: who it is, and what proves who we are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[tenants.NAME]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantSettings {
    #[serde(default)]
    pub(crate) tenant_id: String,
    #[serde(default)]
    pub(crate) client_id: String,
    pub(crate) credential: CredentialKind,
    /// Address of this tenant's Graph, where it is another than that of `[graph]`: for rehearsals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) root: String,
    /// The environment variable that holds an access token of this tenant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) token_env: String,
    /// The file that holds an access token of this tenant.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) token_file: PathBuf,
    /// The environment variable that holds the client secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) client_secret_env: String,
    /// The file that holds the client secret.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) client_secret_file: PathBuf,
    /// The file with the certificate and its private key, PEM or PFX.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) certificate_file: PathBuf,
    /// The environment variable that holds the password of that file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) certificate_password_env: String,
    /// The file that holds the password of that file.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) certificate_password_file: PathBuf,
    /// The SHA-1 thumbprint of a certificate in the store of Windows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) certificate_thumbprint: String,
}

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

/// What proves who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CredentialKind {
    ClientSecret,
    Certificate,
    ManagedIdentity,
    WorkloadIdentity,
    AzureCli,
    SignIn,
    /// An access token that somebody else fetched: for rehearsals.
    Token,
}
