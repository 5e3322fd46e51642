//! Changes of what holds a campaign back.

use std::fmt::Display;

use super::{
    Canary, ControlError, Controls, MaxFailures, Priority, Rate, Schedule, Share, SightedWithin,
    Windows, Zone, check_moment,
};
use crate::Timestamp;

/// What becomes of one control.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// There is none any more.
    Clear,
    /// It is this.
    Set(T),
}

impl<T: Clone> Change<T> {
    /// What it is afterwards.
    #[must_use]
    pub fn applied(&self, to: Option<T>) -> Option<T> {
        match self {
            Self::Keep => to,
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

impl<T> Change<T> {
    /// This change or, where it is none, what is so by default.
    #[must_use]
    pub fn or(self, default: Option<T>) -> Self {
        match (self, default) {
            (Self::Keep, Some(value)) => Self::Set(value),
            (change, _) => change,
        }
    }
}

/// Changes of a campaign's controls; by default none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControlChanges {
    /// Of the canary. The one that there is already is not chosen anew.
    pub canary: Change<Canary>,
    /// Of the share at which it goes on by itself.
    pub canary_auto: Change<Share>,
    /// Of the breaker, which is armed anew.
    pub max_failures: Change<MaxFailures>,
    /// Of its beginning.
    pub not_before: Change<Timestamp>,
    /// Of its deadline.
    pub deadline: Change<Timestamp>,
    /// Of its windows.
    pub windows: Change<Windows>,
    /// Of their zone.
    pub zone: Change<Zone>,
    /// Of its priority.
    pub priority: Change<Priority>,
    /// Of its ceiling.
    pub rate: Change<Rate>,
    /// Of the age that a sighting may have; there is always one.
    pub sighted_within: Change<SightedWithin>,
}

impl Controls {
    /// These controls with changes, if they can be meant.
    pub fn changed(&self, changes: &ControlChanges) -> Result<Self, ControlError> {
        let old = &self.schedule;
        let windows = Some(old.windows.clone()).filter(|windows| !windows.is_empty());
        let canary = changes.canary.applied(self.canary);
        let mut canary_auto = changes.canary_auto.applied(self.canary_auto);
        if canary.is_none() {
            if let Change::Set(share) = &changes.canary_auto {
                return Err(ControlError::new(
                    "share",
                    &share.to_string(),
                    "there is no canary for it",
                ));
            }
            canary_auto = None;
        }
        for moment in [&changes.not_before, &changes.deadline] {
            if let Change::Set(moment) = moment {
                check_moment(*moment)
                    .map_err(|why| ControlError::new("moment", &moment.to_string(), why))?;
            }
        }
        let schedule = Schedule {
            not_before: changes.not_before.applied(old.not_before),
            deadline: changes.deadline.applied(old.deadline),
            windows: changes.windows.applied(windows).unwrap_or_default(),
            zone: changes
                .zone
                .applied(Some(old.zone.clone()))
                .unwrap_or_default(),
        };
        if let (Some(begin), Some(deadline)) = (schedule.not_before, schedule.deadline)
            && deadline <= begin
        {
            let why = format!(
                "the campaign begins at {} ({begin}), and nothing could go out before its deadline",
                schedule.zone.shown(begin, deadline)
            );
            let text = format!("{} ({deadline})", schedule.zone.shown(deadline, begin));
            return Err(ControlError::new("deadline", &text, why));
        }
        Ok(Self {
            canary,
            canary_auto,
            max_failures: changes.max_failures.applied(self.max_failures),
            schedule,
            priority: changes
                .priority
                .applied(Some(self.priority))
                .unwrap_or_default(),
            rate: changes.rate.applied(self.rate),
            sighted_within: changes
                .sighted_within
                .applied(Some(self.sighted_within))
                .unwrap_or_default(),
        })
    }

    /// What is different in `new`, in words: `rate none, now 2/s`.
    #[must_use]
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let pairs = self.described().into_iter().zip(new.described());
        pairs
            .filter(|(old, new)| old.1 != new.1)
            .map(|(old, new)| format!("{} {}, now {}", old.0, old.1, new.1))
            .collect()
    }

    fn described(&self) -> [(&'static str, String); 10] {
        fn word<T: Display>(value: Option<&T>) -> String {
            value.map_or_else(|| "none".to_owned(), ToString::to_string)
        }
        let schedule = &self.schedule;
        let windows = Some(&schedule.windows).filter(|windows| !windows.is_empty());
        [
            ("canary", word(self.canary.as_ref())),
            ("canary-auto", word(self.canary_auto.as_ref())),
            ("max-failures", word(self.max_failures.as_ref())),
            ("not-before", word(schedule.not_before.as_ref())),
            ("deadline", word(schedule.deadline.as_ref())),
            ("window", word(windows)),
            ("zone", schedule.zone.to_string()),
            ("priority", self.priority.to_string()),
            ("rate", word(self.rate.as_ref())),
            ("sighted-within", self.sighted_within.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_say_what_was_and_what_is() {
        let old = Controls::default();
        let changes = ControlChanges {
            rate: Change::Set("2/s".parse().unwrap()),
            canary: Change::Set("20".parse().unwrap()),
            ..ControlChanges::default()
        };
        let new = old.changed(&changes).unwrap();
        assert_eq!(
            old.differences(&new),
            ["canary none, now 20", "rate none, now 2/s"]
        );
        let back = ControlChanges {
            canary: Change::Clear,
            rate: Change::Clear,
            ..ControlChanges::default()
        };
        assert_eq!(new.changed(&back), Ok(old));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let deadline = ControlChanges {
            not_before: Change::Set(Timestamp::from_millis(1_772_352_930_000)),
            deadline: Change::Set(Timestamp::from_millis(1_772_352_900_000)),
            ..ControlChanges::default()
        };
        let error = Controls::default().changed(&deadline).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`Sun 1 Mar 08:15 UTC (2026-03-01T08:15:00.000Z)` is no deadline: the campaign begins at Sun 1 Mar 08:15:30 UTC (2026-03-01T08:15:30.000Z), and nothing could go out before its deadline"
        );
        let never = ControlChanges {
            deadline: Change::Set(Timestamp::from_millis(i64::MAX)),
            ..ControlChanges::default()
        };
        let error = Controls::default().changed(&never).unwrap_err();
        assert!(error.to_string().contains("2000 to 2100"), "{error}");
        let auto = ControlChanges {
            canary_auto: Change::Set("98%".parse().unwrap()),
            ..ControlChanges::default()
        };
        assert!(Controls::default().changed(&auto).is_err());
    }
}
