//! What holds a campaign back, as its row keeps it; and the turn of its schedule.
//!
//! A schedule is reckoned ahead: the row says from when to when the campaign may run, so that looking
//! for work is a comparison. When that stretch is over, whoever notices first reckons the next one.
//! What is on the wire carries the end of its stretch, and is not called after it: nothing depends on
//! somebody noticing in time.

use repilot_domain::{
    Actor, AuditEvent, CampaignId, CanaryPhase, ControlChanges, ControlError, Controls, PauseCause,
    Priority, Schedule, Stretch, Timestamp,
};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaigns::pause::{pause_within, recall_queued};
use crate::campaigns::{breaker, canary};
use crate::error::QueryContext as _;
use crate::jobs::counters::open_jobs;
use crate::storage::locks;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError, audit};

/// What stands where a stretch does not end.
const NEVER: i64 = i64::MAX;

/// A campaign whose stretch is over, or whose canary is and nobody has judged it; takes the time.
const TO_TURN: &str = "ended_at IS NULL
           AND status = 'active'
           AND (
               runs_until <= $1
               OR canary_phase = 'running'
                  AND NOT EXISTS (
                      SELECT 1 FROM canary_jobs
                      CROSS JOIN jobs
                      WHERE canary_jobs.campaign_id = campaigns.id
                        AND jobs.id = canary_jobs.job_id
                        AND jobs.state IN ('pending', 'queued', 'running')
                  )
           )";

/// The end of a stretch as a row has it.
pub(crate) fn runs_until(columns: &Columns<'_>) -> Result<Option<Timestamp>, LedgerError> {
    let until: i64 = columns.get("runs_until")?;
    Ok((until != NEVER).then_some(Timestamp::from_millis(until)))
}

/// The controls of a row of `campaigns`.
pub(crate) fn read(columns: &Columns<'_>) -> Result<Controls, LedgerError> {
    let priority: i64 = columns.get("priority")?;
    Ok(Controls {
        canary: columns.word_if_any("canary")?,
        canary_auto: columns.word_if_any("canary_auto")?,
        max_failures: columns.word_if_any("max_failures")?,
        schedule: Schedule {
            not_before: columns.time_if_any("not_before")?,
            deadline: columns.time_if_any("deadline")?,
            windows: columns.word_if_any("windows")?.unwrap_or_default(),
            zone: columns.word("zone")?,
        },
        priority: Priority(i32::try_from(priority).unwrap_or_default()),
        rate: columns.word_if_any("rate")?,
        sighted_within: columns.word("sighted_within")?,
    })
}

impl Ledger {
    /// Changes what holds a campaign back, from now on; what it is then.
    ///
    /// What is on the wire goes back, and out again as the new controls have it.
    pub async fn change_controls(
        &self,
        campaign: CampaignId,
        changes: &ControlChanges,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Controls, LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        let row = row_of(&mut transaction, campaign).await?;
        let columns = Columns::of("campaigns", &row);
        let old = read(&columns)?;
        let new = old.changed(changes)?;
        let differences = old.differences(&new);
        if differences.is_empty() {
            return Ok(new);
        }
        if let Some(deadline) = new.schedule.deadline
            && old.schedule.deadline != new.schedule.deadline
            && deadline <= now
        {
            return Err(ControlError::past_deadline(deadline).into());
        }
        let is_whole = columns.time_if_any("enqueued_at")?.is_some();
        let phase: CanaryPhase = columns.word("canary_phase")?;
        write(&mut transaction, campaign, &new).await?;
        turn(&mut transaction, campaign, &new.schedule, now).await?;
        recall_queued(&mut transaction, campaign).await?;
        if old.max_failures != new.max_failures {
            breaker::arm(&mut transaction, campaign).await?;
        }
        if old.canary != new.canary {
            canary::change(&mut transaction, campaign, (phase, new.canary), is_whole).await?;
        }
        audit::record(
            &mut transaction,
            now,
            by,
            Some(campaign),
            AuditEvent::SettingsChanged,
            &json!({ "changes": differences }),
        )
        .await?;
        self.commit(transaction, "change a campaign's controls")
            .await?;
        Ok(new)
    }

