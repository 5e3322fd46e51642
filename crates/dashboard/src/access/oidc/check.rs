//! A provider tried without a person: its description, its keys, and whether it accepts this
//! dashboard's client id and secret.

use repilot_domain::{WithCauses, untrusted};
use secrecy::ExposeSecret as _;

use super::flow::BACK;
use super::provider::{Provider, SAID, asked_of};
use super::{OidcError, OidcSetupError};
use crate::options::Options;

/// One thing that was tried at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCheck {
    /// The thing: `description`, `keys` or `client`.
    pub what: &'static str,
    /// Whether sign-ins can work as far as this goes.
    pub ok: bool,
    /// Words for a person.
    pub says: String,
    /// The next thing to do; empty where all is well.
    pub hint: String,
}

impl ProviderCheck {
    fn ok(what: &'static str, says: String) -> Self {
        Self {
            what,
            ok: true,
            says,
            hint: String::new(),
        }
    }

    fn bad(what: &'static str, says: String, hint: impl Into<String>) -> Self {
        Self {
            what,
            ok: false,
            says,
            hint: hint.into(),
        }
    }
}

/// Tries the provider that `options` name, for a dashboard with these options. What cannot be tried after
/// something failed is left out.
///
/// # Errors
///
/// Where the issuer cannot be asked at all: plain `http`, or no HTTP client.
pub async fn check_provider(options: &Options) -> Result<Vec<ProviderCheck>, OidcSetupError> {
    let Some(oidc) = options.oidc.clone() else {
        return Ok(Vec::new());
    };
    let provider = Provider::new(oidc)?;
    let description = match provider.describe().await {
        Ok(description) => description,
        Err(error) => {
            let hint = match &error {
                OidcError::OtherIssuer { came, .. } => {
                    format!("set `[dashboard.oidc] issuer = \"{came}\"`, if that is yours")
                }
                _ => "check `[dashboard.oidc] issuer`, the network and the proxy; the description is at ISSUER/.well-known/openid-configuration".to_owned(),
            };
            let says = WithCauses(&error).to_string();
            return Ok(vec![ProviderCheck::bad("description", says, hint)]);
        }
    };
    let mut checks = vec![ProviderCheck::ok(
        "description",
        format!("{} answers", untrusted(&description.issuer, SAID)),
    )];
    let oidc = provider.options();
    checks.push(match provider.read_keys(&description).await {
        Err(error) => ProviderCheck::bad(
            "keys",
            WithCauses(&error).to_string(),
            "sign-ins fail until the provider's keys can be read",
        ),
        Ok(keys) => match keys.fitting(&oidc.algorithms) {
            0 => ProviderCheck::bad(
                "keys",
                format!("none of its {} keys fits the algorithms", keys.count()),
                "check `[dashboard.oidc] algorithms`, and with which the provider signs",
            ),
            fitting => ProviderCheck::ok("keys", format!("{fitting} that tokens may be signed by")),
        },
    });
    // No code is like this: a provider that accepts the client says that the grant is invalid.
    let redirect_uri = format!("{}{BACK}", options.url(options.listen));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "repilot-check"),
        ("redirect_uri", &redirect_uri),
        ("client_id", &oidc.client_id),
        ("client_secret", oidc.client_secret.expose_secret()),
        (
            "code_verifier",
            "a-verifier-that-no-sign-in-was-begun-with-42",
        ),
    ];
    let answer = asked_of(provider.token_request(&description, &form)).await;
    checks.push(match answer {
        Err(OidcError::Client(said)) => ProviderCheck::bad(
            "client",
            format!("not accepted: {said}"),
            "check client_id, and whether the client secret has expired",
        ),
        Err(OidcError::Refused(said)) if said.starts_with("invalid_grant") => ProviderCheck::ok(
            "client",
            format!("accepted; it has to know the address {redirect_uri}"),
        ),
        Err(OidcError::Refused(said)) => ProviderCheck::ok(
            "client",
            format!("neither accepted nor refused: {said}; a sign-in tells"),
        ),
        Err(error) => ProviderCheck::bad(
            "client",
            WithCauses(&error).to_string(),
            "sign-ins fail until the provider's token endpoint answers",
        ),
        Ok(()) => ProviderCheck::bad(
            "client",
            "it gave tokens for a code that is none".to_owned(),
            "do not let people in by this provider before you know why",
        ),
    });
    Ok(checks)
}
