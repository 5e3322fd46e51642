//! A provider, asked: its description, its keys, and the token of a code.

use std::time::Duration;

use repilot_domain::{Role, Timestamp, WithCauses, untrusted};
use reqwest::{Client, RequestBuilder};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::RwLock;
use url::{Host, Url};

use super::claims::{Claims, Held, Token};
use super::keys::Keys;
use super::{OidcError, OidcOptions, OidcSetupError};

/// Largest number of characters of a provider's word that is repeated.
pub(super) const SAID: usize = 300;

/// Somebody waits before an empty page meanwhile.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A provider, and what is known of it.
pub(crate) struct Provider {
    options: OidcOptions,
    client: Client,
    known: RwLock<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    description: Description,
    keys: Keys,
}

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Description {
    pub(super) issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    userinfo_endpoint: Option<Url>,
}

/// What a provider gives for a code.
#[derive(Deserialize)]
struct Granted {
    id_token: String,
    #[serde(default)]
    access_token: String,
}

/// Why a provider gives nothing.
#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What a sign-in is held to.
pub(super) struct Expected<'a> {
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
    pub(super) nonce: &'a str,
}

impl Provider {
    pub(crate) fn new(options: OidcOptions) -> Result<Self, OidcSetupError> {
        let is_loopback = match options.issuer.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let is_plain = options.issuer.scheme() != "https";
        if is_plain && !is_loopback {
            return Err(OidcSetupError::Plain(options.issuer));
        }
        // A second installation changes nothing: whoever came first chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("repilot/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if is_plain {
            builder = builder.no_proxy().tls_certs_only([]);
        }
        Ok(Self {
            client: builder.build().map_err(OidcSetupError::Client)?,
            options,
            known: RwLock::new(None),
        })
    }

    /// The scopes that are asked for.
    pub(super) fn scope(&self) -> String {
        self.options.scopes.join(" ")
    }

    /// Where a browser is sent, with what the provider is to know.
    pub(super) async fn authorization(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<Url, OidcError> {
        let mut url = self.known().await?.description.authorization_endpoint;
        url.query_pairs_mut()
            .append_pair("client_id", &self.options.client_id)
            .extend_pairs(parameters);
        Ok(url)
    }

    /// Who a code is of, and what they may do.
    pub(super) async fn who(
        &self,
        code: &str,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<(String, Role), OidcError> {
        let known = self.known().await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", expected.redirect_uri),
            ("client_id", &self.options.client_id),
            ("client_secret", self.options.client_secret.expose_secret()),
            ("code_verifier", expected.verifier),
        ];
        let request = self.token_request(&known.description, &form);
        let granted: Granted = asked(request, "its token endpoint").await?;
        let token = Token::read(&granted.id_token, &self.options)?;
        // A provider changes its keys when it likes, and may leave the key's id as it was.
        let known = if token.is_signed_by(&known.keys) {
            known
        } else {
            self.read().await?
        };
        let held = Held {
            keys: &known.keys,
            issuer: &known.description.issuer,
            nonce: expected.nonce,
            now,
        };
        let mut claims = token.believed(&held, &self.options)?;
        if !claims.says_memberships(&self.options) {
            self.ask_for_more(&known.description, &granted.access_token, &mut claims)
                .await;
        }
        Ok((claims.name(), claims.role(&self.options)?))
    }

    /// Asks the provider's userinfo for what the token leaves out, as the groups are by many. What it
    /// says of somebody else is not taken; one that does not answer leaves the claims as they are.
    async fn ask_for_more(&self, description: &Description, token: &str, claims: &mut Claims) {
        let Some(address) = &description.userinfo_endpoint else {
            return;
        };
        let request = self.client.get(address.clone()).bearer_auth(token);
        match asked::<Map<String, Value>>(request, "its userinfo").await {
            Ok(further) => {
                let subject = further.get("sub").and_then(Value::as_str);
                if subject == Some(claims.subject()) {
                    claims.take_missing(further);
                }
            }
            Err(error) => tracing::warn!(
                error = %WithCauses(&error),
                "the identity provider's userinfo does not say more of a person"
            ),
        }
    }

    async fn known(&self) -> Result<Known, OidcError> {
        if let Some(known) = &*self.known.read().await {
            return Ok(known.clone());
        }
        self.read().await
    }

    /// Reads description and keys anew.
    async fn read(&self) -> Result<Known, OidcError> {
        let description = self.describe().await?;
        let keys = self.read_keys(&description).await?;
        let known = Known { description, keys };
        *self.known.write().await = Some(known.clone());
        Ok(known)
    }

    /// Reads what the provider says of itself.
    pub(super) async fn describe(&self) -> Result<Description, OidcError> {
        // With a slash at its end or without: providers say both, and people type either.
        let issuer = self.options.issuer.as_str().trim_end_matches('/');
        let address = format!("{issuer}/.well-known/openid-configuration");
        let request = self.client.get(address);
        let description: Description = asked(request, "its description").await?;
        if description.issuer.trim_end_matches('/') != issuer {
            return Err(OidcError::OtherIssuer {
                came: untrusted(&description.issuer, SAID),
                wanted: self.options.issuer.clone(),
            });
        }
        Ok(description)
    }

    /// Reads the provider's keys.
    pub(super) async fn read_keys(&self, description: &Description) -> Result<Keys, OidcError> {
        let request = self.client.get(description.jwks_uri.clone());
        asked(request, "its keys").await
    }

    /// A request for the tokens of a code.
    pub(super) fn token_request(
        &self,
        description: &Description,
        form: &[(&str, &str)],
    ) -> RequestBuilder {
        self.client
            .post(description.token_endpoint.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(serde_html_form::to_string(form).unwrap_or_default())
    }

    pub(super) const fn options(&self) -> &OidcOptions {
        &self.options
    }
}

/// Asks the token endpoint, whatever it gives.
pub(super) async fn asked_of(request: RequestBuilder) -> Result<(), OidcError> {
    let _: Map<String, Value> = asked(request, "its token endpoint").await?;
    Ok(())
}

async fn asked<T: DeserializeOwned>(
    request: RequestBuilder,
    place: &'static str,
) -> Result<T, OidcError> {
    let unreachable = |error: reqwest::Error| OidcError::Unreachable {
        place,
        source: error.without_url(),
    };
    let answer = request.send().await.map_err(unreachable)?;
    let Err(failed) = answer.error_for_status_ref() else {
        return answer.json().await.map_err(unreachable);
    };
    match answer.json().await {
        Ok(Denied {
            error,
            error_description,
        }) => {
            let said = untrusted(&format!("{error} {error_description}"), SAID);
            // RFC 6749, 5.2: these are about the program, and no person can do anything.
            Err(match error.as_str() {
                "invalid_client" | "unauthorized_client" => OidcError::Client(said),
                _ => OidcError::Refused(said),
            })
        }
        Err(_no_words) => Err(unreachable(failed)),
    }
}
