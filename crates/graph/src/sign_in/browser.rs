//! Signing in by a browser of this machine: authorization code, PKCE, loopback redirect (RFC 8252).

use std::time::Duration;

use repilot_domain::Clock;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::endpoint::{self, EndpointError, Refusal, Tokens};
use super::loopback::{Brought, Loopback};
use super::pkce::{Proof, by_chance};
use super::{SignInError, SignInRequest, SignedIn, page};
use crate::http::Outbound;

/// Time after which nobody is expected to come back: enough for a second factor and a coffee.
const WAITS: Duration = Duration::from_mins(10);

/// A sign-in page that waits for a person.
pub struct BrowserSignIn {
    request: SignInRequest,
    http: Outbound,
    listener: Loopback,
    url: Url,
    proof: Proof,
    state: String,
    nonce: String,
    waits: Duration,
}

impl BrowserSignIn {
    /// Makes sure that the tenant exists, and listens for the browser.
    pub async fn begin(request: SignInRequest) -> Result<Self, SignInError> {
        let http = request.http()?;
        request.check_tenant(&http).await?;
        let listener = Loopback::bind().await.map_err(SignInError::Listen)?;
        let (proof, state, nonce) = (Proof::new(), by_chance(), by_chance());
        let mut url = request.authority.authorize(&request.tenant);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &request.client_id)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", &listener.address())
            .append_pair("scope", &request.scopes())
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &proof.challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("prompt", "select_account");
        if let Some(hint) = &request.login_hint {
            query.append_pair("login_hint", hint);
        }
        if let Some(claims) = &request.claims {
            query.append_pair("claims", claims);
        }
        drop(query);
        Ok(Self {
            request,
            http,
            listener,
            url,
            proof,
            state,
            nonce,
            waits: WAITS,
        })
    }

    /// Where the person signs in. It holds no secret.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The same, waiting for no longer than this.
    #[must_use]
    pub fn within(mut self, waits: Duration) -> Self {
        self.waits = waits;
        self
    }

    /// Waits for the browser, redeems what it brings, and shows it what came of it.
    pub async fn finish(self, clock: &dyn Clock) -> Result<SignedIn, SignInError> {
        let answered = tokio::time::timeout(self.waits, self.listener.answer(&self.state));
        let (brought, mut browser) = answered
            .await
            .map_err(|_elapsed| SignInError::TooLate(self.waits))?
            .map_err(SignInError::Listen)?;
        let signed_in = match brought {
            Brought::Code(code) => self.redeemed(&code, clock).await,
            Brought::Refusal(refusal) => Err(refused(&refusal)),
        };
        let shown = match &signed_in {
            Ok(signed_in) => page::signed_in(signed_in.user()),
            Err(error) => page::failed(&error.to_string()),
        };
        browser.tell("200 OK", &shown).await;
        signed_in
    }

    async fn redeemed(
        &self,
        code: &SecretString,
        clock: &dyn Clock,
    ) -> Result<SignedIn, SignInError> {
        let (redirect, scopes) = (self.listener.address(), self.request.scopes());
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.request.client_id.as_str()),
            ("code", code.expose_secret()),
            ("redirect_uri", &redirect),
            ("code_verifier", self.proof.verifier.expose_secret()),
            ("scope", &scopes),
        ];
        let url = self.request.authority.token(&self.request.tenant);
        match endpoint::post::<Tokens>(&self.http, url, &form).await {
            Ok(tokens) => SignedIn::new(self.request.clone(), tokens, Some(&self.nonce), clock),
            Err(EndpointError::Refused(refusal)) => Err(refused(&refusal)),
            Err(EndpointError::Passing(passing)) => Err(self.request.unreachable(passing)),
        }
    }
}

fn refused(refusal: &Refusal) -> SignInError {
    // Somebody who closes the page's dialog says no; a policy that says it has a number.
    if refusal.error == "access_denied" && !refusal.error_description.contains("AADSTS") {
        return SignInError::Declined;
    }
    SignInError::refused(refusal)
}
