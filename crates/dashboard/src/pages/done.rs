//! What was just done, said on the page that follows. An address says it in words of ours alone:
//! nobody can put words of theirs into a link.

use maud::{Markup, html};

use crate::links::value;
use crate::parts::devices;

/// What was just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Paused,
    Resumed,
    Controlled,
    Cancelled(i64),
    Requeued(i64),
    Discarded(i64),
    Restored(i64),
    Enqueued(i64),
    Begun,
}

impl Done {
    /// What an address says.
    pub(crate) fn of(query: &str) -> Option<Self> {
        let jobs = || value(query, "jobs")?.parse().ok();
        Some(match value(query, "did")?.as_str() {
            "paused" => Self::Paused,
            "resumed" => Self::Resumed,
            "controlled" => Self::Controlled,
            "begun" => Self::Begun,
            "cancelled" => Self::Cancelled(jobs()?),
            "requeued" => Self::Requeued(jobs()?),
            "discarded" => Self::Discarded(jobs()?),
            "restored" => Self::Restored(jobs()?),
            "enqueued" => Self::Enqueued(jobs()?),
            _ => return None,
        })
    }

    /// An address that says it.
    pub(crate) fn at(self, address: &str) -> String {
        let said = match self {
            Self::Paused => "paused".to_owned(),
            Self::Resumed => "resumed".to_owned(),
            Self::Controlled => "controlled".to_owned(),
            Self::Begun => "begun".to_owned(),
            Self::Cancelled(jobs) => format!("cancelled&jobs={jobs}"),
            Self::Requeued(jobs) => format!("requeued&jobs={jobs}"),
            Self::Discarded(jobs) => format!("discarded&jobs={jobs}"),
            Self::Restored(jobs) => format!("restored&jobs={jobs}"),
            Self::Enqueued(jobs) => format!("enqueued&jobs={jobs}"),
        };
        let mark = if address.contains('?') { '&' } else { '?' };
        format!("{address}{mark}did={said}")
    }

    pub(super) fn in_words(self) -> Markup {
        let said = match self {
            Self::Paused => "Paused. What is in flight ends.".to_owned(),
            Self::Resumed => "It may go on.".to_owned(),
            Self::Controlled => "Saved; in force from now on.".to_owned(),
            Self::Begun => "Begun; how far it is stands below.".to_owned(),
            Self::Cancelled(jobs) => format!("Cancelled: {} will not be called.", devices(jobs)),
            Self::Requeued(0) | Self::Discarded(0) | Self::Restored(0) => {
                "None fitted any more; nothing was changed.".to_owned()
            }
            Self::Requeued(jobs) => format!("{} sent round again.", devices(jobs)),
            Self::Discarded(jobs) => format!("{} set aside.", devices(jobs)),
            Self::Restored(jobs) => format!("{} restored as dead letters.", devices(jobs)),
            Self::Enqueued(0) => "All of its devices were in the campaign already.".to_owned(),
            Self::Enqueued(jobs) => format!("{} enqueued.", devices(jobs)),
        };
        html! { div.notice.good role="status" { strong { (said) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_words_of_ours_alone() {
        let address = Done::Requeued(12).at("/campaigns/a?x=1");
        assert_eq!(address, "/campaigns/a?x=1&did=requeued&jobs=12");
        assert_eq!(
            Done::of("x=1&did=requeued&jobs=12"),
            Some(Done::Requeued(12))
        );
        assert_eq!(Done::of("did=you+have+been+hacked"), None);
        assert_eq!(Done::of("did=requeued&jobs=all"), None);
    }
}
