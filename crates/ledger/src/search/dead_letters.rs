//! Dead letters: grouped, requeued, discarded.

use repilot_domain::{
    Actor, CampaignId, DeadReason, JobAct, JobCondition, JobId, JobQuery, JobState, Timestamp,
};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use utoipa::ToSchema;

use crate::error::QueryContext as _;
use crate::jobs::between_steps::HAS_NO_USER;
use crate::search::{JobSearch, JobSelection};
use crate::storage::rows::{Columns, gathered};
use crate::{Ledger, LedgerError};

/// Which dead letters are meant. All of what is given must hold.
#[derive(Debug, Clone, Default)]
pub struct DeadSelection {
    /// Those of this campaign.
    pub campaign: Option<CampaignId>,
    /// Those with this reason.
    pub reason: Option<DeadReason>,
    /// This one.
    pub job: Option<JobId>,
    /// Those that a search finds.
    pub query: JobQuery,
}

/// Dead letters of one campaign with one reason.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeadGroup {
    /// The campaign's name.
    pub campaign: String,
    /// The reason.
    pub reason: DeadReason,
    /// How many.
    pub jobs: i64,
    /// Those of them whose devices have no user now, because they stopped between two steps.
    pub without_user: i64,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub advice: &'static str,
    /// What Graph said of the last of them, in its innermost message, or who has its device now; empty
    /// where it said nothing.
    pub message: String,
}

/// Dead letters whose devices somebody else has now: whoever sends them round again lets them take the
/// devices from these users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundWithOthers {
    /// How many.
    pub jobs: u64,
    /// The first of them: serial number, and who has the device, where that was kept.
    pub named: Vec<(String, String)>,
}

impl FoundWithOthers {
    /// The first of them, in words; empty where none is named.
    #[must_use]
    pub fn in_words(&self) -> String {
        let each = |(serial, user): &(String, String)| format!("{user} has {serial}");
        let named: Vec<String> = self.named.iter().map(each).collect();
        let more = self.jobs.saturating_sub(self.named.len() as u64);
        match (named.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => named.join(", "),
            (false, _) => format!("{}, and {more} more", named.join(", ")),
        }
    }
}

impl Ledger {
    /// The dead letters of a selection whose devices somebody else has now; the first `most` by name.
    pub async fn found_with_others(
        &self,
        selection: &JobSelection,
        most: u32,
    ) -> Result<FoundWithOthers, LedgerError> {
        const WHAT: &str = "look for devices that others have";
        let reason = DeadReason::ReassignedMeanwhile.as_str();
        let (query, campaign) = match selection {
            JobSelection::These(jobs) => {
                let mut reader = self.reader().await?;
                let dialect = self.dialect();
                let sql = format!(
                    "SELECT {gathered}
                     FROM {each} AS meant
                     CROSS JOIN job_rows
                     LEFT JOIN sightings ON sightings.id = job_rows.id
                     WHERE job_rows.id = meant.id
                       AND job_rows.state = 'dead'
                       AND job_rows.reason = $2",
                    gathered = dialect.gathered("job_rows.serial, sightings.found_user"),
                    each = dialect.each_id()
                );
                let query = sqlx::query(AssertSqlSafe(sql))
                    .bind(dialect.numbers(jobs.iter().map(|job| job.0)))
                    .bind(reason);
                let found: Vec<(String, Option<String>)> =
                    gathered(query, &mut reader, WHAT).await?;
                let jobs = found.len() as u64;
                let named = found
                    .into_iter()
                    .filter_map(|(serial, user)| Some((serial, user?)))
                    .take(most as usize);
                return Ok(FoundWithOthers {
                    jobs,
                    named: named.collect(),
                });
            }
            JobSelection::All {
                query, campaign, ..
            } => (query, *campaign),
        };
        let query = query
            .clone()
            .and(JobCondition::State(vec![JobState::Dead]))
            .and(JobCondition::Reason(vec![reason.to_owned()]));
        let jobs = self.jobs_meant(campaign, &query).await?.jobs;
        if jobs == 0 {
            return Ok(FoundWithOthers::default());
        }
        let found = self
            .search(&JobSearch::first(campaign, query, most))
            .await?;
        let named = found
            .jobs
            .into_iter()
            .filter_map(|job| Some((job.serial, job.found_user?)));
        Ok(FoundWithOthers {
            jobs,
            named: named.collect(),
        })
    }

