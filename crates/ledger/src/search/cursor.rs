//! Where a page begins.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use repilot_domain::JobId;

/// A place in a list of jobs: beside a job that need not be on the list.
///
/// As text it is a job's number, and where the list is sorted by when jobs ended, that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCursor {
    /// The job.
    pub job: JobId,
    /// When it ended, where that sorts the list; 0 where it had not.
    pub finished_at: Option<i64>,
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor: take one that a page came with, or a job's number")]
pub struct JobCursorError(String);

impl From<JobId> for JobCursor {
    fn from(job: JobId) -> Self {
        Self {
            job,
            finished_at: None,
        }
    }
}

impl Display for JobCursor {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.finished_at {
            Some(finished_at) => write!(formatter, "{}@{finished_at}", self.job),
            None => self.job.fmt(formatter),
        }
    }
}

impl FromStr for JobCursor {
    type Err = JobCursorError;

    fn from_str(text: &str) -> Result<Self, JobCursorError> {
        let bad = |_no_number| JobCursorError(text.to_owned());
        let (job, finished_at) = match text.split_once('@') {
            Some((job, finished_at)) => (job, Some(finished_at.parse().map_err(bad)?)),
            None => (text, None),
        };
        Ok(Self {
            job: JobId(job.parse().map_err(bad)?),
            finished_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_what_it_was() {
        for text in ["4711", "4711@1772352930250", "0"] {
            assert_eq!(text.parse::<JobCursor>().unwrap().to_string(), text);
        }
        assert!("4711@".parse::<JobCursor>().is_err());
    }
}
