//! What Entra's endpoints answer: tokens, a refusal, or nothing that is Entra's.

use std::time::Duration;

use repilot_domain::{Clock as _, SystemClock};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::advice::{advice, code_in};
use crate::answer::{header, read_bounded};
use crate::body::{self, one_line};
use crate::http::Outbound;
use crate::network::Trouble;
use crate::retry_after;

/// Tokens are below 20 kB.
const BODY_MAX_BYTES: usize = 256 * 1024;

/// A token that is good for no known time is taken for one that lives as long as Entra's shortest.
const EXPIRES_IN_UNKNOWN: Duration = Duration::from_mins(10);

/// What the token endpoint gives.
#[derive(Debug, Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: SecretString,
    pub(super) refresh_token: Option<SecretString>,
    pub(super) id_token: Option<SecretString>,
    #[serde(default)]
    expires_in: Option<Seconds>,
    /// Permissions granted, separated by blanks.
    #[serde(default)]
    pub(super) scope: String,
}

impl Tokens {
    pub(super) fn lives(&self) -> Duration {
        self.expires_in
            .as_ref()
            .map_or(EXPIRES_IN_UNKNOWN, Seconds::duration)
    }
}

/// A number of seconds, which older answers write as text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Seconds {
    Number(u32),
    Text(String),
}

impl Seconds {
    pub(super) fn duration(&self) -> Duration {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.trim().parse().unwrap_or_default(),
        };
        Duration::from_secs(seconds.into())
    }
}

/// Entra said no.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Refusal {
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
    /// What the next sign-in has to fulfil.
    #[serde(default)]
    pub(super) claims: Option<String>,
}

impl Refusal {
    /// One that came by a redirect.
    pub(super) fn redirected(error: String, error_description: String) -> Self {
        Self {
            error,
            error_description,
            ..Self::default()
        }
    }

    fn code(&self) -> Option<u32> {
        code_in(&self.error_description).or_else(|| self.error_codes.first().copied())
    }

    /// Entra's words, without its trace of the call.
    pub(super) fn words(&self) -> String {
        let description = self.error_description.split("Trace ID:").next();
        let description = one_line(description.unwrap_or_default());
        match (description.is_empty(), code_in(&description)) {
            (true, _) => self.error.clone(),
            (false, Some(_)) => description,
            (false, None) => format!("{}: {description}", self.error),
        }
    }

    pub(super) fn advice(&self) -> Option<&'static str> {
        self.code().and_then(advice).or(match self.error.as_str() {
            "access_denied" | "authorization_declined" => {
                Some("nothing was changed; sign in again when it is meant")
            }
            "invalid_client" | "unauthorized_client" => {
                Some("check the app's id (--client-id, or client_id in the settings)")
            }
            "invalid_grant" | "interaction_required" | "login_required" => Some("sign in again"),
            _ => None,
        })
    }

    /// Whether a person mends it by signing in again.
    pub(super) fn asks_for_sign_in(&self) -> bool {
        matches!(
            self.error.as_str(),
            "invalid_grant"
                | "interaction_required"
                | "login_required"
                | "consent_required"
                | "access_denied"
        )
    }
}

/// No tokens.
#[derive(Debug)]
pub(super) enum EndpointError {
    /// Entra refused.
    Refused(Refusal),
    /// Entra is busy, cannot be reached, or something else answered in its place.
    Passing(Passing),
}

/// What should pass.
#[derive(Debug)]
pub(super) struct Passing {
    pub(super) words: String,
    pub(super) hint: &'static str,
    pub(super) retry_after: Option<Duration>,
}

/// What to do where nobody knows more.
const LOOK_AROUND: &str =
    "check the network, DNS and proxy on the way to Entra, and `[graph] cloud`";

/// Posts a form, and reads what comes.
pub(super) async fn post<T: DeserializeOwned>(
    http: &Outbound,
    url: Url,
    form: &[(&str, &str)],
) -> Result<T, EndpointError> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    let request = http.client.post(url.clone());
    read(http, &url, request.header(CONTENT_TYPE, kind).body(body)).await
}

/// Asks whether there is such a tenant.
pub(super) async fn look(http: &Outbound, url: Url) -> Result<(), EndpointError> {
    #[derive(Deserialize)]
    struct Description {
        #[serde(rename = "issuer")]
        _issuer: String,
    }
    let request = http.client.get(url.clone());
    read::<Description>(http, &url, request).await.map(drop)
}

async fn read<T: DeserializeOwned>(
    http: &Outbound,
    url: &Url,
    request: reqwest::RequestBuilder,
) -> Result<T, EndpointError> {
    let json = HeaderValue::from_static("application/json");
    let answer = match request.header(ACCEPT, json).send().await {
        Ok(answer) => answer,
        Err(error) => return Err(unanswered(http, url, &error)),
    };
    let status = answer.status();
    let now = SystemClock.now();
    let retry_after = header(answer.headers(), reqwest::header::RETRY_AFTER)
        .and_then(|value| retry_after::parse(&value, None, now));
    let bytes = match read_bounded(answer, BODY_MAX_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => return Err(unanswered(http, url, &error)),
    };
    if status.is_success() {
        return serde_json::from_slice(&bytes).map_err(|_not_it| not_entra(status, &bytes));
    }
    match serde_json::from_slice::<Refusal>(&bytes) {
        Ok(refusal) if passes(status, &refusal) => Err(EndpointError::Passing(Passing {
            words: format!("Entra is busy ({}): {}", status.as_u16(), refusal.words()),
            hint: "it should pass; nothing here needs mending",
            retry_after,
        })),
        Ok(refusal) => Err(EndpointError::Refused(refusal)),
        Err(_not_it) => Err(not_entra(status, &bytes)),
    }
}

fn passes(status: StatusCode, refusal: &Refusal) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || matches!(
            refusal.error.as_str(),
            "temporarily_unavailable" | "server_error"
        )
}

/// A proxy's page, or a filter's.
fn not_entra(status: StatusCode, bytes: &[u8]) -> EndpointError {
    // The body may hold tokens in a shape that was not expected: of JSON nothing is shown.
    let words = if serde_json::from_slice::<serde_json::Value>(bytes).is_ok() {
        None
    } else {
        body::parse(bytes, repilot_domain::Timestamp::default()).message
    };
    EndpointError::Passing(Passing {
        words: format!(
            "the answer ({}) is not Entra's{}; is it a proxy's?",
            status.as_u16(),
            words.map_or_else(String::new, |words| format!(": {words}"))
        ),
        hint: LOOK_AROUND,
        retry_after: None,
    })
}

fn unanswered(http: &Outbound, url: &Url, error: &reqwest::Error) -> EndpointError {
    let proxy = http.proxy.as_ref();
    let proxy = proxy.and_then(|proxy| proxy.on_the_way_to(url.as_str()));
    let host = url.host_str().unwrap_or_default();
    let trouble = Trouble::of(error, host, proxy.as_deref());
    EndpointError::Passing(Passing {
        words: format!("{host} cannot be reached: {}", trouble.says),
        hint: trouble.hint.unwrap_or(LOOK_AROUND),
        retry_after: None,
    })
}
