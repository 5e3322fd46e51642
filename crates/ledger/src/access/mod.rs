//! Who may use the dashboard: users, sessions, API tokens.

pub(crate) mod api_token;
pub(crate) mod session;
pub(crate) mod user;

pub use api_token::{ApiToken, NewApiToken};
pub use session::{Session, SignInWay};
pub use user::User;
