//! When a campaign would end: one computation for the plan of each command.
//!
//! Calls go out while the schedule is open, no faster than each limit; each limit lets its whole
//! number go at once after a pause and then as it is granted. What the tenant throttles, and what other
//! campaigns of it take, is not known beforehand: an end is one at the earliest.

use std::time::Duration;

use super::{Schedule, Zone};
use crate::Timestamp;

/// At most so many devices in any stretch of time as long as its window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Devices; a part of one where each needs several calls.
    pub devices: f64,
    /// Devices of them that may go at once at the beginning: all after a pause, fewer where some of
    /// the last window occupy it still.
    pub at_once: f64,
    /// The stretch of time.
    pub window: Duration,
}

/// What is to be done, and what holds it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Devices to be done.
    pub devices: u64,
    /// Limits, each of which holds.
    pub limits: Vec<Limit>,
    /// When it may go on.
    pub schedule: Schedule,
    /// Devices after which it stops until a person lets it go on.
    pub stops_after: Option<u64>,
}

/// When work would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// When the first device goes out; `None` where none ever does.
    pub begins: Option<Timestamp>,
    /// When it stops for a person, where it does before the end.
    pub stops: Option<Timestamp>,
    /// When the last device is done, if whoever must let it go on does so at once.
    pub end: End,
    /// Windows of the schedule that it takes; 1 where it has none.
    pub windows: u32,
}

/// How work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is all done.
    Done(Timestamp),
    /// The deadline comes first, with about so many devices left.
    Deadline(Timestamp, u64),
    /// It never ends: its windows never open, or the end is out of sight.
    Never,
}

/// Windows that are looked at before an end is called out of sight: some nine years of nights.
const WINDOWS_MAX: u32 = 3_300;

impl Limit {
    /// One of which nothing is used.
    #[must_use]
    pub const fn rested(devices: f64, window: Duration) -> Self {
        Self {
            devices,
            at_once: devices,
            window,
        }
    }

    /// How long so many devices take.
    fn time_for(&self, devices: f64) -> Duration {
        let later = (devices - self.at_once).max(0.0);
        let seconds = self.window.as_secs_f64() * later / self.devices;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How many devices go out within a time.
    fn devices_in(&self, time: Duration) -> f64 {
        self.at_once + self.devices * time.as_secs_f64() / self.window.as_secs_f64()
    }
}

impl Work {
    /// When it would end, begun now.
    #[must_use]
    pub fn forecast(&self, now: Timestamp) -> Forecast {
        let mut left = self.devices as f64;
        let until_stop = self.stops_after.filter(|stop| *stop < self.devices);
        let mut until_stop = until_stop.map(|stop| stop as f64);
        let mut forecast = Forecast {
            begins: None,
            stops: None,
            end: End::Never,
            windows: 0,
        };
        let mut from = now;
        let mut limits = self.limits.clone();
        for _ in 0..WINDOWS_MAX {
            let Some(stretch) = self.schedule.stretch(from) else {
                let deadline = self.schedule.deadline.unwrap_or(from);
                forecast.end = End::Deadline(deadline, whole(left));
                return forecast;
            };
            if stretch.until == Some(stretch.from) {
                // One that never opens, or none before the deadline.
                if let Some(deadline) = self.schedule.deadline {
                    forecast.end = End::Deadline(deadline, whole(left));
                }
                return forecast;
            }
            if stretch.from > now {
                rest(&mut limits);
            }
            forecast.begins.get_or_insert(stretch.from);
            forecast.windows += 1;
            let fits = stretch.until.map(|until| {
                let time = until.since(stretch.from);
                least(&limits, |limit| limit.devices_in(time))
            });
            if let Some(stop) = until_stop
                && fits.is_none_or(|fits| fits >= stop)
            {
                forecast.stops = Some(stretch.from.after(time_for(&limits, stop)));
                until_stop = None;
            }
            match (fits, stretch.until) {
                (Some(fits), Some(until)) if fits < left => {
                    // Whole devices: what is begun in a window ends in it.
                    let done = fits.floor();
                    left -= done;
                    until_stop = until_stop.map(|stop| stop - done);
                    if self.schedule.deadline == Some(until) {
                        forecast.end = End::Deadline(until, whole(left));
                        return forecast;
                    }
                    from = until;
                }
                _ => {
                    forecast.end = End::Done(stretch.from.after(time_for(&limits, left)));
                    return forecast;
                }
            }
        }
        forecast
    }

