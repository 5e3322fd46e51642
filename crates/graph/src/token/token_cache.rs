//! One token for all calls: fetched once, ahead of its expiry, and dropped when Graph refuses it.
//!
//! What it needs: a call that finds a good token takes no lock that anybody holds for long; forty
//! calls that find none cause one fetch; a fetch that fails is not repeated by each of the
//! thirty-nine that waited for it.
//!
//! The design: the token in use is behind a lock held for the length of a copy; fetching is behind
//! another, held while Entra answers. A token that is merely due keeps serving everybody but the one
//! who fetches the next. Where there is none, who gets the lock looks again first: at the token, and
//! at whether a fetch failed while it waited. Each token has a generation, so that forty calls refused with one
//! token drop it once, and not its successor. `azure_identity` keeps tokens of its own and cannot
//! be told to forget one: each fetch builds its credential anew. A person's sign-in is kept for all
//! processes of a machine, and is told which token was refused: another process may have a newer one.
//!
//! The race it accepts: calls that took a token just before it was dropped are refused with it, and
//! come again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use azure_core::http::HttpClient;
use repilot_domain::{Clock, Timestamp};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use super::TokenSource;
use super::failure::TokenFailure;
use super::fetched::Fetched;
use crate::sign_in::SignInState;
use crate::{GraphError, SetupError, SystemicReason};

/// A token is fetched anew so long before it expires.
pub(crate) const REFRESH_AHEAD: Duration = Duration::from_mins(5);

/// While the old token lasts, a failed refresh is tried again no sooner: calls go on meanwhile.
const REFRESH_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// A token whose end has passed when it arrives is used for as long: the clock of this machine, or of
/// the other, is wrong, and a fetch before each call would not mend it.
const EXPIRED_ON_ARRIVAL_SERVES: Duration = Duration::from_mins(1);

/// A token in use.
#[derive(Debug)]
pub(crate) struct Token {
    header: HeaderValue,
    secret: SecretString,
    generation: u64,
    expires_at: Option<Timestamp>,
    /// Fetched because its predecessor was refused.
    after_refusal: bool,
    /// A call was accepted with it.
    proven: AtomicBool,
}

impl Token {
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// A call was accepted with it.
    pub(crate) fn prove(&self) {
        if !self.proven.load(Ordering::Relaxed) {
            self.proven.store(true, Ordering::Relaxed);
        }
    }
}

#[derive(Debug, Clone)]
struct InUse {
    token: Arc<Token>,
    refresh_at: Option<Timestamp>,
}

pub(crate) struct TokenKeeper {
    in_use: RwLock<Option<InUse>>,
    fetching: tokio::sync::Mutex<Fetcher>,
    /// Whether tokens come from a person's sign-in.
    is_persons: bool,
    /// How many fetches have ended, well or not.
    fetches: AtomicU64,
    clock: Arc<dyn Clock>,
}

struct Fetcher {
    source: TokenSource,
    http: Arc<dyn HttpClient>,
    generation: u64,
    refused: bool,
    /// The token that was refused, and the claims that it lacked.
    refused_token: Option<SecretString>,
    claims: Option<String>,
    last_failure: Option<TokenFailure>,
    /// Time before which the other side asked not to be asked again.
    not_before: Option<Timestamp>,
    /// Whether it was said that tokens arrive expired.
    told_of_clock: bool,
}

impl TokenKeeper {
    pub(crate) fn new(
        source: TokenSource,
        http: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        if let TokenSource::Azure {
            credential,
            authority,
            ..
        } = &source
        {
            // What is wrong with a certificate or an id is said before any device is touched.
            credential
                .build(authority, &http, &clock)
                .map_err(SetupError::Credential)?;
        }
        Ok(Self {
            in_use: RwLock::new(None),
            is_persons: matches!(source, TokenSource::SignIn(_)),
            fetching: tokio::sync::Mutex::new(Fetcher {
                source,
                http,
                generation: 0,
                refused: false,
                refused_token: None,
                claims: None,
                last_failure: None,
                not_before: None,
                told_of_clock: false,
            }),
            fetches: AtomicU64::new(0),
            clock,
        })
    }

