//! A lane of one process: waiting callers in a fair queue around the pure core.
//!
//! Only the head of the queue asks the core; it sleeps until the instant that the core named, or
//! until a call is settled. The queue is tokio's fair mutex, so a caller that gives up leaves
//! nothing behind. A permit that is dropped unsettled counts as a call that failed: its call may
//! have been sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::{Answer, Core, Grant, Refusal};
use crate::{LaneSeed, LaneSettings, LaneSnapshot};

/// A budget that nobody else draws on; cheap to clone.
#[derive(Clone)]
pub(crate) struct LocalLane {
    shared: Arc<Shared>,
}

struct Shared {
    core: Mutex<Core>,
    /// Held by the head of the queue while it waits.
    turn: tokio::sync::Mutex<()>,
    settled: Notify,
    made_at: Instant,
    offset: Duration,
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.offset + self.made_at.elapsed()
    }

    fn instant(&self, at: Duration) -> Instant {
        self.made_at + at.saturating_sub(self.offset)
    }
}

impl LocalLane {
    pub(crate) fn new(settings: LaneSettings, seed: &LaneSeed, rng: Box<dyn Rng + Send>) -> Self {
        let core = Core::new(settings, seed, rng);
        let offset = core.start();
        Self {
            shared: Arc::new(Shared {
                core: Mutex::new(core),
                turn: tokio::sync::Mutex::new(()),
                settled: Notify::new(),
                made_at: Instant::now(),
                offset,
            }),
        }
    }

    pub(crate) async fn acquire(&self) -> LocalPermit {
        let _turn = self.shared.turn.lock().await;
        loop {
            match self.try_acquire() {
                Ok(permit) => return permit,
                Err(refusal) => self.wait(refusal).await,
            }
        }
    }

    pub(crate) async fn acquire_some(&self, most: usize, patience: Duration) -> Vec<LocalPermit> {
        let deadline = Instant::now() + patience;
        let attempt = async {
            let _turn = self.shared.turn.lock().await;
            loop {
                match self.try_acquire() {
                    Ok(first) => {
                        let more = std::iter::from_fn(|| self.try_acquire().ok());
                        return std::iter::once(first).chain(more).take(most).collect();
                    }
                    Err(Refusal::Until(at)) if self.shared.instant(at) > deadline => {
                        return Vec::new();
                    }
                    Err(refusal) => self.wait(refusal).await,
                }
            }
        };
        tokio::time::timeout_at(deadline, attempt)
            .await
            .unwrap_or_default()
    }

    fn try_acquire(&self) -> Result<LocalPermit, Refusal> {
        let grant = self.shared.core().try_grant(self.shared.now())?;
        Ok(LocalPermit {
            shared: Arc::clone(&self.shared),
            grant: Some(grant),
        })
    }

    async fn wait(&self, refusal: Refusal) {
        // A call that was settled between the refusal and here has left its notice.
        let settled = self.shared.settled.notified();
        match refusal {
            Refusal::UntilSettled => settled.await,
            Refusal::Until(at) => {
                // Losing the race is fine: whoever wakes asks again.
                let _ = tokio::time::timeout_at(self.shared.instant(at), settled).await;
            }
        }
    }

    pub(crate) fn hold(&self, duration: Duration) {
        self.shared.core().hold(self.shared.now(), duration);
    }

    pub(crate) fn forecast(&self, within: Duration) -> u32 {
        self.shared.core().forecast(self.shared.now(), within)
    }

    pub(crate) fn snapshot(&self) -> LaneSnapshot {
        self.shared.core().snapshot(self.shared.now())
    }
}

/// Leave for one call.
pub(crate) struct LocalPermit {
    shared: Arc<Shared>,
    grant: Option<Grant>,
}

impl LocalPermit {
    pub(crate) fn settle(mut self, answer: Answer) {
        self.tell(answer);
    }

    fn tell(&mut self, answer: Answer) {
        if let Some(grant) = self.grant.take() {
            let now = self.shared.now();
            self.shared.core().settle(grant, answer, now);
            self.shared.settled.notify_one();
        }
    }
}

impl Drop for LocalPermit {
    fn drop(&mut self) {
        self.tell(Answer::Failed);
    }
}
