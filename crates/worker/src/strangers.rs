//! Answers that are none of Graph's, in a tenant's lane: when they are no accident.
//!
//! What it needs: one page of a proxy that restarts costs nothing but a moment; a sign-in page that
//! answers everything stops the campaign after a few calls, however many devices it has; and a campaign
//! of one device, or one device whose address alone a filter blocks, comes to an end, too.
//!
//! The design: strange answers to writes, and to reads, are counted in a row, an answer of Graph's to
//! the same kind of call ending the row. Forty that left before the first of them was heard are one.
//! After each the lane is held, for longer each time, and then one call leaves on trial. Where the row
//! is long enough the answer is the tenant's, as a missing permission is: the campaign pauses. A
//! gateway that says itself that its fault passes (5xx) is given about two minutes, others a few
//! seconds. Beside that the strange answers of each job are counted, since a job spends no attempt on
//! them: as many as it has attempts, and the campaign pauses for it.
//!
//! The race it accepts: each process counts for itself, and anew when it is started.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use repilot_domain::{JobId, LaneKind, Timestamp};
use repilot_graph::{ForeignAnswer, GraphError, SystemicReason};

/// Strange answers in a row that are no accident.
const ROW: u32 = 3;

/// The same, of a gateway that says that its own fault passes.
const ROW_OF_FAULTS: u32 = 8;

/// How long the lane is held after the first; it doubles with each further one.
const HOLD: Duration = Duration::from_secs(1);

/// Longest time for which the lane is held.
const HOLD_MAX: Duration = Duration::from_mins(1);

/// Largest number of jobs whose strange answers are remembered.
const JOBS_MAX: usize = 10_000;

/// The strange answers of a tenant.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    writes: Row,
    reads: Row,
    /// Of each job, until Graph answers it.
    jobs: HashMap<JobId, u32>,
}

/// Strange answers in a row.
#[derive(Debug, Default)]
struct Row {
    length: u32,
    /// When the last of them was heard: calls that left before tell nothing new.
    heard_at: Timestamp,
    held_until: Timestamp,
    /// What it was.
    last: Option<ForeignAnswer>,
}

/// A call whose answer was heard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) kind: LaneKind,
    pub(crate) job: JobId,
    pub(crate) sent_at: Timestamp,
    pub(crate) now: Timestamp,
    /// Attempts that a job may spend.
    pub(crate) attempts: u32,
}

impl Strangers {
    /// Takes note of an answer. One that is none of Graph's, and no accident, becomes the tenant's.
    pub(crate) fn judge<T>(
        &self,
        heard: Heard,
        result: Result<T, GraphError>,
    ) -> Result<T, GraphError> {
        match result {
            Err(GraphError::Foreign(foreign)) => {
                let is_accident = self.state().note(heard, &foreign);
                Err(if is_accident {
                    GraphError::Foreign(foreign)
                } else {
                    GraphError::Systemic(SystemicReason::NotGraph(foreign))
                })
            }
            result => {
                if is_graphs(&result) {
                    self.state().end(heard);
                }
                result
            }
        }
    }

    /// How many calls may leave: one on trial since something else than Graph answered.
    pub(crate) fn cap(&self, now: Timestamp) -> usize {
        let state = self.state();
        let rows = [&state.writes, &state.reads];
        if rows.iter().any(|row| row.held_until > now) {
            0
        } else if rows.iter().any(|row| row.length > 0) {
            1
        } else {
            usize::MAX
        }
    }

