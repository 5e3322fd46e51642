//! How many jobs a search finds.

use repilot_domain::{CampaignId, DeadReason, JobId, JobQuery, JobState};
use serde::Serialize;
use sqlx::{AnyConnection, Row as _};
use utoipa::ToSchema;

use super::gather::gather;
use super::page::{FoundJobs, JobSearch, Seek};
use super::plan::{Walk, Way, ways};
use super::resolve::{Resolved, resolve};
use super::sort::JobSort;
use super::sql::{Values, list};
use super::test::{Term, Test};
use super::walk::tally;
use crate::error::QueryContext as _;
use crate::{Ledger, LedgerError};

/// Rows that are looked at to count for a page: beyond this many a person only wants to know that it
/// is more.
const COUNTED: u64 = 10_000;

/// Rows that one statement looks at where all are counted.
const STRETCH: u64 = 20_000;

/// How many jobs a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobCount {
    /// So many, or at least so many.
    pub jobs: u64,
    /// Whether it is exactly so many. Else it is what was found among the first some 10,000 jobs that
    /// were looked at.
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
        let (walks, terms) = match way(&mut reader, &resolved).await? {
            Counting::Few(jobs) => {
                return Ok(JobCount {
                    jobs: jobs.len() as u64,
                    exact: true,
                });
            }
            Counting::Walk(walks, terms) => (walks, terms),
        };
        let (mut jobs, mut left) = (0, COUNTED + 1);
        for walk in &walks {
            let tally = tally(&mut reader, walk, &terms, None, left).await?;
            jobs += tally.jobs;
            left = left.saturating_sub(tally.looked_at);
            if left == 0 {
                return Ok(JobCount {
                    jobs: jobs.min(COUNTED),
                    exact: false,
                });
            }
        }
        Ok(JobCount { jobs, exact: true })
    }

    /// A page, and how many jobs the whole search finds, as [`Ledger::count_jobs`] says it; what the
    /// page has looked at is not looked at again to count.
    pub async fn search_and_count(
        &self,
        search: &JobSearch,
    ) -> Result<(FoundJobs, JobCount), LedgerError> {
        let found = self.search(search).await?;
        let is_first = search.seek == Seek::Start;
        let of_page = JobCount {
            jobs: found.jobs.len() as u64,
            exact: found.after.is_none(),
        };
        let counted = if is_first && of_page.exact {
            of_page
        } else if is_first && found.unfinished {
            // It looked farther than counting does.
            let mut reader = self.reader().await?;
            let resolved = resolve(&mut reader, search.campaign, &search.query).await?;
            match counted(&mut reader, &resolved).await? {
                Some(jobs) => JobCount { jobs, exact: true },
                None => of_page,
            }
        } else {
            self.count_jobs(search.campaign, &search.query).await?
        };
        Ok((found, counted))
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
        let (walks, terms) = match way(&mut reader, &resolved).await? {
            Counting::Few(jobs) => {
                return Ok(JobsMeant {
                    jobs: jobs.len() as u64,
                    up_to: JobId(jobs.last().copied().unwrap_or_default()),
                });
            }
            Counting::Walk(walks, terms) => (walks, terms),
        };
        let mut meant = JobsMeant {
            jobs: 0,
            up_to: JobId(0),
        };
        for walk in &walks {
            let mut from = None;
            loop {
                let tally = tally(&mut reader, walk, &terms, from.as_ref(), STRETCH).await?;
                meant.jobs += tally.jobs;
                if let Some(last) = &tally.last {
                    meant.up_to = meant.up_to.max(JobId(last.job));
                }
                if tally.looked_at < STRETCH {
                    break;
                }
                from = tally.last;
            }
        }
        Ok(meant)
    }
}

/// All jobs of a query, by number.
pub(super) enum Counting {
    /// These few.
    Few(Vec<i64>),
    /// What these walks, which have no job in common, come by and what these tests let through.
    Walk(Vec<Walk>, Vec<Term>),
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
            Way::Walk(walks, terms) => return Ok(Counting::Walk(walks, terms)),
        }
    }
    Ok(Counting::Walk(
        vec![Walk::Everything],
        resolved.walked_terms(),
    ))
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
             SELECT (SELECT MAX(id) FROM job_rows WHERE campaign_id = campaigns.id) AS last
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
