//! Credentials of Entra, by way of `azure_identity` over our own HTTP client.

use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, HttpClient, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use repilot_domain::{Clock, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::certificate::Assertion;
use super::failure::TokenFailure;
use crate::Cloud;

/// Longer than the HTTP client's own: what it bounds is `az`, which may wait for a terminal.
const FETCH_TIMEOUT: Duration = Duration::from_mins(1);

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

/// A token as it was fetched.
pub(super) struct Fetched {
    pub(super) secret: SecretString,
    pub(super) expires_at: Option<Timestamp>,
}

impl AzureCredential {
    /// Fetches a token from the source itself, past every cache of `azure_identity`.
    pub(super) async fn fetch(
        &self,
        cloud: Cloud,
        http: &Arc<dyn HttpClient>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Fetched, TokenFailure> {
        let credential = match self.build(cloud, http, clock) {
            Ok(credential) => credential,
            Err(words) => return Err(TokenFailure::refused(&words)),
        };
        let scope = cloud.scope();
        let token = match tokio::time::timeout(FETCH_TIMEOUT, credential.get_token(&[&scope], None))
            .await
        {
            Ok(Ok(token)) => token,
            Ok(Err(error)) => {
                let over_http = !matches!(self, Self::AzureCli { .. });
                return Err(TokenFailure::of(&error, over_http));
            }
            Err(_elapsed) => return Err(TokenFailure::too_slow()),
        };
        let expires_at = token.expires_on.unix_timestamp().saturating_mul(1_000);
        Ok(Fetched {
            secret: SecretString::from(token.token.secret()),
            expires_at: Some(Timestamp::from_millis(expires_at)),
        })
    }

    /// Builds the credential, or says what is wrong with it.
    pub(super) fn build(
        &self,
        cloud: Cloud,
        http: &Arc<dyn HttpClient>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<dyn TokenCredential>, String> {
        let client_options = client_options(cloud, http);
        let built: azure_core::Result<Arc<dyn TokenCredential>> = match self {
            Self::ClientSecret {
                tenant_id,
                client_id,
                secret,
            } => {
                let secret = Secret::new(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options };
                ClientSecretCredential::new(tenant_id, client_id.clone(), secret, Some(options))
                    .map(|credential| credential as _)
            }
            Self::Certificate {
                tenant_id,
                client_id,
                pem,
            } => {
                let audience = format!("{}/{tenant_id}/oauth2/v2.0/token", cloud.authority());
                let assertion =
                    Assertion::new(pem.expose_secret(), client_id, audience, Arc::clone(clock))
                        .map_err(|error| error.to_string())?;
                let options = ClientAssertionCredentialOptions { client_options };
                let (tenant_id, client_id) = (tenant_id.clone(), client_id.clone());
                ClientAssertionCredential::new(tenant_id, client_id, assertion, Some(options))
                    .map(|credential| credential as _)
            }
            Self::ManagedIdentity { client_id } => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                };
                ManagedIdentityCredential::new(Some(options)).map(|credential| credential as _)
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
                WorkloadIdentityCredential::new(Some(options)).map(|credential| credential as _)
            }
            Self::AzureCli { tenant_id } => {
                let options = AzureCliCredentialOptions {
                    tenant_id: tenant_id.clone(),
                    ..AzureCliCredentialOptions::default()
                };
                AzureCliCredential::new(Some(options)).map(|credential| credential as _)
            }
        };
        built.map_err(|error| error.to_string())
    }
}

fn client_options(cloud: Cloud, http: &Arc<dyn HttpClient>) -> ClientOptions {
    let mut custom = CustomConfiguration::default();
    cloud.authority().clone_into(&mut custom.authority_host);
    ClientOptions {
        // Retries never stack: a failed fetch is the job's to retry.
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::clone(http))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(custom))),
        ..ClientOptions::default()
    }
}