    /// The token to call with.
    pub(crate) async fn get(&self) -> Result<Arc<Token>, TokenFailure> {
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let fetches_before = self.fetches.load(Ordering::Acquire);
        let mut fetcher = match self.fetching.try_lock() {
            Ok(fetcher) => fetcher,
            Err(_busy) => match self.unexpired() {
                Some(old) => return Ok(old.token),
                None => self.fetching.lock().await,
            },
        };
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let failed_meanwhile = self.fetches.load(Ordering::Acquire) != fetches_before;
        if let Some(failure) = fetcher.last_failure.as_ref().filter(|_| failed_meanwhile) {
            return Err(failure.clone());
        }
        if let Some(failure) = fetcher.asked_to_wait(self.clock.now()) {
            return self.make_do(failure);
        }
        let answer = fetcher.fetch(&self.clock).await;
        fetcher.keep_failure(answer.as_ref().err(), self.clock.now());
        self.fetches.fetch_add(1, Ordering::Release);
        match answer {
            Ok(token) => {
                let token = Arc::new(token);
                self.put(Some(InUse {
                    refresh_at: token.expires_at.map(|at| self.refresh_at(at)),
                    token: Arc::clone(&token),
                }));
                Ok(token)
            }
            Err(failure) => self.make_do(failure),
        }
    }

    /// Graph refused it: what that means.
    ///
    /// With the claims that it lacks, where Graph asked for any.
    pub(crate) async fn refused(&self, token: &Token, claims: Option<String>) -> GraphError {
        let mut fetcher = self.fetching.lock().await;
        if matches!(fetcher.source, TokenSource::Fixed(_)) {
            return GraphError::Systemic(SystemicReason::TokenRefused);
        }
        if token.generation == fetcher.generation {
            fetcher.refused = true;
            fetcher.refused_token = Some(token.secret.clone());
            fetcher.claims.clone_from(&claims);
            self.put(None);
        }
        if !token.after_refusal || token.proven.load(Ordering::Relaxed) {
            return GraphError::Unauthorized;
        }
        match &fetcher.source {
            // An answer that is late says nothing of whoever has signed in meanwhile.
            TokenSource::SignIn(_) if token.generation != fetcher.generation => {
                GraphError::Unauthorized
            }
            TokenSource::SignIn(sign_in) => {
                Box::pin(sign_in.refused(&*self.clock, claims.as_deref())).await
            }
            TokenSource::Fixed(_) | TokenSource::Azure { .. } => {
                GraphError::Systemic(SystemicReason::TokenRefused)
            }
        }
    }

    /// Whether tokens come from a person's sign-in.
    pub(crate) fn is_persons(&self) -> bool {
        self.is_persons
    }

    /// What there is of the sign-in that tokens come from; `None` where they come from elsewhere.
    ///
    /// Where somebody else has signed in meanwhile, the next call is made with their token.
    pub(crate) async fn sign_in(&self) -> Option<SignInState> {
        if !self.is_persons {
            return None;
        }
        let mut fetcher = self.fetching.lock().await;
        let TokenSource::SignIn(sign_in) = &fetcher.source else {
            return None;
        };
        let (state, is_other) = Box::pin(sign_in.state(self.clock.now())).await;
        if is_other {
            fetcher.refused = false;
            self.put(None);
        }
        Some(state)
    }

