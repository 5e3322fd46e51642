//! When an idle worker looks for tasks: when one is announced, and now and then.
//!
//! apalis asks a strategy each time before it fetches, and ignores what it says: the strategy's
//! one duty is to have the worker woken. One that has just fired and is not asked again sleeps for
//! ever, so this one hears out all that has fired; and since the fetch that ends now may have begun
//! before the announcement came, it has the worker look once more.

use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

/// For what was pushed and not announced: its pusher failed in between.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Wakes a worker.
pub(super) struct Announcements {
    announcements: mpsc::Receiver<()>,
    looks: Interval,
}

impl Announcements {
    pub(super) fn new(announcements: mpsc::Receiver<()>) -> Self {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            announcements,
            looks,
        }
    }
}

impl PollStrategy for Announcements {
    fn poll_drive(&mut self, context: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut fired = false;
        while let Poll::Ready(Some(())) = self.announcements.poll_recv(context) {
            fired = true;
        }
        while self.looks.poll_tick(context).is_ready() {
            fired = true;
        }
        if !fired {
            return Poll::Pending;
        }
        context.waker().wake_by_ref();
        Poll::Ready(Some(()))
    }
}
