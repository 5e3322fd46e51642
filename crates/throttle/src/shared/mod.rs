//! A lane whose budget all processes of a tenant share, through Redis.
//!
//! What it needs: every process draws on one sliding window; one throttle closes the gate for all;
//! what one learns, all know; a process that freezes or dies costs the others no more than its
//! lease; and where nobody wants anything, nothing is said.
//!
//! The design: the lane's state is plain data, and lives in Redis as one value, the *shared state*. A
//! process reads it, lets the same pure core decide that decides in process, and writes it back if
//! nobody else wrote in between (`exchange.lua`), by Redis's own clock. While one exchange is under
//! way the next batch gathers, at the *queue*: so many calls cost few round trips. A process that
//! was the last to write decides on what it remembers, and needs one round trip, not two. Whoever
//! came too late writes next, so that a distant process is not starved by near ones.
//!
//! The races that it accepts:
//!
//! - A process that holds unused permits ahead while another hears a throttle may let them leave
//!   for [`STOCK_KEPT`](permit_queue::STOCK_KEPT): as those do that are on their way to the server.
//! - A write whose answer is lost may have happened: a batch is numbered, and whoever reads the
//!   shared state finds the number of the last that was written.
//! - A call that is under way when its process's lease runs out counts as answered then. Its permit
//!   ends [`GUARD`](actor::GUARD) earlier, so it has arrived by then, unless the network took
//!   longer than that.
//! - Where Redis forgot, whoever remembers the lane begins it again with the rest of the window
//!   full. When no permit of before is valid any more, whoever has a history (the ledger's calls)
//!   tells the window anew from it; calls that leave meanwhile count twice. A process that never knew it begins with its seed, which another that remembers fills up
//!   as soon as it comes: at once if it waits, with its next renewal if calls of its are under way.

mod actor;
mod batch;
mod holder;
mod permit_queue;
mod shared_state;
mod state_cache;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::core::{Answer, Core};
use crate::{CallHistory, LaneSeed, LaneSettings, LaneSnapshot};
use actor::Actor;
use permit_queue::{GrantId, Lease, PermitQueue, Unclaimed, Waiter};
pub use store::SharedBudgets;

/// Redis is asked at least once, however little patience there is.
const ROUND_TRIP: Duration = Duration::from_millis(250);

/// A process's handle to a shared lane.
pub(crate) struct SharedLane {
    shared: Arc<Shared>,
}

/// What the handle, the permits and the actor have in common.
struct Shared {
    queue: Mutex<PermitQueue>,
    /// Somebody left word, or came to wait.
    wake: Notify,
    /// Somebody left word that no other process may miss for a moment: nothing more may leave.
    wake_now: Notify,
    view: Mutex<View>,
}

/// The lane as it was last known.
struct View {
    core: Core,
    /// The lane's time at an instant of this process's.
    seen: (Duration, Instant),
}

impl View {
    fn now(&self) -> Duration {
        let (time, instant) = self.seen;
        time + instant.elapsed()
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, PermitQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what was left said at once, though the actor gathers.
    fn raise_alarm(&self) {
        self.wake_now.notify_one();
        self.wake.notify_one();
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedLane {
    pub(crate) fn new(
        budgets: &SharedBudgets,
        lane: &str,
        settings: LaneSettings,
        (seed, history): (LaneSeed, Option<CallHistory>),
        mut rng: Box<dyn Rng + Send>,
    ) -> Self {
        let now = Instant::now();
        let lease = Lease {
            holder: rng.random(),
            until: now,
        };
        let view_rng = Box::new(StdRng::seed_from_u64(rng.random()));
        let core = Core::new(settings, &seed, view_rng);
        let shared = Arc::new(Shared {
            queue: Mutex::new(PermitQueue::new(lease)),
            wake: Notify::new(),
            wake_now: Notify::new(),
            view: Mutex::new(View {
                seen: (core.start(), now),
                core,
            }),
        });
        let actor = Actor::new(
            Arc::clone(&shared),
            budgets,
            lane,
            settings,
            (seed, history),
            rng,
        );
        tokio::spawn(actor.run());
        Self { shared }
    }

    pub(crate) async fn acquire(&self) -> SharedPermit {
        loop {
            if let Some(permit) = self.acquire_until(1, None).await.pop() {
                return permit;
            }
        }
    }

    pub(crate) async fn acquire_some(&self, most: usize, patience: Duration) -> Vec<SharedPermit> {
        let now = Instant::now();
        let deadline = now + patience;
        let asked = self.acquire_until(most, Some(deadline));
        tokio::time::timeout_at(deadline.max(now + ROUND_TRIP), asked)
            .await
            .unwrap_or_default()
    }

    async fn acquire_until(&self, most: usize, deadline: Option<Instant>) -> Vec<SharedPermit> {
        loop {
            let answer = {
                let mut queue = self.shared.queue();
                let there = queue.take_from_stock(most, Instant::now());
                if !there.is_empty() {
                    return there.into_iter().map(|there| self.permit(there)).collect();
                }
                if queue.is_in_vain(deadline) {
                    return Vec::new();
                }
                let (answer, waits) = oneshot::channel();
                queue.wait(Waiter {
                    most,
                    deadline,
                    answer,
                });
                waits
            };
            self.shared.wake.notify_one();
            let Ok(mut answer) = answer.await else {
                // The actor ended with its runtime: nobody is granted anything any more.
                return std::future::pending().await;
            };
            let permits = std::mem::take(&mut answer.0);
            // They came together, and one lease holds them.
            if permits.first().is_none_or(SharedPermit::is_valid) {
                return permits;
            }
            drop(Unclaimed(permits));
        }
    }

    fn permit(&self, grant: GrantId) -> SharedPermit {
        SharedPermit::new(&self.shared, grant)
    }

    pub(crate) fn hold(&self, duration: Duration) {
        {
            let mut view = self.shared.view();
            let now = view.now();
            view.core.hold(now, duration);
        }
        self.shared.queue().hold(Instant::now() + duration);
        self.shared.raise_alarm();
    }

    pub(crate) fn forecast(&self, within: Duration) -> u32 {
        let mut view = self.shared.view();
        let now = view.now();
        view.core.forecast(now, within)
    }

    pub(crate) fn snapshot(&self) -> LaneSnapshot {
        let mut view = self.shared.view();
        let now = view.now();
        view.core.snapshot(now)
    }
}

impl Drop for SharedLane {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.raise_alarm();
    }
}

/// Leave for one call, drawn from a shared budget.
pub(crate) struct SharedPermit {
    shared: Arc<Shared>,
    grant: Option<GrantId>,
    taken_at: Instant,
}

impl SharedPermit {
    fn new(shared: &Arc<Shared>, grant: GrantId) -> Self {
        Self {
            shared: Arc::clone(shared),
            grant: Some(grant),
            taken_at: Instant::now(),
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        let queue = self.shared.queue();
        self.grant
            .is_some_and(|grant| queue.is_valid(grant, Instant::now()))
    }

    pub(crate) fn settle(mut self, answer: Answer) {
        self.tell(answer);
    }

    fn tell(&mut self, answer: Answer) {
        if let Some(grant) = self.grant.take() {
            let took = self.taken_at.elapsed();
            let closes = matches!(answer, Answer::Throttled { .. });
            self.shared.queue().settle(grant, took, answer);
            if closes {
                self.shared.raise_alarm();
            } else {
                self.shared.wake.notify_one();
            }
        }
    }
}

impl Drop for SharedPermit {
    fn drop(&mut self) {
        self.tell(Answer::Failed);
    }
}
