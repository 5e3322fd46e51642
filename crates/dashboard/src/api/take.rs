//! What a request says, or a problem that says what is wrong with it.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::state::App;

/// A part of the address.
pub(crate) struct Path<T>(pub(crate) T);

/// What stands behind the question mark.
pub(crate) struct Query<T>(pub(crate) T);

/// The same, where a parameter may stand there several times.
pub(crate) struct Repeatable<T>(pub(crate) T);

/// A body in JSON.
pub(crate) struct Body<T>(pub(crate) T);

/// A body in JSON that may be left out.
pub(crate) struct MaybeBody<T>(pub(crate) T);

/// As much as a page has where nothing is said, and at most: more would keep others waiting.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 250;

/// How much a page has.
pub(super) fn limit(said: Option<u32>) -> Result<u32, Problem> {
    let limit = said.unwrap_or(PAGE);
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::senseless(format!("`limit` is 1 to {PAGE_MAX}.")))
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, app).await;
        let path = path.map_err(|rejection: PathRejection| {
            // A number that is none names nothing.
            Problem::missing(&format!("such address ({})", rejection.body_text()))
        });
        path.map(|axum::extract::Path(path)| Self(path))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, app).await;
        let query =
            query.map_err(|rejection: QueryRejection| Problem::senseless(rejection.body_text()));
        query.map(|axum::extract::Query(query)| Self(query))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Repeatable<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let senseless = |error: serde_html_form::de::Error| {
            Problem::senseless(format!("Failed to deserialize query string: {error}"))
        };
        serde_html_form::from_str(query)
            .map(Self)
            .map_err(senseless)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = axum::Json::from_request(request, app).await;
        let body = body.map_err(|rejection: JsonRejection| {
            Problem::of_status(rejection.status(), &rejection.body_text())
        });
        body.map(|axum::Json(body)| Self(body))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            let Body(body) = Body::from_request(request, app).await?;
            return Ok(Self(body));
        }
        Ok(Self(T::default()))
    }
}
