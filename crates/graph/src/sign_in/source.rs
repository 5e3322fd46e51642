//! Tokens from a kept sign-in: taken while they are good, refreshed ahead of their end by one process
//! for all, and given up when a person has to sign in again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use repilot_domain::{Clock, TenantName, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::endpoint::{self, EndpointError, Passing, Refusal, Tokens};
use super::record::{Lost, OpenTokens, SignInRecord};
use super::seal::Key;
use super::{Authority, SignInStore, StoreError, request};
use crate::http::Outbound;
use crate::token::{Fetched, REFRESH_AHEAD, TokenFailure};
use crate::{GraphError, SetupError, http};

/// A keyring that does not open is asked again no sooner: it may ask a person each time.
const KEYRING_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The sign-in of a person, for one tenant.
pub struct SignInSource {
    store: SignInStore,
    tenant: TenantName,
    http: Outbound,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// The sign-in that the last token was of.
    id: Option<String>,
    /// A sign-in's key, once the keyring gave it.
    key: Option<(String, Key)>,
    /// A sign-in that is lost, should the store not have taken it down.
    lost: Option<(String, String)>,
    /// When the keyring did not open a sign-in.
    closed: Option<(String, Timestamp, String)>,
}

/// What there is of a tenant's sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInState {
    /// Somebody is signed in.
    Good,
    /// Somebody has to sign in; why, in the words of a pause.
    Lost(String),
}

