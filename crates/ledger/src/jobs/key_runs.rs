//! Keys of jobs as PostgreSQL finds them in the least time.
//!
//! What a worker claims and settles together was mostly enqueued and dispatched together, and its
//! numbers follow on each other. Told as the first and the last of each run, with the dispatch that all
//! of it has, PostgreSQL walks along its index from one to the next; told one by one, it goes down the
//! whole index for each, which is a third of such a statement.

use std::fmt::Write as _;

use crate::ClaimKey;
use crate::storage::dialect::array_of_numbers;

/// Keys, as the first parameter of a statement over rows that have their jobs' numbers as `id`.
#[derive(Debug)]
pub(crate) struct KeyRuns {
    pub(crate) parameter: String,
    /// How many keys were given, each as often as it was.
    pub(crate) count: usize,
}

/// What a statement names the runs by: `run.first`, `run.last`, `run.dispatch` and `run.token`.
pub(crate) const RUNS: &str = concat!(
    "(
         SELECT unnest(runs[:][1:1]) AS first,
                unnest(runs[:][2:2]) AS last,
                unnest(runs[:][3:3]) AS dispatch,
                unnest(runs[:][4:4]) AS token
         FROM (SELECT ",
    array_of_numbers!("$1"),
    " AS runs OFFSET 0) AS given
     ) AS run"
);

/// That a row is one of them, whatever its dispatch.
pub(crate) const IS_IN_A_RUN: &str = "id BETWEEN run.first AND run.last";

impl KeyRuns {
    pub(crate) fn of(keys: impl IntoIterator<Item = ClaimKey>) -> Self {
        let mut keys: Vec<ClaimKey> = keys.into_iter().collect();
        keys.sort_unstable_by_key(|key| key.job);
        let runs = keys.chunk_by(|one, next| {
            next.job.0 - one.job.0 <= 1 && (one.dispatch, one.token) == (next.dispatch, next.token)
        });
        let mut parameter = String::from("{");
        for run in runs {
            let comma = if parameter.len() > 1 { "," } else { "" };
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                let (dispatch, token) = (first.dispatch, first.token.as_number());
                let (first, last) = (first.job.0, last.job.0);
                // Writing into a text does not fail.
                let _ = write!(parameter, "{comma}{{{first},{last},{dispatch},{token}}}");
            }
        }
        parameter.push('}');
        Self {
            parameter,
            count: keys.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use repilot_domain::{CampaignId, JobId};

    use super::*;
    use crate::DispatchToken;

    fn runs(keys: &[(i64, i64, i64)]) -> KeyRuns {
        let keys = keys.iter().map(|(job, dispatch, token)| ClaimKey {
            job: JobId(*job),
            dispatch: *dispatch,
            campaign: CampaignId(1),
            token: DispatchToken::from_number(*token),
        });
        KeyRuns::of(keys)
    }

    #[test]
    fn jobs_that_follow_on_each_other_are_told_by_the_first_and_the_last() {
        let named = runs(&[(12, 1, 7), (3, 1, 7), (1, 1, 7), (2, 1, 7), (11, 1, 7)]);
        assert_eq!(named.parameter, "{{1,3,1,7},{11,12,1,7}}");
        assert_eq!(named.count, 5);
    }

    #[test]
    fn another_dispatch_or_token_ends_a_run() {
        let named = runs(&[(1, 1, 7), (2, 2, 7), (3, 2, 8), (4, 2, 8)]);
        assert_eq!(named.parameter, "{{1,1,1,7},{2,2,2,7},{3,4,2,8}}");
    }

    /// As many are meant: that one stood there twice is for whoever counts what was changed.
    #[test]
    fn a_key_that_is_there_twice_ends_no_run() {
        let named = runs(&[(1, 1, 7), (2, 1, 7), (2, 1, 7), (3, 1, 7)]);
        assert_eq!((named.parameter.as_str(), named.count), ("{{1,3,1,7}}", 4));
    }
}