    /// A refresh failed: the old token serves as long as it lasts.
    fn make_do(&self, failure: TokenFailure) -> Result<Arc<Token>, TokenFailure> {
        // A sign-in that is over is said at once: whoever has to sign in may need the time.
        let over = failure.asks_for_sign_in();
        let Some(mut old) = self.unexpired().filter(|_| !over) else {
            self.put(None);
            return Err(failure);
        };
        tracing::warn!(
            error.message = failure.message,
            "the token cannot be refreshed; going on with the old one while it lasts"
        );
        let token = Arc::clone(&old.token);
        old.refresh_at = Some(self.clock.now().after(REFRESH_AGAIN_AFTER));
        self.put(Some(old));
        Ok(token)
    }

    fn fresh(&self) -> Option<Arc<Token>> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let in_use = in_use.as_ref()?;
        let now = || self.clock.now();
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now());
        let stale = due(in_use.refresh_at) || due(in_use.token.expires_at);
        (!stale).then(|| Arc::clone(&in_use.token))
    }

    /// Ahead of the expiry; of a token that lives no longer than that, at half of its life.
    fn refresh_at(&self, expires_at: Timestamp) -> Timestamp {
        let life = expires_at.since(self.clock.now());
        expires_at.before(REFRESH_AHEAD.min(life / 2))
    }

    /// The token in use, due or not, while it lasts.
    fn unexpired(&self) -> Option<InUse> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let in_use = in_use.clone()?;
        let expires_at = in_use.token.expires_at;
        let expired = expires_at.is_some_and(|at| at <= self.clock.now());
        (!expired).then_some(in_use)
    }

    fn put(&self, in_use: Option<InUse>) {
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = in_use;
    }
}

impl Fetcher {
    /// The last failure, while its `Retry-After` lasts.
    fn asked_to_wait(&self, now: Timestamp) -> Option<TokenFailure> {
        self.not_before.filter(|until| now < *until)?;
        self.last_failure.clone()
    }

    fn keep_failure(&mut self, failure: Option<&TokenFailure>, now: Timestamp) {
        let retry_after = failure.and_then(|failure| match failure.error {
            GraphError::NoToken { retry_after } => retry_after,
            _ => None,
        });
        self.not_before = retry_after.map(|wait| now.after(wait));
        self.last_failure = failure.cloned();
    }

    /// When a token is held to end: what has ended on its way serves a while, and is spoken of once.
    fn end_of(&mut self, expires_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let expires_at = expires_at?;
        if expires_at > now {
            self.told_of_clock = false;
            return Some(expires_at);
        }
        if !std::mem::replace(&mut self.told_of_clock, true) {
            tracing::warn!(
                token.expires_at = %expires_at,
                now = %now,
                "a token has expired by this machine's clock on the moment of its arrival: check the clock"
            );
        }
        Some(now.after(EXPIRED_ON_ARRIVAL_SERVES))
    }

    async fn fetch(&mut self, clock: &Arc<dyn Clock>) -> Result<Token, TokenFailure> {
        let fetched = match &self.source {
            TokenSource::Fixed(secret) => Fetched {
                secret: secret.clone(),
                expires_at: None,
            },
            TokenSource::Azure {
                credential,
                cloud,
                authority,
            } => {
                credential
                    .fetch(*cloud, authority, &self.http, clock)
                    .await?
            }
            TokenSource::SignIn(sign_in) => {
                let refused = self.refused_token.as_ref().filter(|_| self.refused);
                let claims = self.claims.as_deref().filter(|_| self.refused);
                // A refresh is rare, and each call's future would carry it.
                Box::pin(sign_in.fetch(&**clock, refused, claims)).await?
            }
        };
        let bearer = format!("Bearer {}", fetched.secret.expose_secret());
        let Ok(mut header) = HeaderValue::from_str(&bearer) else {
            return Err(TokenFailure::unusable());
        };
        header.set_sensitive(true);
        self.generation += 1;
        Ok(Token {
            header,
            secret: fetched.secret,
            generation: self.generation,
            expires_at: self.end_of(fetched.expires_at, clock.now()),
            after_refusal: std::mem::take(&mut self.refused),
            proven: AtomicBool::new(false),
        })
    }
}
