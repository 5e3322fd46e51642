//! Who may: people, and tokens of programs.

use std::time::Duration;

use axum::extract::State;
use axum::response::Redirect;
use maud::{Markup, html};
use repilot_domain::Role;
use repilot_ledger::{ApiToken, NewApiToken, User};
use serde::Deserialize;

use crate::access::{Act, Secret, Visitor};
use crate::error::Refusal;
use crate::pages::{self, Here};
use crate::parts::{Form, ago, empty, moment, wide};
use crate::state::App;

/// How long a token may be good, in days; the middle one is offered first.
const DAYS: [u64; 4] = [7, 30, 90, 365];
const DAYS_OFFERED: u64 = 90;

/// Longer names do not fit a table.
const NAME_MAX_CHARS: usize = 64;

/// The page. What it says of others is for operators.
pub(crate) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Markup, Refusal> {
    shown(&app, &visitor, None).await
}

async fn shown(app: &App, visitor: &Visitor, made: Option<&Secret>) -> Result<Markup, Refusal> {
    if !visitor.is_operator() {
        return Err(Refusal::Role);
    }
    let users = app.ledger.users().await?;
    let tokens = app.ledger.api_tokens().await?;
    let body = html! {
        h1 { "Access" }
        @if let Some(secret) = made {
            div.notice.good role="status" {
                strong { "The new token, shown this once:" }
                code.secret { (secret.reveal()) }
                button.copy type="button" hidden data-copy=(secret.reveal()) { "Copy" }
            }
        }
        h2 { "People" }
        (people(&users))
        p.hint {
            code { "repilot user add NAME --role operator" } " makes somebody, "
            code { "repilot user remove NAME" } " takes them away; passwords are never typed here."
        }
        h2 { "Tokens for the API" }
        (token_table(&tokens, visitor))
        (new_token(visitor))
    };
    Ok(pages::page(visitor, Some(Here::Access), "Access", &body))
}

fn people(users: &[User]) -> Markup {
    let table = html! {
        table {
            thead { tr { th { "Name" } th { "Role" } th { "Since" } th { "Signed in" } } }
            tbody {
                @for user in users {
                    tr {
                        td { (user.name) }
                        td { (user.role) }
                        td.keep { (moment(user.created_at)) }
                        td.keep { @if let Some(at) = user.signed_in_at { (ago(at)) } @else { "never" } }
                    }
                }
            }
        }
    };
    html! {
        @if users.is_empty() {
            (empty("Nobody has a name yet", &html! { p { "Whoever opens the link that the dashboard prints may sign in." } }))
        } @else { (wide("People", &table)) }
    }
}

fn token_table(tokens: &[ApiToken], visitor: &Visitor) -> Markup {
    let token = visitor.form_token.as_deref().unwrap_or_default();
    let revoke = |id: i64| {
        let id = id.to_string();
        let form = Form {
            action: "/access/tokens/revoke",
            token,
            with: &[("id", &id)],
        };
        form.button("Revoke", "danger")
    };
    let table = html! {
        table {
            thead { tr { th { "For" } th { "Role" } th { "Made by" } th { "Good until" } th { "Used" } th { span.unseen { "Acts" } } } }
            tbody {
                @for token in tokens {
                    tr {
                        td { (token.name) }
                        td { (token.role) }
                        td { (token.created_by) div.soft { (moment(token.created_at)) } }
                        td.keep { (moment(token.expires_at)) }
                        td.keep { @if let Some(at) = token.used_at { (ago(at)) } @else { "never" } }
                        td { div.acts { (revoke(token.id)) } }
                    }
                }
            }
        }
    };
    html! {
        @if tokens.is_empty() {
            (empty("No token yet", &html! { p { "Programs use the API with one." } }))
        } @else { (wide("Tokens", &table)) }
    }
}

fn new_token(visitor: &Visitor) -> Markup {
    html! {
        form.card.stack method="post" action="/access/tokens" {
            input type="hidden" name="csrf" value=[&visitor.form_token];
            label for="token-name" { "What it is for" }
            input #token-name name="name" required maxlength=(NAME_MAX_CHARS) placeholder="grafana";
            label for="token-role" { "What it may do" }
            select #token-role name="role" {
                option value=(Role::Viewer) { "viewer: reads" }
                option value=(Role::Operator) { "operator: steers as well" }
            }
            label for="token-days" { "How long it is good" }
            select #token-days name="days" {
                @for days in DAYS { option value=(days) selected[days == DAYS_OFFERED] { (days) " days" } }
            }
            div.acts { button.primary type="submit" { "Make a token" } }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    name: String,
    role: Role,
    days: u64,
}

/// Makes a token, and shows it this once.
pub(crate) async fn make_token(
    State(app): State<App>,
    Act { visitor, form }: Act<Wanted>,
) -> Result<Markup, Refusal> {
    let name = form.name.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_MAX_CHARS;
    if !fits || name.chars().any(char::is_control) || !DAYS.contains(&form.days) {
        return Err(Refusal::Unclear(
            "a token needs a name and a time".to_owned(),
        ));
    }
    let secret = Secret::new(rand::random());
    let now = app.now();
    let new = NewApiToken {
        name: name.to_owned(),
        role: form.role,
        token_sha256: secret.sha256(),
        expires_at: now.after(Duration::from_hours(24 * form.days)),
    };
    app.ledger
        .add_api_token(&new, &visitor.actor(), now)
        .await?;
    shown(&app, &visitor, Some(&secret)).await
}

#[derive(Deserialize)]
pub(crate) struct Which {
    id: i64,
}

/// Takes a token back.
pub(crate) async fn revoke_token(
    State(app): State<App>,
    Act { visitor, form }: Act<Which>,
) -> Result<Redirect, Refusal> {
    let (by, now) = (visitor.actor(), app.now());
    if !app.ledger.revoke_api_token(form.id, &by, now).await? {
        return Err(Refusal::Missing(format!("token {}", form.id)));
    }
    Ok(Redirect::to("/access"))
}
