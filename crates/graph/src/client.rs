//! The calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use azure_core::http::HttpClient;
use repilot_domain::{Clock, Device, DeviceId};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{IntoUrl, Method, RequestBuilder, Response, Version};
use secrecy::SecretString;
use url::Url;

use crate::address::Addresses;
use crate::answer::{
    self, ERROR_BODY_MAX_BYTES, header, read_bounded, read_confirmation, read_json,
};
use crate::classify::{Effect, classify};
use crate::foreign::Answerer;
use crate::http::GraphClients;
use crate::token::{Token, TokenFailure, TokenKeeper, TokenSource, Transport};
use crate::unprocessed::{self, REPEAT_WITHIN, REPEATS_MAX};
use crate::{
    Call, CallRecord, GraphError, GraphSettings, InventoryPage, NextLink, SetupError, SignInState,
    User, body, challenge, http, request_id, retry_after, wire,
};

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// A client of one tenant; cheap to clone.
#[derive(Clone)]
pub struct GraphClient {
    inner: Arc<Inner>,
}

struct Inner {
    http: GraphClients,
    /// Whether the last answer came over HTTP/2.
    speaks_http2: AtomicBool,
    addresses: Addresses,
    tokens: TokenKeeper,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for GraphClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GraphClient")
            .field("addresses", &self.inner.addresses)
            .finish_non_exhaustive()
    }
}

