//! The calls.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{Clock, Device, DeviceId};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use secrecy::SecretString;
use url::Url;

use crate::body::{self, ErrorBody};
use crate::classify::{Effect, classify, lost};
use crate::token::{TokenKeeper, TokenSource};
use crate::{Call, CallRecord, GraphError, GraphRoot, SetupError, http, retry_after, wire};

/// Graph's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// What Microsoft recommends.
    #[default]
    V1,
    /// Where the longer route exists.
    Beta,
}

impl ApiVersion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// Which of the action's two routes is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Route {
    /// `…/windowsAutopilotDeviceIdentities/{id}/unassignUserFromDevice`.
    #[default]
    Identity,
    /// `…/{id}/deploymentProfile/assignedDevices/{id}/unassignUserFromDevice`; beta alone.
    DeploymentProfile,
}

/// What a client is made for.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// Where Graph is.
    pub root: GraphRoot,
    /// Which version.
    pub version: ApiVersion,
    /// Which route.
    pub route: Route,
    /// How long a call may take before its outcome counts as unknown.
    pub timeout: Duration,
}

/// A page's successor, exactly as Graph gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextLink(Url);

/// A page of the inventory.
#[derive(Debug)]
pub struct InventoryPage {
    /// Its devices.
    pub devices: Vec<Device>,
    /// Where the next page is; `None` at the end.
    pub next: Option<NextLink>,
}

const IDENTITIES: &str = "deviceManagement/windowsAutopilotDeviceIdentities";

/// The most that Graph puts on a page.
const PAGE_SIZE: u32 = 1_000;

/// An error body's useful part is at its beginning.
const ERROR_BODY_MAX_BYTES: usize = 64 * 1024;

/// A page of a thousand identities is below one megabyte.
const PAGE_MAX_BYTES: usize = 32 * 1024 * 1024;

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// A client of one tenant; cheap to clone.
#[derive(Clone)]
pub struct GraphClient {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    tokens: TokenKeeper,
    root: GraphRoot,
    /// `{root}/{version}/deviceManagement/windowsAutopilotDeviceIdentities`.
    collection: String,
    route: Route,
}

impl GraphClient {
    /// Sets a client up; nothing is called yet.
    pub fn new(
        settings: GraphSettings,
        tokens: TokenSource,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        if settings.route == Route::DeploymentProfile && settings.version == ApiVersion::V1 {
            return Err(SetupError::RouteNeedsBeta);
        }
        let http = http::client(&settings.root, settings.timeout)?;
        let tokens = TokenKeeper::new(tokens, http.clone(), clock)?;
        let root = settings.root.as_str();
        let collection = format!("{root}/{}/{IDENTITIES}", settings.version.as_str());
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                tokens,
                collection,
                root: settings.root,
                route: settings.route,
            }),
        })
    }

    /// `unassignUserFromDevice`. Any 2xx is success.
    pub async fn unassign_user(&self, device: &DeviceId) -> Call<()> {
        let id = segment(device);
        let collection = &self.inner.collection;
        let url = match self.inner.route {
            Route::Identity => format!("{collection}/{id}/unassignUserFromDevice"),
            Route::DeploymentProfile => format!(
                "{collection}/{id}/deploymentProfile/assignedDevices/{id}/unassignUserFromDevice"
            ),
        };
        let (record, result) = self.send(Method::POST, &url).await;
        Call {
            record,
            result: result.map(drop),
        }
    }

    /// One device of the inventory.
    pub async fn device(&self, device: &DeviceId) -> Call<Device> {
        let url = format!("{}/{}", self.inner.collection, segment(device));
        let (mut record, result) = self.send(Method::GET, &url).await;
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
    pub async fn inventory_page(&self, next: Option<&NextLink>) -> Call<InventoryPage> {
        let first = || format!("{}?$top={PAGE_SIZE}", self.inner.collection);
        let url = next.map_or_else(first, |link| link.0.to_string());
        let (mut record, result) = self.send(Method::GET, &url).await;
        let result = match result {
            Ok(answer) => read_json::<wire::Collection>(answer, &mut record).await,
            Err(error) => Err(error),
        };
        let result = result.and_then(|page| self.page(page, &mut record));
        Call { record, result }
    }

    fn page(
        &self,
        page: wire::Collection,
        record: &mut CallRecord,
    ) -> Result<InventoryPage, GraphError> {
        let next = match page.next_link {
            None => None,
            Some(link) => {
                let url = Url::parse(&link).ok();
                // The token goes where the link points: nowhere but to this Graph.
                let Some(url) = url.filter(|url| self.inner.root.same_origin(url)) else {
                    record.message = Some("the next page's link leads to another host".to_owned());
                    return Err(GraphError::Unreadable);
                };
                Some(NextLink(url))
            }
        };
        Ok(InventoryPage {
            devices: page.value.into_iter().map(Device::from).collect(),
            next,
        })
    }

    /// The token that calls are made with, for `check`.
    pub async fn token(&self) -> Result<SecretString, (GraphError, String)> {
        match self.inner.tokens.get().await {
            Ok(token) => Ok(token.secret().clone()),
            Err(failure) => Err((failure.error, failure.message)),
        }
    }

    async fn send(&self, method: Method, url: &str) -> (CallRecord, Result<Response, GraphError>) {
        let mut record = CallRecord {
            client_request_id: fresh_id(),
            ..CallRecord::default()
        };
        let effect = match method {
            Method::POST => Effect::Write,
            _ => Effect::Read,
        };
        let token = match self.inner.tokens.get().await {
            Ok(token) => token,
            Err(failure) => {
                record.message = Some(failure.message);
                return (record, Err(failure.error));
            }
        };
        let mut request = self
            .inner
            .http
            .request(method, url)
            .header(AUTHORIZATION, token.header.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(CLIENT_REQUEST_ID, &record.client_request_id);
        if effect == Effect::Write {
            request = request.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let (result, message) = unanswered(&error, effect);
                record.message = Some(message);
                return (record, Err(result));
            }
        };
        keep_headers(&mut record, &answer);
        let status = answer.status();
        if status.is_success() {
            token.prove();
            return (record, Ok(answer));
        }
        let asked = header(answer.headers(), "retry-after");
        let wait = asked.and_then(|value| retry_after::parse(&value, record.date.as_deref()));
        // A body that breaks off has said what it could.
        let bytes = read_bounded(answer, ERROR_BODY_MAX_BYTES)
            .await
            .unwrap_or_default();
        let body: ErrorBody = body::parse(&bytes);
        let error = match status.as_u16() {
            401 => self.inner.tokens.refused(&token).await,
            status => classify(status, &body, wait.or(body.retry_after), effect),
        };
        record.code = body.code;
        record.message = body.message;
        record.request_id = record.request_id.or(body.request_id);
        (record, Err(error))
    }
}

