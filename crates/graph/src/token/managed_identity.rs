//! Tokens of the machine's own identity: from the metadata service of an Azure machine, or from App
//! Service and its like.
//!
//! `azure_identity` asks the metadata service seven times within 72 s, whatever its retry options say,
//! and then says what it makes of the answers. Here it is asked once and its own words are kept: trying
//! again is the job's part.

use std::sync::Arc;

use azure_core::http::Url;
use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{HttpClient, Method, Request};
use repilot_domain::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::failure::TokenFailure;
use super::fetched::Fetched;
use super::party::Party;
use super::transport::{Failed, Witness};
use crate::Cloud;

/// The metadata service, which every Azure machine has at this address and no other machine.
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// Version of its interface.
const METADATA_VERSION: &str = "2018-02-01";

/// Version of App Service's.
const APP_SERVICE_VERSION: &str = "2019-08-01";

/// Life of a token of which neither a duration nor a time can be read.
const UNKNOWN_LIFE_SECONDS: i64 = 300;

/// Where the machine's identity is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) party: Party,
    url: Url,
    /// App Service's proof that the caller is its own.
    secret: Option<String>,
}

impl Endpoint {
    /// Finds it by the variables that each host of an identity sets.
    pub(super) fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let unsupported = |host: &str| {
            Err(format!(
                "the managed identity of {host} is not supported; use a certificate or a client secret"
            ))
        };
        match (set("IDENTITY_ENDPOINT"), set("IDENTITY_HEADER")) {
            (Some(_), Some(_)) if set("IDENTITY_SERVER_THUMBPRINT").is_some() => {
                unsupported("Service Fabric")
            }
            (Some(endpoint), secret @ Some(_)) => {
                let url = Url::parse(&endpoint)
                    .map_err(|_bad| format!("IDENTITY_ENDPOINT is no address: {endpoint}"))?;
                Ok(Self {
                    party: Party::AppService,
                    url,
                    secret,
                })
            }
            (Some(_), None) if set("IMDS_ENDPOINT").is_some() => unsupported("Azure Arc"),
            _ if set("MSI_ENDPOINT").is_some() && set("MSI_SECRET").is_some() => {
                unsupported("Azure ML")
            }
            _ if set("MSI_ENDPOINT").is_some() => unsupported("Cloud Shell"),
            _ => Ok(Self {
                party: Party::MetadataService,
                url: Url::parse(METADATA).map_err(|error| error.to_string())?,
                secret: None,
            }),
        }
    }

    fn request(&self, cloud: Cloud, client_id: Option<&str>) -> Request {
        let version = match self.party {
            Party::AppService => APP_SERVICE_VERSION,
            _ => METADATA_VERSION,
        };
        let mut url = self.url.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("api-version", version);
            query.append_pair("resource", cloud.root());
            if let Some(client_id) = client_id {
                query.append_pair("client_id", client_id);
            }
        }
        let mut request = Request::new(url, Method::Get);
        request.insert_header("metadata", "true");
        if let Some(secret) = &self.secret {
            let name = HeaderName::from_static("x-identity-header");
            request.insert_header(name, HeaderValue::from(secret.clone()));
        }
        request
    }
}

/// Fetches a token, asking once.
pub(super) async fn fetch(
    endpoint: &Endpoint,
    cloud: Cloud,
    client_id: Option<&str>,
    http: &Arc<dyn HttpClient>,
    now: Timestamp,
) -> Result<Fetched, TokenFailure> {
    let party = endpoint.party;
    let witness = Witness::of(http);
    let request = endpoint.request(cloud, client_id);
    if let Err(error) = witness.execute_request(&request).await {
        let failed =
            std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Failed>());
        return Err(match failed {
            Some(failed) => TokenFailure::unanswered(party, failed),
            None => TokenFailure::of(party, &error, None, now),
        });
    }
    let Some(answer) = witness.answer() else {
        return Err(TokenFailure::too_slow(party));
    };
    let token = match answer.status {
        200..300 => read(&answer.body, now),
        _ => Err("it carries no token"),
    };
    token.map_err(|words| TokenFailure::answered(party, &answer, words, now))
}

