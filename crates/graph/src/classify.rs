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

/// Classifies an answer that is not 2xx. A 401 is the token keeper's to judge, before this.
pub(crate) fn classify(
    status: u16,
    body: &ErrorBody,
    retry_after: Option<Duration>,
    effect: Effect,
) -> GraphError {
    let unknown_device = body.unknown_device
        || body
            .code
            .as_deref()
            .is_some_and(|code| code.eq_ignore_ascii_case("ResourceNotFound"));
    match status {
        429 => GraphError::Throttled { retry_after },
        401 => GraphError::Unauthorized,
        400 | 403 if body.asks_for_approval => {
            GraphError::Systemic(SystemicReason::MultiAdminApproval)
        }
        403 => GraphError::Systemic(SystemicReason::Forbidden(words(body))),
        404 => GraphError::NotFound,
        400..=499 if unknown_device => GraphError::NotFound,
        408 => GraphError::Transient { retry_after },
        400..=499 => GraphError::Rejected,
        504 => lost(effect),
        // 500, 502, 503, and redirects or statuses that nobody has documented: none says "done".
        _ => GraphError::Transient { retry_after },
    }
}

/// Graph's code and words for a refusal.
fn words(body: &ErrorBody) -> String {
    match (&body.code, &body.message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(words), None) | (None, Some(words)) => words.clone(),
        (None, None) => "without a word".to_owned(),
    }
}

/// The answer was lost after the request had been sent.
pub(crate) fn lost(effect: Effect) -> GraphError {
    match effect {
        Effect::Write => GraphError::Ambiguous,
        Effect::Read => GraphError::Transient { retry_after: None },
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

    #[test]
    fn every_row_of_the_table() {
        let retry_after = Some(Duration::from_secs(3));
        assert_eq!(of(429, ""), GraphError::Throttled { retry_after });
        assert_eq!(of(401, ""), GraphError::Unauthorized);
        assert!(matches!(
            of(403, ""),
            GraphError::Systemic(SystemicReason::Forbidden(_))
        ));
        let approval = r#"{"error":{"code":"BadRequest","message":"Missing x-msft-approval-justification header"}}"#;
        assert_eq!(
            of(400, approval),
            GraphError::Systemic(SystemicReason::MultiAdminApproval)
        );
        assert_eq!(of(404, ""), GraphError::NotFound);
        let ztd = r#"{"error":{"code":"BadRequest","message":"Cannot find device with ztd Id 1"}}"#;
        assert_eq!(of(400, ztd), GraphError::NotFound);
        let code = r#"{"error":{"code":"ResourceNotFound","message":""}}"#;
        assert_eq!(of(400, code), GraphError::NotFound);
        for status in [400, 405, 409, 410, 412, 422, 423] {
            assert_eq!(of(status, ""), GraphError::Rejected, "{status}");
        }
        for status in [408, 500, 502, 503] {
            assert_eq!(
                of(status, ""),
                GraphError::Transient { retry_after },
                "{status}"
            );
        }
        assert_eq!(of(504, ""), GraphError::Ambiguous);
    }

    #[test]
    fn a_lost_answer_to_a_read_hides_no_effect() {
        let body = ErrorBody::default();
        let error = classify(504, &body, None, Effect::Read);
        assert_eq!(error, GraphError::Transient { retry_after: None });
    }
}
