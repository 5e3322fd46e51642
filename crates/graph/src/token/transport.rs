//! How a token is asked for over HTTP, and who answered what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode};

use crate::answer::read_bounded;
use crate::network::{Proxy, Trouble};

/// Largest answer that is read; a token has a few kilobytes.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

/// The HTTP client that `azure_identity` calls by. Its errors carry a [`Failed`].
#[derive(Debug)]
pub(crate) struct Transport {
    client: reqwest::Client,
    proxy: Option<Proxy>,
}

impl Transport {
    pub(crate) fn new(client: reqwest::Client, proxy: Option<Proxy>) -> Self {
        Self { client, proxy }
    }
}

/// A request that got no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", trouble.says)]
pub(super) struct Failed {
    pub(super) trouble: Trouble,
}

#[async_trait::async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body().clone() else {
            return Err(Error::with_message(
                ErrorKind::Other,
                "a token is not asked for by a stream",
            ));
        };
        let url = request.url();
        let failed = |error: reqwest::Error| {
            let host = url.host_str().unwrap_or_default();
            let proxy = self
                .proxy
                .as_ref()
                .and_then(|proxy| proxy.on_the_way_to(url.as_str()));
            let kind = if error.is_connect() {
                ErrorKind::Connection
            } else {
                ErrorKind::Io
            };
            let trouble = Trouble::of(&error, host, proxy.as_deref());
            Error::new(kind, Failed { trouble })
        };
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes())
            .map_err(|error| Error::new(ErrorKind::Other, error))?;
        let mut call = self.client.request(method, url.clone());
        for (name, value) in request.headers().iter() {
            call = call.header(name.as_str(), value.as_str());
        }
        let answer = call.body(body).send().await.map_err(failed)?;
        let status = StatusCode::from(answer.status().as_u16());
        let headers: Headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                let value = HeaderValue::from(value.to_str().ok()?.to_owned());
                Some((HeaderName::from(name.as_str().to_owned()), value))
            })
            .collect::<HashMap<_, _>>()
            .into();
        let body = read_bounded(answer, ANSWER_MAX_BYTES)
            .await
            .map_err(failed)?;
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

/// An answer to a request for a token.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) host: String,
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) date: Option<String>,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

/// An HTTP client that remembers the last answer: `azure_identity` keeps of it neither the host nor
/// all headers.
#[derive(Debug)]
pub(super) struct Witness {
    inner: Arc<dyn HttpClient>,
    last: Mutex<Option<Answer>>,
}

impl Witness {
    pub(super) fn of(inner: &Arc<dyn HttpClient>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            last: Mutex::default(),
        })
    }

    /// The last answer, if any came.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, answer: Option<Answer>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

#[async_trait::async_trait]
impl HttpClient for Witness {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.keep(None);
        let answer = self.inner.execute_request(request).await?;
        let (status, headers, body) = answer.try_into_raw_response().await?.deconstruct();
        let body: Vec<u8> = body.to_vec();
        let text = |name: &'static str| headers.get_optional_string(&HeaderName::from_static(name));
        self.keep(Some(Answer {
            host: request.url().host_str().unwrap_or_default().to_owned(),
            status: u16::from(status),
            retry_after: text("retry-after"),
            date: text("date"),
            location: text("location"),
            body: body.clone(),
        }));
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}
