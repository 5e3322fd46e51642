//! What the processes of a lane write down together, and how a batch of theirs changes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Decision, Settlement, Wait};
use super::holder::Holder;
use crate::CoreState;
use crate::core::{Core, Grant, Refusal};

/// A process that has not written for so long is gone, or frozen: its calls under way count as
/// answered at that moment.
pub(crate) const LEASE: Duration = Duration::from_secs(5);

/// Redis's clock may run ahead of a process's by this, and by a thousandth; by more it was set.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(50);

/// Permits are taken ahead while at least this share of the window is free, and no larger share
/// of what is free: at the edge every permit goes to who waits for it.
const ROOMY_SHARE: u32 = 4;
const PREFETCH_SHARE: u32 = 8;

/// A lane, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SharedState {
    /// Drawn when the shared state is begun: another one means that Redis forgot.
    generation: u64,
    /// What was forgotten before it began occupies the window.
    whole: bool,
    /// When the window was filled up for what was forgotten; none once that is known again.
    #[serde(default)]
    filled_at: Option<Duration>,
    /// How often it was written.
    writes: u64,
    /// When it was last written, in the lane's time.
    written_at: Duration,
    /// The lane's time less Redis's, in microseconds: where Redis's clock was set.
    ahead: i64,
    holders: Vec<Holder>,
    lane: CoreState,
}

impl SharedState {
    pub(crate) fn begin(lane: CoreState, generation: u64, now: Duration) -> Self {
        Self {
            generation,
            whole: false,
            filled_at: None,
            writes: 0,
            written_at: now,
            ahead: 0,
            holders: Vec::new(),
            lane,
        }
    }

    /// Goes on from what a process remembers of a shared state that Redis has lost.
    pub(crate) fn begin_again(&mut self, core: &mut Core, generation: u64, now: Duration) {
        core.replace(self.lane.clone());
        for holder in std::mem::take(&mut self.holders) {
            holder.lapse(core, now);
        }
        self.lane = core.state().clone();
        self.fill_up(core, generation, now);
    }

    /// What left lately nobody knows, so whatever is free counts as used just now.
    pub(crate) fn fill_up(&mut self, core: &mut Core, generation: u64, now: Duration) {
        core.replace(self.lane.clone());
        core.fill(now);
        self.lane = core.state().clone();
        self.generation = generation;
        self.whole = true;
        self.filled_at = Some(now);
    }

    /// When a window that was filled up may be told anew from what is known elsewhere: no permit of
    /// before is valid any more, and each call that left with one is on record.
    pub(crate) fn retold_from(&self) -> Option<Duration> {
        self.filled_at.map(|at| at + LEASE)
    }

    pub(crate) fn is_written(&self) -> bool {
        self.writes > 0
    }

    pub(crate) fn is_of_the_era_of(&self, known: &Self) -> bool {
        self.generation == known.generation
    }

    /// Whether it is what `known` became, after that batch of a holder's.
    pub(crate) fn continues(&self, known: &Self, (holder, batch): (u64, u64)) -> bool {
        let mine = self.holders.iter().find(|held| held.id == holder);
        self.generation == known.generation
            && self.writes >= known.writes
            && mine.is_none_or(|held| held.batch >= batch)
    }

    /// Whether somebody else began it again and took for used what nobody knows.
    pub(crate) fn accounts_for(&self, known: &Self) -> bool {
        self.whole && self.generation != known.generation
    }

    /// The lane's time, where Redis's is `redis` and it cannot be later than `latest`.
    pub(crate) fn keep_time(&mut self, redis: Duration, latest: Option<Duration>) -> Duration {
        let now = self.time(redis);
        let now = latest.map_or(now, |latest| now.min(latest));
        let now = now.max(self.written_at);
        self.ahead = micros(now) - micros(redis);
        now
    }

    /// The lane's time, where Redis's is `redis`.
    pub(crate) fn time(&self, redis: Duration) -> Duration {
        let micros = micros(redis).saturating_add(self.ahead);
        Duration::from_micros(u64::try_from(micros).unwrap_or_default()).max(self.written_at)
    }

    pub(crate) fn lane(&self) -> &CoreState {
        &self.lane
    }

    pub(crate) fn knows(&self, holder: u64) -> bool {
        self.holders.iter().any(|held| held.id == holder)
    }

    pub(crate) fn has_written(&self, holder: u64, batch: u64) -> bool {
        self.holders
            .iter()
            .any(|held| held.id == holder && held.batch == batch)
    }

    /// Whether others hold or want something, so that asking again may find more.
    pub(crate) fn is_shared(&self, holder: u64) -> bool {
        self.holders.iter().any(|held| held.id != holder)
    }

