//! The ledger's tables and their columns, for what concerns all of them alike.

use Kind::{Number, Real, Text};

/// A table.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
}

/// What a column holds; any may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Real,
    Text,
}

impl Kind {
    /// Its type in SQL.
    pub(crate) const fn as_sql(self) -> &'static str {
        match self {
            Number => "BIGINT",
            Real => "DOUBLE PRECISION",
            Text => "TEXT",
        }
    }
}

/// The one table that has rows from the beginning.
pub(crate) const SEQUENCES: &str = "sequences";

/// Every table; one that refers to another comes after it.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: SEQUENCES,
        columns: &[("name", Text), ("next", Number)],
    },
    Table {
        name: "campaigns",
        columns: &[
            ("id", Number),
            ("name", Text),
            ("tenant", Text),
            ("action", Text),
            ("status", Text),
            ("status_reason", Text),
            ("created_at", Number),
            ("enqueued_at", Number),
            ("started_at", Number),
            ("ended_at", Number),
            ("attended_until", Number),
            ("pause_cause", Text),
            ("canary", Text),
            ("canary_auto", Text),
            ("canary_phase", Text),
            ("max_failures", Text),
            ("armed_at_outcome", Number),
            ("not_before", Number),
            ("deadline", Number),
            ("windows", Text),
            ("zone", Text),
            ("runs_from", Number),
            ("runs_until", Number),
            ("priority", Number),
            ("rate", Text),
            ("rolls_back", Number),
            ("verified_at", Number),
            ("pruned_at", Number),
            ("sighted_within", Text),
            ("sighted_at", Number),
            ("is_blind", Number),
            ("without_user_told", Number),
            ("stopped_by", Text),
            ("stopped_at", Number),
            ("canary_by", Text),
            ("canary_at", Number),
        ],
    },
    Table {
        name: "lists",
        columns: &[
            ("campaign_id", Number),
            ("sha256", Text),
            ("name", Text),
            ("begun_at", Number),
            ("enqueued_at", Number),
        ],
    },
    Table {
        name: "counters",
        columns: &[
            ("campaign_id", Number),
            ("name", Text),
            ("reason", Text),
            ("value", Number),
        ],
    },
    Table {
        name: "canary_jobs",
        columns: &[("campaign_id", Number), ("job_id", Number)],
    },
    Table {
        name: "recent_failures",
        columns: &[
            ("campaign_id", Number),
            ("outcome", Number),
            ("reason", Text),
            ("message", Text),
        ],
    },
    Table {
        name: "job_rows",
        columns: &[
            ("id", Number),
            ("campaign_id", Number),
            ("device_id", Text),
            ("serial", Text),
            ("group_tag", Text),
            ("model", Text),
            ("user_principal_name", Text),
            ("addressable_user_name", Text),
            ("line", Number),
            ("state", Text),
            ("dispatch", Number),
            ("attempts", Number),
            ("uncertain", Number),
            ("not_before", Number),
            ("worker", Text),
            ("reason", Text),
            ("message", Text),
            ("created_at", Number),
            ("finished_at", Number),
            ("action", Text),
            ("new_user_principal_name", Text),
            ("new_addressable_user_name", Text),
            ("steps_done", Number),
            ("stepped_at", Number),
            ("rolls_back", Number),
            ("verification", Text),
            ("verified_at", Number),
        ],
    },
    Table {
        name: "due_jobs",
        columns: &[
            ("campaign_id", Number),
            ("not_before", Number),
            ("id", Number),
            ("dispatch", Number),
        ],
    },
    Table {
        name: "jobs_in_hand",
        columns: &[
            ("id", Number),
            ("campaign_id", Number),
            ("dispatch", Number),
            ("state", Text),
            ("worker", Text),
            ("lease_until", Number),
            ("token", Number),
        ],
    },
    Table {
        name: "dead_jobs",
        columns: &[("campaign_id", Number), ("reason", Text), ("id", Number)],
    },
    Table {
        name: "job_keys",
        columns: &[
            ("campaign_id", Number),
            ("job_id", Number),
            ("serial", Text),
            ("user_principal_name", Text),
            ("user_domain", Text),
            ("group_tag", Text),
            ("model", Text),
        ],
    },
    Table {
        name: "attempts",
        columns: &[
            ("job_id", Number),
            ("dispatch", Number),
            ("step", Text),
            ("outcome", Text),
            ("worker", Text),
            ("started_at", Number),
            ("finished_at", Number),
            ("status", Number),
            ("code", Text),
            ("message", Text),
            ("request_id", Text),
            ("client_request_id", Text),
            ("server_date", Text),
            ("diagnostic", Text),
        ],
    },
    Table {
        name: "call_times",
        columns: &[
            ("tenant", Text),
            ("outcome", Text),
            ("up_to_ms", Number),
            ("calls", Number),
            ("total_ms", Number),
        ],
    },
    Table {
        name: "refusals",
        columns: &[
            ("campaign_id", Number),
            ("list_sha256", Text),
            ("line", Number),
            ("value", Text),
            ("reason", Text),
            ("detail", Text),
        ],
    },
    Table {
        name: "workers",
        columns: &[
            ("id", Text),
            ("host", Text),
            ("process_id", Number),
            ("version", Text),
            ("started_at", Number),
            ("heartbeat_at", Number),
            ("in_flight", Number),
            ("trouble", Text),
            ("tz_version", Text),
        ],
    },
    Table {
        name: "lanes",
        columns: &[("tenant", Text), ("owner", Text), ("lease_until", Number)],
    },
    Table {
        name: "lane_states",
        columns: &[
            ("tenant", Text),
            ("kind", Text),
            ("configured_limit", Number),
            ("learnt_limit", Real),
            ("window_ms", Number),
            ("used", Number),
            ("in_flight", Number),
            ("gate", Text),
            ("gate_until", Number),
            ("gate_reason", Text),
            ("calls", Number),
            ("throttled", Number),
            ("throttle_events", Number),
            ("rate_per_second", Real),
            ("updated_at", Number),
        ],
    },
    Table {
        name: "listings",
        columns: &[
            ("tenant", Text),
            ("number", Number),
            ("source", Text),
            ("begun_at", Number),
            ("finished_at", Number),
            ("devices", Number),
            ("next_link", Text),
            ("promised", Number),
            ("unreadable", Text),
            ("users", Number),
        ],
    },
    Table {
        name: "sightings",
        columns: &[
            ("id", Number),
            ("user_principal_name", Text),
            ("addressable_user_name", Text),
            ("seen_at", Number),
            ("found_user", Text),
            ("found_name", Text),
            ("found_at", Number),
            ("accepted_user", Text),
            ("accepted_name", Text),
        ],
    },
    Table {
        name: "listing_claims",
        columns: &[
            ("tenant", Text),
            ("owner", Text),
            ("lease_until", Number),
            ("retry_at", Number),
        ],
    },
    Table {
        name: "listing_pages",
        columns: &[
            ("tenant", Text),
            ("listing", Number),
            ("page", Number),
            ("devices", Text),
        ],
    },
    Table {
        name: "audit",
        columns: &[
            ("seq", Number),
            ("at", Number),
            ("actor", Text),
            ("origin", Text),
            ("campaign_id", Number),
            ("event", Text),
            ("detail", Text),
            ("previous", Text),
            ("hash", Text),
        ],
    },
    Table {
        name: "users",
        columns: &[
            ("name", Text),
            ("role", Text),
            ("password_hash", Text),
            ("created_at", Number),
            ("signed_in_at", Number),
        ],
    },
    Table {
        name: "sessions",
        columns: &[
            ("token_sha256", Text),
            ("name", Text),
            ("role", Text),
            ("way", Text),
            ("created_at", Number),
            ("expires_at", Number),
        ],
    },
    Table {
        name: "api_tokens",
        columns: &[
            ("id", Number),
            ("name", Text),
            ("role", Text),
            ("token_sha256", Text),
            ("created_by", Text),
            ("created_at", Number),
            ("expires_at", Number),
            ("used_at", Number),
        ],
    },
    Table {
        name: "campaign_minutes",
        columns: &[
            ("campaign_id", Number),
            ("minute_at", Number),
            ("outcome", Text),
            ("count", Number),
        ],
    },
    Table {
        name: "users_again",
        columns: &[("job_id", Number), ("seen_at", Number)],
    },
    Table {
        name: "notify_cursors",
        columns: &[
            ("destination", Text),
            ("seq", Number),
            ("owner", Text),
            ("lease_until", Number),
            ("failures", Number),
            ("next_at", Number),
            ("last_error", Text),
        ],
    },
];

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;
    use crate::{Ledger, LedgerLocation};

    /// A column that is not here would be missing in a copy.
    #[tokio::test]
    async fn every_table_and_column_that_the_migrations_make_is_here() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(file.to_str().unwrap()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let mut reader = ledger.reader().await.unwrap();
        let rows = sqlx::query(
            "SELECT tables.name, columns.name
             FROM sqlite_master AS tables
             JOIN pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND tables.name NOT LIKE '%sql%'",
        )
        .fetch_all(&mut *reader)
        .await
        .unwrap();
        let mut made: Vec<(String, String)> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut known: Vec<(String, String)> = TABLES
            .iter()
            .flat_map(|table| {
                let of = |name: &str| (table.name.to_owned(), name.to_owned());
                table.columns.iter().map(move |(name, _)| of(name))
            })
            .collect();
        made.sort();
        known.sort();
        assert_eq!(made, known);
    }
}
