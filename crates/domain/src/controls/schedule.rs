//! When a campaign may run: not before, within its windows, until its deadline.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Windows, Zone};
use crate::Timestamp;

/// When a campaign may run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Nothing goes out before.
    pub not_before: Option<Timestamp>,
    /// Nothing goes out from then on: what is left waits, paused.
    pub deadline: Option<Timestamp>,
    /// Nothing goes out while all of them are closed.
    pub windows: Windows,
    /// Whose clocks the windows go by.
    pub zone: Zone,
}

/// A stretch of time in which a campaign may run; it may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it; none where it does not end.
    pub until: Option<Timestamp>,
}

/// How a campaign stands with its schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleState {
    /// It may run until then, if that is ever.
    Open(Option<Timestamp>),
    /// Its beginning has not come; it may run from then on.
    NotBefore(Timestamp),
    /// Its windows are closed; the next opens then, if one ever does.
    Closed(Option<Timestamp>),
    /// Its deadline has passed.
    Over(Timestamp),
}

/// Stretches that are looked at before an end is called out of sight.
const STRETCHES: u32 = 1_000;

impl Schedule {
    /// The stretch that is on, or else the next; none once the deadline has passed.
    #[must_use]
    pub fn stretch(&self, now: Timestamp) -> Option<Stretch> {
        let over = self.deadline.is_some_and(|deadline| deadline <= now);
        if over {
            return None;
        }
        let latest = |moment: Timestamp| {
            self.deadline
                .map_or(moment, |deadline| deadline.min(moment))
        };
        let start = self.not_before.map_or(now, |begin| begin.max(now));
        let from = if self.windows.are_open(&self.zone, start) {
            Some(start)
        } else {
            self.windows.next_change(&self.zone, start)
        };
        // One that never opens: empty, at the end.
        let Some(from) = from else {
            let end = latest(Timestamp::from_millis(i64::MAX));
            return Some(Stretch {
                from: end,
                until: Some(end),
            });
        };
        let closes = self.windows.next_change(&self.zone, from);
        Some(Stretch {
            from: latest(from),
            until: closes.map(latest).or(self.deadline),
        })
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> ScheduleState {
        match (self.stretch(now), self.deadline) {
            (None, deadline) => ScheduleState::Over(deadline.unwrap_or(now)),
            (Some(stretch), _) if stretch.from <= now => ScheduleState::Open(stretch.until),
            (Some(stretch), _) => {
                let opens = stretch.until != Some(stretch.from);
                let from = opens.then_some(stretch.from);
                match (self.not_before, from) {
                    (Some(begin), Some(from)) if begin > now && from == begin => {
                        ScheduleState::NotBefore(begin)
                    }
                    (_, from) => ScheduleState::Closed(from),
                }
            }
        }
    }

    /// When so much work is done, if it goes on whenever it may; none where the deadline comes
    /// first, or the end is out of sight.
    #[must_use]
    pub fn done_after(&self, now: Timestamp, work: Duration) -> Option<Timestamp> {
        let mut now = now;
        let mut left = work;
        for _ in 0..STRETCHES {
            let stretch = self.stretch(now)?;
            let end = stretch.from.after(left);
            match stretch.until {
                None => return Some(end),
                Some(until) if end <= until && stretch.from < until => return Some(end),
                Some(until) => {
                    left = left.saturating_sub(until.since(stretch.from));
                    now = until;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::moment_in;
    use super::*;

    fn at(text: &str) -> Timestamp {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        moment_in(&zone, text, Timestamp::from_millis(0)).unwrap()
    }

    fn nights() -> Schedule {
        Schedule {
            windows: "Mon-Fri 20:00-06:00".parse().unwrap(),
            zone: "Europe/Berlin".parse().unwrap(),
            ..Schedule::default()
        }
    }

    #[test]
    fn without_any_of_it_a_campaign_may_always_run() {
        let now = at("2026-11-27 12:00");
        let always = Schedule::default();
        assert_eq!(always.standing(now), ScheduleState::Open(None));
        let hour = Duration::from_hours(1);
        assert_eq!(always.done_after(now, hour), Some(now.after(hour)));
    }

    #[test]
    fn the_strictest_of_beginning_windows_and_deadline_holds() {
        let mut schedule = nights();
        schedule.not_before = Some(at("2026-11-26 23:00"));
        schedule.deadline = Some(at("2026-11-28 02:00"));
        let standing = |text: &str| schedule.standing(at(text));
        assert_eq!(
            standing("2026-11-26 21:00"),
            ScheduleState::NotBefore(at("2026-11-26 23:00"))
        );
        assert_eq!(
            standing("2026-11-26 23:00"),
            ScheduleState::Open(Some(at("2026-11-27 06:00")))
        );
        assert_eq!(
            standing("2026-11-27 12:00"),
            ScheduleState::Closed(Some(at("2026-11-27 20:00")))
        );
        assert_eq!(
            standing("2026-11-27 20:00"),
            ScheduleState::Open(Some(at("2026-11-28 02:00")))
        );
        assert_eq!(
            standing("2026-11-28 02:00"),
            ScheduleState::Over(at("2026-11-28 02:00"))
        );
    }

    #[test]
    fn a_window_that_opens_after_the_deadline_never_opens() {
        let mut schedule = nights();
        schedule.deadline = Some(at("2026-11-28 12:00"));
        let saturday = at("2026-11-28 08:00");
        assert_eq!(schedule.standing(saturday), ScheduleState::Closed(None));
        let end = at("2026-11-28 12:00");
        assert_eq!(
            schedule.stretch(saturday),
            Some(Stretch {
                from: end,
                until: Some(end)
            })
        );
        assert_eq!(schedule.stretch(end), None);
    }

    #[test]
    fn an_end_is_reckoned_in_open_hours_and_never_after_the_deadline() {
        let mut schedule = nights();
        let friday = at("2026-11-27 12:00");
        let done =
            |schedule: &Schedule, hours| schedule.done_after(friday, Duration::from_hours(hours));
        assert_eq!(done(&schedule, 9), Some(at("2026-11-28 05:00")));
        assert_eq!(done(&schedule, 10), Some(at("2026-11-28 06:00")));
        assert_eq!(done(&schedule, 11), Some(at("2026-11-30 21:00")));
        schedule.deadline = Some(at("2026-11-30 20:30"));
        assert_eq!(done(&schedule, 11), None);
        assert_eq!(done(&schedule, 10), Some(at("2026-11-28 06:00")));
    }
}
