//! Tokens: fetched once for all, ahead of their expiry, and dropped when Graph refuses them.
//!
//! One fetch at a time; everybody else waits for it. A refused token is dropped by its generation,
//! so that forty calls refused together cause one new fetch. A token that was fetched because of a
//! refusal and is refused before it ever served means that fetching does not help: systemic.

mod azure;
mod certificate;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use repilot_domain::{Clock, Timestamp};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Cloud, GraphError, SetupError, SystemicReason};

pub use azure::AzureCredential;

/// A token is fetched anew so long before it expires.
const REFRESH_AHEAD: Duration = Duration::from_mins(5);

/// Where tokens come from.
#[derive(Debug)]
pub enum TokenSource {
    /// One token, for tests and simulated Graphs: it cannot be fetched anew.
    Fixed(SecretString),
    /// Entra, by way of `azure_identity`.
    Azure {
        /// What proves who we are.
        credential: AzureCredential,
        /// Whose Entra, and whose Graph the token is for.
        cloud: Cloud,
    },
}

/// A token in use.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    secret: SecretString,
    generation: u64,
    refresh_at: Option<Timestamp>,
    after_refusal: bool,
    proven: AtomicBool,
}

impl Token {
    /// A call was accepted with it.
    pub(crate) fn prove(&self) {
        if !self.proven.load(Ordering::Relaxed) {
            self.proven.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

/// A token that could not be had.
#[derive(Debug)]
pub(crate) struct TokenFailure {
    pub(crate) error: GraphError,
    pub(crate) message: String,
}

pub(crate) struct TokenKeeper {
    current: RwLock<Option<Arc<Token>>>,
    fetching: tokio::sync::Mutex<Fetcher>,
    clock: Arc<dyn Clock>,
}

struct Fetcher {
    source: TokenSource,
    http: reqwest::Client,
    credential: Option<Arc<dyn TokenCredential>>,
    generation: u64,
    refused: bool,
}

impl TokenKeeper {
    pub(crate) fn new(
        source: TokenSource,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        if let TokenSource::Azure { credential, cloud } = &source {
            // What is wrong with a certificate or an id is said before any device is touched.
            credential.build(*cloud, &http)?;
        }
        Ok(Self {
            current: RwLock::new(None),
            fetching: tokio::sync::Mutex::new(Fetcher {
                source,
                http,
                credential: None,
                generation: 0,
                refused: false,
            }),
            clock,
        })
    }

    fn cached(&self) -> Option<Arc<Token>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let token = current.as_ref()?;
        let fresh = token.refresh_at.is_none_or(|at| self.clock.now() < at);
        fresh.then(|| Arc::clone(token))
    }

    fn replace(&self, token: Option<Arc<Token>>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    pub(crate) async fn get(&self) -> Result<Arc<Token>, TokenFailure> {
        if let Some(token) = self.cached() {
            return Ok(token);
        }
        let mut fetcher = self.fetching.lock().await;
        if let Some(token) = self.cached() {
            return Ok(token);
        }
        let token = Arc::new(fetcher.fetch().await?);
        self.replace(Some(Arc::clone(&token)));
        Ok(token)
    }

    /// Graph refused it: what that means.
    pub(crate) async fn refused(&self, token: &Token) -> GraphError {
        let mut fetcher = self.fetching.lock().await;
        if matches!(fetcher.source, TokenSource::Fixed(_)) {
            return GraphError::Systemic(SystemicReason::TokenRefused);
        }
        if token.generation == fetcher.generation {
            // azure_identity keeps a token of its own and cannot be told to forget it.
            fetcher.credential = None;
            fetcher.refused = true;
            self.replace(None);
        }
        if token.after_refusal && !token.proven.load(Ordering::Relaxed) {
            GraphError::Systemic(SystemicReason::TokenRefused)
        } else {
            GraphError::Unauthorized
        }
    }
}

impl Fetcher {
    async fn fetch(&mut self) -> Result<Token, TokenFailure> {
        let (secret, refresh_at) = match &self.source {
            TokenSource::Fixed(secret) => (secret.clone(), None),
            TokenSource::Azure { credential, cloud } => {
                let built = match &self.credential {
                    Some(built) => Arc::clone(built),
                    None => credential.build(*cloud, &self.http).map_err(|error| {
                        let message = error.to_string();
                        let reason = SystemicReason::CredentialRefused(message.clone());
                        TokenFailure {
                            error: GraphError::Systemic(reason),
                            message,
                        }
                    })?,
                };
                self.credential = Some(Arc::clone(&built));
                azure::fetch(built.as_ref(), *cloud).await?
            }
        };
        let mut header = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
            .map_err(|_unsendable| TokenFailure {
                error: GraphError::Systemic(SystemicReason::TokenRefused),
                message: "the token has characters that no header can carry".to_owned(),
            })?;
        header.set_sensitive(true);
        self.generation += 1;
        Ok(Token {
            header,
            secret,
            generation: self.generation,
            refresh_at: refresh_at.map(|at: Timestamp| at.before(REFRESH_AHEAD)),
            after_refusal: std::mem::take(&mut self.refused),
            proven: AtomicBool::new(false),
        })
    }
}
