//! What a campaign is doing, why, who must act, when it goes on, how fast it is and when it ends.
//!
//! Computed once, from plain data, by [`standing`]: whatever the program says of a campaign is what
//! it says. Of several things that keep a campaign, the first in the order of [`State`] names its
//! state, and all of them are said.

mod act;
mod notices;
mod pace;
mod situation;
mod state;
#[cfg(test)]
mod tests;
mod verdict;
mod words;

use serde::Serialize;
use utoipa::ToSchema;

pub use act::{Act, Who};
pub use notices::{Notice, notices};
pub use situation::{Deed, Jobs, Lane, LaneGate, Situation, Subject, Worker};
pub use state::{Grade, State};
pub use words::{about, what_comes_next};

use crate::Timestamp;

/// When a campaign ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Ends {
    /// It ended.
    Over {
        /// When.
        at: Timestamp,
    },
    /// At the pace of now.
    About {
        /// When.
        at: Timestamp,
    },
    /// It stands still now, and can end no earlier.
    NotBefore {
        /// When.
        at: Timestamp,
    },
    /// Its deadline comes first.
    Stopped {
        /// The deadline.
        at: Timestamp,
        /// Jobs that would be left, about.
        left: u64,
    },
}

/// How a campaign stands with its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deadline {
    /// When it is.
    pub at: Timestamp,
    /// Whether it holds; none where nobody can say, as while a person is waited for.
    pub holds: Option<bool>,
    /// Jobs that are left at the deadline, about, where it does not hold.
    pub left: Option<u64>,
}

/// What a campaign is doing, why, who must act, when it goes on, how fast it is and when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Standing {
    /// What it is doing.
    pub state: State,
    /// The same in a few words, as in `waits for its window, no worker`.
    pub says: String,
    /// Everything that keeps it, by its state; empty while its jobs go out.
    pub kept_by: Vec<State>,
    /// Why, in sentences, the first of them that of its state; empty where there is nothing to say.
    pub because: Vec<String>,
    /// How much it presses.
    pub grade: Grade,
    /// Whose turn it is.
    pub who: Who,
    /// What they can do, in order.
    pub acts: Vec<Act>,
    /// When something changes by itself next, where that is known.
    pub next_at: Option<Timestamp>,
    /// Jobs a second that came to an end over the last window; none while it stands still, or where
    /// nobody counted.
    pub rate_per_second: Option<f64>,
    /// When it ends; none where nobody can say.
    pub ends: Option<Ends>,
    /// How it stands with its deadline; none where it has none.
    pub deadline: Option<Deadline>,
}

impl Standing {
    /// All of its sentences in one line, as in `waits for its window: it opens at 02:00`.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.because.is_empty() {
            self.says.clone()
        } else {
            format!("{}: {}", self.says, self.because.join("; "))
        }
    }

    /// When it ends, in a few words, as in `in 5 min` or `not before Tue 1 Dec 02:00 CET`; none
    /// where nobody can say.
    #[must_use]
    pub fn over_in_words(&self, zone: &crate::Zone, now: Timestamp) -> Option<String> {
        Some(match self.ends? {
            Ends::Over { at } => words::moment(zone, at, now),
            Ends::About { at } => format!("in {}", about(at.since(now))),
            Ends::NotBefore { at } => format!("not before {}", words::moment(zone, at, now)),
            Ends::Stopped { at, left } => format!(
                "deadline {} stops it with about {left} left",
                words::moment(zone, at, now)
            ),
        })
    }
}

/// How a campaign stands.
#[must_use]
pub fn standing(campaign: &Subject<'_>, around: &Situation<'_>) -> Standing {
    verdict::of(campaign, around)
}
