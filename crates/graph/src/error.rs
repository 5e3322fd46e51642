//! What the caller does next, by name.

use std::time::Duration;

use crate::{ForeignAnswer, ProxyError, RootsError};

/// An answer that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// The tenant is throttled: close its lane.
    #[error("the tenant is throttled")]
    Throttled {
        /// Graph's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The token was refused and has been dropped: the next call fetches another.
    #[error("the token was refused")]
    Unauthorized,
    /// The whole tenant refuses: no device is to blame.
    #[error("{0}")]
    Systemic(SystemicReason),
    /// Graph does not know the device.
    #[error("Graph does not know the device")]
    NotFound,
    /// Graph refused the request, and would again.
    #[error("Graph refused the request")]
    Rejected,
    /// A fault that should pass: Graph says that nothing was done, or nothing was to be done.
    #[error("Graph had a passing fault")]
    Transient {
        /// Graph's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The request was sent, and may have been done: a server's fault, or an answer that was lost.
    #[error("Graph did not say whether the request was done")]
    Ambiguous {
        /// Graph's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Something else than Graph answered: no verdict on a device, and what was asked for may have
    /// been done all the same.
    #[error("{0}")]
    Foreign(ForeignAnswer),
    /// Nothing was sent, or what was sent was not taken: DNS, connection or TLS failed.
    #[error("Graph cannot be reached")]
    Unreachable,
    /// Nothing was sent: whoever gives tokens cannot be reached or is busy.
    #[error("no token can be fetched")]
    NoToken {
        /// Their `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// A success whose body is not what was asked for.
    #[error("Graph's answer cannot be read")]
    Unreadable,
    /// Graph has no list of devices at this address.
    #[error("Graph has no list of Autopilot devices at {0}")]
    NoCollection(String),
    /// Graph no longer knows the link of a listing's next page.
    #[error("Graph no longer knows where its listing goes on")]
    LinkForgotten,
}

/// Why a whole tenant refuses, and what a person does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SystemicReason {
    /// Permission or licence is missing: the status, Graph's code and its words.
    #[error(
        "Graph refuses the app ({0}): grant it DeviceManagementServiceConfig.ReadWrite.All \
         with admin consent, check the tenant's Intune licence, then resume"
    )]
    Forbidden(String),
    /// Multi Admin Approval is enforced.
    #[error(
        "the tenant demands Multi Admin Approval for this change: exempt the app or approve it in \
         Intune (Tenant administration), then resume"
    )]
    MultiAdminApproval,
    /// A token was refused right after it was fetched, or cannot be fetched anew.
    #[error(
        "Graph refuses the token (401): check tenant, cloud and credential with `repilot check`, then resume"
    )]
    TokenRefused,
    /// The sign-in of a person came to its end, with Entra's or Graph's words.
    #[error("sign in again: repilot login --tenant {tenant} ({why})")]
    SignInAgain {
        /// The tenant's name in the settings, or its domain.
        tenant: String,
        /// Entra's or Graph's words, and what they mean.
        why: String,
    },
    /// Something else than Graph answers, time and again.
    #[error(
        "{0}: a proxy, a web filter or a sign-in page stands in between; clear the way to Graph \
         (`repilot check` tries it), then resume"
    )]
    NotGraph(ForeignAnswer),
    /// Entra refused the credential.
    #[error("Entra refuses the credential: {0}")]
    CredentialRefused(String),
    /// The machine's identity is refused, by the metadata service or its like.
    #[error("the managed identity is refused: {0}")]
    IdentityRefused(String),
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The deployment profile's route does not exist in v1.0.
    #[error(
        "route `deployment-profile` does not exist in v1.0: set version = \"beta\" or route = \"identity\""
    )]
    RouteNeedsBeta,
    /// The HTTP client cannot be made.
    #[error("cannot set up the HTTP client")]
    Http(#[source] reqwest::Error),
    /// A proxy's variable cannot be read.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The root certificates cannot be read.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The credential cannot be used as it is.
    #[error("cannot set up the credential: {0}")]
    Credential(String),
}
