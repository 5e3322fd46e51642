//! What a claim names: a job, under one dispatch of it.

use rand::Rng;
use repilot_domain::{CampaignId, JobId};
use serde::{Deserialize, Serialize};

/// Chance that stands for one dispatch. Numbers come back: a standby that lagged, or a ledger restored
/// from a copy, gives out anew the job and dispatch numbers that it never heard of. Tokens do not.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DispatchToken(i64);

impl DispatchToken {
    /// A new one. `rng` must not be predictable where several processes dispatch.
    #[must_use]
    pub fn random(rng: &mut (impl Rng + ?Sized)) -> Self {
        Self(i64::from_ne_bytes(rng.next_u64().to_ne_bytes()))
    }

    pub(crate) const fn as_number(self) -> i64 {
        self.0
    }

    pub(crate) const fn from_number(number: i64) -> Self {
        Self(number)
    }
}

/// A job under one of its dispatches: what a claim, and all that is said of a claimed job, must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    /// The job.
    pub job: JobId,
    /// The dispatch number, which a later dispatch makes void.
    pub dispatch: i64,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The dispatch's token, which no other dispatch has.
    pub token: DispatchToken,
}

/// Keys by dispatch number and token. Most jobs that are changed together have the same: a statement
/// that is told it once costs half as much as one that is told it of each.
pub(crate) fn by_dispatch(keys: impl IntoIterator<Item = ClaimKey>) -> Vec<SameDispatch> {
    let mut keys: Vec<ClaimKey> = keys.into_iter().collect();
    keys.sort_unstable_by_key(|key| (key.dispatch, key.token, key.job));
    let groups =
        keys.chunk_by(|one, next| (one.dispatch, one.token) == (next.dispatch, next.token));
    groups
        .map(|group| SameDispatch {
            dispatch: group[0].dispatch,
            token: group[0].token,
            jobs: group.iter().map(|key| key.job.0).collect(),
        })
        .collect()
}

/// Jobs that were dispatched together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SameDispatch {
    pub(crate) dispatch: i64,
    pub(crate) token: DispatchToken,
    pub(crate) jobs: Vec<i64>,
}

/// Keys in groups in which no job stands twice: a statement over one group says of each job one thing.
pub(crate) fn each_job_once(keys: impl IntoIterator<Item = ClaimKey>) -> Vec<Vec<ClaimKey>> {
    let mut keys: Vec<ClaimKey> = keys.into_iter().collect();
    keys.sort_unstable();
    keys.dedup();
    let mut groups: Vec<Vec<ClaimKey>> = Vec::new();
    for of_job in keys.chunk_by(|one, next| one.job == next.job) {
        for (place, key) in of_job.iter().enumerate() {
            if place == groups.len() {
                groups.push(Vec::new());
            }
            groups[place].push(*key);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn key(job: i64, dispatch: i64, token: i64) -> ClaimKey {
        ClaimKey {
            job: JobId(job),
            dispatch,
            campaign: CampaignId(1),
            token: DispatchToken(token),
        }
    }

    #[test]
    fn keys_of_one_dispatch_stand_together() {
        let groups = by_dispatch([key(3, 1, 7), key(1, 1, 7), key(2, 1, 8), key(4, 2, 7)]);
        let jobs: Vec<_> = groups.iter().map(|group| group.jobs.as_slice()).collect();
        assert_eq!(jobs, [&[1, 3][..], &[2], &[4]]);
    }

    #[test]
    fn no_group_names_a_job_twice() {
        let groups = each_job_once([key(1, 1, 7), key(2, 1, 7), key(1, 1, 8), key(1, 1, 7)]);
        assert_eq!(
            groups,
            [vec![key(1, 1, 7), key(2, 1, 7)], vec![key(1, 1, 8)]]
        );
    }

    #[test]
    fn two_tokens_of_one_source_differ() {
        let rng = &mut StdRng::seed_from_u64(1);
        assert_ne!(DispatchToken::random(rng), DispatchToken::random(rng));
    }
}
