//! What proves to Entra who we are: from a tenant's section to a credential.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use repilot_domain::{TenantName, Timestamp};
use repilot_graph::{AppCertificate, AzureCredential, CertificateError};
use secrecy::SecretString;

use crate::settings::{CredentialKind, TenantSettings};
use crate::terminal::failure::Failure;

/// What a tenant's section proves who we are with.
pub(crate) enum Proof {
    /// A credential of an app, or of the Azure CLI.
    Azure(AzureCredential),
    /// Tokens of whoever signed in.
    SignIn,
    /// One access token.
    Token(SecretString),
}

/// What a tenant's section names.
pub(crate) fn of(
    name: &TenantName,
    tenant: &TenantSettings,
    now: Timestamp,
) -> anyhow::Result<Proof> {
    let needed = |value: &str, key: &str| {
        if value.is_empty() {
            let hint = format!("add {key} = \"…\" to [tenants.{name}]");
            return Err(Failure::error(
                format!("tenant `{name}` has no {key}"),
                hint,
            ));
        }
        Ok(value.to_owned())
    };
    let if_any = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
    Ok(Proof::Azure(match tenant.credential {
        CredentialKind::ClientSecret => AzureCredential::ClientSecret {
            tenant_id: needed(&tenant.tenant_id, "tenant_id")?,
            client_id: needed(&tenant.client_id, "client_id")?,
            secret: client_secret(name, tenant)?,
        },
        CredentialKind::Certificate => AzureCredential::Certificate {
            tenant_id: needed(&tenant.tenant_id, "tenant_id")?,
            client_id: needed(&tenant.client_id, "client_id")?,
            certificate: Arc::new(certificate(name, tenant, now)?),
        },
        CredentialKind::ManagedIdentity => AzureCredential::ManagedIdentity {
            client_id: if_any(&tenant.client_id),
        },
        CredentialKind::WorkloadIdentity => AzureCredential::WorkloadIdentity {
            tenant_id: if_any(&tenant.tenant_id),
            client_id: if_any(&tenant.client_id),
        },
        CredentialKind::SignIn => return Ok(Proof::SignIn),
        CredentialKind::Token => return token(name, tenant).map(Proof::Token),
        CredentialKind::AzureCli => AzureCredential::AzureCli {
            tenant_id: if_any(&tenant.tenant_id),
        },
    }))
}

/// The certificate that a section names, in a file or in the store of Windows.
pub(crate) fn certificate(
    name: &TenantName,
    tenant: &TenantSettings,
    now: Timestamp,
) -> anyhow::Result<AppCertificate> {
    let file = &tenant.certificate_file;
    let thumbprint = tenant.certificate_thumbprint.as_str();
    let refused = |place: String, error: CertificateError| {
        anyhow::Error::new(error).context(format!(
            "the certificate of tenant `{name}`, {place}, cannot be used"
        ))
    };
    match (file.as_os_str().is_empty(), thumbprint.is_empty()) {
        (true, true) => Err(Failure::error(
            format!("tenant `{name}` has no certificate"),
            "name a PEM or PFX file in certificate_file, or on Windows a certificate of its store in certificate_thumbprint",
        )),
        (false, false) => Err(Failure::error(
            format!("tenant `{name}` has both certificate_file and certificate_thumbprint"),
            "leave one of them out",
        )),
        (true, false) => AppCertificate::from_store(thumbprint, now)
            .map_err(|error| refused(format!("thumbprint {thumbprint}"), error)),
        (false, true) => {
            let shown = file.display();
            let content = std::fs::read(file).with_context(|| {
                format!("cannot read the certificate of tenant `{name}`, {shown}")
            })?;
            let password = password(name, tenant)?;
            AppCertificate::from_file(&content, password.as_ref(), now)
                .map_err(|error| refused(shown.to_string(), error))
        }
    }
}

/// The password of a certificate's file; none where none is named.
fn password(name: &TenantName, tenant: &TenantSettings) -> anyhow::Result<Option<SecretString>> {
    let what = format!("the certificate's password of tenant `{name}`");
    if !tenant.certificate_password_env.is_empty() {
        let hint = "set it, or name a file in certificate_password_file";
        return variable(&what, &tenant.certificate_password_env, hint).map(Some);
    }
    let file = &tenant.certificate_password_file;
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    // A password may begin or end with a blank; a line's end is the editor's.
    let text = content(&what, file)?;
    let password = text.trim_end_matches(['\r', '\n']);
    Ok(Some(SecretString::from(password.to_owned())))
}

fn client_secret(name: &TenantName, tenant: &TenantSettings) -> anyhow::Result<SecretString> {
    let what = format!("the secret of tenant `{name}`");
    if !tenant.client_secret_env.is_empty() {
        let hint = "set it, or name a file in client_secret_file";
        return variable(&what, &tenant.client_secret_env, hint);
    }
    let file = &tenant.client_secret_file;
    if file.as_os_str().is_empty() {
        return Err(Failure::error(
            format!("tenant `{name}` has no client secret"),
            "name an environment variable in client_secret_env, or a file in client_secret_file",
        ));
    }
    let text = content(&what, file)?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(Failure::error(
            format!("{what} is empty: {}", file.display()),
            "write the secret's value, not its id, into the file",
        ));
    }
    Ok(SecretString::from(secret.to_owned()))
}

/// The access token of a section.
fn token(name: &TenantName, tenant: &TenantSettings) -> anyhow::Result<SecretString> {
    let what = format!("the token of tenant `{name}`");
    if !tenant.token_env.is_empty() {
        return variable(
            &what,
            &tenant.token_env,
            "set it, or name a file in token_file",
        );
    }
    let file = &tenant.token_file;
    if file.as_os_str().is_empty() {
        return Err(Failure::error(
            format!("tenant `{name}` has no token"),
            "name an environment variable in token_env, or a file in token_file",
        ));
    }
    let text = content(&what, file)?;
    let token = text.trim();
    if token.is_empty() {
        return Err(Failure::error(
            format!("{what} is empty: {}", file.display()),
            "write an access token into the file",
        ));
    }
    Ok(SecretString::from(token.to_owned()))
}

/// What a variable holds, which is set and not empty.
fn variable(what: &str, variable: &str, hint: &str) -> anyhow::Result<SecretString> {
    std::env::var(variable)
        .ok()
        .filter(|secret| !secret.is_empty())
        .map(SecretString::from)
        .ok_or_else(|| {
            let message = format!("{what} is not in the environment variable {variable}");
            Failure::error(message, hint)
        })
}

/// What a file holds, without the byte order mark that PowerShell writes.
fn content(what: &str, file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read {what}, {}", file.display()))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}
