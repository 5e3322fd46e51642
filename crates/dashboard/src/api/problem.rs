//! Problem details (RFC 9457): what every answer is that is not what was asked for.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use repilot_domain::{JobQueryError, WithCauses};
use repilot_ledger::{JobCursorError, LedgerError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::pages::capitalised;
use crate::tenant_services::plan_list::Refused;

/// What was refused, and why (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is: a word of this API, to be relied on.
    #[serde(rename = "type")]
    #[schema(example = "urn:repilot:problem:not-found")]
    kind: String,
    /// The same, in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is the matter this time, and what to do about it.
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:repilot:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    /// There is no such thing.
    pub(super) fn missing(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is no such thing",
            format!("There is no {what}."),
        )
    }

    /// It cannot be understood.
    pub(super) fn unclear(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unclear",
            "The request cannot be understood",
            detail,
        )
    }

    /// It is understood, and makes no sense.
    pub(super) fn senseless(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "senseless",
            "The request makes no sense",
            detail,
        )
    }

    /// It cannot be done as things are.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "conflict",
            "It cannot be done as things are",
            detail,
        )
    }

    /// It would take devices from users who got them since the plan, and that was not asked for.
    pub(super) fn new_user(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "new-user",
            "Other users have these devices now",
            detail,
        )
    }

    /// There is more of it than is taken.
    pub(super) fn too_large(most: usize) -> Self {
        let detail = format!("At most {most} bytes are taken.");
        Self::of_status(StatusCode::PAYLOAD_TOO_LARGE, &detail)
    }

    /// Nobody has said who they are.
    pub(super) fn anonymous() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Say who you are",
            "Send `Authorization: Bearer TOKEN`; `repilot token create` makes one.",
        )
    }

    /// What the framework refuses by itself.
    pub(super) fn of_status(status: StatusCode, detail: &str) -> Self {
        let (kind, title) = match status {
            StatusCode::NOT_FOUND => ("not-found", "There is no such thing"),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method-not-allowed",
                "This address does not take that method",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "The request is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                "unsupported-media-type",
                "The body must be application/json",
            ),
            StatusCode::UNPROCESSABLE_ENTITY => ("senseless", "The request makes no sense"),
            status if status.is_server_error() => ("failed", "The program failed"),
            _ => ("unclear", "The request cannot be understood"),
        };
        Self::new(status, kind, title, detail)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Missing(what) => Self::missing(&what),
            Refusal::SignIn { .. } | Refusal::FromAfar { .. } => Self::anonymous(),
            Refusal::Role => Self::new(
                StatusCode::FORBIDDEN,
                "role",
                "The role does not cover it",
                "This needs the role operator.",
            ),
            Refusal::Foreign => Self::new(
                StatusCode::FORBIDDEN,
                "foreign",
                "It did not come from this dashboard",
                "With a session, send the form token of a page as `X-CSRF-Token`; or use a token.",
            ),
            Refusal::Hurried { seconds } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many attempts",
                format!("Try again in {seconds} s."),
            ),
            Refusal::Ledger(error) => error.into(),
            Refusal::Conflict(_) => Self::conflict(detail),
            Refusal::List { why, advice } => Refused { why, advice }.into(),
            Refusal::Unclear(_) => Self::unclear(detail),
        }
    }
}

impl From<Refused> for Problem {
    fn from(Refused { why, advice }: Refused) -> Self {
        Self::conflict(format!("{}. {}", capitalised(&why), capitalised(&advice)))
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match &error {
            LedgerError::TooManyToSort { .. } => {
                return Self::senseless(format!("{error}: narrow the search, or sort by job."));
            }
            LedgerError::Control(why) => return Self::senseless(format!("{why}.")),
            LedgerError::Cancelled(_) | LedgerError::OtherTenant { .. } => {
                return Self::conflict(error.to_string());
            }
            _ => {}
        }
        tracing::warn!(error = %WithCauses(&error), "the ledger did not answer the API");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ledger",
            "The ledger does not answer",
            "Try again in a moment; what is under way waits for it, too.",
        )
    }
}

impl From<JobQueryError> for Problem {
    fn from(error: JobQueryError) -> Self {
        Self::senseless(format!("`search`: {error}."))
    }
}

impl From<JobCursorError> for Problem {
    fn from(error: JobCursorError) -> Self {
        Self::senseless(format!("{error}."))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
