//! Whether who has a device is known well enough for its call.

use repilot_domain::{DeadReason, Timestamp, is_same_user};
use repilot_ledger::{ClaimedJob, Seen, Sighting, SightingRule};

use super::Decision;

/// What precedes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precaution<'a> {
    /// Nothing: the device is known to be as the job expects it, or nobody wants to know.
    Nothing,
    /// A look at the device.
    Look,
    /// Nothing is asked, and what was seen decides, as a look would: the device showed another user
    /// than the job expects.
    Judge(&'a Sighting),
}

/// What precedes the next call of a claimed job.
///
/// `seen_at` is when this same turn looked at the device, if it did. A job that stands between two
/// steps and was not called in this turn is looked at: what was seen before its first step says nothing
/// of the time since.
#[must_use]
pub fn precaution<'a>(
    job: &'a ClaimedJob,
    rule: Option<&SightingRule>,
    seen_at: Option<Timestamp>,
    goes_on: bool,
    now: Timestamp,
) -> Precaution<'a> {
    if job.uncertain && !is_cleared(job, rule, now) {
        return Precaution::Look;
    }
    let Some(rule) = rule else {
        return Precaution::Nothing;
    };
    if let Some(seen_at) = seen_at {
        return if rule.is_fresh(seen_at, now) {
            Precaution::Nothing
        } else {
            Precaution::Look
        };
    }
    if job.progress.done() > 0 && !goes_on {
        return Precaution::Look;
    }
    let Some(sighting) = &job.sighting else {
        return if rule.is_fresh(rule.seen_at, now) {
            Precaution::Nothing
        } else {
            Precaution::Look
        };
    };
    if !rule.is_fresh(sighting.seen_at, now) {
        return Precaution::Look;
    }
    let expected = job.expected_user.as_deref().unwrap_or_default();
    if goes_on || is_same_user(&sighting.user, expected) {
        Precaution::Nothing
    } else {
        Precaution::Judge(sighting)
    }
}

/// Whether an uncertain job was looked at since its last call, not longer ago than its campaign allows: what
/// was seen then is good for its call as for any other.
fn is_cleared(job: &ClaimedJob, rule: Option<&SightingRule>, now: Timestamp) -> bool {
    let seen_at = job.sighting.as_ref().map(|sighting| sighting.seen_at);
    let is_fresh = rule
        .zip(seen_at)
        .is_some_and(|(rule, at)| rule.is_fresh(at, now));
    job.looked_at && job.progress.done() == 0 && is_fresh
}

