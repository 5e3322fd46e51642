//! Which address shows what.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::error::Refusal;
use crate::{access, acts, assets, guard, pages};

/// Every address.
pub(crate) fn all(app: App) -> Router {
    Router::new()
        .route("/", get(pages::campaigns::page))
        .route("/campaigns/{id}/pause", post(acts::pause))
        .route("/campaigns/{id}/resume", post(acts::resume))
        .route("/sign-in", get(access::page).post(access::by_password))
        .route("/sign-in/link/{token}", get(access::by_link))
        .route("/sign-out", post(access::out))
        .route("/assets/{name}", get(assets::serve))
        .fallback(nothing)
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

async fn nothing() -> Refusal {
    Refusal::Missing("page at this address".to_owned())
}
