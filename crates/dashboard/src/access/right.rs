//! The right to a stream, which may end before the stream does: a token is taken back, a session ends, a
//! role changes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use repilot_domain::Role;

use super::visitor::{Visitor, peer};
use crate::error::Refusal;
use crate::state::App;

/// Time between two looks at whether somebody still may look on.
const RECHECK: Duration = Duration::from_secs(5);

/// What opened a stream, to be looked at again while it is open.
pub(crate) struct StreamRight {
    peer: SocketAddr,
    headers: HeaderMap,
    role: Role,
    name: String,
}

impl FromRequestParts<App> for StreamRight {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let Visitor { role, name, .. } = Visitor::from_request_parts(parts, app).await?;
        Ok(Self {
            peer: peer(parts)?,
            headers: parts.headers.clone(),
            role,
            name,
        })
    }
}

impl StreamRight {
    /// Returns when the right has ended. A ledger that cannot be read takes nobody's right.
    pub(crate) async fn ended(self, app: App) {
        loop {
            tokio::time::sleep(RECHECK).await;
            match Visitor::of(&app, self.peer, &self.headers).await {
                Ok(Some(visitor)) if visitor.role == self.role && visitor.name == self.name => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "whether a stream may go on cannot be looked up now");
                }
            }
        }
    }
}
