//! Instants: in UTC as they are sent, and in the viewer's own zone once the script has seen them.

use maud::{Markup, html};
use repilot_domain::Timestamp;

pub(crate) use super::number::lasting;

/// An instant as the time since it, or until it; the script keeps it true.
pub(crate) fn ago(instant: Timestamp, now: Timestamp) -> Markup {
    let text = if instant > now {
        format!("in {}", lasting(instant.since(now)))
    } else {
        format!("{} ago", lasting(now.since(instant)))
    };
    html! {
        time datetime=(instant) title=(utc(instant)) data-relative { (text) }
    }
}

/// `2026-03-01 08:15:30 UTC`.
fn utc(instant: Timestamp) -> String {
    let text = instant.to_string();
    let (seconds, _) = text.split_once('.').unwrap_or((&text, ""));
    format!("{} UTC", seconds.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_come_is_said_so() {
        let now = Timestamp::from_millis(1_000_000);
        let later = Timestamp::from_millis(1_090_000);
        assert!(ago(later, now).into_string().contains(">in 1 min<"));
        assert!(ago(now, later).into_string().contains(">1 min ago<"));
    }
}
