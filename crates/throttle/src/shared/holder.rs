//! A process's entry in a lane's shared state.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::{Answer, Core, Grant};

/// A process that took part lately: it holds permits, waits for some, or had some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub(crate) id: u64,
    /// The last batch of its that was written.
    pub(crate) batch: u64,
    pub(crate) lease_until: Duration,
    /// Permits by the epoch that they were granted in.
    pub(crate) permits: Vec<(u64, u32)>,
    /// Calls that wait.
    pub(crate) waiting: u32,
    /// When it was last granted a permit.
    pub(crate) granted_at: Duration,
}

impl Holder {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            batch: 0,
            lease_until: Duration::ZERO,
            permits: Vec::new(),
            waiting: 0,
            granted_at: Duration::ZERO,
        }
    }

    pub(crate) fn add(&mut self, epoch: u64, count: u32) {
        match self.permits.iter_mut().find(|(known, _)| *known == epoch) {
            Some((_, permits)) => *permits += count,
            None => self.permits.push((epoch, count)),
        }
    }

    /// Whether it held such a permit.
    pub(crate) fn remove(&mut self, epoch: u64) -> bool {
        let Some(position) = self.permits.iter().position(|(known, _)| *known == epoch) else {
            return false;
        };
        self.permits[position].1 -= 1;
        if self.permits[position].1 == 0 {
            self.permits.swap_remove(position);
        }
        true
    }

    /// Its calls count as answered.
    pub(crate) fn lapse(self, core: &mut Core, now: Duration) {
        for (epoch, count) in self.permits {
            for _ in 0..count {
                core.settle(Grant::of(epoch, now), Answer::Failed, now);
            }
        }
    }
}
