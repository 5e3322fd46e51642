//! The two halves of a sign-in: away to the provider, and back with a code.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::html;
use repilot_domain::{AuditEvent, WithCauses, untrusted};
use repilot_ledger::SignInWay;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::OidcError;
use super::claims::TokenError;
use super::provider::{Expected, Provider, SAID};
use crate::access::address::Origin;
use crate::access::cookies::Cookie;
use crate::access::secret::{Secret, same};
use crate::access::sign_in::{self, Next, onward};
use crate::access::visitor::{actor, peer};
use crate::error::Refusal;
use crate::pages;
use crate::state::App;

/// How long somebody may take to sign in at the provider.
const LASTS: Duration = Duration::from_mins(15);

/// Where the provider sends people back to.
pub(super) const BACK: &str = "/sign-in/oidc/back";

/// As the audit names whoever was refused before they had a name.
const NOBODY: &str = "oidc";

fn provider(app: &App) -> Result<&Provider, Refusal> {
    let none = || Refusal::Missing("identity provider to sign in by".to_owned());
    app.door.oidc.as_ref().ok_or_else(none)
}

/// What a sign-in is made of, by the cookie of the browser that began it.
struct SignIn(Secret);

impl SignIn {
    fn state(&self) -> String {
        self.0.derived("oidc state")
    }

    fn nonce(&self) -> String {
        self.0.derived("oidc nonce")
    }

    /// Of PKCE: the provider is told its hash first, and itself last.
    fn verifier(&self) -> String {
        self.0.derived("oidc verifier")
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier().as_bytes()))
    }
}

/// Away to the provider.
pub(crate) async fn begin(
    State(app): State<App>,
    Query(Next { next, .. }): Query<Next>,
    parts: Parts,
) -> Result<Response, Refusal> {
    let provider = provider(&app)?;
    let origin = Origin::of(peer(&parts)?, &parts.headers, &app.options);
    let sign_in = SignIn(Secret::new(rand::random()));
    // Where they wanted to go is not secret, and is looked at again when they come back.
    let state = format!("{}.{}", sign_in.state(), URL_SAFE_NO_PAD.encode(&next));
    let redirect_uri = format!("{}{BACK}", app.door.url);
    let (nonce, challenge) = (sign_in.nonce(), sign_in.challenge());
    let scope = provider.scope();
    let parameters = [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("scope", &scope),
        ("redirect_uri", &redirect_uri),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let to = match provider.authorization(&parameters).await {
        Ok(to) => to,
        Err(error) => return Ok(refused(&error)),
    };
    let cookie = Cookie::Oidc.set(sign_in.0.reveal(), LASTS, origin);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(to.as_str())).into_response())
}

