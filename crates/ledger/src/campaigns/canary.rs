//! The canary: which jobs go first, and what comes of them.
//!
//! It is chosen in the transaction that completes the list, and judged in the one that settles its
//! last job: whatever process dies when, exactly these jobs go out before the campaign waits.

use std::collections::{BTreeMap, HashMap};

use repilot_domain::{
    Actor, AuditEvent, CampaignId, Canary, CanaryPhase, JobState, PauseCause, Share, Stratum,
    Timestamp, spread,
};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaigns::pause::pause_within;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Columns, gathered};
use crate::{LedgerError, audit};

/// Jobs that are looked at in one statement while the canary is chosen.
const PAGE: i64 = 10_000;

/// A campaign has another canary, or none any more. While its list is not whole nothing goes out
/// before the canary is chosen; the caller has recalled what was on the wire.
///
/// One that has passed stays passed, and so does one that a person took away once it was under way:
/// the same command again, with the canary that it began with, holds nothing back a second time.
pub(crate) async fn change(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    (phase, canary): (CanaryPhase, Option<Canary>),
    is_whole: bool,
) -> Result<(), LedgerError> {
    match (phase, canary) {
        (CanaryPhase::Passed, _) => return Ok(()),
        (CanaryPhase::Running | CanaryPhase::Waiting, None) => {
            return enter(connection, campaign, CanaryPhase::Passed).await;
        }
        _ => {}
    }
    sqlx::query("DELETE FROM canary_jobs WHERE campaign_id = $1")
        .bind(campaign.0)
        .execute(&mut *connection)
        .await
        .doing("forget a canary")?;
    match canary {
        None => enter(connection, campaign, CanaryPhase::Off).await,
        Some(_) if !is_whole => enter(connection, campaign, CanaryPhase::Choosing).await,
        Some(canary) => choose(connection, campaign, canary).await,
    }
}

