//! Which address shows what.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::error::Refusal;
use crate::{
    access, acts, afterwards, api, assets, bulk, controls, guard, live, metrics, people, uploads,
    views, without_user,
};

/// Largest size of the sign-in form, which anybody may send.
const SIGN_IN_MAX_BYTES: usize = 16 * 1_024;

/// Every address.
pub(crate) fn all(app: App) -> Router {
    Router::new()
        .route("/", get(views::show))
        .route("/campaigns/{name}", get(views::show))
        .route(
            "/campaigns/{name}/pause",
            get(acts::ask_pause).post(acts::pause),
        )
        .route("/campaigns/{name}/resume", post(acts::resume))
        .route("/campaigns/{name}/canary", get(acts::ask_pass))
        .route(
            "/campaigns/{name}/verify",
            get(afterwards::ask_verify).post(afterwards::verify),
        )
        .route(
            "/campaigns/{name}/reopen",
            get(acts::ask_reopen).post(acts::reopen),
        )
        .route(
            "/campaigns/{name}/rollback",
            get(afterwards::ask_rollback).post(afterwards::roll_back),
        )
        .route(
            "/campaigns/{name}/rollback/plan",
            post(afterwards::plan_rollback),
        )
        .route(
            "/campaigns/{name}/cancel",
            get(acts::ask_cancel).post(acts::cancel),
        )
        .route(
            "/campaigns/{name}/give-back",
            get(without_user::ask_give_back).post(without_user::give_back),
        )
        .route(
            "/campaigns/{name}/assign-again",
            get(without_user::ask_assign).post(without_user::assign),
        )
        .route(
            "/campaigns/{name}/controls",
            get(controls::page).post(controls::save),
        )
        .route("/jobs", get(views::show))
        .route("/jobs/{id}", get(bulk::ask).post(bulk::act))
        .route("/find", get(bulk::find))
        .route("/dead", get(views::show))
        .route("/lanes", get(views::show))
        .route("/workers", get(views::show))
        .route("/activity", get(views::show))
        .route("/access", get(people::page))
        .route("/access/tokens", post(people::make_token))
        .route("/access/tokens/revoke", post(people::revoke_token))
        .route(
            "/upload",
            get(uploads::page)
                .post(uploads::plan)
                .layer(DefaultBodyLimit::max(uploads::LIST_MAX_BYTES)),
        )
        .route("/upload/{id}", post(uploads::enqueue))
        .route("/live", get(live::stream))
        .route(
            "/sign-in",
            get(access::page)
                .post(access::by_password)
                .layer(DefaultBodyLimit::max(SIGN_IN_MAX_BYTES)),
        )
        .route("/sign-in/link/{token}", get(access::by_link))
        .route("/sign-in/oidc", get(access::begin_oidc))
        .route("/sign-in/oidc/back", get(access::end_oidc))
        .route("/sign-out", post(access::out))
        .route("/assets/{name}", get(assets::serve))
        .route("/healthz", get(metrics::live))
        .route("/readyz", get(metrics::ready))
        .route("/metrics", get(metrics::serve))
        .merge(api::router())
        .fallback(nothing)
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

async fn nothing() -> Refusal {
    Refusal::Missing("page at this address".to_owned())
}
