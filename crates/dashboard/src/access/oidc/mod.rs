//! Sign-in by an identity provider that speaks `OpenID` Connect, as Entra ID does: the authorization
//! code flow with PKCE, state and nonce. What a provider says is believed for its signature alone,
//! and for what it says of whom, for whom and until when.
//!
//! Nothing is kept between the two halves of a sign-in but one cookie by chance: state, nonce and the
//! verifier of PKCE are derived from it, so that only the browser that began a sign-in can end it.

mod check;
mod claims;
mod flow;
mod keys;
mod provider;

use secrecy::SecretString;
use url::Url;

pub use check::{ProviderCheck, check_provider};
pub(crate) use flow::{begin, end};
pub use keys::SigningAlgorithm;
pub(crate) use provider::Provider;

/// An identity provider, and who may do what.
#[derive(Debug, Clone)]
pub struct OidcOptions {
    /// The issuer: its description is at `{issuer}/.well-known/openid-configuration`.
    pub issuer: Url,
    /// What this dashboard is called there.
    pub client_id: String,
    /// What it proves that with.
    pub client_secret: SecretString,
    /// Groups (their ids) and app roles whose members may act.
    pub operators: Vec<String>,
    /// Groups and app roles whose members may look.
    pub viewers: Vec<String>,
    /// Claims that hold groups and roles, by name or along dots.
    pub group_claims: Vec<String>,
    /// Scopes that are asked for; `openid` is one of them.
    pub scopes: Vec<String>,
    /// Algorithms that a token may be signed with.
    pub algorithms: Vec<SigningAlgorithm>,
}

impl OidcOptions {
    /// Claims that hold groups and roles where the settings say nothing else.
    pub const GROUP_CLAIMS: [&str; 2] = ["groups", "roles"];
    /// Scopes that are asked for where the settings say nothing else.
    pub const SCOPES: [&str; 3] = ["openid", "profile", "email"];
}

/// Why an identity provider cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum OidcSetupError {
    /// Whoever is in between could sign in as anybody.
    #[error("the issuer {0} is not reached by https")]
    Plain(Url),
    /// The HTTP client.
    #[error("no HTTP client can be made for the identity provider")]
    Client(#[source] reqwest::Error),
}

/// Why a sign-in by the identity provider came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider did not answer, or with an error.
    #[error("the identity provider does not answer at {place}")]
    Unreachable {
        /// Which of its addresses.
        place: &'static str,
        /// Why, without the address: it may hold a code.
        source: reqwest::Error,
    },
    /// The provider refused the person.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// The provider refused this program: its client id or secret is wrong or has expired.
    #[error("the identity provider does not accept this dashboard: {0}")]
    Client(String),
    /// Its description is of another issuer.
    #[error("the identity provider's description is of issuer {came}, and {wanted} is set")]
    OtherIssuer {
        /// What the description says.
        came: String,
        /// What the settings say.
        wanted: Url,
    },
    /// The token cannot be believed.
    #[error("the identity provider's token cannot be believed: {0}")]
    Token(#[from] claims::TokenError),
    /// Somebody who has nothing to do here.
    #[error("{name} is in none of the groups and roles that may look or act here")]
    NoRole {
        /// Who.
        name: String,
        /// Which groups and roles the token has, for the log.
        found: String,
    },
    /// The provider left the groups out, as Entra does beyond 200 of them.
    #[error(
        "{name} is in so many groups that the identity provider leaves them out; use app roles"
    )]
    TooManyGroups {
        /// Who.
        name: String,
    },
}
