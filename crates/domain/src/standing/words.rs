//! How moments and stretches of time are said.

use std::time::Duration;

use crate::{Timestamp, Zone};

/// `12 s`, `5 min`, `3 h 38 min`, `4 days`.
#[must_use]
pub fn about(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `Tue 1 Dec 02:00 CET`, to the second.
pub(super) fn moment(zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    let millis = at.as_millis();
    let whole = Timestamp::from_millis(millis - millis.rem_euclid(1_000));
    zone.shown(whole, now)
}

/// `Tue 1 Dec 02:00 CET (in 3 h 38 min)`.
pub(super) fn ahead(zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    format!("{} (in {})", moment(zone, at, now), about(at.since(now)))
}

/// `1 device`, `20 devices`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{count} {noun}")
}
