//! Where a process's calls wait for permits, and leave word of what came of them.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::SharedPermit;
use super::batch::{Batch, Settlement};
use crate::core::Answer;

/// Permits that nobody came for are returned after so long: some round trips, so that calls that
/// follow one another find one, and few enough that other processes do not miss it.
pub(crate) const STOCK_KEPT: Duration = Duration::from_millis(30);

/// No more permits than this are taken for calls that may come.
const STOCK_MAX: u32 = 16;

/// A permit, by what its process must say to give it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrantId {
    pub(crate) holder: u64,
    pub(crate) epoch: u64,
}

/// As whom the process holds permits, and how long it may use them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) holder: u64,
    pub(crate) until: Instant,
}

/// Somebody who waits for a permit.
pub(crate) struct Waiter {
    /// It takes so many, or as many as there are.
    pub(crate) most: usize,
    /// It gives up then.
    pub(crate) deadline: Option<Instant>,
    /// It is told of none when it can be foreseen that it would wait in vain.
    pub(crate) answer: Answering,
}

/// Whoever waits for permits.
pub(crate) type Answering = oneshot::Sender<Unclaimed>;

/// Permits on their way to who asked for them; returned if nobody is there any more.
#[derive(Default)]
pub(crate) struct Unclaimed(pub(crate) Vec<SharedPermit>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        for permit in self.0.drain(..) {
            permit.settle(Answer::NotSent);
        }
    }
}

/// A process's side of a shared lane.
pub(crate) struct PermitQueue {
    pub(crate) lease: Lease,
    waiters: VecDeque<Waiter>,
    settlements: Vec<Settlement>,
    hold_until: Option<Instant>,
    /// Permits for calls that may come, and since when they lie there.
    prefetched: Vec<GrantId>,
    stocked_at: Instant,
    stock_size: u32,
    /// Permits of the lease that are not given back.
    out: u32,
    /// No permit can be had before, so far as is known.
    pub(crate) nothing_until: Option<Instant>,
    /// Nobody can ask for a permit any more.
    pub(crate) closed: bool,
}

impl PermitQueue {
    pub(crate) fn new(lease: Lease) -> Self {
        Self {
            stocked_at: lease.until,
            lease,
            waiters: VecDeque::new(),
            settlements: Vec::new(),
            hold_until: None,
            prefetched: Vec::new(),
            stock_size: 0,
            out: 0,
            nothing_until: None,
            closed: false,
        }
    }

    /// Whether a permit may still be used. One that was fetched before the process was frozen for
    /// longer than its lease may not: others have its slot by then.
    pub(crate) fn is_valid(&self, grant: GrantId, now: Instant) -> bool {
        grant.holder == self.lease.holder && now < self.lease.until
    }

    /// Permits that are there, up to so many, unless somebody came before.
    pub(crate) fn take_from_stock(&mut self, most: usize, now: Instant) -> Vec<GrantId> {
        if !self.waiters.is_empty() {
            return Vec::new();
        }
        let is_there = self.prefetched.last().copied();
        if !is_there.is_some_and(|grant| self.is_valid(grant, now)) {
            return Vec::new();
        }
        let left = self.prefetched.len().saturating_sub(most);
        self.prefetched.split_off(left)
    }

    pub(crate) fn wait(&mut self, waiter: Waiter) {
        self.waiters.push_back(waiter);
    }

    pub(crate) fn settle(&mut self, grant: GrantId, took: Duration, answer: Answer) {
        if matches!(answer, Answer::Throttled { .. }) {
            // Nothing more leaves until all know.
            self.return_stock();
        }
        if grant.holder == self.lease.holder {
            self.out = self.out.saturating_sub(1);
        }
        self.settlements.push(Settlement {
            holder: grant.holder,
            epoch: grant.epoch,
            took,
            answer,
        });
    }

    pub(crate) fn hold(&mut self, until: Instant) {
        self.return_stock();
        self.hold_until = self.hold_until.max(Some(until));
    }

    fn return_stock(&mut self) {
        for grant in std::mem::take(&mut self.prefetched) {
            self.settle(grant, Duration::ZERO, Answer::NotSent);
        }
    }

    /// Goes on as another holder, since the lease ran out: no permit of before may be used.
    pub(crate) fn renounce(&mut self, lease: Lease) {
        self.return_stock();
        self.out = 0;
        self.lease = lease;
    }

    /// Whether permits of the lease are out.
    pub(crate) fn holds_permits(&self) -> bool {
        self.out > 0
    }

    pub(crate) fn has_word(&self) -> bool {
        !self.settlements.is_empty() || self.hold_until.is_some()
    }

    /// How many permits are waited for.
    pub(crate) fn awaited(&mut self) -> u32 {
        self.waiters.retain(|waiter| !waiter.answer.is_closed());
        let wanted: usize = self.waiters.iter().map(|waiter| waiter.most).sum();
        u32::try_from(wanted).unwrap_or(u32::MAX)
    }

    /// When what is ahead is to be returned.
    pub(crate) fn stock_returns_at(&self) -> Option<Instant> {
        (!self.prefetched.is_empty()).then_some(self.stocked_at + STOCK_KEPT)
    }

    /// What there is to say, and to ask for.
    pub(crate) fn take_batch(&mut self, now: Instant, deferred: bool) -> Batch {
        if self.closed || self.stock_returns_at().is_some_and(|at| at <= now) {
            self.stock_size /= 2;
            self.return_stock();
        }
        let wanted = self.awaited();
        let awaited = wanted > 0;
        if awaited && self.prefetched.is_empty() {
            // Calls that follow one another so closely would each ask for themselves.
            let close = now.saturating_duration_since(self.stocked_at) < STOCK_KEPT;
            self.stock_size = if close {
                (self.stock_size * 2).clamp(1, STOCK_MAX)
            } else {
                0
            };
        }
        let prefetched = if awaited { self.stock_size } else { 0 };
        Batch {
            settlements: std::mem::take(&mut self.settlements),
            hold: self
                .hold_until
                .take()
                .map(|until| until.saturating_duration_since(now)),
            wanted,
            prefetched,
            deferred,
            history: None,
        }
    }

    /// Permits have come: for those who wait, each as many as it is told, and the rest ahead.
    pub(crate) fn deliver(
        &mut self,
        grant: GrantId,
        count: u32,
        now: Instant,
    ) -> Vec<(Answering, Vec<GrantId>)> {
        self.out += count;
        if count > 0 {
            self.stocked_at = now;
        }
        self.prefetched
            .extend(std::iter::repeat_n(grant, count as usize));
        let mut served = Vec::new();
        while !self.prefetched.is_empty()
            && let Some(waiter) = self.waiters.pop_front()
        {
            if !waiter.answer.is_closed() {
                let left = self.prefetched.len().saturating_sub(waiter.most);
                served.push((waiter.answer, self.prefetched.split_off(left)));
            }
        }
        served
    }

    /// Whether nothing comes before somebody gives up.
    pub(crate) fn is_in_vain(&self, deadline: Option<Instant>) -> bool {
        deadline
            .zip(self.nothing_until)
            .is_some_and(|(deadline, until)| deadline < until)
    }

    /// Those who would wait in vain, as no permit comes before `until`.
    pub(crate) fn in_vain(&mut self, until: Instant) -> Vec<Answering> {
        let (vain, rest): (VecDeque<_>, _) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| waiter.deadline.is_some_and(|deadline| deadline < until));
        self.waiters = rest;
        vain.into_iter().map(|waiter| waiter.answer).collect()
    }
}