/// Reads a token and the end of its life. The time that it has left is asked first, since the end is
/// told by another machine's clock.
fn read(body: &[u8], now: Timestamp) -> Result<Fetched, &'static str> {
    let body: Value = serde_json::from_slice(body).map_err(|_foreign| "it is no JSON")?;
    let token = body["access_token"]
        .as_str()
        .ok_or("it has no `access_token`")?;
    let left = seconds(&body["expires_in"]).filter(|left| *left > 0);
    let until = seconds(&body["expires_on"]).or_else(|| date(body["expires_on"].as_str()?));
    let expires_at = match (left, until) {
        (Some(left), _) => now.as_millis().saturating_add(left.saturating_mul(1_000)),
        (None, Some(until)) => until.saturating_mul(1_000),
        (None, None) => now.as_millis() + UNKNOWN_LIFE_SECONDS * 1_000,
    };
    Ok(Fetched {
        secret: SecretString::from(token.to_owned()),
        expires_at: Some(Timestamp::from_millis(expires_at)),
    })
}

/// A number, or one in quotes.
fn seconds(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// App Service's older form: `1/30/2026 8:15:30 PM +00:00`.
fn date(text: &str) -> Option<i64> {
    ["%m/%d/%Y %I:%M:%S %p %:z", "%m/%d/%Y %H:%M:%S %:z"]
        .into_iter()
        .find_map(|format| jiff::Timestamp::strptime(format, text).ok())
        .map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_352_930_000);

    fn expiry(body: &str) -> i64 {
        let fetched = read(body.as_bytes(), NOW).unwrap();
        (fetched.expires_at.unwrap().as_millis() - NOW.as_millis()) / 1_000
    }

    #[test]
    fn the_end_of_a_token_is_read_in_every_form() {
        for (body, seconds) in [
            (
                r#"{"access_token":"t","expires_in":"3599","expires_on":"1"}"#,
                3_599,
            ),
            (r#"{"access_token":"t","expires_in":3599}"#, 3_599),
            (r#"{"access_token":"t","expires_on":"1772356530"}"#, 3_600),
            (r#"{"access_token":"t","expires_on":1772356530}"#, 3_600),
            (
                r#"{"access_token":"t","expires_on":"3/1/2026 9:15:30 AM +00:00"}"#,
                3_600,
            ),
            (
                r#"{"access_token":"t","expires_on":"03/01/2026 09:15:30 +00:00"}"#,
                3_600,
            ),
            (r#"{"access_token":"t"}"#, UNKNOWN_LIFE_SECONDS),
        ] {
            assert_eq!(expiry(body), seconds, "{body}");
        }
        assert!(read(b"{}", NOW).is_err());
    }

    #[test]
    fn each_host_of_an_identity_is_found_or_named_as_unsupported() {
        let find = |variables: &[(&str, &str)]| {
            Endpoint::find(|wanted| {
                let mut all = variables.iter();
                all.find(|(name, _)| *name == wanted)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(find(&[]).unwrap().party, Party::MetadataService);
        let endpoint = ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token");
        let header = ("IDENTITY_HEADER", "h");
        assert_eq!(find(&[endpoint, header]).unwrap().party, Party::AppService);
        for (variables, host) in [
            (
                &[endpoint, header, ("IDENTITY_SERVER_THUMBPRINT", "t")][..],
                "Service Fabric",
            ),
            (&[endpoint, ("IMDS_ENDPOINT", "e")], "Azure Arc"),
            (&[("MSI_ENDPOINT", "e"), ("MSI_SECRET", "s")], "Azure ML"),
            (&[("MSI_ENDPOINT", "e")], "Cloud Shell"),
        ] {
            let error = find(variables).unwrap_err();
            assert!(error.contains(host), "{error}");
        }
    }
}