    /// Dead letters by campaign and reason, from the counters; one message of each, by its place.
    pub async fn dead_groups(&self) -> Result<Vec<DeadGroup>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT campaigns.name AS campaign_name, counters.reason, counters.value,
                    COALESCE((
                        SELECT COALESCE(sightings.found_user || ' has it now', jobs.message)
                        FROM jobs
                        LEFT JOIN sightings ON sightings.id = jobs.id
                        WHERE jobs.id = (
                            SELECT MAX(dead_jobs.id) FROM dead_jobs
                            WHERE dead_jobs.campaign_id = counters.campaign_id
                              AND dead_jobs.reason = counters.reason
                        )
                    ), '') AS message,
                    CASE WHEN campaigns.action = 'reassign' THEN (
                        SELECT COUNT(*) FROM job_rows AS stopped
                        WHERE stopped.campaign_id = counters.campaign_id
                          AND stopped.state = 'dead'
                          AND stopped.reason = counters.reason
                          AND {HAS_NO_USER}
                    ) ELSE 0 END AS without_user
             FROM counters JOIN campaigns ON campaigns.id = counters.campaign_id
             WHERE counters.name = 'dead'
               AND counters.reason <> ''
               AND counters.value > 0
             ORDER BY campaigns.id DESC, counters.value DESC"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut *reader)
            .await
            .doing("read dead letters")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("counters", row);
                let reason: DeadReason = columns.word("reason")?;
                Ok(DeadGroup {
                    campaign: columns.get("campaign_name")?,
                    reason,
                    jobs: columns.get("value")?,
                    without_user: columns.get("without_user")?,
                    meaning: reason.meaning(),
                    advice: reason.advice(),
                    message: columns.get("message")?,
                })
            })
            .collect()
    }

    /// What a selection of dead letters means for an act on them, so far as they are counted now.
    pub async fn dead_meant(
        &self,
        act: JobAct,
        selection: &DeadSelection,
    ) -> Result<JobSelection, LedgerError> {
        let query = selection.as_query(act);
        let meant = self.jobs_meant(selection.campaign, &query).await?;
        Ok(JobSelection::All {
            campaign: selection.campaign,
            query,
            meant,
        })
    }

    /// Sends dead letters round again, with all their attempts before them: see [`Ledger::act`].
    /// How many it were.
    pub async fn requeue(
        &self,
        selection: &DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.act_on_dead(JobAct::Requeue, selection, by, now).await
    }

    /// Makes dead letters of those that were set aside. How many it were.
    pub async fn restore(
        &self,
        selection: &DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.act_on_dead(JobAct::Restore, selection, by, now).await
    }

    /// Sets dead letters aside. How many it were.
    pub async fn discard(
        &self,
        selection: &DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.act_on_dead(JobAct::Discard, selection, by, now).await
    }

    async fn act_on_dead(
        &self,
        act: JobAct,
        selection: &DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let selection = self.dead_meant(act, selection).await?;
        Ok(self.act(act, &selection, by, now).await?.jobs)
    }
}

impl DeadSelection {
    /// The jobs that an act on them finds.
    #[must_use]
    pub fn as_query(&self, act: JobAct) -> JobQuery {
        let states = JobState::sources_of(act.event());
        let mut query = self.query.clone().and(JobCondition::State(states));
        if let Some(reason) = self.reason {
            query = query.and(JobCondition::Reason(vec![reason.as_str().to_owned()]));
        }
        if let Some(job) = self.job {
            query = query.and(JobCondition::Job(job));
        }
        query
    }
}
