//! Signing in and out.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use repilot_domain::{AuditEvent, Role, untrusted};
use repilot_ledger::{Session, SignInWay};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::act::{is_of_this_site, is_signed};
use super::address::Origin;
use super::cookies::Cookie;
use super::secret::{Secret, same};
use super::visitor::{Visitor, actor, peer};
use super::{NAME_MAX, password};
use crate::error::Refusal;
use crate::pages;
use crate::state::App;

/// How long a sign-in form may lie open.
const FORM_LASTS: Duration = Duration::from_hours(1);

/// Passwords that are checked at once: each keeps a core busy, and takes 19 MB.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Whoever opened the link is called so.
const BY_LINK: &str = "local";

/// What a form's token is derived for.
const FORM: &str = "sign-in";

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    pub(super) next: String,
    /// Whether something was to be done that was not.
    #[serde(default)]
    pub(super) undone: bool,
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    csrf: String,
}

/// To the sign-in page, and on to where somebody wanted to go.
pub(crate) fn to_sign_in(next: &str, undone: bool) -> Response {
    let query = serde_html_form::to_string([("next", next)]).unwrap_or_default();
    let undone = if undone { "&undone=true" } else { "" };
    Redirect::to(&format!("/sign-in?{query}{undone}")).into_response()
}

/// The sign-in page.
pub(crate) async fn page(
    State(app): State<App>,
    Query(Next { next, undone }): Query<Next>,
    parts: Parts,
) -> Result<Response, Refusal> {
    let origin = Origin::of(peer(&parts)?, &parts.headers, &app.options);
    let lost = "You were signed out, and nothing was changed. Sign in, and do it again.";
    form(&app, origin, &next, undone.then_some(lost)).await
}

/// The form, with what was wrong; each begins anew.
async fn form(
    app: &App,
    origin: Origin,
    next: &str,
    wrong: Option<&str>,
) -> Result<Response, Refusal> {
    let has_users = !app.ledger.users().await?.is_empty();
    let secret = Secret::new(rand::random());
    let by_provider = serde_html_form::to_string([("next", next)]).unwrap_or_default();
    let body = html! {
        @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
        @if app.door.oidc.is_some() {
            p { a.button.primary href={ "/sign-in/oidc?" (by_provider) } { "Sign in with your organisation" } }
        }
        @if has_users {
            form.stack method="post" action="/sign-in" {
                input type="hidden" name="csrf" value=(secret.derived(FORM));
                input type="hidden" name="next" value=(next);
                label for="name" { "Name" }
                input #name name="name" autocomplete="username" required autofocus autocapitalize="none" spellcheck="false";
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required;
                button.primary type="submit" { "Sign in" }
            }
        }
        (link_hint(app, has_users))
    };
    let status = if wrong.is_some() {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::OK
    };
    let cookie = Cookie::SignIn.set(secret.reveal(), FORM_LASTS, origin);
    let page = pages::bare("Sign in", &body);
    Ok((status, [(header::SET_COOKIE, cookie)], page).into_response())
}

fn link_hint(app: &App, has_users: bool) -> Markup {
    html! {
        @if app.options.is_private() {
            p.hint {
                @if has_users { "Or open" } @else { "Open" }
                " the link that the dashboard printed when it started. It works once; start the dashboard again for another."
            }
            @if !has_users && app.door.oidc.is_none() {
                p.hint { "To sign in by name, make a user: " code { "repilot user add NAME --role operator" } }
            }
        }
    }
}

/// The link that was printed at the start.
pub(crate) async fn by_link(
    State(app): State<App>,
    Path(token): Path<String>,
    parts: Parts,
) -> Result<Response, Refusal> {
    let origin = Origin::of(peer(&parts)?, &parts.headers, &app.options);
    if is_preview(&parts) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if !app.options.is_private() || !app.link.spend(&token) {
        let body = html! {
            p.lead { "A link signs in whoever opens it first, once. If that was you, you are still signed in." }
            p { a href="/" { "To the campaigns" } }
            p.hint { "Start the dashboard again for another link." }
        };
        let page = pages::bare("This link has been used", &body);
        return Ok((StatusCode::GONE, page).into_response());
    }
    let cookies = begin(&app, origin, BY_LINK, Role::Operator, SignInWay::Link).await?;
    // The link may have been opened from anywhere, and browsers send no strict cookie along with
    // what another site began.
    Ok((cookies, pages::hop("/")).into_response())
}

