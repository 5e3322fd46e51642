//! What goes wrong: data, and which fault a call meets.

use serde::{Deserialize, Serialize};

use crate::quota::RetryAfter;

/// A fault and the calls that it fits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A share of calls, by chance.
    #[serde(default)]
    pub share: Option<f64>,
    /// Devices whose serial fits; `*` stands for anything.
    #[serde(default)]
    pub serial: Option<String>,
    /// Which calls.
    #[serde(default)]
    pub on: On,
    /// The first so many calls of a device alone.
    #[serde(default)]
    pub attempts: Option<u64>,
    /// Not the first so many calls of a device.
    #[serde(default)]
    pub after: Option<u64>,
    /// What happens.
    pub kind: FaultKind,
    /// The status of kinds `status`, `page`, `redirect` and `approval`, where it is another than theirs.
    #[serde(default)]
    pub status: Option<u16>,
    /// The body of an error.
    #[serde(default)]
    pub body: BodyShape,
    /// What kind `status` says of when to come back; it means two seconds.
    #[serde(default)]
    pub retry_after: Option<RetryAfter>,
    /// How much later kind `slow` answers.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether what was asked for is done before kinds `status`, `page`, `redirect` and
    /// `error-in-success` answer.
    #[serde(default)]
    pub applied: bool,
    /// The title of kind `page`.
    #[serde(default)]
    pub title: Option<String>,
    /// Where kind `redirect` leads, and the next page's link of kind `bad-link`.
    #[serde(default)]
    pub location: Option<String>,
    /// The code of kinds `status` and `error-in-success`, where it is another than theirs.
    #[serde(default)]
    pub code: Option<String>,
    /// The same for their message, which may be JSON in itself as Intune's is.
    #[serde(default)]
    pub message: Option<String>,
}

/// Which calls a fault fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// Either action.
    #[default]
    Act,
    /// To unassign.
    Unassign,
    /// To assign.
    Assign,
    /// A user of the directory.
    User,
    /// A look at one device.
    Look,
    /// A page of the inventory.
    List,
    /// All of them.
    Any,
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Answers with a status; nothing is done.
    Status,
    /// Does it, and answers 504.
    #[serde(rename = "applied-504")]
    Applied504,
    /// Drops the connection; nothing is done.
    ResetBefore,
    /// Does it, and drops the connection.
    ResetAfter,
    /// Does it, answers 504, and another user is assigned.
    #[serde(rename = "reassigned-504")]
    Reassigned504,
    /// Does it, late.
    Slow,
    /// 400, or another status: Multi Admin Approval is enforced.
    Approval,
    /// Somebody else's web page in Graph's place.
    Page,
    /// The same: a redirect elsewhere.
    Redirect,
    /// 200 with an error in its body.
    ErrorInSuccess,
    /// A page of the inventory always names another next page, which shows the first devices again.
    EndlessList,
    /// The inventory counts one device more than it lists.
    ShortList,
    /// The first item of a page has no id.
    BrokenItem,
    /// A page shows its last device a second time on the next page.
    RepeatedDevice,
    /// The next page's link is `location`.
    BadLink,
}

/// How an error's body looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyShape {
    /// Graph's own.
    #[default]
    Graph,
    /// Intune's message: JSON within a string.
    Intune,
    /// The same within itself.
    IntuneTwice,
    /// A proxy's page.
    Html,
}

/// A call, as far as faults look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    pub(crate) on: On,
    pub(crate) serial: &'a str,
    /// Counts this device's calls of its own kind, from 1.
    pub(crate) attempt: u64,
    /// Differs from device to device.
    pub(crate) device: u64,
}

impl Fault {
    /// A fault of a kind that fits a share of the action's calls.
    #[must_use]
    pub fn sharing(kind: FaultKind, share: f64) -> Self {
        Self {
            share: Some(share),
            serial: None,
            on: On::Act,
            attempts: None,
            after: None,
            kind,
            status: None,
            body: BodyShape::Graph,
            retry_after: None,
            delay_ms: 0,
            applied: false,
            title: None,
            location: None,
            code: None,
            message: None,
        }
    }

    /// A web page with this status in Graph's place, for all calls of a kind.
    #[must_use]
    pub fn page(on: On, status: u16, title: &str) -> Self {
        Self {
            on,
            status: Some(status),
            title: Some(title.to_owned()),
            ..Self::sharing(FaultKind::Page, 1.0)
        }
    }

    /// A listing that is broken in this way.
    #[must_use]
    pub fn listing(kind: FaultKind) -> Self {
        Self {
            on: On::List,
            ..Self::sharing(kind, 1.0)
        }
    }

    /// A status that a share of the action's calls is answered with.
    #[must_use]
    pub fn status(status: u16, share: f64) -> Self {
        Self {
            status: Some(status),
            ..Self::sharing(FaultKind::Status, share)
        }
    }

    fn meets(&self, occasion: &Occasion<'_>, seed: u64, number: u64) -> bool {
        let kind = match self.on {
            On::Any => true,
            On::Act => matches!(occasion.on, On::Unassign | On::Assign),
            on => on == occasion.on,
        };
        let early = self
            .attempts
            .is_none_or(|attempts| occasion.attempt <= attempts);
        let begun = self.after.is_none_or(|calls| occasion.attempt > calls);
        let named = self
            .serial
            .as_deref()
            .is_none_or(|pattern| fits(pattern, occasion.serial));
        let drawn = || {
            self.share.is_none_or(|share| {
                chance(&[seed, number, occasion.device, occasion.attempt]) < share
            })
        };
        kind && early && begun && named && drawn()
    }
}

/// The first fault that a call meets.
pub(crate) fn met<'a>(
    faults: &'a [Fault],
    occasion: &Occasion<'_>,
    seed: u64,
) -> Option<&'a Fault> {
    faults
        .iter()
        .zip(0..)
        .find(|(fault, number)| fault.meets(occasion, seed, *number))
        .map(|(fault, _)| fault)
}

/// Between 0 and 1, always the same for the same numbers (`SplitMix64`).
pub(crate) fn chance(numbers: &[u64]) -> f64 {
    let mut state = 0_u64;
    for number in numbers {
        state = state
            .wrapping_add(*number)
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^= state >> 31;
    }
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Whether a text fits a pattern in which `*` stands for anything.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in [
            ("*-X", "AB-X"),
            ("A*", "A"),
            ("a*c*e", "abcde"),
            ("AB", "AB"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("*-X", "AB-Y"),
            ("A*", "BA"),
            ("a*c*e", "abde"),
            ("AB", "ABC"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_share_is_met_about_as_often_as_it_says_and_always_alike() {
        let draws = || {
            (0..10_000)
                .filter(|device| chance(&[1, 2, *device, 1]) < 0.05)
                .count()
        };
        assert!((400..600).contains(&draws()), "{}", draws());
        assert_eq!(draws(), draws());
    }
}
