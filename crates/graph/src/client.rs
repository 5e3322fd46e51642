//! The calls.

use std::sync::Arc;

use azure_core::http::HttpClient;
use repilot_domain::{Clock, Device, DeviceId};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{IntoUrl, Method, Response};
use secrecy::SecretString;
use url::Url;

use crate::address::Addresses;
use crate::answer::{self, ERROR_BODY_MAX_BYTES, header, read_bounded, read_json};
use crate::classify::{Effect, classify};
use crate::network::Proxy;
use crate::token::{Token, TokenFailure, TokenKeeper, TokenSource, Transport};
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
    http: reqwest::Client,
    proxy: Option<Proxy>,
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
        let http::Outbound { client, proxy } =
            http::graph_client(&settings.root, settings.timeout)?;
        let inner = Inner {
            http: client,
            proxy,
            addresses: Addresses::new(settings),
            tokens: TokenKeeper::new(tokens, entra, Arc::clone(&clock))?,
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// `unassignUserFromDevice`. Any 2xx is success.
    pub async fn unassign_user(&self, device: &DeviceId) -> Call<()> {
        let Some(url) = self.inner.addresses.unassign_user(device) else {
            return unaddressable();
        };
        self.inner.act(url, None).await
    }

    /// `assignUserToDevice`: the names are kept by Graph as they are given. Any 2xx is success.
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
        let (mut record, result) = self.inner.send(Method::GET, url.as_str(), None).await;
        let result = match result {
            Ok(answer) => read_json::<wire::DirectoryUser>(answer, &mut record).await,
            Err(error) => Err(error),
        };
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
        let (mut record, result) = self.inner.send(Method::GET, url.as_str(), None).await;
        let result = match result {
            Ok(answer) => read_json::<wire::Identity>(answer, &mut record).await,
            Err(error) => Err(error),
        };
        Call {
            record,
            result: result.map(Device::from),
        }
    }

    /// A page of the inventory: the first, or the one that a page before named.
    ///
    /// A page that names another host, or itself, as its successor is unreadable: the token goes
    /// nowhere else, and the listing would be incomplete or endless.
    pub async fn inventory_page(&self, next: Option<&NextLink>) -> Call<InventoryPage> {
        let url = next.map_or_else(|| self.inner.addresses.first_page(), |link| link.0.clone());
        let (mut record, result) = self.inner.send(Method::GET, url.as_str(), None).await;
        let result = match result {
            Ok(answer) => read_json::<wire::Collection>(answer, &mut record).await,
            Err(error) => Err(error),
        };
        let result = result.and_then(|page| self.inner.page(page, &url, &mut record));
        Call { record, result }
    }

    /// A page's link that was kept, if it still leads to this Graph.
    #[must_use]
    pub fn next_link(&self, kept: String) -> Option<NextLink> {
        self.inner.addresses.next_page(kept)
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
        let mut unreadable = |message: &str| {
            record.message = Some(message.to_owned());
            Err(GraphError::Unreadable)
        };
        let next = match page.next_link {
            None => None,
            Some(link) if link == url => {
                return unreadable("the next page's link leads back to this page");
            }
            Some(link) => match self.addresses.next_page(link) {
                Some(next) => Some(next),
                None => return unreadable("the next page's link leads to another host"),
            },
        };
        Ok(InventoryPage {
            devices: page.value.into_iter().map(Device::from).collect(),
            next,
        })
    }

    /// An action: its answer has nothing to say but its status.
    async fn act(&self, url: Url, body: Option<Vec<u8>>) -> Call<()> {
        let (record, result) = self.send(Method::POST, url, body).await;
        let result = match result {
            Ok(answer) => {
                // Documented as 204, met as 200: a body that is read leaves its connection usable.
                if answer.content_length() != Some(0) {
                    let _unused = read_bounded(answer, ERROR_BODY_MAX_BYTES).await;
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        Call { record, result }
    }

    async fn send(
        &self,
        method: Method,
        url: impl IntoUrl,
        body: Option<Vec<u8>>,
    ) -> (CallRecord, Result<Response, GraphError>) {
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
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let result = answer::unanswered(&error, effect, &mut record, self.proxy.as_ref());
                return (record, Err(result));
            }
        };
        answer::keep_headers(&mut record, &answer);
        if answer.status().is_success() {
            token.prove();
            return (record, Ok(answer));
        }
        let error = self.refusal(answer, &token, effect, &mut record).await;
        (record, Err(error))
    }

    async fn refusal(
        &self,
        answer: Response,
        token: &Token,
        effect: Effect,
        record: &mut CallRecord,
    ) -> GraphError {
        let status = answer.status().as_u16();
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
        let error = match status {
            401 => self.tokens.refused(token, claims).await,
            _ => classify(status, &body, wait.or(body.retry_after), effect),
        };
        record.code = body.code;
        record.message = body.message;
        record.request_id = record.request_id.take().or(body.request_id);
        error
    }
}
