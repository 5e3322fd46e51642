//! Credentials of Entra, by way of `azure_identity` over our own HTTP client.

use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use repilot_domain::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::TokenFailure;
use super::certificate::Assertion;
use crate::{Cloud, GraphError, SetupError, SystemicReason};

/// What proves who we are.
#[derive(Debug)]
pub enum AzureCredential {
    /// An app registration's client secret.
    ClientSecret {
        /// The tenant's id.
        tenant_id: String,
        /// The app's id.
        client_id: String,
        /// The secret.
        secret: SecretString,
    },
    /// An app registration's certificate.
    Certificate {
        /// The tenant's id.
        tenant_id: String,
        /// The app's id.
        client_id: String,
        /// Certificate and unencrypted private key, PEM.
        pem: SecretString,
    },
    /// The machine's own identity.
    ManagedIdentity {
        /// Of a user-assigned identity; the system's own without it.
        client_id: Option<String>,
    },
    /// A federated identity, as Kubernetes mounts it.
    WorkloadIdentity {
        /// The tenant's id; the environment's without it.
        tenant_id: Option<String>,
        /// The app's id; the environment's without it.
        client_id: Option<String>,
    },
    /// Whoever is signed in with `az login`: delegated.
    AzureCli {
        /// The tenant's id; the signed-in account's without it.
        tenant_id: Option<String>,
    },
}

impl AzureCredential {
    pub(super) fn build(
        &self,
        cloud: Cloud,
        http: &reqwest::Client,
    ) -> Result<Arc<dyn TokenCredential>, SetupError> {
        let client_options = client_options(cloud, http);
        let refused = |error: azure_core::Error| SetupError::Credential(error.to_string());
        match self {
            Self::ClientSecret {
                tenant_id,
                client_id,
                secret,
            } => {
                let secret = Secret::new(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options };
                ClientSecretCredential::new(tenant_id, client_id.clone(), secret, Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(refused)
            }
            Self::Certificate {
                tenant_id,
                client_id,
                pem,
            } => {
                let audience = format!("{}/{tenant_id}/oauth2/v2.0/token", cloud.authority());
                let assertion = Assertion::new(pem.expose_secret(), client_id, audience)
                    .map_err(|error| SetupError::Credential(error.to_string()))?;
                let options = ClientAssertionCredentialOptions { client_options };
                let (tenant_id, client_id) = (tenant_id.clone(), client_id.clone());
                ClientAssertionCredential::new(tenant_id, client_id, assertion, Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(refused)
            }
            Self::ManagedIdentity { client_id } => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                };
                ManagedIdentityCredential::new(Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(refused)
            }
            Self::WorkloadIdentity {
                tenant_id,
                client_id,
            } => {
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    tenant_id: tenant_id.clone(),
                    client_id: client_id.clone(),
                    ..WorkloadIdentityCredentialOptions::default()
                };
                WorkloadIdentityCredential::new(Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(refused)
            }
            Self::AzureCli { tenant_id } => {
                let options = AzureCliCredentialOptions {
                    tenant_id: tenant_id.clone(),
                    ..AzureCliCredentialOptions::default()
                };
                AzureCliCredential::new(Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(refused)
            }
        }
    }
}

fn client_options(cloud: Cloud, http: &reqwest::Client) -> ClientOptions {
    let mut custom = CustomConfiguration::default();
    cloud.authority().clone_into(&mut custom.authority_host);
    ClientOptions {
        // Retries never stack: a failed fetch is the job's to retry.
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(http.clone()))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(custom))),
        ..ClientOptions::default()
    }
}

pub(super) async fn fetch(
    credential: &dyn TokenCredential,
    cloud: Cloud,
) -> Result<(SecretString, Option<Timestamp>), TokenFailure> {
    let scope = cloud.scope();
    match credential.get_token(&[&scope], None).await {
        Ok(token) => {
            let expires_at = token.expires_on.unix_timestamp().saturating_mul(1_000);
            let secret = SecretString::from(token.token.secret().to_owned());
            Ok((secret, Some(Timestamp::from_millis(expires_at))))
        }
        Err(error) => Err(failure(&error)),
    }
}

/// Entra's refusals carry a code (AADSTS…) that is worth more than all our words.
fn failure(error: &azure_core::Error) -> TokenFailure {
    let mut message = error.to_string();
    let mut unreachable = matches!(error.kind(), ErrorKind::Io | ErrorKind::Connection);
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        unreachable |= cause
            .downcast_ref::<reqwest::Error>()
            .is_some_and(|error| error.is_connect() || error.is_timeout());
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = cause.source();
    }
    let message: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message: String = message.chars().take(500).collect();
    let error = if unreachable {
        GraphError::Unreachable
    } else {
        GraphError::Systemic(SystemicReason::CredentialRefused(message.clone()))
    };
    TokenFailure { error, message }
}