    /// Reckons the next stretch of every campaign whose stretch is over, and pauses those whose
    /// deadline has passed; which these are.
    pub async fn turn_schedules(
        &self,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<CampaignId>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!("SELECT id FROM campaigns WHERE {TO_TURN} LIMIT 1");
        let due = sqlx::query(AssertSqlSafe(sql))
            .bind(now.as_millis())
            .fetch_optional(&mut *reader)
            .await
            .doing("look for schedules to turn")?;
        drop(reader);
        if due.is_none() {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin().await?;
        let due = locks::campaigns_where(&mut transaction, TO_TURN, |query| {
            query.bind(now.as_millis())
        })
        .await?;
        let mut over = Vec::new();
        for campaign in due {
            let row = row_of(&mut transaction, campaign).await?;
            let columns = Columns::of("campaigns", &row);
            if columns.word::<CanaryPhase>("canary_phase")? == CanaryPhase::Running {
                canary::judge(&mut transaction, campaign, by, now).await?;
            }
            if runs_until(&columns)?.is_none_or(|until| until > now) {
                continue;
            }
            let schedule = read(&columns)?.schedule;
            if turn(&mut transaction, campaign, &schedule, now).await? {
                recall_queued(&mut transaction, campaign).await?;
                continue;
            }
            let left = open_jobs(&mut transaction, campaign).await?;
            let passed = schedule.deadline.unwrap_or(now);
            let reason = format!("its deadline {passed} passed with {left} jobs left");
            pause_within(
                &mut transaction,
                campaign,
                (PauseCause::Deadline, &reason),
                by,
                now,
            )
            .await?;
            over.push(campaign);
        }
        self.commit(transaction, "turn schedules").await?;
        Ok(over)
    }
}

async fn row_of(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<AnyRow, LedgerError> {
    sqlx::query("SELECT * FROM campaigns WHERE id = $1")
        .bind(campaign.0)
        .fetch_one(connection)
        .await
        .doing("read a campaign's controls")
}

async fn write(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    controls: &Controls,
) -> Result<(), LedgerError> {
    fn word(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let schedule = &controls.schedule;
    sqlx::query(
        "UPDATE campaigns
         SET canary = $2,
             canary_auto = $3,
             max_failures = $4,
             not_before = $5,
             deadline = $6,
             windows = $7,
             zone = $8,
             priority = $9,
             rate = $10,
             sighted_within = $11
         WHERE id = $1",
    )
    .bind(campaign.0)
    .bind(word(controls.canary))
    .bind(word(controls.canary_auto))
    .bind(word(controls.max_failures))
    .bind(schedule.not_before.map(Timestamp::as_millis))
    .bind(schedule.deadline.map(Timestamp::as_millis))
    .bind(schedule.windows.to_string())
    .bind(schedule.zone.to_string())
    .bind(i64::from(controls.priority.0))
    .bind(word(controls.rate))
    .bind(controls.sighted_within.to_string())
    .execute(connection)
    .await
    .doing("change a campaign's controls")?;
    Ok(())
}

/// Reckons the stretch that is on, or the next; `false` where the deadline has passed, and there is
/// none.
async fn turn(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    schedule: &Schedule,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let next = schedule.stretch(now);
    let ended = Stretch {
        from: now,
        until: Some(now),
    };
    let stretch = next.unwrap_or(ended);
    sqlx::query("UPDATE campaigns SET runs_from = $2, runs_until = $3 WHERE id = $1")
        .bind(campaign.0)
        .bind(stretch.from.as_millis())
        .bind(stretch.until.map_or(NEVER, Timestamp::as_millis))
        .execute(connection)
        .await
        .doing("turn a schedule")?;
    Ok(next.is_some())
}
