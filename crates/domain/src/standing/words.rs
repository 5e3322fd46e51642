//! How moments and stretches of time are said.

use std::time::Duration;

use crate::{Schedule, ScheduleState, Timestamp, Zone};

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

/// When a schedule lets a campaign run next: `next: Tue 8 Dec 02:00 CET, for 3 h 00 min`.
#[must_use]
pub fn what_comes_next(schedule: &Schedule, now: Timestamp) -> String {
    let shown = |at: Timestamp| schedule.zone.shown(at, now);
    match schedule.standing(now) {
        ScheduleState::Open(None) => "it may run at any time".to_owned(),
        ScheduleState::Open(Some(until)) => format!("open now, until {}", shown(until)),
        ScheduleState::NotBefore(begin) => format!("next: {}", shown(begin)),
        ScheduleState::Closed(None) => "it never opens".to_owned(),
        ScheduleState::Closed(Some(from)) => {
            let until = schedule.stretch(now).and_then(|stretch| stretch.until);
            let lasts = until.map(|until| format!(", for {}", about(until.since(from))));
            format!("next: {}{}", shown(from), lasts.unwrap_or_default())
        }
        ScheduleState::Over(deadline) => format!("its deadline, {}, has passed", shown(deadline)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment_in;

    #[test]
    fn what_comes_next_is_said_by_the_clocks_of_the_zone() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let at = |text: &str| moment_in(&zone, text, Timestamp::default()).unwrap();
        let mut schedule = Schedule {
            windows: "Mon-Fri 20:00-06:00".parse().unwrap(),
            zone: zone.clone(),
            ..Schedule::default()
        };
        let said = |schedule: &Schedule, text: &str| what_comes_next(schedule, at(text));
        assert_eq!(
            said(&schedule, "2026-11-27 12:00"),
            "next: Fri 27 Nov 20:00 CET, for 10 h 00 min"
        );
        assert_eq!(
            said(&schedule, "2026-11-27 21:00"),
            "open now, until Sat 28 Nov 06:00 CET"
        );
        schedule.not_before = Some(at("2026-11-30 22:00"));
        assert_eq!(
            said(&schedule, "2026-11-27 12:00"),
            "next: Mon 30 Nov 22:00 CET"
        );
        schedule.deadline = Some(at("2026-11-30 12:00"));
        assert_eq!(said(&schedule, "2026-11-27 12:00"), "it never opens");
        assert_eq!(
            said(&schedule, "2026-11-30 13:00"),
            "its deadline, Mon 30 Nov 12:00 CET, has passed"
        );
        let always = Schedule::default();
        assert_eq!(said(&always, "2026-11-27 12:00"), "it may run at any time");
    }
}
