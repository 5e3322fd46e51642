//! A page of what a search finds.

use repilot_domain::{CampaignId, JobId, JobQuery};
use serde::Serialize;

use super::cursor::JobCursor;
use super::fill::{Fill, fill};
use super::resolve::resolve;
use super::walk::Key;
use super::{GLANCED_AT, LOOKED_AT};
use crate::search::sort::JobSort;
use crate::{Job, Ledger, LedgerError};

/// Where a page is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Seek {
    /// At the beginning.
    #[default]
    Start,
    /// Behind this place.
    After(JobCursor),
    /// Before this place.
    Before(JobCursor),
}

/// A page of a search.
#[derive(Debug, Clone)]
pub struct JobSearch {
    /// Within this campaign, or all.
    pub campaign: Option<CampaignId>,
    /// Which jobs.
    pub query: JobQuery,
    /// In which order.
    pub sort: JobSort,
    /// Whether that order is turned round.
    pub descending: bool,
    /// Where the page is.
    pub seek: Seek,
    /// At most so many jobs.
    pub limit: u32,
}

impl JobSearch {
    /// The first page of what a query finds, by number.
    #[must_use]
    pub fn first(campaign: Option<CampaignId>, query: JobQuery, limit: u32) -> Self {
        Self {
            campaign,
            query,
            sort: JobSort::default(),
            descending: false,
            seek: Seek::Start,
            limit,
        }
    }
}

/// A page of what a search found.
///
/// It stays where it is however the ledger changes: the pages before and behind it begin at keys.
#[derive(Debug, Clone, Serialize)]
pub struct FoundJobs {
    /// The jobs, in order.
    pub jobs: Vec<Job>,
    /// What goes before this page, if anything may.
    #[serde(skip)]
    pub before: Option<JobCursor>,
    /// What comes behind this page, if anything may.
    #[serde(skip)]
    pub after: Option<JobCursor>,
    /// Whether the page is not full because this was as far as one page looks: it goes on behind it
    /// (or before it, if that was asked for).
    pub unfinished: bool,
    /// Jobs that were looked at for it.
    pub looked_at: u64,
}

impl Ledger {
    /// A page of the jobs that a search finds.
    pub async fn search(&self, search: &JobSearch) -> Result<FoundJobs, LedgerError> {
        let mut reader = self.reader().await?;
        let connection = &mut *reader;
        let resolved = resolve(connection, search.campaign, &search.query).await?;
        let (cursor, backwards) = match search.seek {
            Seek::Start => (None, false),
            Seek::After(cursor) => (Some(cursor), false),
            Seek::Before(cursor) => (Some(cursor), true),
        };
        let from = match cursor {
            Some(cursor) => Some(Key::at(connection, cursor, search.sort).await?),
            None => None,
        };
        let limit = usize::try_from(search.limit).unwrap_or(usize::MAX).max(1);
        let ascending = search.descending == backwards;
        let Fill {
            mut found,
            end,
            looked_at,
        } = fill(
            connection,
            &resolved,
            search.sort,
            ascending,
            from.as_ref(),
            limit,
            LOOKED_AT,
        )
        .await?;
        let unfinished = end.is_some() && found.len() < limit;
        let farther = end.map(|key| key.cursor(search.sort));
        let hither = cursor;
        if backwards {
            found.reverse();
        }
        let ids: Vec<i64> = found.iter().map(|key| key.job).collect();
        let jobs = Self::jobs_of(connection, &ids).await?;
        let (before, after) = if backwards {
            // Behind a page that was reached backwards is where one came from.
            let last = found.last().map(|key| key.cursor(search.sort));
            (farther, last.or(hither))
        } else {
            let first = found.first().map(|key| key.cursor(search.sort));
            (hither.map(|hither| first.unwrap_or(hither)), farther)
        };
        Ok(FoundJobs {
            jobs,
            before,
            after,
            unfinished,
            looked_at,
        })
    }

    /// The only job that a query finds, in whatever campaign. None where it finds several, or where
    /// that it is the only one cannot be said at once.
    pub async fn only_job(&self, query: &JobQuery) -> Result<Option<JobId>, LedgerError> {
        let mut reader = self.reader().await?;
        let resolved = resolve(&mut reader, None, query).await?;
        let sort = JobSort::Job;
        let fill = fill(&mut reader, &resolved, sort, true, None, 2, GLANCED_AT).await?;
        Ok(match (fill.found.as_slice(), fill.end) {
            ([only], None) => Some(JobId(only.job)),
            _ => None,
        })
    }
}
