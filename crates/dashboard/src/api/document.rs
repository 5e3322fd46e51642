//! The API's own description: `OpenAPI` 3.1.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use repilot_domain::JobAct;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::problem::Problem;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Repilot",
        description = "Mass campaigns over Windows Autopilot devices. Times are UTC, integers of \
            milliseconds since 1970; keys are added, never renamed. Every error is a problem \
            (RFC 9457). Reading needs the role viewer, acting the role operator.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem, JobAct)),
    security(("token" = []), ("session" = [])),
)]
struct Outline;

/// What there is to say beside the addresses.
pub(super) fn outline() -> OpenApi {
    let mut outline = Outline::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut outline.info.version);
    let components = outline.components.get_or_insert_default();
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("repilot-session"))),
    );
    outline
}

/// As it is served.
pub(super) fn text(document: &OpenApi) -> Bytes {
    document.to_json().unwrap_or_default().into()
}

pub(super) fn answer(document: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}
