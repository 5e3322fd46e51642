//! Why a token could not be had: who was asked, what came back, and whether it should pass.

use std::time::Duration;

use azure_core::error::{Error, ErrorKind};
use repilot_domain::Timestamp;
use serde_json::Value;

use super::party::Party;
use super::transport::{Answer, Failed};
use crate::body::one_line;
use crate::{GraphError, SystemicReason, retry_after};

/// A token that could not be had.
#[derive(Debug, Clone)]
pub struct TokenFailure {
    /// Whether it should pass, or a person must mend it.
    pub error: GraphError,
    /// Who was asked, and what came back.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Statuses that pass; a metadata service says 404 and 410 while it is updated.
const PASSING: [u16; 3] = [408, 410, 429];

/// What Entra's codes ask for, where its own words do not say so.
const HINTS: [(&str, &str); 9] = [
    (
        "AADSTS700024",
        "check this machine's clock: Entra holds the times in the assertion against its own",
    ),
    (
        "AADSTS700027",
        "upload this certificate (its public half) to the app registration in Entra",
    ),
    (
        "AADSTS7000222",
        "the secret has expired: make a new one in the app registration in Entra",
    ),
    (
        "AADSTS7000215",
        "write the secret's value, not its id, and that of this app",
    ),
    (
        "AADSTS700016",
        "check client_id, and that the app is registered in this tenant and cloud",
    ),
    (
        "AADSTS70021",
        "check the federated credential of the app: issuer, subject and audience must agree",
    ),
    (
        "AADSTS90002",
        "check tenant_id, and `[graph] cloud`: each cloud knows its own tenants alone",
    ),
    (
        "AADSTS50196",
        "Entra sees the same request over and over: wait a few minutes",
    ),
    (
        "AADSTS53003",
        "a Conditional Access policy refuses the app: have it excluded",
    ),
];

impl TokenFailure {
    /// Makes a failure that no further try mends.
    pub(super) fn refused(party: Party, words: &str) -> Self {
        let words = one_line(words);
        let code = HINTS.iter().find(|(code, _)| has_code(&words, code));
        let hint = match (party, code) {
            (_, Some((_, hint))) => hint,
            (Party::Entra, None) => "check tenant_id, client_id and the credential",
            (party, None) => party.hint(),
        };
        let reason = match party {
            // The clock is the one cause that no credential mends.
            Party::Entra if has_code(&words, "AADSTS700024") => {
                SystemicReason::CredentialRefused(format!("{words} ({hint})"))
            }
            Party::Entra => SystemicReason::CredentialRefused(words.clone()),
            party => SystemicReason::IdentityRefused(format!("{party} gives no token: {words}")),
        };
        Self {
            error: GraphError::Systemic(reason),
            message: words,
            hint: hint.to_owned(),
        }
    }

    /// Makes the failure of a refresh that Entra refuses, and that no sign-in mends.
    pub(crate) fn refused_by_entra(words: &str) -> Self {
        Self::refused(Party::Entra, words)
    }

    /// Makes a failure that a person mends by signing in again.
    pub(crate) fn sign_in_again(tenant: &str, why: &str) -> Self {
        let message = one_line(why);
        let reason = SystemicReason::SignInAgain {
            tenant: tenant.to_owned(),
            why: message.clone(),
        };
        Self {
            error: GraphError::Systemic(reason),
            message,
            hint: format!("repilot login --tenant {tenant}"),
        }
    }

    /// Whether a person has to sign in again.
    pub(super) fn asks_for_sign_in(&self) -> bool {
        let error = &self.error;
        matches!(
            error,
            GraphError::Systemic(SystemicReason::SignInAgain { .. })
        )
    }

    /// Makes a failure that should pass: nothing was sent to Graph, no device has spent an attempt.
    pub(crate) fn passing(message: &str, hint: &str, retry_after: Option<Duration>) -> Self {
        Self {
            error: GraphError::NoToken { retry_after },
            message: one_line(message),
            hint: hint.to_owned(),
        }
    }

    /// Makes the failure of a token that no request can carry.
    pub(super) fn unusable() -> Self {
        Self::refused(
            Party::Entra,
            "the token has characters that no header can carry",
        )
    }

    /// Makes the failure of a party that did not answer in time.
    pub(super) fn too_slow(party: Party) -> Self {
        Self::passing(
            &format!("{party} did not answer in time"),
            party.hint(),
            None,
        )
    }

    /// Reads what `azure_identity` failed with, beside the last answer that came.
    pub(super) fn of(party: Party, error: &Error, answer: Option<&Answer>, now: Timestamp) -> Self {
        let mut innermost = error.to_string();
        let mut has_passing_kind = false;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(failed) = error.downcast_ref::<Failed>() {
                return Self::unanswered(party, failed);
            }
            has_passing_kind |= error
                .downcast_ref::<Error>()
                .is_some_and(|error| matches!(error.kind(), ErrorKind::Connection | ErrorKind::Io));
            innermost = error.to_string();
            cause = error.source();
        }
        match answer {
            Some(answer) => Self::answered(party, answer, &innermost, now),
            None if has_passing_kind => {
                Self::passing(&format!("{party}: {innermost}"), party.hint(), None)
            }
            None => Self::refused(party, &innermost),
        }
    }