/// A request without an answer: was it sent?
fn unanswered(error: &reqwest::Error, effect: Effect) -> (GraphError, String) {
    let mut message = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        message = error.to_string();
        cause = error.source();
    }
    if error.is_connect() || error.is_builder() {
        return (
            GraphError::Unreachable,
            format!("cannot connect: {message}"),
        );
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection was lost"
    };
    (lost(effect), format!("{what}: {message}"))
}

fn keep_headers(record: &mut CallRecord, answer: &Response) {
    let headers = answer.headers();
    record.status = Some(answer.status().as_u16());
    record.request_id = header(headers, "request-id");
    record.date = header(headers, "date");
    record.diagnostic = header(headers, "x-ms-ags-diagnostic");
    if tracing::enabled!(tracing::Level::DEBUG) {
        for (name, value) in headers {
            let name = name.as_str();
            if name.starts_with("ratelimit") || name.starts_with("x-ms-throttle") {
                tracing::debug!(
                    header = name,
                    ?value,
                    "Graph says something of its throttle"
                );
            }
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn read_bounded(mut answer: Response, limit: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = limit - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(bytes)
}

async fn read_json<T: serde::de::DeserializeOwned>(
    answer: Response,
    record: &mut CallRecord,
) -> Result<T, GraphError> {
    let bytes = match read_bounded(answer, PAGE_MAX_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => {
            let (result, message) = unanswered(&error, Effect::Read);
            record.message = Some(message);
            return Err(result);
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        record.message = Some(format!("the body is not what was asked for: {error}"));
        GraphError::Unreadable
    })
}

/// An id as one segment of a path: nothing in it leads anywhere else.
fn segment(device: &DeviceId) -> String {
    let id = device.as_str();
    if id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return id.to_owned();
    }
    let mut encoded = String::with_capacity(id.len() * 3);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A GUID by chance, for `client-request-id` and the like: support finds calls by it.
pub(crate) fn fresh_id() -> String {
    let bytes: [u8; 16] = rand::random();
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_leads_out_of_its_segment() {
        let segment = |id: &str| super::segment(&DeviceId(id.to_owned()));
        assert_eq!(segment("0a-1B"), "0a-1B");
        assert_eq!(segment("../me?x#y"), "%2E%2E%2Fme%3Fx%23y");
    }
}
