//! How many jobs a search finds.

use repilot_domain::{CampaignId, DeadReason, JobId, JobQuery, JobState};
use serde::Serialize;
use sqlx::{AnyConnection, Row as _};
use utoipa::ToSchema;

use super::fill::Walker;
use super::page::JobSort;
use super::plan::{Walk, Way, ways};
use super::resolve::{Resolved, resolve};
use super::sql::{Values, list};
use super::test::Test;
use super::walk::gather;
use crate::error::QueryContext as _;
use crate::{Ledger, LedgerError};

/// Beyond this many a person only wants to know that it is more.
const COUNTED: u64 = 10_000;

/// Rows that are looked at to count for a page.
const LOOKED_AT: u64 = 40_000;

/// How many jobs a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobCount {
    /// So many, or more than so many.
    pub jobs: u64,
    /// Whether it is exactly so many.
    pub exact: bool,
}

/// Jobs that a person is shown the number of before something is done to them all: what is done
/// then befalls no more than so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobsMeant {
    /// How many it are.
    pub jobs: u64,
    /// None of them comes after this job: what was enqueued later is not meant.
    pub up_to: JobId,
}

impl Ledger {
    /// How many jobs a query finds: exactly where counters know, else as far as counting takes
    /// moments.
    pub async fn count_jobs(
        &self,
        campaign: Option<CampaignId>,
        query: &JobQuery,
    ) -> Result<JobCount, LedgerError> {
        let mut reader = self.reader().await?;
        let resolved = resolve(&mut reader, campaign, query).await?;
        if let Some(jobs) = counted(&mut reader, &resolved).await? {
            return Ok(JobCount { jobs, exact: true });
        }
        let mut walker = match way(&mut reader, &resolved).await? {
            Counting::Few(jobs) => {
                return Ok(JobCount {
                    jobs: jobs.len() as u64,
                    exact: true,
                });
            }
            Counting::Walk(walker) => walker,
        };
        let (mut jobs, mut looked_at) = (0, 0);
        loop {
            let next = walker.next(&mut reader).await?;
            jobs += next.found.len() as u64;
            looked_at += next.looked_at;
            let exact = next.end.is_none();
            if exact || jobs > COUNTED || looked_at >= LOOKED_AT {
                return Ok(JobCount {
                    jobs: if exact { jobs } else { jobs.min(COUNTED) },
                    exact,
                });
            }
        }
    }

    /// How many jobs a query finds, exactly, and up to which: at once where counters know, else
    /// however long it takes.
    pub async fn jobs_meant(
        &self,
        campaign: Option<CampaignId>,
        query: &JobQuery,
    ) -> Result<JobsMeant, LedgerError> {
        let mut reader = self.reader().await?;
        let resolved = resolve(&mut reader, campaign, query).await?;
        if let Some(jobs) = counted(&mut reader, &resolved).await? {
            let up_to = last_of(&mut reader, &resolved).await?;
            return Ok(JobsMeant { jobs, up_to });
        }
        let mut walker = match way(&mut reader, &resolved).await? {
            Counting::Few(jobs) => {
                return Ok(JobsMeant {
                    jobs: jobs.len() as u64,
                    up_to: JobId(jobs.last().copied().unwrap_or_default()),
                });
            }
            Counting::Walk(walker) => walker,
        };
        let mut meant = JobsMeant {
            jobs: 0,
            up_to: JobId(0),
        };
        loop {
            let next = walker.next(&mut reader).await?;
            meant.jobs += next.found.len() as u64;
            if let Some(last) = next.found.last() {
                meant.up_to = JobId(last.job);
            }
            if next.end.is_none() {
                return Ok(meant);
            }
        }
    }
}

/// All jobs of a query, by number.
pub(super) enum Counting {
    /// These few.
    Few(Vec<i64>),
    /// Stretch by stretch.
    Walk(Walker),
}

/// The best way to all jobs of a query.
pub(super) async fn way(
    connection: &mut AnyConnection,
    resolved: &Resolved,
) -> Result<Counting, LedgerError> {
    if resolved.campaigns.is_empty() {
        return Ok(Counting::Few(Vec::new()));
    }
    for way in ways(connection, resolved, JobSort::Job).await? {
        match way {
            Way::Gather(few) => {
                let gathered = gather(connection, &few, resolved, JobSort::Job).await?;
                if let Some(gathered) = gathered {
                    let jobs = gathered.found.iter().map(|key| key.job);
                    return Ok(Counting::Few(jobs.collect()));
                }
            }
            Way::Walk(walks) => {
                return Ok(Counting::Walk(Walker::by_number(
                    walks,
                    resolved.walked_terms(),
                )));
            }
        }
    }
    Ok(Counting::Walk(Walker::by_number(
        vec![Walk::Everything],
        resolved.walked_terms(),
    )))
}

/// What the counters say, where they can: jobs of states, and dead letters of reasons.
async fn counted(
    connection: &mut AnyConnection,
    resolved: &Resolved,
) -> Result<Option<u64>, LedgerError> {
    let mut states = JobState::ALL.to_vec();
    let mut reasons: Option<Vec<DeadReason>> = None;
    for term in &resolved.terms {
        let meant = |holds: bool| holds != term.negated;
        match &term.test {
            Test::State(words) => states.retain(|state| meant(words.contains(state))),
            Test::Reason(words) => {
                let known = reasons.get_or_insert_with(|| DeadReason::ALL.to_vec());
                known.retain(|reason| meant(words.iter().any(|word| word == reason.as_str())));
            }
            _ => return Ok(None),
        }
    }
    let names = match &reasons {
        None if states.is_empty() => return Ok(Some(0)),
        None => {
            let words: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
            format!("name IN ({}) AND reason = ''", words.join(", "))
        }
        Some(reasons) if states == [JobState::Dead] && reasons.is_empty() => return Ok(Some(0)),
        Some(reasons) if states == [JobState::Dead] => {
            let words: Vec<String> = reasons.iter().map(|reason| format!("'{reason}'")).collect();
            format!("name = 'dead' AND reason IN ({})", words.join(", "))
        }
        Some(_) => return Ok(None),
    };
    let campaigns = list(resolved.campaigns.iter().map(|campaign| campaign.0));
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM counters
         WHERE campaign_id IN {campaigns} AND {names}"
    );
    let jobs: i64 = Values::default()
        .query(sql)
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .doing("count jobs")?;
    Ok(Some(jobs.unsigned_abs()))
}

/// The last job of the campaigns of a query, whether or not it is found.
async fn last_of(
    connection: &mut AnyConnection,
    resolved: &Resolved,
) -> Result<JobId, LedgerError> {
    let campaigns = list(resolved.campaigns.iter().map(|campaign| campaign.0));
    // One by one, each at the end of an index.
    let sql = format!(
        "SELECT CAST(COALESCE(MAX(last), 0) AS BIGINT) FROM (
             SELECT (SELECT MAX(jobs.id) FROM jobs WHERE jobs.campaign_id = campaigns.id) AS last
             FROM campaigns
             WHERE campaigns.id IN {campaigns}
         ) AS ends"
    );
    Values::default()
        .query(sql)
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .doing("count jobs")
        .map(JobId)
}
