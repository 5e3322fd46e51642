//! Whether the audit is as it was recorded.
//!
//! What a chain cannot show by itself: that its last rows are gone, or that somebody who can write
//! the ledger made all of it anew. Both show against a hash that was kept elsewhere.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

/// What stands for the hash before the first row.
pub(crate) const BEGINNING: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// Rows read at once.
const PAGE: i64 = 1_000;

/// A row as it is hashed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Link {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) actor: String,
    pub(crate) origin: String,
    pub(crate) campaign: Option<i64>,
    pub(crate) event: String,
    pub(crate) detail: String,
    pub(crate) previous: String,
}

impl Link {
    /// SHA-256, in hexadecimal, over the JSON array of its fields: no two rows have the same text.
    pub(crate) fn hash(&self) -> String {
        let text = serde_json::json!([
            self.seq,
            self.at,
            self.actor,
            self.origin,
            self.campaign,
            self.event,
            self.detail,
            self.previous,
        ])
        .to_string();
        let hash = Sha256::digest(text.as_bytes());
        hash.iter().fold(String::new(), |mut text, byte| {
            // Writing into a text cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// What a look at the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Rows that fit, from the first.
    pub rows: i64,
    /// The hash of the last of them; none where there is none.
    pub head: Option<String>,
    /// The first that does not fit.
    pub broken: Option<ChainBreak>,
    /// Whether a head that was kept elsewhere is that of a row; none where none was asked for.
    pub has_kept_head: Option<bool>,
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainBreak {
    /// The number of the row that does not fit, or is missing.
    pub seq: i64,
    /// How it does not.
    pub what: String,
}

impl Chain {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken.is_none() && self.has_kept_head != Some(false)
    }
}

impl Ledger {
    /// Computes every hash of the audit anew; with a head that was kept elsewhere also whether the
    /// chain still has it.
    pub async fn verify_audit(&self, kept_head: Option<&str>) -> Result<Chain, LedgerError> {
        let mut reading = self.begin_reading().await?;
        verify(&mut reading, kept_head).await
    }
}

/// The same within a transaction of the caller's that reads one state throughout.
pub(crate) async fn verify(
    connection: &mut AnyConnection,
    kept_head: Option<&str>,
) -> Result<Chain, LedgerError> {
    let mut chain = Chain {
        rows: 0,
        head: None,
        broken: None,
        has_kept_head: kept_head.map(|_| false),
    };
    let mut before = 0;
    loop {
        let rows = sqlx::query("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(before)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await
            .doing("read the audit")?;
        for row in &rows {
            let (link, hash) = link(row)?;
            before = link.seq;
            if let Some(what) = misfit(&chain, &link, &hash) {
                chain.broken = Some(what);
                return Ok(chain);
            }
            if kept_head.is_some_and(|kept| kept.eq_ignore_ascii_case(&hash)) {
                chain.has_kept_head = Some(true);
            }
            chain.rows = link.seq;
            chain.head = Some(hash);
        }
        if rows.is_empty() {
            break;
        }
    }
    let recorded = recorded(connection).await?;
    if recorded != chain.rows {
        chain.broken = Some(ChainBreak {
            seq: chain.rows + 1,
            what: format!("is missing: {recorded} rows were recorded"),
        });
    }
    Ok(chain)
}

/// Why a row is not the one that comes next, if it is not.
fn misfit(chain: &Chain, link: &Link, hash: &str) -> Option<ChainBreak> {
    let next = chain.rows + 1;
    let previous = chain.head.as_deref().unwrap_or(BEGINNING);
    let (seq, what) = if link.seq != next {
        (next, format!("is missing: after it comes {}", link.seq))
    } else if link.previous != previous {
        (next, "does not follow from the row before it".to_owned())
    } else if link.hash() != hash {
        (next, "is not what was recorded".to_owned())
    } else {
        return None;
    };
    Some(ChainBreak { seq, what })
}

fn link(row: &AnyRow) -> Result<(Link, String), LedgerError> {
    let columns = Columns::of("audit", row);
    let link = Link {
        seq: columns.get("seq")?,
        at: columns.get("at")?,
        actor: columns.get("actor")?,
        origin: columns.get("origin")?,
        campaign: columns.get("campaign_id")?,
        event: columns.get("event")?,
        detail: columns.get("detail")?,
        previous: columns.get("previous")?,
    };
    Ok((link, columns.get("hash")?))
}

/// How many rows there must be.
async fn recorded(connection: &mut AnyConnection) -> Result<i64, LedgerError> {
    let next: i64 = sqlx::query("SELECT next FROM sequences WHERE name = 'audit'")
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get("next"))
        .doing("read the audit's length")?;
    Ok(next - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever checks a chain with another program gets this hash:
    /// `printf '%s' '[1,2,"a","b",null,"paused","{}","00…"]' | sha256sum`.
    #[test]
    fn a_hash_is_that_of_the_json_array_of_the_columns() {
        let link = Link {
            seq: 1,
            at: 2,
            actor: "a\"\u{fc}".to_owned(),
            origin: "b".to_owned(),
            campaign: None,
            event: "paused".to_owned(),
            detail: "{}".to_owned(),
            previous: BEGINNING.to_owned(),
        };
        assert_eq!(
            link.hash(),
            "b3995dd8d3954f371f01af1eb61eb891cb73481273337c571575f67c0c097416"
        );
    }
}
