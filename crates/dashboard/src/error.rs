//! What can go wrong, for the program and for whoever looks at a page.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use repilot_domain::WithCauses;
use repilot_ledger::LedgerError;

use crate::access::OidcSetupError;
use crate::pages;

/// Why a dashboard cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Others than this machine's own users could reach it, and nobody can sign in.
    #[error("{address} can be reached from outside, and there is nobody who may sign in")]
    Open {
        /// Where.
        address: SocketAddr,
    },
    /// A certificate or key cannot be used.
    #[error("cannot use {file} for TLS")]
    Tls {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The identity provider cannot be used.
    #[error("nobody can sign in by OpenID Connect")]
    Oidc(#[from] OidcSetupError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The server ended.
    #[error("the dashboard's server failed")]
    Server(#[source] std::io::Error),
}

/// Why a request is not answered with what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no such thing.
    #[error("there is no {0}")]
    Missing(String),
    /// Nobody has signed in; where they wanted to go.
    #[error("sign in first")]
    SignIn {
        /// The address to go on to.
        next: String,
        /// Whether something was to be done that was not.
        undone: bool,
    },
    /// A link on another site led here, and so the browser kept the cookie to itself.
    #[error("one moment")]
    FromAfar {
        /// The address that it led to.
        next: String,
    },
    /// Their role does not cover it.
    #[error("this needs the role operator, and you are a viewer")]
    Role,
    /// It did not come from a page of this dashboard.
    #[error("this did not come from a page of this dashboard")]
    Foreign,
    /// It cannot be understood.
    #[error("{0}")]
    Unclear(String),
    /// It cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// A list that no plan can be made of, or none any more.
    #[error("{why}")]
    List {
        /// Why.
        why: String,
        /// What to do about it.
        advice: String,
    },
    /// Too many attempts.
    #[error("too many attempts to sign in")]
    Hurried {
        /// When to try again, in seconds.
        seconds: u64,
    },
    /// The ledger does not answer, or not with what it should.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::SignIn { .. } => StatusCode::SEE_OTHER,
            Self::FromAfar { .. } => StatusCode::OK,
            Self::Role | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Unclear(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::List { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Hurried { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Ledger(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What to do about it.
    fn advice(&self) -> &str {
        match self {
            Self::Missing(_) => "It may have been cleared away, or the address has a slip in it.",
            Self::SignIn { .. } | Self::FromAfar { .. } => "",
            Self::List { advice, .. } => advice,
            Self::Role => "Ask an operator to do it, or to give you the role.",
            Self::Foreign => "Go back, reload the page, and try again.",
            Self::Unclear(_) | Self::Conflict(_) => "Nothing was changed. Go back and try again.",
            Self::Hurried { .. } => "Wait a little, then try again.",
            Self::Ledger(_) => {
                "Work that is under way waits for it and goes on by itself when it is back. Reload this page then."
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match &self {
            Self::SignIn { next, undone } => return crate::access::to_sign_in(next, *undone),
            Self::FromAfar { next } => return pages::hop(next).into_response(),
            _ => {}
        }
        if let Self::Ledger(error) = &self {
            tracing::warn!(error = %WithCauses(error), "a page could not be read from the ledger");
        }
        let said = self.to_string();
        let body = html! {
            p.lead { (self.advice()) }
            p { a href="/" { "To the campaigns" } }
        };
        let mut response = (
            self.status(),
            pages::bare(&pages::capitalised(&said), &body),
        )
            .into_response();
        if let Self::Hurried { seconds } = self
            && let Ok(value) = HeaderValue::from_str(&seconds.to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