    /// What its windows are called: they are nights where they begin in the evening or before dawn.
    fn windows_in_words(&self, first: Timestamp) -> &'static str {
        let hour = self
            .schedule
            .zone
            .local(first)
            .map(jiff::civil::DateTime::hour);
        match hour {
            Some(0..5 | 18..) => "nights",
            _ => "windows",
        }
    }

    /// Its end in words, by the clocks of its schedule's zone: `about 7 nights, over Tue 8 Dec 02:04
    /// CET`.
    #[must_use]
    pub fn in_words(&self, forecast: &Forecast, now: Timestamp) -> String {
        let zone = &self.schedule.zone;
        let Some(begins) = forecast.begins else {
            return match forecast.end {
                End::Deadline(at, left) => stopped(zone, at, left, now),
                End::Done(_) | End::Never => "never: its windows do not open".to_owned(),
            };
        };
        let end = match forecast.end {
            End::Done(at) => {
                let over = zone.shown(rounded_up(at, begins), now);
                if forecast.windows > 1 {
                    let windows = self.windows_in_words(begins);
                    format!("about {} {windows}, over {over}", forecast.windows)
                } else if begins > now {
                    format!("begins {}, over {over}", zone.shown(begins, now))
                } else {
                    let lasts = lasting(at.since(begins));
                    format!("at least {lasts}, over {over} if begun now")
                }
            }
            End::Deadline(at, left) => stopped(zone, at, left, now),
            End::Never => "longer than nine years".to_owned(),
        };
        match forecast.stops {
            Some(stops) => format!(
                "{} go first, until {}, and wait for `campaign resume`; the others, if they go on at once: {end}",
                self.stops_after.unwrap_or_default(),
                zone.shown(rounded_up(stops, begins), now)
            ),
            None => end,
        }
    }
}

/// Nothing of the limits is used any more: time has passed in which nothing went out.
fn rest(limits: &mut [Limit]) {
    for limit in limits {
        limit.at_once = limit.devices;
    }
}

fn time_for(limits: &[Limit], devices: f64) -> Duration {
    let times = limits.iter().map(|limit| limit.time_for(devices));
    times.max().unwrap_or_default()
}

fn least(limits: &[Limit], of: impl Fn(&Limit) -> f64) -> f64 {
    limits.iter().map(of).fold(f64::INFINITY, f64::min)
}

/// Whole devices of what is left, which began as a whole number and lost whole ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a whole number of devices and never below zero"
)]
fn whole(left: f64) -> u64 {
    left.round() as u64
}

fn stopped(zone: &Zone, at: Timestamp, left: u64, now: Timestamp) -> String {
    format!(
        "its deadline, {}, stops it with about {left} left",
        zone.shown(at, now)
    )
}

/// Whole minutes of what takes longer than some.
fn rounded_up(at: Timestamp, begins: Timestamp) -> Timestamp {
    const MINUTE: i64 = 60_000;
    let unit = if at.since(begins) < Duration::from_mins(5) {
        1_000
    } else {
        MINUTE
    };
    let millis = at.as_millis();
    Timestamp::from_millis(millis + (unit - millis.rem_euclid(unit)) % unit)
}

