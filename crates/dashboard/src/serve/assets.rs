//! What pages are made with beside their text, compiled in. Each has a name with a part of its hash:
//! browsers keep it for good, and never show a page with another version's look.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::access::Secret;

const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// A file and its address.
pub(crate) struct Asset {
    pub(crate) path: String,
    name: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, text: &'static str) -> Self {
        let hash = &Secret::received(text).sha256()[..12];
        let name = format!("{stem}-{hash}.{ending}");
        Self {
            path: format!("/assets/{name}"),
            name,
            kind,
            text,
        }
    }
}

pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../assets/style.css");
    Asset::new("style", "css", "text/css; charset=utf-8", text)
});

pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../assets/live.js");
    Asset::new("live", "js", "text/javascript; charset=utf-8", text)
});

pub(crate) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../assets/icon.svg");
    Asset::new("icon", "svg", "image/svg+xml", text)
});

/// Serves one.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let all = [&*STYLE, &*SCRIPT, &*ICON];
    let Some(asset) = all.into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, FOR_GOOD),
    ];
    (headers, asset.text).into_response()
}
