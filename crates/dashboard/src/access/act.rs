//! What changes something: sent by an operator, from a page of this dashboard.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::secret::same;
use super::visitor::Visitor;
use crate::error::Refusal;
use crate::state::App;

/// A form that an operator sent from a page of this dashboard. Whatever changes anything takes one
/// of these: there is no way round its checks.
pub(crate) struct Act<T> {
    pub(crate) visitor: Visitor,
    pub(crate) form: T,
}

/// What every form brings along.
#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    csrf: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Act<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        is_of_this_site(&parts.headers)?;
        let visitor = Visitor::from_request_parts(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|error| Refusal::Unclear(error.body_text()))?;
        let signed: Signed = parsed(&bytes)?;
        is_signed(&visitor, &signed.csrf)?;
        if !visitor.is_operator() {
            return Err(Refusal::Role);
        }
        Ok(Self {
            visitor,
            form: parsed(&bytes)?,
        })
    }
}

/// Whether a form brought the token of the page that it was sent from.
pub(crate) fn is_signed(visitor: &Visitor, token: &str) -> Result<(), Refusal> {
    let expected = visitor.form_token.as_deref();
    if expected.is_some_and(|expected| same(expected, token)) {
        Ok(())
    } else {
        Err(Refusal::Foreign)
    }
}

/// Browsers say where a request was sent from; where one does, it must be this dashboard.
pub(crate) fn is_of_this_site(headers: &HeaderMap) -> Result<(), Refusal> {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = said("sec-fetch-site") {
        return match site {
            "same-origin" | "none" => Ok(()),
            _ => Err(Refusal::Foreign),
        };
    }
    let Some(origin) = said(header::ORIGIN.as_str()) else {
        return Ok(());
    };
    let host = said(header::HOST.as_str()).unwrap_or_default();
    match origin.split_once("://") {
        Some((_, from)) if from == host => Ok(()),
        _ => Err(Refusal::Foreign),
    }
}

fn parsed<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refusal> {
    serde_html_form::from_bytes(bytes).map_err(|error| Refusal::Unclear(error.to_string()))
}