/// What the ledger keeps of who has a job's device, given what was decided by it.
///
/// Between two steps the job itself has taken the user away: then only somebody else is worth keeping.
pub(crate) fn seen_of(job: &ClaimedJob, sighting: Sighting, decision: &Decision) -> Option<Seen> {
    let is_found = matches!(
        decision,
        Decision::Bury {
            reason: DeadReason::ReassignedMeanwhile,
            ..
        }
    );
    let is_between = job.progress.done() > 0;
    if is_between && !is_found {
        return None;
    }
    let expected = job.expected_user.as_deref().unwrap_or_default();
    let is_expected = !is_between && is_same_user(&sighting.user, expected);
    Some(Seen {
        key: job.key,
        sighting,
        is_expected,
        is_found,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use repilot_domain::{Action, CampaignId, DeviceId, JobId, Progress};
    use repilot_ledger::{ClaimKey, DispatchToken};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_352_930_250);
    const WITHIN: Duration = Duration::from_mins(2);

    fn ago(seconds: u64) -> Timestamp {
        NOW.before(Duration::from_secs(seconds))
    }

    fn rule(seen_at: Timestamp) -> SightingRule {
        SightingRule {
            seen_at,
            within_ms: 120_000,
            is_blind: false,
        }
    }

    fn job(sighting: Option<(&str, Timestamp)>) -> ClaimedJob {
        ClaimedJob {
            key: ClaimKey {
                job: JobId(1),
                dispatch: 1,
                campaign: CampaignId(1),
                token: DispatchToken::default(),
            },
            device: DeviceId("d".to_owned()),
            expected_user: sighting.map(|_| "old@b".to_owned()),
            sighting: sighting.map(|(user, seen_at)| Sighting {
                user: user.to_owned(),
                name: String::new(),
                seen_at,
            }),
            progress: Progress::new(Action::Unassign, 0),
            new_user: String::new(),
            new_user_name: String::new(),
            attempts: 0,
            uncertain: false,
            lost: false,
            looked_at: false,
            lease_until: NOW,
        }
    }

    /// "nothing", "look" or "judge".
    fn said(job: &ClaimedJob, rule: Option<SightingRule>) -> &'static str {
        match precaution(job, rule.as_ref(), None, false, NOW) {
            Precaution::Nothing => "nothing",
            Precaution::Look => "look",
            Precaution::Judge(_) => "judge",
        }
    }

    #[test]
    fn a_call_needs_a_sighting_no_older_than_the_rule_allows() {
        let (fresh, stale) = (ago(119), ago(121));
        let plain = job(None);
        assert_eq!(said(&plain, Some(rule(fresh))), "nothing");
        assert_eq!(said(&plain, Some(rule(stale))), "look");
        assert_eq!(said(&plain, Some(rule(Timestamp::default()))), "look");
        assert_eq!(said(&plain, None), "nothing");
        let at_once = SightingRule {
            within_ms: 0,
            ..rule(NOW)
        };
        assert_eq!(said(&plain, Some(at_once)), "look");
    }

    #[test]
    fn what_is_known_of_a_device_by_itself_counts_alone() {
        let rows = [
            ("OLD@b", ago(1), "nothing"),
            ("new@b", ago(1), "judge"),
            ("", ago(1), "judge"),
            ("OLD@b", ago(121), "look"),
            ("new@b", ago(121), "look"),
            ("", Timestamp::default(), "look"),
        ];
        for (user, seen_at, expected) in rows {
            let job = job(Some((user, seen_at)));
            assert_eq!(said(&job, Some(rule(NOW))), expected, "{user} {seen_at}");
        }
    }

    #[test]
    fn whatever_may_have_been_called_is_looked_at() {
        let uncertain = ClaimedJob {
            uncertain: true,
            ..job(None)
        };
        assert_eq!(said(&uncertain, Some(rule(NOW))), "look");
        assert_eq!(said(&uncertain, None), "look");
        let between = ClaimedJob {
            progress: Progress::new(Action::Reassign, 1),
            ..job(None)
        };
        assert_eq!(said(&between, Some(rule(NOW))), "look");
        let goes_on = precaution(&between, Some(&rule(NOW)), None, true, NOW);
        assert_eq!(goes_on, Precaution::Nothing);
    }

    #[test]
    fn an_uncertain_job_that_was_looked_at_is_not_looked_at_again_too_soon() {
        let looked_at = |user, seconds| ClaimedJob {
            uncertain: true,
            lost: true,
            looked_at: true,
            ..job(Some((user, ago(seconds))))
        };
        let never = SightingRule {
            within_ms: 0,
            ..rule(NOW)
        };
        assert_eq!(said(&looked_at("old@b", 119), Some(rule(NOW))), "nothing");
        assert_eq!(said(&looked_at("new@b", 119), Some(rule(NOW))), "judge");
        assert_eq!(said(&looked_at("old@b", 121), Some(rule(NOW))), "look");
        assert_eq!(said(&looked_at("old@b", 1), Some(never)), "look");
        assert_eq!(said(&looked_at("old@b", 1), None), "look");
        let not_since = ClaimedJob {
            looked_at: false,
            ..looked_at("old@b", 1)
        };
        assert_eq!(said(&not_since, Some(rule(NOW))), "look");
        let between = ClaimedJob {
            progress: Progress::new(Action::Reassign, 1),
            ..looked_at("old@b", 1)
        };
        assert_eq!(said(&between, Some(rule(NOW))), "look");
    }

    #[test]
    fn a_look_of_this_turn_is_good_for_its_time_alone() {
        let plain = job(None);
        let after = |at| precaution(&plain, Some(&rule(ago(999))), Some(at), false, NOW);
        assert_eq!(after(NOW.before(WITHIN)), Precaution::Nothing);
        assert_eq!(after(ago(121)), Precaution::Look);
    }
}
