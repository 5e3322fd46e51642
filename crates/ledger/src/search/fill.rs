//! Filling a page: stretch after stretch, until it is full, the index ends or enough was looked at.

use repilot_domain::JobId;
use sqlx::{AnyConnection, Row as _};

use super::GATHERED;
use super::cursor::JobCursor;
use super::gather::gather;
use super::plan::{Walk, Way, ways};
use super::resolve::Resolved;
use super::sort::JobSort;
use super::test::Term;
use super::walk::{Key, Step, Stretch, stretch};
use crate::LedgerError;
use crate::error::QueryContext as _;

/// Rows of the first stretch and of the longest; each is four times the one before, so that few
/// statements are ever prepared.
const FIRST_STRETCH: usize = 256;
const LONGEST_STRETCH: usize = 4_096;

/// What a page is filled with.
#[derive(Debug)]
pub(super) struct Fill {
    /// In the order in which they were come by.
    pub(super) found: Vec<Key>,
    /// Where to go on; nowhere if there is nothing more.
    pub(super) end: Option<Key>,
    /// Rows looked at.
    pub(super) looked_at: u64,
}

/// Finds up to `limit` jobs beyond a key, and looks at about `look_at` rows for it, at most.
pub(super) async fn fill(
    connection: &mut AnyConnection,
    resolved: &Resolved,
    sort: JobSort,
    ascending: bool,
    from: Option<&Key>,
    limit: usize,
    look_at: u64,
) -> Result<Fill, LedgerError> {
    let nothing = Fill {
        found: Vec::new(),
        end: None,
        looked_at: 0,
    };
    if resolved.campaigns.is_empty() {
        return Ok(nothing);
    }
    for way in ways(connection, resolved, sort).await? {
        match way {
            Way::Gather(few) => {
                if let Some(gathered) = gather(connection, &few, resolved, sort).await? {
                    return Ok(cut(gathered, ascending, from, limit));
                }
            }
            Way::Walk(walks, terms) => {
                let mut walker = Walker {
                    walks,
                    terms,
                    sort,
                    ascending,
                    from: from.cloned(),
                    rows: FIRST_STRETCH,
                };
                return walker.fill(connection, limit, look_at).await;
            }
        }
    }
    match sort {
        JobSort::Job => Ok(nothing),
        JobSort::Serial | JobSort::Finished => Err(LedgerError::TooManyToSort { most: GATHERED }),
    }
}

/// The page out of all that there is.
fn cut(gathered: Stretch, ascending: bool, from: Option<&Key>, limit: usize) -> Fill {
    let mut found = gathered.found;
    if !ascending {
        found.reverse();
    }
    found.retain(|key| from.is_none_or(|from| if ascending { key > from } else { key < from }));
    let more = found.len() > limit;
    found.truncate(limit);
    Fill {
        end: found.last().filter(|_| more).cloned(),
        found,
        looked_at: gathered.looked_at,
    }
}

/// Walks beside each other, and how far they have come.
#[derive(Debug)]
pub(super) struct Walker {
    walks: Vec<Walk>,
    terms: Vec<Term>,
    sort: JobSort,
    ascending: bool,
    from: Option<Key>,
    rows: usize,
}

impl Walker {
    /// Upwards by number, from the beginning.
    pub(super) fn by_number(walks: Vec<Walk>, terms: Vec<Term>) -> Self {
        Self {
            walks,
            terms,
            sort: JobSort::Job,
            ascending: true,
            from: None,
            rows: FIRST_STRETCH,
        }
    }

    async fn fill(
        &mut self,
        connection: &mut AnyConnection,
        limit: usize,
        look_at: u64,
    ) -> Result<Fill, LedgerError> {
        let mut fill = Fill {
            found: Vec::new(),
            end: None,
            looked_at: 0,
        };
        loop {
            let next = self.next(connection).await?;
            fill.looked_at += next.looked_at;
            fill.found.extend(next.found);
            if fill.found.len() > limit {
                fill.found.truncate(limit);
                fill.end = fill.found.last().cloned();
                return Ok(fill);
            }
            if next.end.is_none() || fill.looked_at >= look_at {
                fill.end = next.end;
                return Ok(fill);
            }
        }
    }

    /// What the next stretch of all walks comes by, in order, as far as every one of them has come.
    pub(super) async fn next(
        &mut self,
        connection: &mut AnyConnection,
    ) -> Result<Stretch, LedgerError> {
        let step = Step {
            sort: self.sort,
            ascending: self.ascending,
            rows: self.rows,
        };
        let mut all = Stretch {
            looked_at: 0,
            found: Vec::new(),
            end: None,
        };
        for walk in &self.walks {
            let from = self.from.as_ref();
            let one = stretch(connection, walk, &self.terms, from, step).await?;
            all.looked_at += one.looked_at;
            all.found.extend(one.found);
            all.end = match (all.end, one.end) {
                (Some(a), Some(b)) if self.ascending => Some(a.min(b)),
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
        }
        all.found.sort();
        if !self.ascending {
            all.found.reverse();
        }
        if let Some(end) = &all.end {
            let reached = |key: &Key| {
                if self.ascending {
                    key <= end
                } else {
                    key >= end
                }
            };
            all.found.retain(reached);
        }
        self.from.clone_from(&all.end);
        let longest = LONGEST_STRETCH / self.walks.len().next_power_of_two();
        self.rows = (self.rows * 4).min(longest);
        Ok(all)
    }
}

impl Key {
    /// The key of a place in a list.
    pub(super) async fn at(
        connection: &mut AnyConnection,
        cursor: JobCursor,
        sort: JobSort,
    ) -> Result<Self, LedgerError> {
        let mut key = Self::of_job(cursor.job.0);
        match sort {
            JobSort::Job => {}
            JobSort::Finished => key.finished_at = cursor.finished_at.unwrap_or_default(),
            // What never changes need not stand in the cursor.
            JobSort::Serial => {
                let row = sqlx::query(
                    "SELECT job_keys.serial
                     FROM job_rows
                     JOIN job_keys ON job_keys.campaign_id = job_rows.campaign_id
                                  AND job_keys.job_id = job_rows.id
                     WHERE job_rows.id = $1",
                )
                .bind(cursor.job.0)
                .fetch_optional(connection)
                .await
                .doing("find a page's place")?;
                if let Some(row) = row {
                    key.serial = row.try_get(0).doing("find a page's place")?;
                }
            }
        }
        Ok(key)
    }

    /// Its place in a list.
    pub(super) fn cursor(&self, sort: JobSort) -> JobCursor {
        JobCursor {
            job: JobId(self.job),
            finished_at: (sort == JobSort::Finished).then_some(self.finished_at),
        }
    }
}
