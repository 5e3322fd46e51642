//! What is wrong with the processes that serve campaigns, whichever these are.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::situation::Situation;
use super::words::about;
use super::{Act, Grade, Who};

/// Clocks that differ by more are said to be apart: leases are some ten seconds long.
const CLOCKS_APART: Duration = Duration::from_secs(5);

/// Something that a person ought to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// How much it presses.
    pub grade: Grade,
    /// What there is, as a sentence without its full stop.
    pub what: String,
    /// Whose turn it is.
    pub who: Who,
    /// What they can do.
    pub acts: Vec<Act>,
}

/// What is wrong with the workers, of whatever tenant: what they lack, other versions of the program,
/// clocks that are apart. The worst first.
#[must_use]
pub fn notices(around: &Situation<'_>) -> Vec<Notice> {
    let mut found = Vec::new();
    let mut say = |grade, what, act| {
        found.push(Notice {
            grade,
            what,
            who: Who::Host,
            acts: vec![act],
        });
    };
    for worker in around.workers {
        if !worker.trouble.is_empty() {
            let what = format!("Worker {} is in trouble: {}", worker.id, worker.trouble);
            say(Grade::Alarm, what, Act::Check);
        }
    }
    for worker in around.workers {
        let ahead = worker.heard_at.since(around.now);
        if ahead > CLOCKS_APART {
            let what = format!(
                "The clock of worker {} is {} ahead of this machine's",
                worker.id,
                about(ahead)
            );
            say(Grade::Ask, what, Act::SetClock);
        }
    }
    for worker in around.workers {
        if worker.version != around.version {
            let what = format!(
                "Worker {} runs version {} beside {}",
                worker.id, worker.version, around.version
            );
            say(Grade::Ask, what, Act::Update);
        }
    }
    found
}
