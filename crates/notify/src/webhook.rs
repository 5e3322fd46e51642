//! A message over HTTP.

use std::time::Duration;

use repilot_domain::Timestamp;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use crate::{Message, SendError, SigningKey, Template, WebhookUrl};

/// Whoever takes longer is asked again later.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Largest part of an answer that is read for a refusal in words.
const WORDS_MAX_BYTES: usize = 4_096;

/// Somewhere that takes messages over HTTP.
#[derive(Debug)]
pub struct Webhook {
    url: WebhookUrl,
    template: Template,
    key: Option<SigningKey>,
    client: reqwest::Client,
}

impl Webhook {
    /// One that posts there; with a key its messages are signed.
    pub fn new(
        url: WebhookUrl,
        template: Template,
        key: Option<SigningKey>,
    ) -> Result<Self, reqwest::Error> {
        // A second installation changes nothing: whoever came first chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("repilot/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            // A redirect would carry the message to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if url.is_plain() {
            builder = builder.no_proxy().tls_certs_only([]);
        }
        Ok(Self {
            url,
            template,
            key,
            client: builder.build()?,
        })
    }

    /// The machine that it posts to.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// Posts a message.
    pub async fn send(&self, message: &Message, now: Timestamp) -> Result<(), SendError> {
        let body = self.template.body(message).to_string();
        let mut request = self
            .client
            .post(self.url.reveal())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("Idempotency-Key", &message.id)
            .header("X-Repilot-Event", &message.event);
        if let Some(key) = &self.key {
            let signed = key.sign(body.as_bytes(), now);
            request = request
                .header("X-Repilot-Timestamp", signed.timestamp)
                .header("X-Repilot-Signature", signed.signature);
        }
        let host = self.url.host().to_owned();
        match request.body(body).send().await {
            Ok(answer) if answer.status().is_success() => {
                let status = answer.status().as_u16();
                match self.template.refusal_in(&words_of(answer).await) {
                    None => Ok(()),
                    Some(words) => Err(SendError::RefusedInWords {
                        host,
                        status,
                        words,
                    }),
                }
            }
            Ok(answer) => Err(SendError::Refused {
                host,
                status: answer.status().as_u16(),
                retry_after: retry_after(&answer, now),
            }),
            Err(error) => Err(SendError::Unreachable {
                host,
                why: in_words(&error.without_url()),
            }),
        }
    }
}

/// The first words of an answer; none where they do not come.
async fn words_of(mut answer: Response) -> String {
    let mut words = Vec::new();
    while words.len() < WORDS_MAX_BYTES {
        match answer.chunk().await {
            Ok(Some(chunk)) => words.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    words.truncate(WORDS_MAX_BYTES);
    String::from_utf8_lossy(&words).into_owned()
}

/// How long an answer asks to be left alone: in seconds, or until a date.
fn retry_after(answer: &Response, now: Timestamp) -> Option<Duration> {
    let said = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let in_seconds = said
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    in_seconds.or_else(|| {
        let until = httpdate::parse_http_date(said).ok()?;
        let until = until.duration_since(std::time::UNIX_EPOCH).ok()?;
        let until = Timestamp::from_millis(i64::try_from(until.as_millis()).ok()?);
        Some(until.since(now))
    })
}

/// Why no answer came, without the address, which reqwest's own words may hold.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke".to_owned()
    }
}
