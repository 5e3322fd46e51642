//! What came back over the wire: headers, bounded bodies, or nothing.

use reqwest::header::{DATE, HeaderMap, HeaderName};
use reqwest::{Response, StatusCode};

use crate::body::one_line;
use crate::classify::{Effect, lost};
use crate::foreign::{self, Answerer};
use crate::network::{Proxy, Trouble};
use crate::{CallRecord, GraphError, unprocessed};

/// An error body's useful part is at its beginning.
pub(crate) const ERROR_BODY_MAX_BYTES: usize = 64 * 1024;

/// A page of a thousand identities is below one megabyte.
const PAGE_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What support asks for.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const DIAGNOSTIC: HeaderName = HeaderName::from_static("x-ms-ags-diagnostic");

/// Multi Admin Approval asks for this header by name, in the body or among the answer's own.
const APPROVAL_HEADER: &str = "x-msft-approval-justification";

/// Keeps of the headers what explains the call afterwards.
pub(crate) fn keep_headers(record: &mut CallRecord, answer: &Response) {
    let headers = answer.headers();
    record.status = Some(answer.status().as_u16());
    record.request_id = header(headers, REQUEST_ID);
    record.date = header(headers, DATE);
    record.diagnostic = header(headers, DIAGNOSTIC);
    if tracing::enabled!(tracing::Level::DEBUG) {
        log_throttle_headers(headers);
    }
}

/// Nobody documents them for Intune: worth a look, never relied on.
fn log_throttle_headers(headers: &HeaderMap) {
    for (name, value) in headers {
        let name = name.as_str();
        if name.starts_with("ratelimit") || name.starts_with("x-ms-throttle") {
            tracing::debug!(
                header.name = name,
                header.value = ?value,
                "Graph says something of its throttle"
            );
        }
    }
}

/// A header as text, on one line of bounded length; names know no case.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(one_line)
}

pub(crate) fn asks_for_approval(headers: &HeaderMap) -> bool {
    let named = |value: &str| value.to_ascii_lowercase().contains(APPROVAL_HEADER);
    headers.contains_key(APPROVAL_HEADER)
        || headers
            .values()
            .any(|value| value.to_str().is_ok_and(named))
}

/// Reads no more than `limit`; what is beyond is cut off, and the connection with it.
pub(crate) async fn read_bounded(
    mut answer: Response,
    limit: usize,
) -> Result<Vec<u8>, reqwest::Error> {
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

/// Reads what a GET asked for.
pub(crate) async fn read_json<T: serde::de::DeserializeOwned>(
    answer: Response,
    record: &mut CallRecord,
) -> Result<T, GraphError> {
    let answerer = Answerer::of(&answer);
    let bytes = match read_bounded(answer, PAGE_MAX_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => {
            return Err(unanswered(&error, Effect::Read, record, None));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        if foreign::is_foreign_to_a_read(&bytes) {
            return stranger(answerer, &bytes, record);
        }
        let message = format!("the body is not what was asked for: {error}");
        record.message = Some(one_line(&message));
        GraphError::Unreadable
    })
}

/// Reads what a 2xx to an action says: nothing, or nothing that matters.
pub(crate) async fn read_confirmation(
    answer: Response,
    record: &mut CallRecord,
) -> Result<(), GraphError> {
    let is_empty = answer.content_length() == Some(0);
    if answer.status() == StatusCode::NO_CONTENT || is_empty {
        return Ok(());
    }
    let answerer = Answerer::of(&answer);
    // A body that is read leaves its connection usable.
    match read_bounded(answer, ERROR_BODY_MAX_BYTES).await {
        Ok(bytes) => foreign::confirm(&bytes).map_err(|()| stranger(answerer, &bytes, record)),
        Err(error) => {
            unanswered(&error, Effect::Write, record, None);
            Err(lost(Effect::Write, None))
        }
    }
}

/// What an answer is that is none of Graph's, also for the record.
pub(crate) fn stranger(answerer: Answerer, body: &[u8], record: &mut CallRecord) -> GraphError {
    let foreign = answerer.foreign(body);
    record.message = Some(format!("no answer of Graph's: {}", foreign.in_words()));
    GraphError::Foreign(foreign)
}

/// A request without an answer: was it sent?
///
/// hyper hands a request back unsent when a pooled connection turns out to be closed before the
/// request was started, and sends it on another connection: that is no retry, nothing had left.
/// Once anything has been written the error surfaces here, and the request is not sent again
/// (`a_post_whose_answer_is_lost_on_a_reused_connection_is_not_sent_again`), unless the other side says
/// that it has not looked at it.
pub(crate) fn unanswered(
    error: &reqwest::Error,
    effect: Effect,
    record: &mut CallRecord,
    proxy: Option<&Proxy>,
) -> GraphError {
    let (result, what) = if error.is_connect() || error.is_builder() {
        (GraphError::Unreachable, "cannot connect")
    } else if error.is_timeout() {
        (lost(effect, None), "no answer in time")
    } else {
        (lost(effect, None), "the connection was lost")
    };
    tell(what, error, record, proxy);
    result
}

/// A request that the other side did not look at, however often it was sent.
pub(crate) fn unprocessed(
    error: &reqwest::Error,
    record: &mut CallRecord,
    proxy: Option<&Proxy>,
) -> GraphError {
    let what = "the request was turned away unread, time and again";
    tell(what, error, record, proxy);
    GraphError::Unreachable
}

/// Keeps what happened to a request, and what to do about it.
fn tell(what: &str, error: &reqwest::Error, record: &mut CallRecord, proxy: Option<&Proxy>) {
    if let Some(error) = unprocessed::of_http2(error) {
        let cause = unprocessed::in_words(error);
        record.message = Some(one_line(&format!("{what}: {cause}")));
        return;
    }
    let url = error.url();
    let host = url.and_then(|url| url.host_str()).unwrap_or("Graph");
    let proxy = url.and_then(|url| proxy?.on_the_way_to(url.as_str()));
    // The outer errors repeat the address, and with it the device.
    let trouble = Trouble::of(error, host, proxy.as_deref());
    record.message = Some(one_line(&format!("{what}: {}", trouble.says)));
    record.hint = trouble.hint.map(str::to_owned);
}
