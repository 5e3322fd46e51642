//! Who calls the API: a program with a token, or a person with a session.

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use repilot_domain::Actor;

use super::problem::Problem;
use crate::access::{Visitor, is_of_this_site, is_signed};
use crate::error::Refusal;
use crate::state::App;

/// Who may look.
pub(crate) struct Caller;

/// Who may act.
pub(crate) struct Operator(Visitor);

/// Where a page's script says the token of its forms.
const FORM_TOKEN: &str = "x-csrf-token";

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Visitor::from_request_parts(parts, app).await?;
        Ok(Self)
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let visitor = Visitor::from_request_parts(parts, app).await?;
        // What no page can make a browser send need not prove that it came from one.
        if visitor.form_token.is_some() && parts.method != Method::GET {
            is_of_this_site(&parts.headers)?;
            let said = parts.headers.get(FORM_TOKEN);
            let said = said.and_then(|token| token.to_str().ok());
            is_signed(&visitor, said.unwrap_or_default())?;
        }
        if !visitor.is_operator() {
            return Err(Refusal::Role.into());
        }
        Ok(Self(visitor))
    }
}

impl Operator {
    /// Who it is.
    pub(super) fn visitor(&self) -> &Visitor {
        &self.0
    }

    /// As the audit names them.
    pub(super) fn actor(&self) -> Actor {
        self.0.actor()
    }
}