/// What the provider sends back.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Back from the provider.
pub(crate) async fn end(
    State(app): State<App>,
    Query(back): Query<Back>,
    parts: Parts,
) -> Result<Response, Refusal> {
    let provider = provider(&app)?;
    let origin = Origin::of(peer(&parts)?, &parts.headers, &app.options);
    let cookie = Cookie::Oidc.read(&parts.headers, origin);
    let (state, next) = back.state.split_once('.').unwrap_or((&back.state, ""));
    let begun = cookie.map(SignIn).filter(|own| same(&own.state(), state));
    let Some(sign_in) = begun else {
        let body = html! {
            p.lead { "This sign-in was not begun in this browser, or too long ago." }
            p { a.button.primary href="/sign-in" { "Sign in" } }
        };
        let page = pages::bare("Begin again", &body);
        return Ok((StatusCode::FORBIDDEN, page).into_response());
    };
    // By the address alone: one name for all would let anybody lock everybody out.
    let counted = format!("{NOBODY} {}", origin.address);
    let attempt = app.limiter.attempt(origin.address, &counted, app.now());
    attempt.map_err(|seconds| Refusal::Hurried { seconds })?;
    let redirect_uri = format!("{}{BACK}", app.door.url);
    let expected = Expected {
        redirect_uri: &redirect_uri,
        verifier: &sign_in.verifier(),
        nonce: &sign_in.nonce(),
    };
    let who = if back.error.is_empty() {
        provider.who(&back.code, &expected, app.now()).await
    } else {
        let said = format!("{} {}", back.error, back.error_description);
        Err(OidcError::Refused(untrusted(said.trim(), SAID)))
    };
    let done = Cookie::Oidc.set("", Duration::ZERO, origin);
    match who {
        Ok((name, role)) => {
            app.limiter.succeeded(origin.address, &counted);
            let cookies = sign_in::begin(&app, origin, &name, role, SignInWay::Oidc).await?;
            let next = URL_SAFE_NO_PAD.decode(next).unwrap_or_default();
            let next = String::from_utf8(next).unwrap_or_default();
            let done = AppendHeaders([(header::SET_COOKIE, done)]);
            // Another site led here, and browsers send no strict cookie along with that.
            Ok((cookies, done, pages::hop(onward(&next))).into_response())
        }
        Err(error) => {
            let name = match &error {
                OidcError::NoRole { name, .. } | OidcError::TooManyGroups { name } => name,
                _ => NOBODY,
            };
            let (by, event) = (actor(name, origin), AuditEvent::SignInRefused);
            let why = json!({ "reason": error.to_string() });
            app.ledger.record(&by, None, event, &why, app.now()).await?;
            Ok((AppendHeaders([(header::SET_COOKIE, done)]), refused(&error)).into_response())
        }
    }
}

/// The page of somebody who was not let in. The log says what came; the page says whom to ask.
fn refused(error: &OidcError) -> Response {
    let found = match error {
        OidcError::NoRole { found, .. } => found.as_str(),
        _ => "",
    };
    tracing::warn!(
        error = %WithCauses(error),
        token = found,
        "a sign-in by the identity provider came to nothing"
    );
    let (status, advice) = match error {
        OidcError::NoRole { .. } => (
            StatusCode::FORBIDDEN,
            "Ask whoever runs this dashboard to put you into one of `[dashboard.oidc] operators` or `viewers`; its log says which groups and roles came.",
        ),
        OidcError::TooManyGroups { .. } => (
            StatusCode::FORBIDDEN,
            "Whoever runs this dashboard can give its app roles, and name those in `[dashboard.oidc]`.",
        ),
        OidcError::Token(TokenError::Expired | TokenError::TooEarly) => (
            StatusCode::FORBIDDEN,
            "Sign in again; if it stays, ask whoever runs this dashboard to look at its clock.",
        ),
        OidcError::Token(TokenError::OtherSignIn) | OidcError::Refused(_) => {
            (StatusCode::FORBIDDEN, "Sign in again.")
        }
        OidcError::Token(_) | OidcError::Client(_) => (
            StatusCode::FORBIDDEN,
            "This is not yours to mend: tell whoever runs this dashboard, whose log has the same words.",
        ),
        OidcError::Unreachable { .. } => (
            StatusCode::BAD_GATEWAY,
            "Try again in a moment. People with a password may sign in with that.",
        ),
        OidcError::OtherIssuer { .. } => (
            StatusCode::BAD_GATEWAY,
            "Tell whoever runs this dashboard: `[dashboard.oidc] issuer` is not what the provider calls itself.",
        ),
    };
    // A sentence that begins with a name leaves the name as it is.
    let said = match error {
        OidcError::NoRole { .. } | OidcError::TooManyGroups { .. } => error.to_string(),
        _ => pages::capitalised(&error.to_string()),
    };
    let body = html! {
        p.lead { (said.trim_end_matches('.')) "." }
        p { (advice) }
        p { a.button.primary href="/sign-in" { "Sign in" } }
    };
    (status, pages::bare("You were not signed in", &body)).into_response()
}
