//! Who sent a request, as far as it proves it.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use repilot_domain::{Actor, Role};
use repilot_ledger::{LedgerError, SignInWay};
use serde_json::json;

use super::address::Origin;
use super::cookies::Cookie;
use super::secret::Secret;
use crate::error::Refusal;
use crate::state::App;

/// Who sent a request.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) origin: Origin,
    /// What a form of theirs must bring along; none for a program with a token, which no page can
    /// make send anything.
    pub(crate) form_token: Option<String>,
    /// How they signed in; none for a program.
    pub(crate) way: Option<SignInWay>,
}

/// What a form's token is derived for.
const FORM: &str = "form";

impl Visitor {
    /// Who sent a request with these headers; none where nobody has signed in.
    pub(crate) async fn of(
        app: &App,
        peer: SocketAddr,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, LedgerError> {
        let origin = Origin::of(peer, headers, &app.options);
        if let Some(token) = bearer(headers) {
            let hash = token.sha256();
            let used = app.ledger.use_api_token(&hash, app.now()).await?;
            app.known_tokens.note(&hash, used.is_some(), app.now());
            return Ok(used.map(|token| Self {
                name: format!("token {}", token.name),
                role: token.role,
                origin,
                form_token: None,
                way: None,
            }));
        }
        let Some(secret) = Cookie::Session.read(headers, origin) else {
            return Ok(None);
        };
        let session = app.ledger.session(&secret.sha256(), app.now()).await?;
        Ok(session.map(|session| Self {
            name: session.name,
            role: session.role,
            origin,
            form_token: Some(secret.derived(FORM)),
            way: Some(session.way),
        }))
    }

    /// As the audit names them.
    pub(crate) fn actor(&self) -> Actor {
        actor(&self.name, self.origin)
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.role.covers(Role::Operator)
    }
}

/// Somebody at an address, as the audit names them.
pub(super) fn actor(name: &str, origin: Origin) -> Actor {
    Actor::new(name, format!("dashboard from {}", origin.address))
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let peer = peer(parts)?;
        let visitor = Self::of(app, peer, &parts.headers).await?;
        visitor.ok_or_else(|| {
            let next = next(parts);
            if is_from_afar(parts) {
                Refusal::FromAfar { next }
            } else {
                let undone = parts.method != Method::GET && parts.method != Method::HEAD;
                Refusal::SignIn { next, undone }
            }
        })
    }
}

/// The other end of the connection.
pub(super) fn peer(parts: &Parts) -> Result<SocketAddr, Refusal> {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map(|info| info.0)
        .ok_or_else(|| Refusal::Unclear("the connection has no other end".to_owned()))
}

/// Where somebody wanted to go who has to sign in first.
fn next(parts: &Parts) -> String {
    if parts.method != Method::GET {
        return page_of(parts).unwrap_or_else(|| "/".to_owned());
    }
    let path = parts.uri.path_and_query();
    path.map_or_else(|| "/".to_owned(), ToString::to_string)
}

/// The page of ours whose form was sent: one goes back to it.
fn page_of(parts: &Parts) -> Option<String> {
    let referer = parts.headers.get(header::REFERER)?.to_str().ok()?;
    let page = url::Url::parse(referer).ok()?;
    let host = parts.headers.get(header::HOST)?.to_str().ok()?;
    let authority = page.authority().rsplit('@').next().unwrap_or_default();
    let path = &page[url::Position::BeforePath..url::Position::AfterQuery];
    (authority == host && !path.starts_with("//")).then(|| path.to_owned())
}

/// Says who is signed in, to a page that was opened earlier: with the token that its forms bring along.
pub(crate) async fn session(visitor: Result<Visitor, Refusal>) -> Response {
    match visitor {
        Ok(visitor) => Json(json!({
            "name": visitor.name,
            "form_token": visitor.form_token,
        }))
        .into_response(),
        Err(Refusal::SignIn { .. } | Refusal::FromAfar { .. }) => {
            StatusCode::UNAUTHORIZED.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether another site led here: browsers then keep a strict cookie to themselves.
fn is_from_afar(parts: &Parts) -> bool {
    let said = parts.headers.get("sec-fetch-site");
    parts.method == Method::GET && said.is_some_and(|site| site == "cross-site")
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Secret::received(token.trim()))
}