    /// Carries out a holder's batch.
    pub(crate) fn carry_out(
        &mut self,
        core: &mut Core,
        (holder, number): (u64, u64),
        batch: &Batch,
        now: Duration,
    ) -> Decision {
        core.replace(self.lane.clone());
        self.lapse(core, now);
        if let Some(recent) = &batch.history
            && self.retold_from().is_some_and(|from| from <= now)
        {
            core.retell(recent, now);
            self.filled_at = None;
        }
        for settlement in &batch.settlements {
            self.settle(core, *settlement, now);
        }
        if let Some(hold) = batch.hold {
            core.hold(now, hold);
        }
        let mut mine = self.take(holder);
        mine.batch = number;
        mine.lease_until = now + LEASE;
        let longer = self.waiting_longer_than(mine.granted_at);
        let free = core.free(now);
        let rivals = self.rivals();
        let share = if batch.deferred {
            batch.wanted
        } else {
            share(free, rivals, longer).min(batch.wanted)
        };
        let mut wait = (share < batch.wanted).then_some(Wait::Deferring);
        let mut grants = Vec::new();
        while grants.len() < share as usize {
            match core.try_grant(now) {
                Ok(grant) => grants.push(grant),
                Err(refusal) => {
                    wait = Some(waiting(core, refusal, longer, now));
                    break;
                }
            }
        }
        if free == 0 && wait == Some(Wait::Deferring) {
            // Not even those who waited longer get any; unless this very question begins a probe, whose
            // first slot goes to who asked.
            match core.try_grant(now) {
                Ok(grant) => {
                    grants.push(grant);
                    wait = wait.filter(|_| batch.wanted > 1);
                }
                Err(refusal) => wait = Some(waiting(core, refusal, longer, now)),
            }
        }
        if wait.is_none() && rivals == 0 && core.is_roomy(ROOMY_SHARE) {
            let prefetched = batch.prefetched.min(core.free(now) / PREFETCH_SHARE);
            grants.extend((0..prefetched).map_while(|_| core.try_grant(now).ok()));
        }
        let granted = u32::try_from(grants.len()).unwrap_or(u32::MAX);
        let epoch = grants.first().map_or(0, |grant| grant.epoch());
        if granted > 0 {
            mine.add(epoch, granted);
            mine.granted_at = now;
        }
        mine.waiting = batch.wanted.saturating_sub(granted);
        // It stays until its lease ends, also with empty hands: it was served just now.
        self.holders.push(mine);
        self.writes += 1;
        self.written_at = now;
        self.lane = core.state().clone();
        Decision {
            granted,
            epoch,
            wait,
        }
    }

    /// Counts the calls of those who are gone as answered.
    fn lapse(&mut self, core: &mut Core, now: Duration) {
        let (held, lapsed) = std::mem::take(&mut self.holders)
            .into_iter()
            .partition(|holder: &Holder| holder.lease_until > now);
        self.holders = held;
        for holder in lapsed {
            holder.lapse(core, now);
        }
    }

    fn settle(&mut self, core: &mut Core, settlement: Settlement, now: Duration) {
        let Settlement {
            holder,
            epoch,
            took,
            answer,
        } = settlement;
        let mut holders = self.holders.iter_mut();
        let holder = holders.find(|held| held.id == holder);
        if holder.is_some_and(|holder| holder.remove(epoch)) {
            core.settle(Grant::of(epoch, now.saturating_sub(took)), answer, now);
        } else {
            core.settle_late(epoch, answer, now);
        }
    }

    /// Takes a holder out of the shared state.
    fn take(&mut self, id: u64) -> Holder {
        match self.holders.iter().position(|held| held.id == id) {
            Some(position) => self.holders.remove(position),
            None => Holder::new(id),
        }
    }

    fn rivals(&self) -> u32 {
        let rivals = self.holders.iter().filter(|held| held.waiting > 0).count();
        u32::try_from(rivals).unwrap_or(u32::MAX)
    }

    fn waiting_longer_than(&self, granted_at: Duration) -> u32 {
        let longer = |held: &&Holder| held.waiting > 0 && held.granted_at < granted_at;
        u32::try_from(self.holders.iter().filter(longer).count()).unwrap_or(u32::MAX)
    }
}

/// The latest instant that it can be, so long after it was `then`.
pub(crate) fn latest(then: Duration, elapsed: Duration) -> Duration {
    then + elapsed + elapsed / 1_000 + CLOCK_TOLERANCE
}

/// How many of the free slots a process takes while `rivals` wait, too, and `longer` of them have
/// waited longer than it has.
fn share(free: u32, rivals: u32, longer: u32) -> u32 {
    if rivals == 0 {
        return u32::MAX;
    }
    if longer >= free {
        return 0;
    }
    free.div_ceil(rivals + 1)
}

/// Each of those who wait asks for a slot of its own, so that they do not all come for the first.
fn waiting(core: &mut Core, refusal: Refusal, longer: u32, now: Duration) -> Wait {
    match refusal {
        Refusal::Until(at) if core.free(now) == 0 => {
            let own = core.free_at(longer + 1).unwrap_or(at);
            Wait::Until(at.max(own))
        }
        Refusal::Until(at) => Wait::Until(at),
        Refusal::UntilSettled => Wait::UntilSettled,
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