    /// Until when the lane is held, and over what.
    pub(crate) fn held(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        let state = self.state();
        let rows = [&state.writes, &state.reads];
        let held = rows.iter().max_by_key(|row| row.held_until)?;
        let foreign = held.last.as_ref().filter(|_| held.held_until > now)?;
        Some((held.held_until, foreign.to_string()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn row(&mut self, kind: LaneKind) -> &mut Row {
        match kind {
            LaneKind::Writes => &mut self.writes,
            LaneKind::Reads => &mut self.reads,
        }
    }

    /// Whether it may be an accident yet.
    fn note(&mut self, heard: Heard, foreign: &ForeignAnswer) -> bool {
        if self.jobs.len() >= JOBS_MAX {
            self.jobs.clear();
        }
        let of_job = self.jobs.entry(heard.job).or_default();
        *of_job += 1;
        let is_spent = *of_job >= heard.attempts;
        let row = self.row(heard.kind);
        row.note(heard, foreign);
        let is_accident = !is_spent && row.length < limit(foreign);
        if !is_accident {
            // Who resumes the campaign is not kept waiting; the next such answer pauses it again.
            row.held_until = heard.now;
            self.jobs.remove(&heard.job);
        }
        is_accident
    }

    /// Graph answered.
    fn end(&mut self, heard: Heard) {
        let row = self.row(heard.kind);
        if row.length > 0 {
            *row = Row::default();
        }
        if heard.kind == LaneKind::Writes && !self.jobs.is_empty() {
            self.jobs.remove(&heard.job);
        }
    }
}

impl Row {
    fn note(&mut self, heard: Heard, foreign: &ForeignAnswer) {
        // A clock that was set back must not keep the row from growing.
        let left_before = heard.sent_at < self.heard_at && self.heard_at <= heard.now;
        if self.length > 0 && left_before {
            return;
        }
        let hold = HOLD.saturating_mul(2_u32.saturating_pow(self.length));
        self.length = self.length.saturating_add(1);
        self.heard_at = heard.now;
        self.held_until = heard.now.after(hold.min(HOLD_MAX));
        self.last = Some(foreign.clone());
    }
}

fn limit(foreign: &ForeignAnswer) -> u32 {
    if foreign.is_servers_fault() {
        ROW_OF_FAULTS
    } else {
        ROW
    }
}

/// Whether Graph itself has answered: a throttle or a server's fault may be a gateway's before it.
fn is_graphs<T>(result: &Result<T, GraphError>) -> bool {
    match result {
        Ok(_)
        | Err(
            GraphError::NotFound
            | GraphError::Rejected
            | GraphError::Unauthorized
            | GraphError::Systemic(SystemicReason::Forbidden(_) | SystemicReason::MultiAdminApproval),
        ) => true,
        Err(
            GraphError::Throttled { .. }
            | GraphError::Systemic(_)
            | GraphError::Transient { .. }
            | GraphError::Ambiguous { .. }
            | GraphError::Foreign(_)
            | GraphError::Unreachable
            | GraphError::NoToken { .. }
            | GraphError::Unreadable
            | GraphError::NoCollection(_)
            | GraphError::LinkForgotten,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPTS: u32 = 6;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn heard(kind: LaneKind, job: i64, sent: i64, now: i64) -> Heard {
        Heard {
            kind,
            job: JobId(job),
            sent_at: at(sent),
            now: at(now),
            attempts: ATTEMPTS,
        }
    }

    /// Whether it is taken for an accident.
    fn strange(strangers: &Strangers, heard: Heard, status: u16) -> bool {
        let foreign = ForeignAnswer::page(status, "graph.microsoft.com", "Sign in");
        let result: Result<(), _> = strangers.judge(heard, Err(GraphError::Foreign(foreign)));
        match result {
            Err(GraphError::Foreign(_)) => true,
            Err(GraphError::Systemic(SystemicReason::NotGraph(_))) => false,
            other => panic!("{other:?}"),
        }
    }

    fn write(job: i64, sent: i64, now: i64) -> Heard {
        heard(LaneKind::Writes, job, sent, now)
    }

    #[test]
    fn several_pages_in_a_row_are_the_tenants() {
        let strangers = Strangers::default();
        assert!(strange(&strangers, write(1, 10, 11), 200));
        assert!(strange(&strangers, write(2, 20, 21), 404));
        assert!(!strange(&strangers, write(3, 30, 31), 200));
        assert!(
            !strange(&strangers, write(4, 40, 41), 200),
            "until Graph answers"
        );
    }

    #[test]
    fn an_answer_of_graphs_ends_the_row_of_its_own_kind_alone() {
        let strangers = Strangers::default();
        for round in 0..20 {
            let (sent, now) = (100 * round, 100 * round + 1);
            assert!(strange(&strangers, write(round, sent, now), 200));
            strangers.judge(write(-1, sent, now + 1), Ok(())).unwrap();
        }
        // Looks go through, and calls do not.
        assert!(strange(&strangers, write(1, 3_000, 3_001), 200));
        let look = heard(LaneKind::Reads, 1, 3_002, 3_003);
        strangers.judge(look, Ok("")).unwrap();
        assert!(strange(&strangers, write(1, 3_010, 3_011), 200));
        strangers.judge(look, Ok("")).unwrap();
        assert!(!strange(&strangers, write(1, 3_020, 3_021), 200));
    }

    #[test]
    fn pages_to_calls_that_left_together_are_one() {
        let strangers = Strangers::default();
        for job in 0..40 {
            assert!(strange(&strangers, write(job, 10, 11 + job), 200), "{job}");
        }
    }

    #[test]
    fn a_gateways_own_fault_is_given_longer() {
        let strangers = Strangers::default();
        let mut now = 0;
        for job in 1..i64::from(ROW_OF_FAULTS) {
            now += 100;
            assert!(strange(&strangers, write(job, now, now + 1), 503), "{job}");
        }
        assert!(!strange(&strangers, write(99, now + 100, now + 101), 502));
    }

    #[test]
    fn one_job_that_is_never_answered_ends_though_others_are() {
        let strangers = Strangers::default();
        for round in 1..=ATTEMPTS {
            let now = i64::from(round) * 100;
            let is_accident = strange(&strangers, write(7, now, now + 1), 403);
            assert_eq!(is_accident, round < ATTEMPTS, "{round}");
            strangers.judge(write(8, now, now + 2), Ok(())).unwrap();
        }
    }

    #[test]
    fn after_a_page_the_lane_is_held_and_one_call_leaves_on_trial() {
        let strangers = Strangers::default();
        assert_eq!(strangers.cap(at(10)), usize::MAX);
        strange(&strangers, write(1, 10, 10), 503);
        assert_eq!(strangers.cap(at(10)), 0);
        assert!(strangers.held(at(10)).unwrap().1.contains("Sign in"));
        assert_eq!(strangers.cap(at(11)), 1);
        strange(&strangers, write(1, 11, 11), 503);
        assert_eq!(strangers.cap(at(12)), 0);
        assert_eq!(strangers.cap(at(13)), 1);
        assert_eq!(strangers.held(at(13)), None);
        strangers.judge(write(1, 13, 13), Ok(())).unwrap();
        assert_eq!(strangers.cap(at(13)), usize::MAX);
    }

    #[test]
    fn no_hold_is_longer_than_its_limit_or_outlives_the_pause() {
        let strangers = Strangers::default();
        for job in 1..i64::from(ROW_OF_FAULTS) {
            let now = job * 1_000;
            strange(&strangers, write(job, now, now), 503);
            let (until, _) = strangers.held(at(now)).unwrap();
            assert!(until <= at(now).after(HOLD_MAX), "{job}");
        }
        assert!(!strange(&strangers, write(99, 99_000, 99_000), 503));
        assert_eq!(strangers.cap(at(99_000)), 1);
    }
}
