//! A 401 that asks for more than the token fulfils: what Conditional Access wants of the next sign-in.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// Claims are below one kilobyte.
const CLAIMS_MAX_BYTES: usize = 16 * 1024;

/// With padding or without it.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The claims of an `insufficient_claims` challenge, as JSON; none where there is no such challenge.
pub(crate) fn claims(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter(|challenge| challenge.len() <= CLAIMS_MAX_BYTES)
        .filter(|challenge| parameter(challenge, "error") == Some("insufficient_claims"))
        .find_map(|challenge| decoded(parameter(challenge, "claims")?))
}

fn decoded(claims: &str) -> Option<String> {
    let standard = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let for_addresses = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let bytes = standard
        .decode(claims)
        .or_else(|_other| for_addresses.decode(claims))
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let is_object = matches!(
        serde_json::from_str(&text),
        Ok(serde_json::Value::Object(_))
    );
    is_object.then_some(text)
}

/// A quoted parameter of a challenge.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = challenge;
    while let Some(at) = rest.find(name) {
        let before = rest[..at].chars().next_back();
        let after = rest[at + name.len()..].trim_start();
        rest = &rest[at + name.len()..];
        let is_whole = before.is_none_or(|c| c == ',' || c.is_whitespace());
        let Some(value) = after.strip_prefix('=').filter(|_| is_whole) else {
            continue;
        };
        let value = value.trim_start().strip_prefix('"')?;
        return value.split('"').next();
    }
    None
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn of(challenge: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        claims(&headers)
    }

    const WANTED: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;

    #[test]
    fn the_claims_of_microsofts_example_are_read() {
        let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\", error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYwNDEwNjY1MSJ9fX0=\"";
        let wanted = WANTED.replace(",\"value\"", ", \"value\"");
        assert_eq!(of(challenge), Some(wanted));
    }

    #[test]
    fn other_challenges_ask_for_no_claims() {
        for challenge in [
            "Bearer",
            "Bearer error=\"invalid_token\", claims=\"e30=\"",
            "Bearer error=\"insufficient_claims\"",
            "Bearer error=\"insufficient_claims\", claims=\"!\"",
            "Bearer error=\"insufficient_claims\", claims=\"W10=\"",
            "Bearer error=\"insufficient_claims\", claims=",
        ] {
            assert_eq!(of(challenge), None, "{challenge}");
        }
        let short = "Bearer error=\"insufficient_claims\", claims=\"e30\"";
        assert_eq!(of(short).as_deref(), Some("{}"));
    }
}
