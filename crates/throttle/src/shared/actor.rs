//! A process's spokesman for a shared lane: gathers batches, exchanges them, hands out what comes.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use redis::RedisResult;
use tokio::time::Instant;

use super::batch::{Batch, Decision, Wait};
use super::permit_queue::{GrantId, Lease, Unclaimed};
use super::shared_state::{LEASE, SharedState};
use super::state_cache::{Known, Moment, Reply, StateCache, in_writing};
use super::store::{Proposal, ReplyOutcome, SharedBudgets};
use super::{Shared, SharedPermit};
use crate::core::Core;
use crate::{CallHistory, LaneSeed, LaneSettings, SeededCall};

/// Permits may be used until so long before the lease ends: a call that leaves at the last moment
/// arrives, and Redis's clock and this process's may differ a little.
pub(super) const GUARD: Duration = Duration::from_secs(1);

/// A lease is renewed so often while calls are under way: twice may fail.
const RENEW: Duration = Duration::from_millis(1_300);

/// Whoever waits asks at least so often where others take part: one of them may have returned
/// permits, or be gone.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Where another process's answer is waited for, the first question comes after so long, and each
/// next one after twice the time.
const ANSWER_TAKES: Duration = Duration::from_millis(15);
const ANSWER_TAKES_MAX: Duration = Duration::from_millis(250);

/// Those who have waited longer have so long to take their permits.
const DEFERENCE: Duration = Duration::from_millis(25);

/// Processes that were told the same instant come this much apart.
const APART: Duration = Duration::from_millis(3);

/// Whoever comes too late twice lets others finish for about so long.
const STEP_BACK: Duration = Duration::from_millis(2);

/// How long a history may take: less than a lease, that is renewed meanwhile by nobody.
const HISTORY_TAKES: Duration = Duration::from_secs(1);

/// One process tells it, and the others hear of it before they would.
const HISTORIES_APART: Duration = Duration::from_millis(300);

/// A history that failed is asked for again after so long.
const HISTORY_AGAIN: Duration = Duration::from_secs(1);

/// Where an exchange brought the answers of so many calls more are coming: a moment's patience brings
/// as many again at the price of one exchange. A lane that its tenant throttles is far below.
const BUSY: usize = 16;

/// That moment; what others may not miss is said at once.
const GATHER: Duration = Duration::from_millis(12);

/// Redis is tried again after so long at first, and at last.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

pub(super) struct Actor {
    shared: Arc<Shared>,
    budgets: SharedBudgets,
    key: String,
    /// Whose turn it is to write, where it is this actor's.
    name: String,
    cache: StateCache,
    core: Core,
    history: Option<CallHistory>,
    /// No history is asked for before.
    history_at: Instant,
    rng: StdRng,
    /// The number of the last batch that was proposed.
    batches: u64,
    /// A batch of which it is not known whether it was written.
    unfinished: Option<Round>,
    /// When those who wait are asked for again; at once where it is not known.
    ask_at: Option<Instant>,
    deferring: bool,
    /// Questions in a row that brought nothing.
    in_vain: u32,
    renew_at: Instant,
    /// Nothing is said before, as more is coming.
    gather_until: Instant,
    /// After a failure nothing is said before.
    retry_at: Instant,
    failures: u32,
}

/// A batch on its way into the shared state.
struct Round {
    batch: Batch,
    /// Proposals that were not answered: one of them may have been written.
    attempts: Vec<Attempt>,
}

struct Attempt {
    holder: u64,
    number: u64,
    decision: Decision,
    sent: Instant,
}

impl Actor {
    pub(super) fn new(
        shared: Arc<Shared>,
        budgets: &SharedBudgets,
        lane: &str,
        settings: LaneSettings,
        (seed, history): (LaneSeed, Option<CallHistory>),
        mut rng: Box<dyn Rng + Send>,
    ) -> Self {
        let now = Instant::now();
        Self {
            shared,
            budgets: budgets.clone(),
            key: budgets.key(lane),
            name: format!("{:x}", rng.random::<u64>()),
            rng: StdRng::seed_from_u64(rng.random()),
            core: Core::new(settings, &seed, rng),
            cache: StateCache::new(settings, seed, now),
            history,
            history_at: now,
            batches: 0,
            unfinished: None,
            ask_at: None,
            deferring: false,
            in_vain: 0,
            renew_at: now,
            gather_until: now,
            retry_at: now,
            failures: 0,
        }
    }