/// `40 s`, `3 min 20 s`, `1 h 02 min`.
fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::moment_in;
    use super::*;

    /// Tuesday.
    const NOW: &str = "2026-12-01 01:00";

    fn at(text: &str) -> Timestamp {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        moment_in(&zone, text, Timestamp::default()).unwrap()
    }

    fn quota() -> Limit {
        Limit::rested(100.0, Duration::from_secs(20))
    }

    fn rate(text: &str) -> Limit {
        let rate: super::super::Rate = text.parse().unwrap();
        Limit::rested(f64::from(rate.calls), rate.window)
    }

    fn work(devices: u64, limits: Vec<Limit>, windows: &str) -> Work {
        Work {
            devices,
            limits,
            schedule: Schedule {
                windows: if windows.is_empty() {
                    super::super::Windows::default()
                } else {
                    windows.parse().unwrap()
                },
                zone: "Europe/Berlin".parse().unwrap(),
                ..Schedule::default()
            },
            stops_after: None,
        }
    }

    fn said(work: &Work) -> String {
        let now = at(NOW);
        work.in_words(&work.forecast(now), now)
    }

    #[test]
    fn without_controls_the_quota_alone_says_the_end() {
        let few = work(80, vec![quota()], "");
        assert_eq!(
            said(&few),
            "at least 0 s, over Tue 1 Dec 01:00 CET if begun now"
        );
        let more = work(300, vec![quota()], "");
        assert_eq!(
            said(&more),
            "at least 40 s, over Tue 1 Dec 01:00:40 CET if begun now"
        );
        let many = work(10_000, vec![quota()], "");
        assert_eq!(
            said(&many),
            "at least 33 min 00 s, over Tue 1 Dec 01:33 CET if begun now"
        );
        // Two calls a device.
        let halved = Limit::rested(50.0, Duration::from_secs(20));
        let both = work(300, vec![quota(), halved], "");
        assert_eq!(
            both.forecast(at(NOW)).end,
            End::Done(at(NOW).after(Duration::from_secs(100)))
        );
    }

    #[test]
    fn a_rate_in_a_short_window_takes_as_many_nights_as_it_does() {
        let nights = work(2_000, vec![quota(), rate("1/s")], "02:00-02:05");
        let now = at("2026-12-01 03:00");
        let forecast = nights.forecast(now);
        assert_eq!(forecast.windows, 7);
        assert_eq!(forecast.begins, Some(at("2026-12-02 02:00")));
        assert_eq!(
            nights.in_words(&forecast, now),
            "about 7 nights, over Tue 8 Dec 02:04 CET"
        );
        let days = work(2_000, vec![quota(), rate("1/s")], "12:00-12:05");
        assert!(said(&days).starts_with("about 7 windows, over Mon 7 Dec 12:04"));
    }

    #[test]
    fn each_window_lets_a_whole_burst_go_at_once() {
        let nights = work(250, vec![quota()], "02:00-02:00:10");
        // 150 in ten seconds of each night.
        let forecast = nights.forecast(at(NOW));
        assert_eq!(forecast.windows, 2);
        assert_eq!(forecast.end, End::Done(at("2026-12-02 02:00")));
    }

    #[test]
    fn a_beginning_a_deadline_and_closed_windows_are_said() {
        let mut later = work(300, vec![quota()], "");
        later.schedule.not_before = Some(at("2026-12-01 20:00"));
        assert_eq!(
            said(&later),
            "begins Tue 1 Dec 20:00 CET, over Tue 1 Dec 20:00:40 CET"
        );
        let mut late = work(2_000, vec![quota(), rate("1/s")], "02:00-02:05");
        late.schedule.deadline = Some(at("2026-12-04 00:00"));
        assert_eq!(
            said(&late),
            "its deadline, Fri 4 Dec 00:00 CET, stops it with about 1097 left"
        );
        late.schedule.deadline = Some(at("2026-12-01 02:01"));
        assert_eq!(
            late.forecast(at(NOW)).end,
            End::Deadline(at("2026-12-01 02:01"), 1_939)
        );
        late.schedule.deadline = Some(at("2026-12-01 01:30"));
        assert_eq!(
            said(&late),
            "its deadline, Tue 1 Dec 01:30 CET, stops it with about 2000 left"
        );
    }

    #[test]
    fn a_canary_stops_the_work_until_somebody_goes_on() {
        let mut canary = work(2_000, vec![quota(), rate("1/s")], "02:00-02:05");
        canary.stops_after = Some(20);
        let forecast = canary.forecast(at(NOW));
        assert_eq!(
            forecast.stops,
            Some(at("2026-12-01 02:00").after(Duration::from_secs(19)))
        );
        let text = said(&canary);
        assert!(
            text.starts_with(
                "20 go first, until Tue 1 Dec 02:00:19 CET, and wait for `campaign resume`"
            ),
            "{text}"
        );
        assert!(
            text.ends_with("about 7 nights, over Mon 7 Dec 02:04 CET"),
            "{text}"
        );
        // Of a canary that is no smaller than the whole there is no rest.
        canary.stops_after = Some(2_000);
        assert_eq!(canary.forecast(at(NOW)).stops, None);
    }

    #[test]
    fn what_never_opens_has_no_end() {
        // An hour that the clocks jump over is a window once: on that day it is not there.
        let never = Work {
            schedule: Schedule {
                deadline: Some(at("2026-12-02 00:00")),
                ..work(1, vec![quota()], "Sun 02:00-03:00").schedule
            },
            ..work(1, vec![quota()], "")
        };
        let forecast = never.forecast(at(NOW));
        assert_eq!(
            (forecast.begins, forecast.end),
            (None, End::Deadline(at("2026-12-02 00:00"), 1))
        );
    }
}
