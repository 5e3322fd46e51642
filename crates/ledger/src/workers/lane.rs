//! Lanes: who may call a tenant, and what its budgets last said of themselves.
//!
//! Where the budget lives in one process, two processes that called one tenant would overrun it.
//! So a process holds the tenant's lane by a lease; another stands by and takes over when the lease
//! runs out, knowing from the attempts which of the quota is still in use.

use repilot_domain::{AttemptOutcome, LaneKind, TenantName, Timestamp, WorkerId};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Row as _};
use utoipa::ToSchema;

use crate::error::QueryContext as _;
use crate::jobs::lease::LEASE_MAX;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

/// Who holds a tenant's lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneHold {
    /// The holder.
    pub owner: WorkerId,
    /// Until when, unless renewed.
    pub until: Timestamp,
}

/// A call that still occupies a tenant's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentCall {
    /// When it was answered.
    pub ended_at: Timestamp,
    /// Whether it was refused with 429.
    pub throttled: bool,
}

/// A lane's gate, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Calls leave as the budget allows.
    Open,
    /// Nothing leaves: the tenant throttled.
    Closed,
    /// Nothing leaves: Graph cannot be reached.
    Unreachable,
    /// Calls leave at a gentler pace, after a throttle.
    Reopening,
}

impl Gate {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Unreachable => "unreachable",
            Self::Reopening => "reopening",
        }
    }

    fn of_word(word: &str) -> Self {
        match word {
            "closed" => Self::Closed,
            "unreachable" => Self::Unreachable,
            "reopening" => Self::Reopening,
            _ => Self::Open,
        }
    }
}

/// What a lane last said of itself.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LaneState {
    /// Whose lane.
    pub tenant: TenantName,
    /// Which of its budgets.
    pub kind: LaneKind,
    /// Calls a window, by the settings.
    pub configured_limit: i64,
    /// Calls a window, as learnt; none while nothing speaks against the settings.
    pub learnt_limit: Option<f64>,
    /// The window, in milliseconds.
    pub window_ms: i64,
    /// Calls that occupy the window.
    pub used: i64,
    /// Calls that are under way.
    pub in_flight: i64,
    /// Whether calls leave.
    pub gate: Gate,
    /// Until when the gate is closed.
    pub gate_until: Option<Timestamp>,
    /// Why the gate is closed, in words.
    pub gate_reason: String,
    /// Calls made since the process took the lane.
    pub calls: i64,
    /// Those that were answered with 429.
    pub throttled: i64,
    /// How often the tenant throttled: calls refused together are one event.
    pub throttle_events: i64,
    /// Accepted calls a second, of late.
    pub rate_per_second: f64,
    /// When it said so.
    pub updated_at: Timestamp,
}

impl Ledger {
    /// Takes or renews the lane of a tenant, if nobody else holds it; says who does.
    pub async fn hold_lane(
        &self,
        tenant: &TenantName,
        owner: &WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<LaneHold, LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO lanes (tenant, owner, lease_until)
             VALUES ($1, $2, $3)
             ON CONFLICT (tenant)
             DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
             WHERE lanes.owner = excluded.owner
                OR lanes.lease_until < $4
                OR lanes.lease_until > $5",
        )
        .bind(tenant.as_str())
        .bind(&owner.0)
        .bind(until.as_millis())
        .bind(now.as_millis())
        .bind(now.after(LEASE_MAX).as_millis())
        .execute(&mut *transaction)
        .await
        .doing("hold a lane")?;
        let row = sqlx::query("SELECT owner, lease_until FROM lanes WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(&mut *transaction)
            .await
            .doing("hold a lane")?;
        self.commit(transaction, "hold a lane").await?;
        let columns = Columns::of("lanes", &row);
        Ok(LaneHold {
            owner: WorkerId(columns.get("owner")?),
            until: columns.time("lease_until")?,
        })
    }