/// The whole list is in: chooses the canary that waits to be chosen.
pub(crate) async fn choose_if_whole(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<(), LedgerError> {
    let row = sqlx::query(
        "SELECT canary FROM campaigns
         WHERE id = $1
           AND enqueued_at IS NOT NULL
           AND canary_phase = 'choosing'",
    )
    .bind(campaign.0)
    .fetch_optional(&mut *connection)
    .await
    .doing("look for a canary to choose")?;
    let Some(row) = row else { return Ok(()) };
    match Columns::of("campaigns", &row).word_if_any("canary")? {
        Some(canary) => choose(connection, campaign, canary).await,
        None => enter(connection, campaign, CanaryPhase::Off).await,
    }
}

async fn choose(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    canary: Canary,
) -> Result<(), LedgerError> {
    let strata = strata(connection, campaign).await?;
    let size = canary.of(strata.iter().map(|stratum| stratum.devices).sum());
    if size == 0 {
        return enter(connection, campaign, CanaryPhase::Passed).await;
    }
    let counts = spread(&strata, size);
    let strata = strata
        .into_iter()
        .map(|stratum| (stratum.group_tag, stratum.model));
    let mut wanted: HashMap<(String, String), u64> = strata.zip(counts).collect();
    let mut left = size;
    let mut after = 0;
    while left > 0 {
        let page = page(connection, campaign, after).await?;
        let Some((last, _, _)) = page.last() else {
            break;
        };
        after = *last;
        let mut chosen = Vec::new();
        for (id, group_tag, model) in page {
            if let Some(count) = wanted.get_mut(&(group_tag, model))
                && *count > 0
            {
                *count -= 1;
                left -= 1;
                chosen.push(id);
            }
        }
        insert(connection, campaign, chosen).await?;
    }
    enter(connection, campaign, CanaryPhase::Running).await
}

/// The pending jobs of a campaign by group tag and model, in one order.
async fn strata(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<Vec<Stratum>, LedgerError> {
    let rows = sqlx::query(
        "SELECT group_tag, model, COUNT(*) AS devices FROM jobs
         WHERE campaign_id = $1 AND state = 'pending'
         GROUP BY group_tag, model",
    )
    .bind(campaign.0)
    .fetch_all(connection)
    .await
    .doing("count jobs by tag and model")?;
    let mut strata = Vec::with_capacity(rows.len());
    for row in &rows {
        let columns = Columns::of("jobs", row);
        strata.push(Stratum {
            group_tag: columns.get("group_tag")?,
            model: columns.get("model")?,
            devices: columns.get::<i64>("devices")?.unsigned_abs(),
        });
    }
    // Databases sort texts by rules of their own.
    strata.sort_by(|a, b| (&a.group_tag, &a.model).cmp(&(&b.group_tag, &b.model)));
    Ok(strata)
}

async fn page(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    after: i64,
) -> Result<Vec<(i64, String, String)>, LedgerError> {
    let sql = format!(
        "SELECT {}
         FROM (
             SELECT id, group_tag, model FROM jobs
             WHERE campaign_id = $1
               AND id > $2
               AND state = 'pending'
             ORDER BY id
             LIMIT $3
         ) AS page",
        Dialect::of(connection).gathered("id, group_tag, model")
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(campaign.0)
        .bind(after)
        .bind(PAGE);
    let mut page: Vec<(i64, String, String)> =
        gathered(query, connection, "choose a canary").await?;
    page.sort_by_key(|(id, _, _)| *id);
    Ok(page)
}

async fn insert(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    jobs: Vec<i64>,
) -> Result<(), LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "INSERT INTO canary_jobs (campaign_id, job_id)
         SELECT $2, id FROM {} AS chosen",
        dialect.each_id()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(dialect.numbers(jobs))
        .bind(campaign.0)
        .execute(connection)
        .await
        .doing("choose a canary")?;
    Ok(())
}

async fn enter(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    phase: CanaryPhase,
) -> Result<(), LedgerError> {
    sqlx::query("UPDATE campaigns SET canary_phase = $2 WHERE id = $1")
        .bind(campaign.0)
        .bind(phase.as_str())
        .execute(connection)
        .await
        .doing("turn a canary's phase")?;
    Ok(())
}

/// What came of a canary's jobs.
#[derive(Debug, Default)]
struct Outcome {
    jobs: u64,
    open: u64,
    succeeded: u64,
    dead: BTreeMap<String, u64>,
    set_aside: u64,
}

impl Outcome {
    fn add(&mut self, state: JobState, reason: String, jobs: u64) {
        self.jobs += jobs;
        match state {
            JobState::Pending | JobState::Queued | JobState::Running => self.open += jobs,
            JobState::Succeeded => self.succeeded += jobs,
            JobState::Dead => *self.dead.entry(reason).or_default() += jobs,
            JobState::Cancelled | JobState::Skipped => self.set_aside += jobs,
        }
    }

    /// `canary: 18 of 20 succeeded, 2 dead (not-found 1, rejected 1)`.
    fn in_words(&self) -> String {
        let mut words = format!("canary: {} of {} succeeded", self.succeeded, self.jobs);
        let dead: u64 = self.dead.values().sum();
        if dead > 0 {
            let reasons: Vec<String> = match self.dead.len() {
                1 => self.dead.keys().cloned().collect(),
                _ => self
                    .dead
                    .iter()
                    .map(|(reason, jobs)| format!("{reason} {jobs}"))
                    .collect(),
            };
            words = format!("{words}, {dead} dead ({})", reasons.join(", "));
        }
        if self.set_aside > 0 {
            words = format!("{words}, {} set aside", self.set_aside);
        }
        words
    }
}

/// Judges a canary that is running, once none of its jobs is open: the campaign goes on by itself
/// where enough succeeded, or waits for a person.
pub(crate) async fn judge(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    by: &Actor,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let outcome = outcome(connection, campaign).await?;
    if outcome.open > 0 {
        return Ok(());
    }
    let row = sqlx::query(
        "SELECT canary_auto, status, status_reason, ended_at FROM campaigns WHERE id = $1",
    )
    .bind(campaign.0)
    .fetch_one(&mut *connection)
    .await
    .doing("judge a canary")?;
    let columns = Columns::of("campaigns", &row);
    let auto: Option<Share> = columns.word_if_any("canary_auto")?;
    let is_good = auto.is_some_and(|share| outcome.succeeded >= share.of(outcome.jobs));
    let mut words = outcome.in_words();
    // Where it was all that there was, nothing is left to wait with.
    let has_ended = columns.time_if_any("ended_at")?.is_some();
    if is_good || has_ended {
        enter(connection, campaign, CanaryPhase::Passed).await?;
        let detail = json!({ "result": words });
        let event = AuditEvent::CanaryPassed;
        return audit::record(connection, now, by, Some(campaign), event, &detail).await;
    }
    if let Some(auto) = auto {
        words = format!("{words}; fewer than the {auto} at which it would go on by itself");
    }
    enter(connection, campaign, CanaryPhase::Waiting).await?;
    let cause = (PauseCause::Canary, words.as_str());
    if pause_within(connection, campaign, cause, by, now).await? {
        return Ok(());
    }
    // Paused already, for another reason: whoever resumes it has seen both.
    let earlier: String = columns.get("status_reason")?;
    sqlx::query("UPDATE campaigns SET status_reason = $2 WHERE id = $1 AND status = 'paused'")
        .bind(campaign.0)
        .bind(format!("{earlier}; {words}"))
        .execute(&mut *connection)
        .await
        .doing("judge a canary")?;
    let detail = json!({ "reason": words });
    let event = AuditEvent::CanaryWaiting;
    audit::record(connection, now, by, Some(campaign), event, &detail).await
}

async fn outcome(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<Outcome, LedgerError> {
    let rows = sqlx::query(
        "SELECT jobs.state, jobs.reason, COUNT(*) AS jobs
         FROM canary_jobs
         JOIN jobs ON jobs.id = canary_jobs.job_id
         WHERE canary_jobs.campaign_id = $1
         GROUP BY jobs.state, jobs.reason",
    )
    .bind(campaign.0)
    .fetch_all(connection)
    .await
    .doing("judge a canary")?;
    let mut outcome = Outcome::default();
    for row in &rows {
        let columns = Columns::of("jobs", row);
        let jobs: i64 = columns.get("jobs")?;
        outcome.add(
            columns.word("state")?,
            columns.get("reason")?,
            jobs.unsigned_abs(),
        );
    }
    Ok(outcome)
}