impl std::fmt::Debug for SignInSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SignInSource")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl SignInSource {
    /// The sign-in that a store keeps for a tenant, now or later.
    pub fn new(
        store: SignInStore,
        tenant: TenantName,
        authority: &Authority,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            store,
            tenant,
            http: http::sign_in_client(authority)?,
            memory: Mutex::default(),
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is signed in, and whether they are another than the last token's.
    pub(crate) async fn state(&self, now: Timestamp) -> (SignInState, bool) {
        let record = match self.usable() {
            Ok(record) => record,
            Err(failure) => return (lost_state(&failure), false),
        };
        let is_other = self.memory().id.as_ref().is_some_and(|id| *id != record.id);
        match self.open(&record, now).await {
            Ok(_) => (SignInState::Good, is_other),
            Err(failure) => (lost_state(&failure), is_other),
        }
    }

    /// A token that is good, and is not the one that was refused: from the store, or refreshed.
    pub(crate) async fn fetch(
        &self,
        clock: &dyn Clock,
        refused: Option<&SecretString>,
        claims: Option<&str>,
    ) -> Result<Fetched, TokenFailure> {
        let is_good = |record: &SignInRecord, tokens: &OpenTokens| {
            let token = tokens.access_token.expose_secret();
            let refused = refused.is_some_and(|refused| refused.expose_secret() == token);
            !refused && record.is_fresh(clock.now(), REFRESH_AHEAD)
        };
        let record = self.usable()?;
        let (tokens, _) = self.open(&record, clock.now()).await?;
        if is_good(&record, &tokens) {
            return Ok(self.taken(&record, tokens));
        }
        let locked = self.store.lock(&self.tenant).await;
        let _lock = locked.map_err(|error| self.unread(&error))?;
        // Another process may have refreshed it, or somebody signed in, while this one waited.
        let mut record = self.usable()?;
        let (tokens, key) = self.open(&record, clock.now()).await?;
        if is_good(&record, &tokens) {
            return Ok(self.taken(&record, tokens));
        }
        match self.refreshed(&record, &tokens, claims).await {
            Ok(fresh) => {
                record.obtained_at = clock.now();
                record.expires_at = record.obtained_at.after(fresh.lives());
                if let Some(cloud) = record.cloud() {
                    record.permissions = request::granted(cloud, &fresh.scope, &record.permissions);
                }
                let tokens = OpenTokens {
                    access_token: fresh.access_token,
                    // One that is not replaced goes on.
                    refresh_token: fresh.refresh_token.unwrap_or(tokens.refresh_token),
                };
                let kept =
                    self.store
                        .renew(&self.tenant, &mut record, tokens.clone(), key.as_ref());
                if let Err(error) = kept {
                    tracing::warn!(
                        tenant = %self.tenant,
                        error = %repilot_domain::WithCauses(&error),
                        "a refreshed sign-in cannot be kept; other processes do not have it"
                    );
                }
                tracing::debug!(tenant = %self.tenant, "the sign-in was refreshed");
                Ok(self.taken(&record, tokens))
            }
            Err(EndpointError::Refused(refusal)) if refusal.asks_for_sign_in() => {
                let claims = refusal.claims.clone().or_else(|| claims.map(str::to_owned));
                let lost = Lost {
                    at: clock.now(),
                    why: in_words(&refusal),
                    claims,
                };
                let failure = self.over(&record.id, &lost);
                let noted = self.store.lose_locked(&self.tenant, &record.id, lost);
                self.heed(noted);
                Err(failure)
            }
            Err(EndpointError::Refused(refusal)) => {
                Err(TokenFailure::refused_by_entra(&in_words(&refusal)))
            }
            Err(EndpointError::Passing(passing)) => {
                let Passing {
                    words,
                    hint,
                    retry_after,
                } = passing;
                Err(TokenFailure::passing(&words, hint, retry_after))
            }
        }
    }

    /// Graph refuses even a fresh token: a person has to sign in again.
    pub(crate) async fn refused(&self, clock: &dyn Clock, claims: Option<&str>) -> GraphError {
        let why = match claims {
            Some(_) => {
                "Graph asks for more than this sign-in fulfils (401, insufficient_claims), as \
                 Conditional Access has it"
            }
            None => "Graph refuses the token (401), even a fresh one",
        };
        let Some(id) = self.memory().id.clone() else {
            return self.again(why).error;
        };
        let lost = Lost {
            at: clock.now(),
            why: why.to_owned(),
            claims: claims.map(str::to_owned),
        };
        let failure = self.over(&id, &lost);
        let noted = self.store.lose(&self.tenant, &id, lost).await;
        self.heed(noted);
        failure.error
    }

    async fn refreshed(
        &self,
        record: &SignInRecord,
        tokens: &OpenTokens,
        claims: Option<&str>,
    ) -> Result<Tokens, EndpointError> {
        let cloud = record.cloud().unwrap_or_default();
        let scopes = request::scopes(cloud, &record.asked);
        let authority = Authority::parse(&record.authority).map_err(|error| {
            EndpointError::Refused(Refusal::redirected(
                "invalid_request".to_owned(),
                error.to_string(),
            ))
        })?;
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", record.client_id.as_str()),
            ("refresh_token", tokens.refresh_token.expose_secret()),
            ("scope", &scopes),
        ];
        if let Some(claims) = claims {
            form.push(("claims", claims));
        }
        endpoint::post(&self.http, authority.token(&record.tenant_id), &form).await
    }

    /// The sign-in as it is kept, if it is one to go on with.
    fn usable(&self) -> Result<SignInRecord, TokenFailure> {
        let record = match self.store.load(&self.tenant) {
            Ok(Some(record)) => record,
            Ok(None) => return Err(self.again("nobody is signed in")),
            Err(error) => return Err(self.unread(&error)),
        };
        if let Some(lost) = &record.lost {
            return Err(self.again(&lost.why));
        }
        if let Some((id, why)) = &self.memory().lost
            && *id == record.id
        {
            return Err(self.again(why));
        }
        Ok(record)
    }

    async fn open(
        &self,
        record: &SignInRecord,
        now: Timestamp,
    ) -> Result<(OpenTokens, Option<Key>), TokenFailure> {
        let known = {
            let memory = self.memory();
            if let Some((id, since, why)) = &memory.closed
                && *id == record.id
                && now.since(*since) < KEYRING_AGAIN_AFTER
            {
                return Err(self.again(why));
            }
            let known = memory.key.as_ref().filter(|(id, _)| *id == record.id);
            known.map(|(_, key)| key.clone())
        };
        let opened = self.store.open(&self.tenant, record, known).await;
        let mut memory = self.memory();
        match opened {
            Ok((tokens, key)) => {
                memory.closed = None;
                memory.key = key.clone().map(|key| (record.id.clone(), key));
                Ok((tokens, key))
            }
            Err(error) => {
                let why = format!("{error}: {}", error.hint());
                memory.closed = Some((record.id.clone(), now, why.clone()));
                Err(self.again(&why))
            }
        }
    }

    fn taken(&self, record: &SignInRecord, tokens: OpenTokens) -> Fetched {
        self.memory().id = Some(record.id.clone());
        Fetched {
            secret: tokens.access_token,
            expires_at: Some(record.expires_at),
        }
    }

    fn over(&self, id: &str, lost: &Lost) -> TokenFailure {
        self.memory().lost = Some((id.to_owned(), lost.why.clone()));
        self.again(&lost.why)
    }

    fn again(&self, why: &str) -> TokenFailure {
        TokenFailure::sign_in_again(self.tenant.as_str(), why)
    }

    fn unread(&self, error: &StoreError) -> TokenFailure {
        let words = repilot_domain::WithCauses(error).to_string();
        match error {
            // Another process will be done, and the disk may come back.
            StoreError::Busy(_) | StoreError::File { .. } => {
                TokenFailure::passing(&words, error.hint(), None)
            }
            StoreError::Broken { .. } | StoreError::Keyring(_) | StoreError::Sealed(_) => {
                self.again(&words)
            }
        }
    }

    fn heed(&self, noted: Result<(), StoreError>) {
        if let Err(error) = noted {
            tracing::warn!(
                tenant = %self.tenant,
                error = %repilot_domain::WithCauses(&error),
                "that the sign-in is lost cannot be noted; this process knows it"
            );
        }
    }
}

/// Entra's words, and what to do.
fn in_words(refusal: &Refusal) -> String {
    match refusal.advice() {
        Some(advice) => format!("{}: {advice}", refusal.words()),
        None => refusal.words(),
    }
}

fn lost_state(failure: &TokenFailure) -> SignInState {
    match &failure.error {
        GraphError::Systemic(reason) => SignInState::Lost(reason.to_string()),
        // A store that is busy says nothing of the sign-in.
        _ => SignInState::Good,
    }
}
