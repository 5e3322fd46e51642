//! The REST API: what the command line's `--json` says, in the same words and shapes, and what
//! operators do. Its description (`OpenAPI` 3.1) is made of the same functions that answer, so that
//! neither can be without the other.

mod audit;
mod caller;
mod campaigns;
mod controls;
mod dead;
mod document;
mod events;
mod jobs;
mod jobs_acts;
mod lists;
mod overview;
mod problem;
mod take;
mod verify_and_rollback;
mod without_user;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{any, get};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use problem::Problem;

use crate::state::App;

/// Where the API is.
pub(crate) const ROOT: &str = "/api/v1";

/// Bodies that are read at once are selections at most: so many ids fit.
const BODY_BYTES: usize = 2 << 20;

/// The API below [`ROOT`].
pub(crate) fn router() -> Router<App> {
    let (router, document) = described();
    let document = document::text(&document);
    router
        .route(
            &format!("{ROOT}/openapi.json"),
            get(move || {
                let answer = document::answer(document.clone());
                async move { answer }
            }),
        )
        .route(ROOT, any(nothing))
        .route(&format!("{ROOT}/"), any(nothing))
        .route(&format!("{ROOT}/{{*rest}}"), any(nothing))
        .method_not_allowed_fallback(no_such_method)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES))
}

/// Every address of the API, and what is said of it.
fn described() -> (Router<App>, OpenApi) {
    let routes = OpenApiRouter::with_openapi(document::outline())
        .routes(routes!(overview::status))
        .routes(routes!(campaigns::list))
        .routes(routes!(campaigns::one, controls::patch))
        .routes(routes!(campaigns::pause))
        .routes(routes!(campaigns::resume))
        .routes(routes!(campaigns::cancel))
        .routes(routes!(verify_and_rollback::verify))
        .routes(routes!(verify_and_rollback::plan_rollback))
        .routes(routes!(verify_and_rollback::roll_back))
        .routes(routes!(without_user::give_back))
        .routes(routes!(without_user::assign_again))
        .routes(routes!(lists::enqueue))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::count))
        .routes(routes!(jobs::meant))
        .routes(routes!(jobs::one))
        .routes(routes!(jobs::attempts))
        .routes(routes!(jobs_acts::act))
        .routes(routes!(dead::groups))
        .routes(routes!(overview::lanes))
        .routes(routes!(overview::workers))
        .routes(routes!(audit::list))
        .routes(routes!(events::stream));
    OpenApiRouter::new().nest(ROOT, routes).split_for_parts()
}

async fn nothing(uri: Uri) -> Problem {
    Problem::missing(&format!("address `{}` in this API", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::of_status(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("`{}` does not take {method}.", uri.path()),
    )
}
