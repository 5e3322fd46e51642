//! Which address shows what.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::actions::{
    campaign, controls, held, jobs, several, tokens, upload, verify_and_rollback, without_user,
};
use crate::error::Refusal;
use crate::serve::{assets, guard};
use crate::state::App;
use crate::{access, api, live, metrics, views};

/// Largest size of the sign-in form, which anybody may send.
const SIGN_IN_MAX_BYTES: usize = 16 * 1_024;

/// Every address.
pub(crate) fn all(app: App) -> Router {
    Router::new()
        .route("/", get(views::show))
        .route("/campaigns/{name}", get(views::show))
        .route(
            "/campaigns/{name}/pause",
            get(campaign::ask_pause).post(campaign::pause),
        )
        .route("/campaigns/{name}/resume", post(campaign::resume))
        .route("/campaigns/{name}/canary", get(campaign::ask_pass))
        .route(
            "/campaigns/{name}/verify",
            get(verify_and_rollback::ask_verify).post(verify_and_rollback::verify),
        )
        .route(
            "/campaigns/{name}/reopen",
            get(campaign::ask_reopen).post(campaign::reopen),
        )
        .route(
            "/campaigns/{name}/rollback",
            get(verify_and_rollback::ask_rollback).post(verify_and_rollback::roll_back),
        )
        .route(
            "/campaigns/{name}/rollback/plan",
            post(verify_and_rollback::plan_rollback),
        )
        .route(
            "/campaigns/{name}/cancel",
            get(campaign::ask_cancel).post(campaign::cancel),
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
        .route(
            "/several/pause",
            get(several::ask_pause).post(several::pause),
        )
        .route(
            "/several/resume",
            get(several::ask_resume).post(several::resume),
        )
        .route("/jobs", get(views::show))
        .route("/jobs/{id}", get(jobs::ask).post(jobs::act))
        .route("/find", get(jobs::find))
        .route("/dead", get(views::show))
        .route("/lanes", get(views::show))
        .route("/workers", get(views::show))
        .route("/activity", get(views::show))
        .route("/access", get(tokens::page))
        .route("/access/tokens", post(tokens::make_token))
        .route("/access/tokens/revoke", post(tokens::revoke_token))
        .route(
            "/upload",
            get(upload::page)
                .post(upload::plan)
                .layer(DefaultBodyLimit::max(upload::LIST_MAX_BYTES)),
        )
        .route("/upload/next", get(held::next))
        .route("/upload/{id}", post(upload::enqueue))
        .route("/upload/{id}/refused.csv", get(upload::refused))
        .route("/live", get(live::stream))
        .route("/session", get(access::session))
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
