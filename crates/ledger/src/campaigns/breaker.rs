//! The breaker: a campaign whose recent outcomes are too many dead letters pauses itself, in the
//! transaction that settles the last of them.
//!
//! Outcomes are numbered as they are settled; what is kept is the numbers of the dead letters. So a
//! campaign without any writes nothing here.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use repilot_domain::{
    Actor, CampaignId, DeadReason, MaxFailures, PauseCause, RECENT_OUTCOMES, Timestamp, kind_of,
};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::LedgerError;
use crate::campaigns::pause::pause_within;
use crate::error::QueryContext as _;
use crate::jobs::counters::{OUTCOMES, OUTCOMES_SETTLED};
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Columns, batch};

/// The outcomes that a batch settled, of one campaign.
#[derive(Debug, Default)]
pub(crate) struct Outcomes<'a> {
    settled: i64,
    /// Which of them, counted from 1, are dead letters, with reason and message.
    dead: Vec<(i64, &'static str, &'a str)>,
}

impl<'a> Outcomes<'a> {
    pub(crate) fn succeeded(&mut self, jobs: i64) {
        self.settled += jobs;
    }

    pub(crate) fn died(&mut self, reason: &'static str, message: &'a str) {
        self.settled += 1;
        self.dead.push((self.settled, reason, message));
    }

    pub(crate) fn has_dead(&self) -> bool {
        !self.dead.is_empty()
    }
}

/// From here on failures count anew.
pub(crate) async fn arm(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<(), LedgerError> {
    let settled = settled(connection, campaign).await?;
    sqlx::query("UPDATE campaigns SET armed_at_outcome = $2 WHERE id = $1")
        .bind(campaign.0)
        .bind(settled)
        .execute(connection)
        .await
        .doing("arm a breaker")?;
    Ok(())
}

/// Notes the dead letters of a batch, whose counters are written, and pauses the campaign where
/// they are too many; whether they are.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    outcomes: &Outcomes<'_>,
    by: &Actor,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let row = sqlx::query("SELECT max_failures, armed_at_outcome FROM campaigns WHERE id = $1")
        .bind(campaign.0)
        .fetch_one(&mut *connection)
        .await
        .doing("read a breaker")?;
    let columns = Columns::of("campaigns", &row);
    let Some(limit) = columns.word_if_any::<MaxFailures>("max_failures")? else {
        return Ok(false);
    };
    let armed_at: i64 = columns.get("armed_at_outcome")?;
    let settled = settled(connection, campaign).await?;
    let before = settled - outcomes.settled;
    let recent_from = settled - i64::try_from(RECENT_OUTCOMES).unwrap_or(i64::MAX);
    keep(connection, campaign, outcomes, before).await?;
    forget(connection, campaign, recent_from).await?;
    let recent = Recent::read(connection, campaign, recent_from.max(armed_at)).await?;
    let since_armed = u64::try_from(settled - armed_at).unwrap_or_default();
    if !limit.is_reached(recent.dead, since_armed) {
        return Ok(false);
    }
    let reason = recent.in_words(since_armed.min(RECENT_OUTCOMES));
    let cause = (PauseCause::Breaker, reason.as_str());
    pause_within(connection, campaign, cause, by, now).await?;
    Ok(true)
}

/// How many outcomes a campaign has had.
async fn settled(connection: &mut AnyConnection, campaign: CampaignId) -> Result<i64, LedgerError> {
    let row = sqlx::query(
        "SELECT value FROM counters WHERE campaign_id = $1 AND name = $2 AND reason = $3",
    )
    .bind(campaign.0)
    .bind(OUTCOMES)
    .bind(OUTCOMES_SETTLED)
    .fetch_optional(connection)
    .await
    .doing("count outcomes")?;
    row.map_or(Ok(0), |row| row.try_get("value").doing("count outcomes"))
}

async fn keep(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    outcomes: &Outcomes<'_>,
    before: i64,
) -> Result<(), LedgerError> {
    let sql = format!(
        "INSERT INTO recent_failures (campaign_id, outcome, reason, message)
         SELECT $2,
                CAST(value->>0 AS BIGINT),
                CAST(value->>1 AS TEXT),
                CAST(value->>2 AS TEXT)
         FROM {}
         WHERE TRUE
         ON CONFLICT DO NOTHING",
        Dialect::of(connection).each()
    );
    let rows = outcomes
        .dead
        .iter()
        .map(|(place, reason, message)| (before + place, reason, kind_of(message)));
    sqlx::query(AssertSqlSafe(sql))
        .bind(batch(rows)?)
        .bind(campaign.0)
        .execute(connection)
        .await
        .doing("note dead letters")?;
    Ok(())
}

async fn forget(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    until: i64,
) -> Result<(), LedgerError> {
    sqlx::query("DELETE FROM recent_failures WHERE campaign_id = $1 AND outcome <= $2")
        .bind(campaign.0)
        .bind(until)
        .execute(connection)
        .await
        .doing("forget dead letters")?;
    Ok(())
}

/// The dead letters among the recent outcomes.
struct Recent {
    dead: u64,
    by_reason: BTreeMap<String, u64>,
    /// The commonest message.
    commonest: Option<String>,
}

impl Recent {
    async fn read(
        connection: &mut AnyConnection,
        campaign: CampaignId,
        after: i64,
    ) -> Result<Self, LedgerError> {
        let rows = sqlx::query(
            "SELECT reason, message, COUNT(*) AS failures
             FROM recent_failures
             WHERE campaign_id = $1 AND outcome > $2
             GROUP BY reason, message
             ORDER BY COUNT(*) DESC, MIN(outcome)",
        )
        .bind(campaign.0)
        .bind(after)
        .fetch_all(connection)
        .await
        .doing("count dead letters")?;
        let mut recent = Self {
            dead: 0,
            by_reason: BTreeMap::new(),
            commonest: None,
        };
        for row in &rows {
            let columns = Columns::of("recent_failures", row);
            let failures = columns.get::<i64>("failures")?.unsigned_abs();
            let reason: String = columns.get("reason")?;
            recent.dead += failures;
            *recent.by_reason.entry(reason).or_default() += failures;
            if recent.commonest.is_none() {
                recent.commonest = Some(columns.get("message")?);
            }
        }
        Ok(recent)
    }

    /// `20 of 66 failed: 10 refused, 10 have a new user; most often "the device is locked"`.
    fn in_words(&self, outcomes: u64) -> String {
        let mut reasons: Vec<(&String, u64)> = self
            .by_reason
            .iter()
            .map(|(reason, failures)| (reason, *failures))
            .collect();
        reasons.sort_by_key(|(_, failures)| Reverse(*failures));
        let reasons: Vec<String> = reasons
            .into_iter()
            .map(|(word, failures)| match word.parse::<DeadReason>() {
                Ok(reason) => reason.of_devices(failures),
                Err(_) => format!("{failures} {word}"),
            })
            .collect();
        let words = format!("{} of {outcomes} failed: {}", self.dead, reasons.join(", "));
        match &self.commonest {
            Some(message) if says_something(message) => {
                format!("{words}; most often \"{message}\"")
            }
            _ => words,
        }
    }
}

/// Whether a message is more than a status.
fn says_something(message: &str) -> bool {
    message.chars().any(char::is_alphabetic)
}
