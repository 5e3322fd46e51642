//! From an answer to what the caller does next: one match, every row of the table.

use std::time::Duration;

use crate::body::ErrorBody;
use crate::{GraphError, SystemicReason};

/// Whether a lost answer may hide an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// POST: it may have been done.
    Write,
    /// GET: asking again costs nothing but quota.
    Read,
}

/// Classifies an answer of Graph's that is not 2xx. A 401 that is about the token is the token
/// keeper's to judge, before this.
pub(crate) fn classify(
    status: u16,
    body: &ErrorBody,
    retry_after: Option<Duration>,
    effect: Effect,
) -> GraphError {
    let unknown_device = body.unknown_device || body.has_code("ResourceNotFound");
    let asks_to_wait = body.asks_to_wait || retry_after.is_some();
    match status {
        429 => GraphError::Throttled { retry_after },
        404 => GraphError::NotFound,
        408 => lost(effect, retry_after),
        400..=499 if body.asks_for_approval => {
            GraphError::Systemic(SystemicReason::MultiAdminApproval)
        }
        // Intune's refusal of an app arrives as 401, too, wrapped in another message.
        403 => GraphError::Systemic(SystemicReason::Forbidden(words(status, body))),
        401 if body.is_forbidden() => {
            GraphError::Systemic(SystemicReason::Forbidden(words(status, body)))
        }
        401 => GraphError::Unauthorized,
        400..=499 if unknown_device => GraphError::NotFound,
        // Conflict, misdirected, locked, too early: none of them is about the device for good.
        409 | 421 | 423 | 425 => GraphError::Transient { retry_after },
        400..=499 if asks_to_wait => GraphError::Transient { retry_after },
        400..=499 => GraphError::Rejected,
        // A server's fault says nothing of what was done before it.
        _ => lost(effect, retry_after),
    }
}

/// Graph's status, code and words for a refusal.
fn words(status: u16, body: &ErrorBody) -> String {
    let said = match (&body.code, &body.message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(words), None) | (None, Some(words)) => words.clone(),
        (None, None) => "without a word".to_owned(),
    };
    format!("{status}, {said}")
}

/// The request was sent, and what came of it is not known.
pub(crate) fn lost(effect: Effect, retry_after: Option<Duration>) -> GraphError {
    match effect {
        Effect::Write => GraphError::Ambiguous { retry_after },
        Effect::Read => GraphError::Transient { retry_after },
    }
}

#[cfg(test)]
mod tests {
    use repilot_domain::Timestamp;

    use super::*;

    fn of(status: u16, body: &str) -> GraphError {
        let body = crate::body::parse(body.as_bytes(), Timestamp::from_millis(0));
        classify(status, &body, Some(Duration::from_secs(3)), Effect::Write)
    }

    fn asked(status: u16, body: &str, retry_after: Option<Duration>) -> GraphError {
        let body = crate::body::parse(body.as_bytes(), Timestamp::from_millis(0));
        classify(status, &body, retry_after, Effect::Write)
    }

    fn is_forbidden(error: &GraphError, said: &str) -> bool {
        matches!(error, GraphError::Systemic(SystemicReason::Forbidden(words)) if words == said)
    }

    #[test]
    fn every_status_of_the_table_has_its_meaning() {
        let retry_after = Some(Duration::from_secs(3));
        assert_eq!(of(429, ""), GraphError::Throttled { retry_after });
        assert_eq!(of(401, ""), GraphError::Unauthorized);
        assert!(is_forbidden(&of(403, ""), "403, without a word"));
        assert_eq!(of(404, ""), GraphError::NotFound);
        for status in [400, 405, 410, 412, 422] {
            assert_eq!(asked(status, "", None), GraphError::Rejected, "{status}");
            assert_eq!(of(status, ""), GraphError::Transient { retry_after });
        }
        for status in [409, 421, 423, 425] {
            let passing = |retry_after| GraphError::Transient { retry_after };
            assert_eq!(of(status, ""), passing(retry_after), "{status}");
            assert_eq!(asked(status, "", None), passing(None), "{status}");
        }
        for status in [408, 500, 502, 503, 504, 599] {
            let in_doubt = GraphError::Ambiguous { retry_after };
            assert_eq!(of(status, ""), in_doubt, "{status}");
        }
    }

    #[test]
    fn an_unknown_device_is_known_by_code_or_words() {
        let ztd = r#"{"error":{"code":"BadRequest","message":"Cannot find device with ztd Id 1"}}"#;
        assert_eq!(of(400, ztd), GraphError::NotFound);
        let code = r#"{"error":{"code":"ResourceNotFound","message":""}}"#;
        assert_eq!(of(400, code), GraphError::NotFound);
    }

    #[test]
    fn multi_admin_approval_is_known_by_its_words_or_its_header() {
        let approval = GraphError::Systemic(SystemicReason::MultiAdminApproval);
        for (status, body) in [
            (
                400,
                r#"{"error":{"code":"BadRequest","message":"Missing x-msft-approval-justification header"}}"#,
            ),
            (
                403,
                r#"{"error":{"code":"Forbidden","message":"This operation requires Multi Admin Approval."}}"#,
            ),
            (
                403,
                r#"{"error":{"code":"Forbidden","message":"{\"Message\":\"requires MULTI-ADMIN approval\"}"}}"#,
            ),
            (
                401,
                r#"{"error":{"code":"UnknownError","message":"{\"ErrorCode\":\"Forbidden\",\"Message\":\"multi admin\\r\\n approval\"}"}}"#,
            ),
        ] {
            assert_eq!(of(status, body), approval, "{body}");
        }
    }

    #[test]
    fn a_401_with_intunes_forbidden_inside_is_a_missing_permission() {
        let inner = r#"{\"ErrorCode\":\"Forbidden\",\"Message\":\"An error has occurred\"}"#;
        let body = format!(r#"{{"error":{{"code":"UnknownError","message":"{inner}"}}}}"#);
        let said = "401, UnknownError: An error has occurred";
        assert!(is_forbidden(&of(401, &body), said), "{:?}", of(401, &body));
        let expired = r#"{"error":{"code":"InvalidAuthenticationToken","message":"Forbidden"}}"#;
        assert_eq!(of(401, expired), GraphError::Unauthorized);
    }

    #[test]
    fn a_400_that_asks_to_wait_inside_comes_back_after_that_time() {
        let body = |wait: &str| {
            let inner = format!(r#"{{\"Message\":\"Busy\",\"RetryAfter\":{wait}}}"#);
            format!(r#"{{"error":{{"code":"BadRequest","message":"{inner}"}}}}"#)
        };
        for (wait, seconds) in [
            ("7", Some(7)),
            (r#"\"00:00:09\""#, Some(9)),
            (r#"\"soon\""#, None),
        ] {
            let text = body(wait);
            let parsed = crate::body::parse(text.as_bytes(), Timestamp::from_millis(0));
            let retry_after = seconds.map(Duration::from_secs);
            assert_eq!(parsed.retry_after, retry_after, "{wait}");
            let error = classify(400, &parsed, parsed.retry_after, Effect::Write);
            assert_eq!(error, GraphError::Transient { retry_after }, "{wait}");
        }
        assert_eq!(asked(400, &body("null"), None), GraphError::Rejected);
    }

    #[test]
    fn a_lost_answer_to_a_read_hides_no_effect() {
        let body = ErrorBody::default();
        for status in [500, 503, 504] {
            let error = classify(status, &body, None, Effect::Read);
            assert_eq!(error, GraphError::Transient { retry_after: None });
        }
    }
}
