//! Credentials of Entra, by way of `azure_identity` over our own HTTP client.

use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, HttpClient, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use repilot_domain::{Clock, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::certificate::Assertion;
use super::failure::TokenFailure;
use super::fetched::Fetched;
use super::managed_identity::{self, Endpoint};
use super::party::Party;
use super::transport::Witness;
use crate::{AppCertificate, Authority, Cloud};

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
        /// The certificate, with its key.
        certificate: Arc<AppCertificate>,
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
    /// Fetches a token from the source itself, past every cache of `azure_identity`.
    pub(super) async fn fetch(
        &self,
        cloud: Cloud,
        authority: &Authority,
        http: &Arc<dyn HttpClient>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Fetched, TokenFailure> {
        let now = clock.now();
        let party = self.party();
        if let Self::ManagedIdentity { client_id } = self {
            let endpoint = Endpoint::find(variable)
                .map_err(|words| TokenFailure::refused(Party::MetadataService, &words))?;
            let client_id = client_id.as_deref();
            return managed_identity::fetch(&endpoint, cloud, client_id, http, now).await;
        }
        let witness = Witness::of(http);
        let transport = Arc::clone(&witness) as Arc<dyn HttpClient>;
        let credential = match self.build(authority, &transport, clock) {
            Ok(Some(credential)) => credential,
            // The one without is asked above.
            Ok(None) => return Err(TokenFailure::refused(party, "there is no credential")),
            Err(words) => return Err(TokenFailure::refused(party, &words)),
        };
        let scope = cloud.scope();
        let scopes = [&*scope];
        let token = tokio::time::timeout(FETCH_TIMEOUT, credential.get_token(&scopes, None)).await;
        let token = match token {
            Ok(Ok(token)) => token,
            Ok(Err(error)) => {
                let answer = witness.answer();
                return Err(TokenFailure::of(party, &error, answer.as_ref(), now));
            }
            Err(_elapsed) => return Err(TokenFailure::too_slow(party)),
        };
        let expires_at = token.expires_on.unix_timestamp().saturating_mul(1_000);
        Ok(Fetched {
            secret: SecretString::from(token.token.secret()),
            expires_at: Some(Timestamp::from_millis(expires_at)),
        })
    }

    /// Who is asked for a token.
    fn party(&self) -> Party {
        match self {
            Self::ManagedIdentity { .. } => {
                Endpoint::find(variable).map_or(Party::MetadataService, |endpoint| endpoint.party)
            }
            Self::AzureCli { .. } => Party::AzureCli,
            Self::ClientSecret { .. }
            | Self::Certificate { .. }
            | Self::WorkloadIdentity { .. } => Party::Entra,
        }
    }

    /// Builds the credential, or says what is wrong with it; there is none of a machine's own identity,
    /// which is asked for without `azure_identity`.
    pub(super) fn build(
        &self,
        authority: &Authority,
        http: &Arc<dyn HttpClient>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Arc<dyn TokenCredential>>, String> {
        let client_options = client_options(authority, http);
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
                certificate,
            } => {
                let audience = authority.token(tenant_id).to_string();
                let certificate = Arc::clone(certificate);
                let assertion = Assertion::new(certificate, client_id, audience, Arc::clone(clock));
                let options = ClientAssertionCredentialOptions { client_options };
                let (tenant_id, client_id) = (tenant_id.clone(), client_id.clone());
                ClientAssertionCredential::new(tenant_id, client_id, assertion, Some(options))
                    .map(|credential| credential as _)
            }
            Self::ManagedIdentity { .. } => return Endpoint::find(variable).map(|_found| None),
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
        built.map(Some).map_err(|error| error.to_string())
    }
}

/// An environment variable's value.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn client_options(authority: &Authority, http: &Arc<dyn HttpClient>) -> ClientOptions {
    let mut custom = CustomConfiguration::default();
    authority.as_str().clone_into(&mut custom.authority_host);
    ClientOptions {
        // Retries never stack: a failed fetch is the job's to retry.
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::clone(http))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(custom))),
        ..ClientOptions::default()
    }
}