/// Whether somebody only looks at a link before a person opens it: that does not use it up.
fn is_preview(parts: &Parts) -> bool {
    let said = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let purposes = ["sec-purpose", "purpose", "x-purpose", "x-moz"].map(said);
    let is_ahead = |purpose: &str| {
        let purpose = purpose.to_ascii_lowercase();
        ["prefetch", "prerender", "preview"]
            .iter()
            .any(|word| purpose.contains(word))
    };
    parts.method == Method::HEAD || purposes.into_iter().flatten().any(is_ahead)
}

/// Name and password.
pub(crate) async fn by_password(
    State(app): State<App>,
    parts: Parts,
    axum::Form(credentials): axum::Form<Credentials>,
) -> Result<Response, Refusal> {
    is_of_this_site(&parts.headers)?;
    let origin = Origin::of(peer(&parts)?, &parts.headers, &app.options);
    let of_form = Cookie::SignIn.read(&parts.headers, origin);
    if !of_form.is_some_and(|secret| same(&secret.derived(FORM), &credentials.csrf)) {
        return Err(Refusal::Foreign);
    }
    let Credentials { name, next, .. } = &credentials;
    let counted = app.limiter.attempt(origin.address, name, app.now());
    counted.map_err(|seconds| Refusal::Hurried { seconds })?;
    let known = app.ledger.user(name).await?;
    let hash = known.as_ref().map(|(_, hash)| hash.clone());
    let given = credentials.password.clone();
    let permit = AT_ONCE.acquire().await;
    let checked = tokio::task::spawn_blocking(move || password::is_right(&given, hash.as_deref()));
    let right = checked.await.unwrap_or(false);
    drop(permit);
    match known {
        Some((user, _)) if right => {
            app.limiter.succeeded(origin.address, name);
            let way = SignInWay::Password;
            let cookies = begin(&app, origin, &user.name, user.role, way).await?;
            Ok((cookies, Redirect::to(onward(next))).into_response())
        }
        _ => {
            let shown = untrusted(name, NAME_MAX);
            let (by, event) = (actor(&shown, origin), AuditEvent::SignInRefused);
            app.ledger
                .record(&by, None, event, &json!({}), app.now())
                .await?;
            form(
                &app,
                origin,
                next,
                Some("Name and password do not belong together."),
            )
            .await
        }
    }
}

/// The cookie that a session has, and one that a form no longer has.
pub(super) type SessionCookies = AppendHeaders<[(HeaderName, HeaderValue); 2]>;

/// Begins a session.
pub(super) async fn begin(
    app: &App,
    origin: Origin,
    name: &str,
    role: Role,
    way: SignInWay,
) -> Result<SessionCookies, Refusal> {
    let secret = Secret::new(rand::random());
    let now = app.now();
    let session = Session {
        name: name.to_owned(),
        role,
        way,
        created_at: now,
        expires_at: now.after(app.options.session),
    };
    app.ledger
        .begin_session(&secret.sha256(), &session, &actor(name, origin))
        .await?;
    let cookie = Cookie::Session.set(secret.reveal(), app.options.session, origin);
    let done = Cookie::SignIn.set("", Duration::ZERO, origin);
    Ok(AppendHeaders([
        (header::SET_COOKIE, cookie),
        (header::SET_COOKIE, done),
    ]))
}

/// An address of this dashboard, wherever `next` points.
pub(super) fn onward(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.contains(char::is_control);
    if is_own { next } else { "/" }
}

#[derive(Deserialize)]
pub(crate) struct Out {
    #[serde(default)]
    csrf: String,
}

/// Signs out.
pub(crate) async fn out(
    State(app): State<App>,
    headers: HeaderMap,
    visitor: Visitor,
    axum::Form(form): axum::Form<Out>,
) -> Result<Response, Refusal> {
    is_of_this_site(&headers)?;
    is_signed(&visitor, &form.csrf)?;
    let origin = visitor.origin;
    if let Some(secret) = Cookie::Session.read(&headers, origin) {
        app.ledger
            .end_session(&secret.sha256(), &visitor.actor(), app.now())
            .await?;
    }
    let cookie = Cookie::Session.set("", Duration::ZERO, origin);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site_after_signing_in() {
        assert_eq!(onward("/campaigns/a?x=1"), "/campaigns/a?x=1");
        for elsewhere in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "evil",
            "",
        ] {
            assert_eq!(onward(elsewhere), "/", "{elsewhere}");
        }
    }
}