    /// Makes the failure of a request that got no answer.
    pub(super) fn unanswered(party: Party, failed: &Failed) -> Self {
        let trouble = &failed.trouble;
        let hint = trouble.hint.unwrap_or(party.hint());
        Self::passing(
            &format!("{party} cannot be reached: {}", trouble.says),
            hint,
            None,
        )
    }

    /// Makes the failure of an answer that brings no token; `words` say why, where its body does not.
    pub(super) fn answered(party: Party, answer: &Answer, words: &str, now: Timestamp) -> Self {
        let Answer { host, status, .. } = answer;
        let retry_after = answer
            .retry_after
            .as_ref()
            .and_then(|wait| retry_after::parse(wait, answer.date.as_deref(), now));
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            return foreign(party, answer, retry_after);
        };
        let own_words = said(&body);
        let passes =
            *status >= 500 || PASSING.contains(status) || (*status == 404 && party != Party::Entra);
        if passes {
            let said = own_words.unwrap_or_else(|| "without a word".to_owned());
            let hint = match party {
                Party::Entra => "it should pass; nothing here needs mending",
                party => party.hint(),
            };
            let message = format!("{party} ({host}) answered {status}: {said}");
            return Self::passing(&message, hint, retry_after);
        }
        if (200..300).contains(status) {
            let message = format!(
                "{party} ({host}) answered {status} with something else than a token: {words}"
            );
            return Self::passing(&message, party.hint(), retry_after);
        }
        if party == Party::Entra {
            return Self::refused(party, own_words.as_deref().unwrap_or(words));
        }
        let said = own_words.unwrap_or_else(|| "without a word".to_owned());
        Self::refused(party, &format!("{status}: {said}"))
    }
}

/// Makes the failure of an answer in nobody's form: a proxy's, a filter's or a sign-in page.
fn foreign(party: Party, answer: &Answer, retry_after: Option<Duration>) -> TokenFailure {
    let Answer { host, status, .. } = answer;
    let text = String::from_utf8_lossy(&answer.body);
    let page = match (title(&text), text.trim().is_empty()) {
        (Some(title), _) => format!("a page titled \"{title}\""),
        (None, true) => "an empty page".to_owned(),
        (None, false) => "something that is no JSON".to_owned(),
    };
    let leads = answer.location.as_deref().map(|to| {
        let host = url::Url::parse(to)
            .ok()
            .and_then(|to| to.host_str().map(str::to_owned));
        format!(" that leads to {}", host.as_deref().unwrap_or("elsewhere"))
    });
    let message = format!(
        "{host} was asked for a token, and {status} came back with {page}{}: that is not {party}, but a \
         proxy, a filter or a sign-in page on the way",
        leads.unwrap_or_default()
    );
    TokenFailure::passing(&message, party.hint(), retry_after)
}

/// The title of a page.
fn title(page: &str) -> Option<String> {
    // Bytes of ASCII keep their places.
    let lower_case = page.to_ascii_lowercase();
    let start = lower_case.find("<title")?;
    let start = start + lower_case[start..].find('>')? + 1;
    let end = start + lower_case[start..].find("</title")?;
    Some(one_line(&page[start..end])).filter(|title| !title.is_empty())
}

/// What an answer says for people.
fn said(body: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(one_line).filter(|text| !text.is_empty());
    let error = &body["error"];
    [
        &body["error_description"],
        &error["message"],
        &body["message"],
        error,
    ]
    .into_iter()
    .find_map(text)
}

/// Whether Entra's code stands in its words, and not as the beginning of a longer one.
fn has_code(words: &str, code: &str) -> bool {
    words.match_indices(code).any(|(at, _)| {
        let next = words.as_bytes().get(at + code.len());
        !next.is_some_and(u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_whole_and_never_within_a_longer_one() {
        assert!(has_code("AADSTS700024: Client assertion", "AADSTS700024"));
        assert!(!has_code("AADSTS7000222: expired", "AADSTS700022"));
        let clock = TokenFailure::refused(
            Party::Entra,
            "AADSTS700024: not within its valid time range",
        );
        assert!(clock.hint.contains("clock"), "{clock:?}");
        assert!(clock.error.to_string().contains("clock"), "{clock:?}");
    }

    #[test]
    fn a_pages_title_is_read_whatever_its_case() {
        assert_eq!(
            title("<HTML><TITLE lang=x>Access\n denied</TITLE>").as_deref(),
            Some("Access denied")
        );
        assert_eq!(title("<html><body>no title"), None);
        assert_eq!(title("<title></title>"), None);
    }
}
