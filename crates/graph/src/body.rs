//! Error bodies, which nobody may trust to parse.

use std::time::Duration;

use repilot_domain::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// What is kept of a message: enough for an operation id and an activity id.
const MESSAGE_MAX_CHARS: usize = 500;

/// Intune nests its message as JSON within a string, at 504 even twice; nobody needs more.
const NESTING_MAX: usize = 4;

/// What an error body says, as far as it says anything.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something that a body says or does not"
)]
pub(crate) struct ErrorBody {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
    /// The innermost `RetryAfter` that is a time.
    pub(crate) retry_after: Option<Duration>,
    /// Some `RetryAfter` is not null.
    pub(crate) asks_to_wait: bool,
    /// Codes of the messages within the message.
    nested_codes: Vec<String>,
    /// Multi Admin Approval is named, by its header or in words.
    pub(crate) asks_for_approval: bool,
    /// "Cannot find device with ztd Id".
    pub(crate) unknown_device: bool,
    /// It is JSON in Graph's shape of an error.
    pub(crate) is_graphs: bool,
}

impl ErrorBody {
    /// Whether this is its code, whatever its case.
    pub(crate) fn has_code(&self, wanted: &str) -> bool {
        let code = self.code.as_deref();
        code.is_some_and(|code| code.eq_ignore_ascii_case(wanted))
    }

    /// Whether it refuses the app, at any depth.
    pub(crate) fn is_forbidden(&self) -> bool {
        let mut nested = self.nested_codes.iter();
        self.has_code("Forbidden") || nested.any(|code| code.eq_ignore_ascii_case("Forbidden"))
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: Option<Value>,
    #[serde(default)]
    message: Option<Value>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    details: Option<Value>,
}

/// Reads whatever came, `now` being when.
pub(crate) fn parse(bytes: &[u8], now: Timestamp) -> ErrorBody {
    let text = String::from_utf8_lossy(bytes);
    let lower_case = text.to_lowercase();
    let mut body = ErrorBody {
        asks_for_approval: names_approval(&lower_case),
        unknown_device: lower_case.contains("cannot find device with ztd"),
        ..ErrorBody::default()
    };
    let Ok(envelope) = serde_json::from_str::<Envelope>(&text) else {
        body.message = not_json(&text);
        return body;
    };
    let error = envelope.error;
    body.is_graphs = error.code.is_some() || error.message.is_some();
    body.code = error.code.and_then(into_text).map(|code| one_line(&code));
    body.request_id = error
        .details
        .as_ref()
        .and_then(|inner| inner.get("request-id"))
        .and_then(Value::as_str)
        .map(one_line);
    let mut message = error.message.and_then(into_text).unwrap_or_default();
    for _ in 0..NESTING_MAX {
        let Ok(Value::Object(nested)) = serde_json::from_str::<Value>(&message) else {
            break;
        };
        let wait = nested.get("RetryAfter").cloned().and_then(into_text);
        body.asks_to_wait |= wait.is_some();
        body.retry_after = wait
            .and_then(|wait| crate::retry_after::parse_in_body(&wait, now))
            .or(body.retry_after);
        let codes = ["ErrorCode", "errorCode", "Code", "code"];
        let codes = codes.iter().filter_map(|key| nested.get(*key)?.as_str());
        body.nested_codes.extend(codes.map(one_line));
        let inner = nested
            .get("Message")
            .or_else(|| nested.get("message"))
            .or_else(|| nested.get("error").and_then(|error| error.get("message")));
        let Some(inner) = inner.cloned().and_then(into_text) else {
            break;
        };
        message = inner;
    }
    // What is escaped on the way in is plain in the innermost message.
    body.asks_for_approval |= names_approval(&message.to_lowercase());
    body.message = Some(one_line(&message)).filter(|message| !message.is_empty());
    body
}

/// Whether a text in lower case asks for Multi Admin Approval, by the name of its header or in words.
fn names_approval(lower_case: &str) -> bool {
    if lower_case.contains("x-msft-approval-justification") {
        return true;
    }
    // Most bodies end here.
    lower_case.contains("approval") && {
        let letters: String = lower_case.chars().filter(|c| c.is_alphanumeric()).collect();
        letters.contains("multiadminapproval")
    }
}

fn into_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// A proxy's page or plain words: what is not markup.
pub(crate) fn not_json(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut within_tag = false;
    for c in text.chars().take(MESSAGE_MAX_CHARS * 8) {
        match c {
            '<' => within_tag = true,
            '>' => {
                within_tag = false;
                plain.push(' ');
            }
            c if !within_tag => plain.push(c),
            _ => {}
        }
    }
    Some(one_line(&plain)).filter(|message| !message.is_empty())
}

/// One line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    let text = text.trim();
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
    // What headers say is one line already: this runs for each answer.
    if text.len() <= MESSAGE_MAX_CHARS && text.bytes().all(is_plain) && !text.contains("  ") {
        return text.to_owned();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars()
        .filter(|c| !c.is_control())
        .take(MESSAGE_MAX_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(bytes: &[u8]) -> ErrorBody {
        super::parse(bytes, Timestamp::from_millis(0))
    }

    #[test]
    fn graphs_own_shape_gives_code_message_and_request_id() {
        let body = parse(
            br#"{"error":{"code":"TooManyRequests","message":"Slow down.","innerError":{"request-id":"r-1"}}}"#,
        );
        assert_eq!(body.code.as_deref(), Some("TooManyRequests"));
        assert_eq!(body.message.as_deref(), Some("Slow down."));
        assert_eq!(body.request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn intunes_message_within_a_message_is_unwrapped_twice() {
        let innermost = json!({"_version": 3, "Message": "An error has occurred - Operation ID: 1", "RetryAfter": "7"});
        let once = json!({"_version": 3, "Message": innermost.to_string(), "RetryAfter": null});
        let outer = json!({"error": {"code": "GatewayTimeout", "message": once.to_string()}});
        let body = parse(outer.to_string().as_bytes());
        assert_eq!(
            body.message.as_deref(),
            Some("An error has occurred - Operation ID: 1")
        );
        assert_eq!(body.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_proxys_page_becomes_a_line_of_words() {
        let body =
            parse(b"<html><head><title>502 Bad Gateway</title></head>\n<body>nginx</body></html>");
        assert_eq!(body.message.as_deref(), Some("502 Bad Gateway nginx"));
        assert_eq!(parse(b"").message, None);
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_the_message_is_bounded(bytes: Vec<u8>) {
            let body = parse(&bytes);
            prop_assert!(body.message.is_none_or(|message| message.chars().count() <= MESSAGE_MAX_CHARS));
        }

        #[test]
        fn whatever_message_comes_it_is_bounded(message: String) {
            let outer = json!({"error": {"code": 7, "message": message}}).to_string();
            let body = parse(outer.as_bytes());
            prop_assert_eq!(body.code.as_deref(), Some("7"));
            prop_assert!(body.message.is_none_or(|message| message.chars().count() <= MESSAGE_MAX_CHARS));
        }
    }
}
