//! One budget of one tenant, whether its own or shared: nobody downstream asks which.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use crate::core::Answer;
use crate::local::{LocalLane, LocalPermit};
use crate::shared::{SharedBudgets, SharedLane, SharedPermit};
use crate::{CallHistory, LaneSeed, LaneSettings, LaneSnapshot};

/// One budget of one tenant; cheap to clone.
#[derive(Clone)]
pub struct Lane {
    budget: LaneBudget,
}

#[derive(Clone)]
enum LaneBudget {
    Local(LocalLane),
    Shared(Arc<SharedLane>),
}

impl Lane {
    /// A lane of this process alone, that knows what `seed` says; `rng` spreads its backoffs.
    #[must_use]
    pub fn new(settings: LaneSettings, seed: &LaneSeed, rng: Box<dyn Rng + Send>) -> Self {
        Self {
            budget: LaneBudget::Local(LocalLane::new(settings, seed, rng)),
        }
    }

    /// A lane whose budget all processes share that call it by this name; within a tokio runtime.
    ///
    /// `seed` counts only where Redis knows nothing of the lane, and this process neither; `history`
    /// where Redis forgot.
    #[must_use]
    pub fn shared(
        budgets: &SharedBudgets,
        name: &str,
        settings: LaneSettings,
        seed: LaneSeed,
        history: Option<CallHistory>,
        rng: Box<dyn Rng + Send>,
    ) -> Self {
        let lane = SharedLane::new(budgets, name, settings, (seed, history), rng);
        Self {
            budget: LaneBudget::Shared(Arc::new(lane)),
        }
    }

    /// Waits for leave to make one call.
    pub async fn acquire(&self) -> Permit {
        match &self.budget {
            LaneBudget::Local(lane) => Permit(Leave::Local(lane.acquire().await)),
            LaneBudget::Shared(lane) => Permit(Leave::Shared(lane.acquire().await)),
        }
    }

    /// Waits for leave at most so long; gives up at once when it can be foreseen that none comes.
    pub async fn acquire_within(&self, patience: Duration) -> Option<Permit> {
        self.acquire_some(1, patience).await.pop()
    }

    /// The same for several calls: waits for the first, and takes as many as there are then, up to
    /// `most`; none where it gave up.
    pub async fn acquire_some(&self, most: usize, patience: Duration) -> Vec<Permit> {
        match &self.budget {
            LaneBudget::Local(lane) => {
                let some = lane.acquire_some(most, patience).await;
                some.into_iter().map(Leave::Local).map(Permit).collect()
            }
            LaneBudget::Shared(lane) => {
                let some = lane.acquire_some(most, patience).await;
                some.into_iter().map(Leave::Shared).map(Permit).collect()
            }
        }
    }

    /// Lets nothing leave for so long: the tenant throttled calls of its other budget.
    pub fn hold(&self, duration: Duration) {
        match &self.budget {
            LaneBudget::Local(lane) => lane.hold(duration),
            LaneBudget::Shared(lane) => lane.hold(duration),
        }
    }

    /// How many calls could leave within that time, were nobody waiting. A shared lane goes by what
    /// it last knew.
    #[must_use]
    pub fn forecast(&self, within: Duration) -> u32 {
        match &self.budget {
            LaneBudget::Local(lane) => lane.forecast(within),
            LaneBudget::Shared(lane) => lane.forecast(within),
        }
    }

    /// What the lane says of itself. A shared lane goes by what it last knew.
    #[must_use]
    pub fn snapshot(&self) -> LaneSnapshot {
        match &self.budget {
            LaneBudget::Local(lane) => lane.snapshot(),
            LaneBudget::Shared(lane) => lane.snapshot(),
        }
    }
}

/// Leave for one call. To be settled with what came of it.
#[must_use = "a permit that is dropped counts as a call that failed"]
pub struct Permit(Leave);

enum Leave {
    Local(LocalPermit),
    Shared(SharedPermit),
}

impl Permit {
    /// Whether the call may still leave, to be asked right before it does. Not if this process was
    /// frozen, or cut off from Redis, for so long that others have its slot by now: such a permit
    /// is to be settled as [`Answer::NotSent`].
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match &self.0 {
            Leave::Local(_) => true,
            Leave::Shared(permit) => permit.is_valid(),
        }
    }

    /// Tells what came of the call.
    pub fn settle(self, answer: Answer) {
        match self.0 {
            Leave::Local(permit) => permit.settle(answer),
            Leave::Shared(permit) => permit.settle(answer),
        }
    }
}