    pub(super) async fn run(mut self) {
        while self.has_something_to_say().await {
            match self.exchange().await {
                Ok(()) => {
                    if self.failures > 0 {
                        tracing::info!(lane = %self.key, "the shared lane goes on");
                    }
                    self.failures = 0;
                }
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&mut self, error: &redis::RedisError) {
        if self.failures == 0 {
            tracing::warn!(
                lane = %self.key,
                error = %error,
                "the shared lane cannot be reached; none of its calls leaves until it can"
            );
        }
        let wait = RETRY
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(RETRY_MAX);
        self.retry_at = Instant::now() + self.up_to_half_more(wait);
        self.failures += 1;
    }

    /// Sleeps until there is something; false when there will be nothing any more.
    async fn has_something_to_say(&mut self) -> bool {
        // Nobody wakes it meanwhile: each call that comes would. Whoever woke it in vain, as it was
        // said already, costs an exchange.
        let wake_now = self.shared.wake_now.notified();
        let _ = tokio::time::timeout_at(self.gather_until, wake_now).await;
        loop {
            let woken = self.shared.wake.notified();
            let now = Instant::now();
            let due = {
                let mut queue = self.shared.queue();
                let idle = !queue.has_word() && !queue.holds_permits() && self.unfinished.is_none();
                // What is left unsaid ends with the lease.
                let too_late = self.failures > 0 && now >= queue.lease.until + LEASE;
                if queue.closed && (idle || too_late) {
                    return false;
                }
                let word = queue.has_word() || self.unfinished.is_some();
                let awaited = (queue.awaited() > 0).then(|| self.ask_at.unwrap_or(now));
                let renewal = queue.holds_permits().then_some(self.renew_at);
                let returns = queue.stock_returns_at();
                let returns = if queue.closed {
                    returns.min(Some(now))
                } else {
                    returns
                };
                let history = self.history_due().filter(|_| !queue.closed);
                let due = [word.then_some(now), awaited, renewal, returns, history];
                due.into_iter().flatten().min()
            };
            match due.map(|due| due.max(self.retry_at)) {
                None => woken.await,
                Some(due) if due <= now => {
                    // Whoever is ready to say something, too, may.
                    tokio::task::yield_now().await;
                    return true;
                }
                Some(due) => {
                    // Either way it is looked at again.
                    let _ = tokio::time::timeout_at(due, woken).await;
                }
            }
        }
    }

    async fn exchange(&mut self) -> RedisResult<()> {
        let mut round = match self.unfinished.take() {
            Some(round) => round,
            None => Round {
                batch: Batch {
                    history: self.history().await,
                    ..self.next_batch()
                },
                attempts: Vec::new(),
            },
        };
        let exchanged = self.bring(&mut round).await;
        if exchanged.is_err() {
            self.unfinished = Some(round);
        } else if round.batch.settlements.len() >= BUSY {
            self.gather_until = Instant::now() + GATHER;
        }
        exchanged
    }

    /// When what Redis forgot can be told anew.
    fn history_due(&self) -> Option<Instant> {
        self.history.as_ref()?;
        let known = self.cache.known()?;
        let from = known.shared_state.retold_from()?;
        Some(known.instant(from).max(self.history_at))
    }

    /// What Redis forgot, if it is time to tell it.
    async fn history(&mut self) -> Option<Vec<SeededCall>> {
        if self.history_due().is_none_or(|due| due > Instant::now()) {
            return None;
        }
        let history = self.history.as_ref()?;
        // Its ages are as of before it is told: each call occupies the window too long, if at all.
        let told = tokio::time::timeout(HISTORY_TAKES, history()).await;
        let told = told.unwrap_or_default();
        match &told {
            Some(calls) => tracing::info!(
                lane = %self.key,
                calls = calls.len(),
                "Redis had forgotten the shared lane; it goes on from what the ledger knows"
            ),
            None => self.history_at = Instant::now() + HISTORY_AGAIN,
        }
        told
    }

    fn next_batch(&mut self) -> Batch {
        let now = Instant::now();
        let deferred = self.deferring && self.ask_at.is_some_and(|at| at <= now);
        self.shared.queue().take_batch(now, deferred)
    }

    /// Brings a batch into the shared state.
    async fn bring(&mut self, round: &mut Round) -> RedisResult<()> {
        // What may have been written is looked up first.
        let estimated = if round.attempts.is_empty() {
            self.cache.estimate(Instant::now())
        } else {
            None
        };
        let mut moment = match estimated {
            Some(moment) => moment,
            None => self.read().await?,
        };
        let mut too_late = 0;
        loop {
            if let Some(attempt) = self.written_after_all(round) {
                self.finish(&attempt);
                return Ok(());
            }
            let (shared_state, attempt) = self.decide(&mut round.batch, &moment);
            let token = format!("{:x}-{}", attempt.holder, attempt.number);
            let state = in_writing(&token, &shared_state)?;
            let sent = attempt.sent;
            round.attempts.push(attempt);
            let proposal = Proposal {
                writer: &self.name,
                known: self.cache.token(),
                decided_at: moment.redis,
                may_be_old: moment.may_be_old,
                state: &state,
            };
            let reply = self.budgets.propose(&self.key, &proposal).await?;
            let attempt = round.attempts.pop();
            let received = Instant::now();
            let ReplyOutcome::NotWritten { state } = reply.outcome else {
                let known = Known {
                    shared_state,
                    token,
                    redis: reply.time,
                    sent,
                    received,
                };
                if let Some(attempt) = attempt {
                    self.cache.wrote(known, (attempt.holder, attempt.number));
                    self.finish(&attempt);
                }
                return Ok(());
            };
            moment = self.hear(state, reply.time, (sent, received));
            too_late += 1;
            if too_late > 1 {
                // It is another's turn.
                tokio::time::sleep(self.up_to_half_more(STEP_BACK)).await;
            }
        }
    }

    async fn read(&mut self) -> RedisResult<Moment> {
        let sent = Instant::now();
        let question = Proposal {
            writer: &self.name,
            known: self.cache.token(),
            decided_at: Duration::ZERO,
            may_be_old: Duration::ZERO,
            state: "",
        };
        let reply = self.budgets.propose(&self.key, &question).await?;
        let state = match reply.outcome {
            ReplyOutcome::NotWritten { state } => state,
            ReplyOutcome::Written => None,
        };
        Ok(self.hear(state, reply.time, (sent, Instant::now())))
    }

    fn hear(
        &mut self,
        state: Option<String>,
        redis: Duration,
        (sent, received): (Instant, Instant),
    ) -> Moment {
        let told = Reply {
            state,
            redis,
            sent,
            received,
        };
        let generation = self.rng.random();
        let filled = |cache: &StateCache| {
            cache
                .known()
                .and_then(|known| known.shared_state.retold_from())
        };
        let before = filled(&self.cache);
        let moment = self.cache.hear(told, &mut self.core, generation);
        if filled(&self.cache) != before {
            self.history_at = received + LEASE + HISTORIES_APART.mul_f64(self.rng.random());
        }
        moment
    }

    /// A proposal whose answer was lost, and which the shared state says was written.
    fn written_after_all(&self, round: &mut Round) -> Option<Attempt> {
        let shared_state = &self.cache.known()?.shared_state;
        let written = |attempt: &Attempt| shared_state.has_written(attempt.holder, attempt.number);
        let position = round.attempts.iter().position(written)?;
        Some(round.attempts.swap_remove(position))
    }

    fn decide(&mut self, batch: &mut Batch, moment: &Moment) -> (SharedState, Attempt) {
        let mut shared_state = moment.shared_state.clone();
        let now = Instant::now();
        let holder = {
            let mut queue = self.shared.queue();
            let holder = queue.lease.holder;
            if queue.holds_permits() && (now >= queue.lease.until || !shared_state.knows(holder)) {
                queue.renounce(Lease {
                    holder: self.rng.random(),
                    until: now,
                });
            }
            batch.wanted = queue.awaited();
            queue.lease.holder
        };
        self.batches += 1;
        let number = self.batches;
        let decision = shared_state.carry_out(&mut self.core, (holder, number), batch, moment.lane);
        let attempt = Attempt {
            holder,
            number,
            decision,
            sent: now,
        };
        (shared_state, attempt)
    }

    /// Hands out what was granted, and notes when to ask for more.
    fn finish(&mut self, attempt: &Attempt) {
        let now = Instant::now();
        let Attempt {
            holder,
            decision,
            sent,
            ..
        } = attempt;
        let wait = self.when_to_ask(decision, now);
        self.renew_at = *sent + RENEW;
        let (served, vain) = {
            let mut queue = self.shared.queue();
            queue.lease = Lease {
                holder: *holder,
                until: *sent + LEASE - GUARD,
            };
            queue.nothing_until = wait;
            let grant = GrantId {
                holder: *holder,
                epoch: decision.epoch,
            };
            let served = queue.deliver(grant, decision.granted, now);
            let vain = wait.map(|until| queue.in_vain(until)).unwrap_or_default();
            (served, vain)
        };
        for (answer, grants) in served {
            let grants = grants.into_iter();
            let permits = grants.map(|grant| SharedPermit::new(&self.shared, grant));
            // Whoever is gone by now returns them by dropping them.
            let _ = answer.send(Unclaimed(permits.collect()));
        }
        for answer in vain {
            let _ = answer.send(Unclaimed::default());
        }
        self.show();
    }

    /// Sets when those who wait are asked for again; until when nothing can be had, if it is known.
    fn when_to_ask(&mut self, decision: &Decision, now: Instant) -> Option<Instant> {
        self.deferring = decision.wait == Some(Wait::Deferring);
        self.in_vain = match decision.granted {
            0 => self.in_vain.saturating_add(1),
            _ => 0,
        };
        let known = self.cache.known();
        let shared = known.is_some_and(|known| known.shared_state.is_shared(self.holder()));
        let nothing_until = match (decision.wait, known) {
            (Some(Wait::Until(at)), Some(known)) => Some(known.instant(at)),
            _ => None,
        };
        let delay = match decision.wait {
            None => Duration::ZERO,
            Some(Wait::Deferring) => DEFERENCE,
            Some(Wait::Until(_)) => ASK_EVERY,
            Some(Wait::UntilSettled) if shared => ANSWER_TAKES
                .saturating_mul(2_u32.saturating_pow(self.in_vain.saturating_sub(1)))
                .min(ANSWER_TAKES_MAX),
            // Its own answers ring.
            Some(Wait::UntilSettled) => LEASE,
        };
        let at = match nothing_until {
            Some(at) if shared => at + APART.mul_f64(self.rng.random()),
            Some(at) => at,
            None => now + LEASE,
        };
        self.ask_at = decision
            .wait
            .map(|_| at.min(now + self.up_to_half_more(delay)));
        nothing_until
    }

    fn holder(&self) -> u64 {
        self.shared.queue().lease.holder
    }

    /// Shows the lane as it is known now.
    fn show(&mut self) {
        let Some(known) = self.cache.known() else {
            return;
        };
        let mut view = self.shared.view();
        view.core.replace(known.shared_state.lane().clone());
        view.seen = (known.lane(), known.received);
    }

    fn up_to_half_more(&mut self, delay: Duration) -> Duration {
        delay.mul_f64(1.0 + self.rng.random::<f64>() / 2.0)
    }
}
