//! What goes back: statuses and the bodies that Graph, Intune and proxies really send.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fault::BodyShape;
use crate::quota::RetryAfter;

/// An answer, before it is HTTP.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The connection is dropped.
    Drop,
    /// Done, no body.
    NoContent,
    /// A JSON body.
    Json(Value),
    /// Plain text.
    Text(String),
    /// Somebody else's web page in Graph's place.
    Page { status: u16, title: String },
    /// The same: it leads elsewhere.
    Redirect { status: u16, location: String },
    /// An error of Graph's shape under a status of success.
    ErrorInSuccess { code: String, message: String },
    /// An error.
    Error {
        status: u16,
        code: String,
        message: String,
        shape: BodyShape,
        /// When to come back, and how that is said.
        retry_after: Option<(Duration, RetryAfter)>,
    },
}

impl Reply {
    pub(crate) fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.into(),
            shape: BodyShape::Graph,
            retry_after: None,
        }
    }

    /// An error of a fault, worded after its status.
    pub(crate) fn fault(status: u16, shape: BodyShape) -> Self {
        let (code, message) = match status {
            401 => (
                "InvalidAuthenticationToken",
                "Access token has expired or is not yet valid.",
            ),
            403 => (
                "Forbidden",
                "Application is not authorized to perform this operation.",
            ),
            404 => ("ResourceNotFound", "Resource not found."),
            409 => ("Conflict", "The device is being changed."),
            423 => ("Locked", "The device is locked."),
            429 => ("TooManyRequests", "Too many requests."),
            500 => (
                "InternalServerError",
                "An internal server error has occurred",
            ),
            502 => ("BadGateway", "Bad gateway."),
            503 => ("ServiceUnavailable", "The service is unavailable."),
            504 => ("GatewayTimeout", "The gateway timed out."),
            _ => ("BadRequest", "The request was refused."),
        };
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            shape,
            retry_after: None,
        }
    }

    /// The same, in other words where there are any.
    pub(crate) fn worded(mut self, other_code: Option<&str>, words: Option<&str>) -> Self {
        if let Self::Error { code, message, .. } = &mut self {
            if let Some(other) = other_code {
                other.clone_into(code);
            }
            if let Some(words) = words {
                words.clone_into(message);
            }
        }
        self
    }

    /// Whether it is Graph's own, and carries what Graph's answers carry.
    pub(crate) const fn is_graphs(&self) -> bool {
        !matches!(
            self,
            Self::Page { .. }
                | Self::Redirect { .. }
                | Self::Error {
                    shape: BodyShape::Html,
                    ..
                }
        )
    }

    /// The same, saying when to come back.
    pub(crate) fn with_retry_after(mut self, wait: Duration, mode: RetryAfter) -> Self {
        if let Self::Error { retry_after, .. } = &mut self {
            *retry_after = Some((wait, mode));
        }
        self
    }

    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Drop => 0,
            Self::NoContent => 204,
            Self::Json(_) | Self::Text(_) | Self::ErrorInSuccess { .. } => 200,
            Self::Page { status, .. }
            | Self::Redirect { status, .. }
            | Self::Error { status, .. } => *status,
        }
    }
}

/// A web page.
pub(crate) fn page(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    )
}

/// An error's body and its content type.
pub(crate) fn error_body(
    code: &str,
    message: &str,
    shape: BodyShape,
    request_id: &str,
    client_request_id: &str,
) -> (String, &'static str) {
    let message = match shape {
        BodyShape::Html => {
            let page = format!(
                "<html><head><title>{code}</title></head><body><h1>{message}</h1></body></html>"
            );
            return (page, "text/html");
        }
        BodyShape::Graph => message.to_owned(),
        BodyShape::Intune => intune_message(message, request_id),
        BodyShape::IntuneTwice => intune_message(&intune_message(message, request_id), request_id),
    };
    let body = json!({
        "error": {
            "code": code,
            "message": message,
            "innerError": {
                "date": "2026-03-02T08:15:30",
                "request-id": request_id,
                "client-request-id": client_request_id,
            },
        },
    });
    (body.to_string(), "application/json")
}

/// Intune's message is JSON within a string.
fn intune_message(message: &str, activity: &str) -> String {
    let words = format!(
        "{message} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 \
         - Activity ID: {activity} - Url: https://fef.msuc03.manage.microsoft.example/"
    );
    json!({
        "_version": 3,
        "Message": words,
        "CustomApiErrorPhrase": "",
        "RetryAfter": null,
        "ErrorSourceService": "",
        "HttpHeaders": "{}",
    })
    .to_string()
}

/// `Retry-After` as the scenario says it; `now` is the answer's own date, in whole seconds.
pub(crate) fn retry_after(
    wait: Duration,
    mode: &RetryAfter,
    now: std::time::SystemTime,
) -> Option<String> {
    match mode {
        RetryAfter::Absent => None,
        RetryAfter::Always(word) => Some(word.clone()),
        RetryAfter::Integer => Some(wait.as_secs_f64().ceil().to_string()),
        RetryAfter::Decimal => Some(format!("{:.3}", wait.as_secs_f64())),
        RetryAfter::Date => {
            // Dates have no fractions: a second more, so that the promise holds.
            let until = now + wait + Duration::from_secs(1);
            Some(httpdate::fmt_http_date(until))
        }
    }
}
