//! Instants: in UTC as they are sent, and in the viewer's own zone once the script has seen them.

use maud::{Markup, html};
use repilot_domain::Timestamp;

/// An instant.
pub(crate) fn moment(instant: Timestamp) -> Markup {
    time(instant, "moment")
}

/// An instant of today, most likely: its hour and minute once the script has seen it.
pub(crate) fn clock(instant: Timestamp) -> Markup {
    time(instant, "clock")
}

/// An instant that the script shows as the time since it, or until it.
pub(crate) fn ago(instant: Timestamp) -> Markup {
    time(instant, "ago")
}

/// The text is the same at all times, so that a page does not change by time alone.
fn time(instant: Timestamp, shown: &'static str) -> Markup {
    let utc = utc(instant);
    html! {
        time datetime=(instant) title=(utc) data-shown=(shown) { (utc) }
    }
}

/// `2026-03-01 08:15:30 UTC`.
pub(crate) fn utc(instant: Timestamp) -> String {
    let text = instant.to_string();
    let (seconds, _) = text.split_once('.').unwrap_or((&text, ""));
    format!("{} UTC", seconds.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_without_the_script_and_says_utc() {
        let markup = moment(Timestamp::from_millis(1_772_352_930_250)).into_string();
        assert_eq!(
            markup,
            "<time datetime=\"2026-03-01T08:15:30.250Z\" title=\"2026-03-01 08:15:30 UTC\" data-shown=\"moment\">2026-03-01 08:15:30 UTC</time>"
        );
    }
}