impl GraphClient {
    /// Sets a client up; nothing is called yet.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "settings belong to one client"
    )]
    pub fn new(
        settings: GraphSettings,
        tokens: TokenSource,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let http::Outbound { client, proxy } = http::token_client(&tokens)?;
        let entra = Arc::new(Transport::new(client, proxy));
        Self::over(&settings, tokens, entra, clock)
    }

    /// Sets a client up that reaches Entra by `entra`.
    pub(crate) fn over(
        settings: &GraphSettings,
        tokens: TokenSource,
        entra: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        settings.check()?;
        let inner = Inner {
            http: http::graph_clients(&settings.root, settings.timeout)?,
            speaks_http2: AtomicBool::new(false),
            addresses: Addresses::new(settings),
            tokens: TokenKeeper::new(tokens, entra, Arc::clone(&clock))?,
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// `unassignUserFromDevice`. Any 2xx of Graph's is success.
    pub async fn unassign_user(&self, device: &DeviceId) -> Call<()> {
        let Some(url) = self.inner.addresses.unassign_user(device) else {
            return unaddressable();
        };
        self.inner.act(url, None).await
    }

    /// `assignUserToDevice`: the names are kept by Graph as they are given. Any 2xx of Graph's is
    /// success.
    pub async fn assign_user(
        &self,
        device: &DeviceId,
        user_principal_name: &str,
        addressable_user_name: &str,
    ) -> Call<()> {
        let Some(url) = self.inner.addresses.assign_user(device) else {
            return unaddressable();
        };
        let assignment = wire::Assignment {
            user_principal_name,
            addressable_user_name,
        };
        match serde_json::to_vec(&assignment) {
            Ok(body) => self.inner.act(url, Some(body)).await,
            // Two texts always are JSON.
            Err(_never) => unaddressable(),
        }
    }

    /// A user of the tenant's directory; one that it does not know is [`GraphError::NotFound`]. Asks
    /// for the permission `User.Read.All`.
    pub async fn user(&self, user_principal_name: &str) -> Call<User> {
        let Some(url) = self.inner.addresses.user(user_principal_name) else {
            return unaddressable();
        };
        let (record, result) = self.inner.ask::<wire::DirectoryUser>(url.as_str()).await;
        Call {
            record,
            result: result.map(User::from),
        }
    }

    /// One device of the inventory.
    pub async fn device(&self, device: &DeviceId) -> Call<Device> {
        let Some(url) = self.inner.addresses.device(device) else {
            return unaddressable();
        };
        let (record, result) = self.inner.ask::<wire::Identity>(url.as_str()).await;
        Call {
            record,
            result: result.map(Device::from),
        }
    }

    /// A page of the inventory: the first, or the one that a page before named.
    ///
    /// A page that names another host, or itself, as its successor is unreadable: the token goes
    /// nowhere else, and the listing would be incomplete or endless. So is one of whose items none can
    /// be read. [`ListingCheck`](crate::ListingCheck) says whether its pages together can be believed.
    pub async fn inventory_page(&self, next: Option<&NextLink>) -> Call<InventoryPage> {
        let url = next.map_or_else(|| self.inner.addresses.first_page(), |link| link.0.clone());
        let (mut record, result) = self.inner.ask::<wire::Collection>(&url).await;
        let result = result.and_then(|page| self.inner.page(page, &url, &mut record));
        let result = result.map_err(|error| match (error, next) {
            (GraphError::NotFound, None) => {
                GraphError::NoCollection(self.inner.addresses.collection().to_owned())
            }
            (GraphError::NotFound, Some(_)) => GraphError::LinkForgotten,
            (error, _) => error,
        });
        Call { record, result }
    }

    /// A page's link that was kept, if it still leads to this Graph.
    #[must_use]
    pub fn next_link(&self, kept: String) -> Option<NextLink> {
        self.inner.addresses.next_page(kept).ok()
    }

    /// Whether calls are made with the sign-in of a person.
    #[must_use]
    pub fn is_by_person(&self) -> bool {
        self.inner.tokens.is_persons()
    }

    /// What there is of the sign-in that calls are made with; `None` where it is no person's.
    pub async fn sign_in(&self) -> Option<SignInState> {
        self.inner.tokens.sign_in().await
    }

    /// The token that calls are made with, for `check`.
    pub async fn token(&self) -> Result<SecretString, TokenFailure> {
        let token = self.inner.tokens.get().await?;
        Ok(token.secret().clone())
    }
}

/// A request without an answer.
enum Unanswered {
    /// The other side did not look at it, however often it was sent.
    Unprocessed(reqwest::Error),
    /// It may have been sent.
    Other(reqwest::Error),
}

/// Nothing is sent.
fn unaddressable<T>() -> Call<T> {
    let record = CallRecord {
        message: Some("this is no device's id".to_owned()),
        client_request_id: request_id::fresh(),
        ..CallRecord::default()
    };
    Call {
        record,
        result: Err(GraphError::Rejected),
    }
}

impl Inner {
    fn page(
        &self,
        page: wire::Collection,
        url: &str,
        record: &mut CallRecord,
    ) -> Result<InventoryPage, GraphError> {
        let mut unreadable = |message: String| {
            record.message = Some(message);
            Err(GraphError::Unreadable)
        };
        let next = match page.next_link {
            None => None,
            Some(link) if link == url => {
                return unreadable("the next page's link leads back to this page".to_owned());
            }
            Some(link) => match self.addresses.next_page(link) {
                Ok(next) => Some(next),
                Err(why) => return unreadable(why),
            },
        };
        let (devices, broken) = wire::Collection::items(page.value);
        if let (true, Some(first)) = (devices.is_empty(), broken.first()) {
            return unreadable(format!(
                "none of its {} items can be read, the first because of: {}",
                broken.len(),
                first.why
            ));
        }
        Ok(InventoryPage {
            devices,
            broken,
            count: page.count.as_ref().and_then(serde_json::Value::as_u64),
            next,
        })
    }

    /// An action: its answer has nothing to say but that it is Graph's.
    async fn act(&self, url: Url, body: Option<Vec<u8>>) -> Call<()> {
        let (mut record, result) = self.send(Method::POST, url, body).await;
        let result = match result {
            Ok((answer, token)) => {
                let confirmed = read_confirmation(answer, &mut record).await;
                confirmed.inspect(|()| token.prove())
            }
            Err(error) => Err(error),
        };
        Call { record, result }
    }

    /// A question, and what was asked for.
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        url: impl IntoUrl,
    ) -> (CallRecord, Result<T, GraphError>) {
        let (mut record, result) = self.send(Method::GET, url, None).await;
        let result = match result {
            Ok((answer, token)) => {
                let read = read_json(answer, &mut record).await;
                read.inspect(|_| token.prove())
            }
            Err(error) => Err(error),
        };
        (record, result)
    }

    async fn send(
        &self,
        method: Method,
        url: impl IntoUrl,
        body: Option<Vec<u8>>,
    ) -> (CallRecord, Result<(Response, Arc<Token>), GraphError>) {
        let mut record = CallRecord {
            client_request_id: request_id::fresh(),
            ..CallRecord::default()
        };
        let effect = match method {
            Method::POST => Effect::Write,
            _ => Effect::Read,
        };
        let token = match self.tokens.get().await {
            Ok(token) => token,
            Err(failure) => {
                record.message = Some(failure.message);
                record.hint = Some(failure.hint);
                return (record, Err(failure.error));
            }
        };
        let mut request = self
            .http
            .any
            .request(method, url)
            .header(AUTHORIZATION, token.header().clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(CLIENT_REQUEST_ID, &record.client_request_id);
        request = match (effect, body) {
            (_, Some(body)) => request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body),
            (Effect::Write, None) => request.header(CONTENT_LENGTH, HeaderValue::from_static("0")),
            (Effect::Read, None) => request,
        };
        let answer = match self.exchange(request).await {
            Ok(answer) => answer,
            Err(unanswered) => {
                let proxy = self.http.proxy.as_ref();
                let result = match unanswered {
                    Unanswered::Unprocessed(error) => {
                        answer::unprocessed(&error, &mut record, proxy)
                    }
                    Unanswered::Other(error) => {
                        answer::unanswered(&error, effect, &mut record, proxy)
                    }
                };
                return (record, Err(result));
            }
        };
        answer::keep_headers(&mut record, &answer);
        if answer.status().is_success() {
            return (record, Ok((answer, token)));
        }
        let error = self.refusal(answer, &token, effect, &mut record).await;
        (record, Err(error))
    }

    /// Sends a request, again as long as the other side says that it has not looked at it.
    async fn exchange(&self, request: RequestBuilder) -> Result<Response, Unanswered> {
        let mut request = request.build().map_err(Unanswered::Other)?;
        let begun_at = self.clock.now();
        let mut repeats = 0;
        loop {
            let over_http2 = self.http.http2.as_ref();
            // Over HTTP/1.1 nobody says that a request was not looked at.
            let again = over_http2.and_then(|_| request.try_clone());
            let over_http2 = over_http2.filter(|_| self.speaks_http2.load(Ordering::Relaxed));
            let client = over_http2.unwrap_or(&self.http.any);
            let error = match client.execute(request).await {
                Ok(answer) => {
                    if over_http2.is_none() && answer.version() == Version::HTTP_2 {
                        self.speaks_http2.store(true, Ordering::Relaxed);
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let is_unprocessed = self.http.http2.is_some() && unprocessed::is_unprocessed(&error);
            if over_http2.is_some() && !is_unprocessed && !error.is_timeout() {
                // Whoever answers there now may not speak it.
                self.speaks_http2.store(false, Ordering::Relaxed);
            }
            if !is_unprocessed {
                return Err(Unanswered::Other(error));
            }
            let may_repeat =
                repeats < REPEATS_MAX && self.clock.now().since(begun_at) < REPEAT_WITHIN;
            let Some(next) = again.filter(|_| may_repeat) else {
                return Err(Unanswered::Unprocessed(error));
            };
            let pause = unprocessed::pause(repeats);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            (request, repeats) = (next, repeats + 1);
        }
    }

    async fn refusal(
        &self,
        answer: Response,
        token: &Token,
        effect: Effect,
        record: &mut CallRecord,
    ) -> GraphError {
        let status = answer.status().as_u16();
        let answerer = Answerer::of(&answer);
        let asks_for_approval = answer::asks_for_approval(answer.headers());
        let claims = challenge::claims(answer.headers());
        let wait = header(answer.headers(), RETRY_AFTER)
            .and_then(|value| retry_after::parse(&value, record.date.as_deref(), self.clock.now()));
        // A body that breaks off has said what it could.
        let bytes = read_bounded(answer, ERROR_BODY_MAX_BYTES)
            .await
            .unwrap_or_default();
        let mut body = body::parse(&bytes, self.clock.now());
        body.asks_for_approval |= asks_for_approval;
        let is_graphs =
            body.is_graphs || asks_for_approval || claims.is_some() || record.request_id.is_some();
        // Whoever throttles is heeded.
        if status != 429 && (answerer.is_redirect() || !is_graphs) {
            return answer::stranger(answerer, &bytes, record);
        }
        let error = match classify(status, &body, wait.or(body.retry_after), effect) {
            GraphError::Unauthorized => self.tokens.refused(token, claims).await,
            error => error,
        };
        record.code = body.code;
        record.message = body.message;
        record.request_id = record.request_id.take().or(body.request_id);
        error
    }
}

#[cfg(test)]
mod tests;
