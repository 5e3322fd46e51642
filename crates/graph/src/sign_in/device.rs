//! Signing in by a code that is typed into a browser on any other machine (RFC 8628).

use std::time::Duration;

use repilot_domain::Clock;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::endpoint::{self, EndpointError, Refusal, Seconds, Tokens};
use super::{SignInError, SignInRequest, SignedIn};
use crate::http::Outbound;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The wait between two questions where Entra names none, and what `slow_down` adds to it (RFC 8628).
const INTERVAL: Duration = Duration::from_secs(5);

/// The longest wait between two questions, whatever Entra asks for.
const INTERVAL_MAX: Duration = Duration::from_mins(1);

/// The longest time that a code is waited for, whatever Entra says.
const LIFE_MAX: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
struct Issued {
    device_code: SecretString,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: Seconds,
    #[serde(default)]
    interval: Option<Seconds>,
}

/// How long to wait after an answer that is no token; an error where it is in vain.
fn next_interval(
    refusal: &Refusal,
    interval: Duration,
    life: Duration,
) -> Result<Duration, SignInError> {
    match refusal.error.as_str() {
        "authorization_pending" => Ok(interval),
        "slow_down" => Ok((interval + INTERVAL).min(INTERVAL_MAX)),
        "authorization_declined" | "access_denied" => Err(SignInError::Declined),
        "expired_token" | "code_expired" => Err(SignInError::TooLate(life)),
        _ => Err(SignInError::refused(refusal)),
    }
}

/// A code that waits to be typed.
pub struct DeviceSignIn {
    request: SignInRequest,
    http: Outbound,
    code: Issued,
    life: Duration,
    ends: Instant,
}

impl DeviceSignIn {
    /// Asks Entra for a code.
    pub async fn begin(request: SignInRequest) -> Result<Self, SignInError> {
        let http = request.http()?;
        let scopes = request.scopes();
        let form = [
            ("client_id", request.client_id.as_str()),
            ("scope", &scopes),
        ];
        let url = request.authority.device_code(&request.tenant);
        let code: Issued = match endpoint::post(&http, url, &form).await {
            Ok(code) => code,
            Err(EndpointError::Refused(refusal)) => return Err(SignInError::refused(&refusal)),
            Err(EndpointError::Passing(passing)) => return Err(request.unreachable(passing)),
        };
        let life = code.expires_in.duration().min(LIFE_MAX);
        Ok(Self {
            request,
            http,
            life,
            ends: Instant::now() + life,
            code,
        })
    }

    /// Where the code is typed.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.code.verification_uri
    }

    /// What is typed there.
    #[must_use]
    pub fn user_code(&self) -> &str {
        &self.code.user_code
    }

    /// How long it may take.
    #[must_use]
    pub fn lives(&self) -> Duration {
        self.life
    }

    /// Asks until the person has signed in, said no, or taken too long.
    pub async fn finish(self, clock: &dyn Clock) -> Result<SignedIn, SignInError> {
        let asked = self.code.interval.as_ref().map(Seconds::duration);
        let mut interval = asked
            .filter(|interval| !interval.is_zero())
            .unwrap_or(INTERVAL)
            .min(INTERVAL_MAX);
        let url = self.request.authority.token(&self.request.tenant);
        let form = [
            ("grant_type", GRANT),
            ("client_id", self.request.client_id.as_str()),
            ("device_code", self.code.device_code.expose_secret()),
        ];
        loop {
            let next = Instant::now() + interval;
            if next > self.ends {
                return Err(SignInError::TooLate(self.life));
            }
            tokio::time::sleep_until(next).await;
            match endpoint::post::<Tokens>(&self.http, url.clone(), &form).await {
                Ok(tokens) => return SignedIn::new(self.request, tokens, None, clock),
                // The person is not done yet; what passes is no answer.
                Err(EndpointError::Passing(_)) => {}
                Err(EndpointError::Refused(refusal)) => {
                    interval = next_interval(&refusal, interval, self.life)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entras_words_wait_wait_longer_or_end() {
        let life = Duration::from_mins(15);
        let after = |error: &str| {
            let refusal = Refusal::redirected(error.to_owned(), String::new());
            next_interval(&refusal, INTERVAL, life)
        };
        assert_eq!(after("authorization_pending").unwrap(), INTERVAL);
        assert_eq!(after("slow_down").unwrap(), INTERVAL * 2);
        let slow = Refusal::redirected("slow_down".to_owned(), String::new());
        let longest = next_interval(&slow, INTERVAL_MAX, life).unwrap();
        assert_eq!(longest, INTERVAL_MAX);
        let declined = after("authorization_declined");
        assert!(matches!(declined, Err(SignInError::Declined)));
        let expired = after("expired_token");
        assert!(matches!(expired, Err(SignInError::TooLate(_))));
        let bad = after("bad_verification_code");
        assert!(matches!(bad, Err(SignInError::Refused { .. })));
    }
}
