//! The hours in which a campaign may run.
//!
//! The clocks on the wall decide: a window is open whenever they show a time within it. An hour that
//! they jump over is not there, and one that they show twice counts both times. A window that ends
//! at or before its beginning's time of day ends on the next day, and belongs to the day on which it
//! began.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::AmbiguousOffset;

use super::{ControlError, Zone, as_text};
use crate::Timestamp;

/// Windows within a week; none at all is always open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Windows(Vec<Window>);

as_text!(Windows);

/// From when to when, in seconds of the day, on which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    days: Days,
    opens: u32,
    /// At most [`DAY`]; no later than `opens` where it is on the next day.
    closes: u32,
}

/// Days of the week, a bit each, from Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days(u8);

const DAY: u32 = 24 * 3_600;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAYS_SHOWN: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A week and a day: whatever is open or closed for longer than that is so for ever, unless clocks
/// are put forward over it.
const SEARCHED_AT_ONCE: Duration = Duration::from_hours(8 * 24);
/// No clocks are put forward over the same window so often.
const SEARCHES: u32 = 8;

impl Windows {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one is open; always, where there is none.
    #[must_use]
    pub fn are_open(&self, zone: &Zone, at: Timestamp) -> bool {
        let Some(local) = zone.local(at) else {
            return false;
        };
        self.is_empty() || self.0.iter().any(|window| window.holds(local))
    }

    /// When they next open or close; never, where they do not.
    #[must_use]
    pub fn next_change(&self, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
        let is_open = self.are_open(zone, after);
        let mut from = after;
        for _ in 0..SEARCHES {
            let until = from.after(SEARCHED_AT_ONCE);
            let moments = self.moments(zone, from, until)?;
            let changes = |moment: &Timestamp| self.are_open(zone, *moment) != is_open;
            if let Some(change) = moments.into_iter().find(changes) {
                return Some(change);
            }
            from = until;
        }
        None
    }

    /// Every moment after `from`, up to `until`, at which anything can change, in order: whenever
    /// the clocks show the edge of a window, and whenever they are put forward or back.
    fn moments(&self, zone: &Zone, from: Timestamp, until: Timestamp) -> Option<Vec<Timestamp>> {
        let mut moments = Vec::new();
        let first = zone.local(from)?.date().yesterday().ok()?;
        let last = zone.local(until)?.date().tomorrow().ok()?;
        for day in first
            .series(jiff::Span::new().days(1))
            .take_while(|day| *day <= last)
        {
            for window in &self.0 {
                for second in [window.opens, window.closes] {
                    moments.extend(shown_at(zone, day, second));
                }
            }
        }
        let start = jiff::Timestamp::from_millisecond(from.as_millis()).ok()?;
        let turns = zone
            .rules
            .following(start)
            .map(|turn| turn.timestamp().as_millisecond());
        moments.extend(
            turns
                .take_while(|turn| *turn <= until.as_millis())
                .map(Timestamp::from_millis),
        );
        moments.retain(|moment| from < *moment && *moment <= until);
        moments.sort();
        Some(moments)
    }
}

/// When the clocks show a second of a day: once, twice, or never.
fn shown_at(zone: &Zone, day: Date, second: u32) -> Vec<Timestamp> {
    let local = if second == DAY {
        day.tomorrow().ok().map(|next| next.at(0, 0, 0, 0))
    } else {
        let seconds = jiff::Span::new().seconds(i64::from(second));
        day.at(0, 0, 0, 0).checked_add(seconds).ok()
    };
    let Some(local) = local else {
        return Vec::new();
    };
    let offsets = match zone.rules.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        // The change itself is among the moments.
        AmbiguousOffset::Gap { .. } => Vec::new(),
        AmbiguousOffset::Fold { before, after } => vec![before, after],
    };
    let instants = offsets
        .into_iter()
        .filter_map(|offset| offset.to_timestamp(local).ok());
    instants
        .map(|instant| Timestamp::from_millis(instant.as_millisecond()))
        .collect()
}

impl Window {
    fn holds(&self, local: DateTime) -> bool {
        let time = local.time();
        let second = [
            (time.hour(), 3_600),
            (time.minute(), 60),
            (time.second(), 1),
        ]
        .iter()
        .map(|(count, seconds)| u32::from(count.unsigned_abs()) * seconds)
        .sum::<u32>();
        let today = self.days.has(local.date().weekday());
        if self.opens < self.closes {
            return today && (self.opens..self.closes).contains(&second);
        }
        let yesterday = self.days.has(local.date().weekday().previous());
        today && second >= self.opens || yesterday && second < self.closes
    }
}