    /// Gives the lane back, so that another process need not wait for the lease.
    pub async fn release_lanes(&self, owner: &WorkerId) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE lanes SET lease_until = 0 WHERE owner = $1")
            .bind(&owner.0)
            .execute(&mut *transaction)
            .await
            .doing("release lanes")?;
        self.commit(transaction, "release lanes").await
    }

    /// Calls of a tenant that ended since then, oldest first: they still occupy its quota. A call
    /// that may be under way, or whose worker vanished, counts as ending now.
    pub async fn recent_calls(
        &self,
        tenant: &TenantName,
        kind: LaneKind,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<RecentCall>, LedgerError> {
        let mut reader = self.reader().await?;
        let of_kind = match kind {
            LaneKind::Writes => "attempts.step <> 'look'",
            LaneKind::Reads => "attempts.step = 'look'",
        };
        let sql = format!(
            "SELECT attempts.finished_at, attempts.outcome
             FROM attempts
             JOIN job_rows AS jobs ON jobs.id = attempts.job_id
             JOIN campaigns ON campaigns.id = jobs.campaign_id
             WHERE attempts.finished_at > $1
               AND {of_kind}
               AND campaigns.tenant = $2
             ORDER BY attempts.finished_at"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(since.as_millis())
            .bind(tenant.as_str())
            .fetch_all(&mut *reader)
            .await
            .doing("read recent calls")?;
        let mut calls = rows
            .iter()
            .map(|row| {
                let columns = Columns::of("attempts", row);
                let outcome: AttemptOutcome = columns.word("outcome")?;
                Ok(RecentCall {
                    ended_at: columns.time("finished_at")?,
                    throttled: outcome == AttemptOutcome::Throttled,
                })
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        let running: i64 = sqlx::query(
            "SELECT CAST(COALESCE(SUM(counters.value), 0) AS BIGINT) AS running
             FROM counters
             JOIN campaigns ON campaigns.id = counters.campaign_id
             WHERE counters.name = 'running'
               AND campaigns.tenant = $1
               AND campaigns.ended_at IS NULL",
        )
        .bind(tenant.as_str())
        .fetch_one(&mut *reader)
        .await
        .and_then(|row| row.try_get("running"))
        .doing("read recent calls")?;
        if kind == LaneKind::Writes {
            let under_way = RecentCall {
                ended_at: now,
                throttled: false,
            };
            calls.extend((0..running).map(|_| under_way));
        }
        Ok(calls)
    }

    /// Keeps what lanes say of themselves, for people and for the process that takes over.
    pub async fn save_lane_states(&self, states: &[LaneState]) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        // In one order, or two processes that keep the same lanes would wait for each other.
        let mut states: Vec<&LaneState> = states.iter().collect();
        states.sort_by(|a, b| (&a.tenant, a.kind.as_str()).cmp(&(&b.tenant, b.kind.as_str())));
        for state in states {
            sqlx::query(
                "INSERT INTO lane_states (
                     tenant, kind, configured_limit, learnt_limit, window_ms, used, in_flight,
                     gate, gate_until, gate_reason, calls, throttled, throttle_events,
                     rate_per_second, updated_at
                 )
                 VALUES ($1, $2, $3, CAST($4 AS DOUBLE PRECISION), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                 ON CONFLICT (tenant, kind)
                 DO UPDATE SET
                     configured_limit = excluded.configured_limit,
                     learnt_limit = excluded.learnt_limit,
                     window_ms = excluded.window_ms,
                     used = excluded.used,
                     in_flight = excluded.in_flight,
                     gate = excluded.gate,
                     gate_until = excluded.gate_until,
                     gate_reason = excluded.gate_reason,
                     calls = excluded.calls,
                     throttled = excluded.throttled,
                     throttle_events = excluded.throttle_events,
                     rate_per_second = excluded.rate_per_second,
                     updated_at = excluded.updated_at",
            )
            .bind(state.tenant.as_str())
            .bind(state.kind.as_str())
            .bind(state.configured_limit)
            // As text: sqlx gives a missing double another type than a double.
            .bind(state.learnt_limit.map(|limit| limit.to_string()))
            .bind(state.window_ms)
            .bind(state.used)
            .bind(state.in_flight)
            .bind(state.gate.as_str())
            .bind(state.gate_until.map(Timestamp::as_millis))
            .bind(&state.gate_reason)
            .bind(state.calls)
            .bind(state.throttled)
            .bind(state.throttle_events)
            .bind(state.rate_per_second)
            .bind(state.updated_at.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("keep a lane's state")?;
        }
        self.commit(transaction, "keep a lane's state").await
    }

    /// What the lanes last said of themselves.
    pub async fn lane_states(&self) -> Result<Vec<LaneState>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM lane_states ORDER BY tenant, kind DESC")
            .fetch_all(&mut *reader)
            .await
            .doing("read the lanes' states")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("lane_states", row);
                Ok(LaneState {
                    tenant: columns.word("tenant")?,
                    kind: columns.word("kind")?,
                    configured_limit: columns.get("configured_limit")?,
                    learnt_limit: columns.get("learnt_limit")?,
                    window_ms: columns.get("window_ms")?,
                    used: columns.get("used")?,
                    in_flight: columns.get("in_flight")?,
                    gate: Gate::of_word(&columns.get::<String>("gate")?),
                    gate_until: columns.time_if_any("gate_until")?,
                    gate_reason: columns.get("gate_reason")?,
                    calls: columns.get("calls")?,
                    throttled: columns.get("throttled")?,
                    throttle_events: columns.get("throttle_events")?,
                    rate_per_second: columns.get("rate_per_second")?,
                    updated_at: columns.time("updated_at")?,
                })
            })
            .collect()
    }
}