impl Days {
    const ALL: Self = Self(0b111_1111);

    fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }

    /// `Mon`, `Mon-Fri`, `Fri-Mon`.
    fn read(text: &str) -> Option<Self> {
        let day = |word: &str| {
            let word = word.trim().to_lowercase();
            let named = |day: &str| word.starts_with(day) && full_name(day).starts_with(&word);
            DAYS.iter().position(|day| named(day))
        };
        let Some((first, last)) = text.split_once('-') else {
            return day(text).map(|day| Self(1 << day));
        };
        let (first, last) = (day(first)?, day(last)?);
        let count = (last + 7 - first) % 7 + 1;
        let bits = (first..first + count).fold(0, |bits, day| bits | 1 << (day % 7));
        Some(Self(bits))
    }
}

fn full_name(day: &str) -> String {
    let rest = match day {
        "tue" => "sday",
        "wed" => "nesday",
        "thu" => "rsday",
        "sat" => "urday",
        _ => "day",
    };
    format!("{day}{rest}")
}

impl fmt::Display for Days {
    /// `Mon-Fri`, `Mon,Wed`; nothing for every day.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let mut day = 0;
        while day < 7 {
            let run = (day..7).take_while(|day| self.0 & (1 << day) != 0).count();
            match run {
                0 => {}
                1 => parts.push(DAYS_SHOWN[day].to_owned()),
                _ => parts.push(format!("{}-{}", DAYS_SHOWN[day], DAYS_SHOWN[day + run - 1])),
            }
            day += run.max(1);
        }
        formatter.write_str(&parts.join(","))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != Days::ALL {
            write!(formatter, "{} ", self.days)?;
        }
        let time = |second: u32| {
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            match second {
                0 => format!("{hour:02}:{minute:02}"),
                second => format!("{hour:02}:{minute:02}:{second:02}"),
            }
        };
        write!(formatter, "{}-{}", time(self.opens), time(self.closes))
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let windows: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.pad(&windows.join("; "))
    }
}

impl FromStr for Windows {
    type Err = ControlError;

    /// `Mon-Fri 20:00-06:00, Sat,Sun 00:00-24:00`; without days every day; seconds may follow.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why: &str| ControlError::new("window", text, why);
        let of_piece =
            |piece: &str, why: &str| ControlError::new("window", text, format!("`{piece}`: {why}"));
        let plain = with_plain_dashes(text);
        let mut windows = Vec::new();
        // Days whose times come with a later part, as in `Sat,Sun 10:00-18:00`.
        let mut days = Days(0);
        for part in plain.split([',', ';']) {
            let part = part.trim();
            let times_at = part.find(|c: char| c.is_ascii_digit());
            let (named, times) = part.split_at(times_at.unwrap_or(part.len()));
            let named = named.trim();
            if !named.is_empty() {
                let read = Days::read(named).ok_or_else(|| {
                    of_piece(named, "days are Mon to Sun, as in Mon-Fri or Sat,Sun")
                })?;
                days.0 |= read.0;
            }
            if times_at.is_none() {
                if named.is_empty() {
                    return Err(bad("write Mon-Fri 20:00-06:00"));
                }
                continue;
            }
            let (opens, closes) = times
                .split_once('-')
                .and_then(|(opens, closes)| Some((second_of(opens)?, second_of(closes)?)))
                .ok_or_else(|| {
                    of_piece(times.trim(), "times are 00:00 to 24:00, as in 20:00-06:00")
                })?;
            if opens == closes || opens == DAY {
                return Err(bad(
                    "it begins and ends at the same time; a whole day is 00:00-24:00",
                ));
            }
            let every = if days.0 == 0 { Days::ALL } else { days };
            windows.push(Window {
                days: every,
                opens,
                closes,
            });
            days = Days(0);
        }
        if days.0 != 0 {
            return Err(bad("its last days have no times"));
        }
        Ok(Self(windows))
    }
}

/// Dashes and blanks as word processors write them, made plain.
fn with_plain_dashes(text: &str) -> String {
    let plain = |letter: char| match letter {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{a0}' | '\u{2009}' | '\u{202f}' => ' ',
        letter => letter,
    };
    text.chars().map(plain).collect()
}

/// `20:00` or `20:00:30`, up to `24:00`.
fn second_of(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, "00"),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let number = |text: &str, most: u32| {
        let plain = (1..=2).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
        let number: u32 = text.parse().ok()?;
        (plain && number <= most).then_some(number)
    };
    let second = number(hour, 24)? * 3_600 + number(minute, 59)? * 60 + number(second, 59)?;
    (second <= DAY).then_some(second)
}

#[cfg(test)]
mod tests;
