//! Tokens of programs that use the API. The ledger sees their hashes alone.

use std::time::Duration;

use repilot_domain::{Actor, AuditEvent, Role, Timestamp};
use serde::Serialize;
use serde_json::json;
use sqlx::any::AnyRow;

use crate::audit::record;
use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
use crate::storage::sequences::take_ids;
use crate::{Ledger, LedgerError};

/// How exactly a token's last use is kept: a write a call would be too many.
const USED_TO_WITHIN: Duration = Duration::from_mins(1);

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// What it is for, in words.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Of the token, in hexadecimal.
    pub token_sha256: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// A token as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    /// Its number.
    pub id: i64,
    /// What it is for, in words.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

impl ApiToken {
    fn read(row: &AnyRow) -> Result<Self, LedgerError> {
        let columns = Columns::of("api_tokens", row);
        Ok(Self {
            id: columns.get("id")?,
            name: columns.get("name")?,
            role: columns.word("role")?,
            created_by: columns.get("created_by")?,
            created_at: columns.time("created_at")?,
            expires_at: columns.time("expires_at")?,
            used_at: columns.time_if_any("used_at")?,
        })
    }
}

impl Ledger {
    /// Keeps a new token's hash, and gives its number.
    pub async fn add_api_token(
        &self,
        new: &NewApiToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<i64, LedgerError> {
        let mut transaction = self.begin().await?;
        let id = take_ids(&mut transaction, "api_token", 1).await?;
        sqlx::query(
            "INSERT INTO api_tokens (
                 id, name, role, token_sha256, created_by, created_at, expires_at
             )
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(&new.name)
        .bind(new.role.as_str())
        .bind(&new.token_sha256)
        .bind(&by.name)
        .bind(now.as_millis())
        .bind(new.expires_at.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("make a token")?;
        let detail = json!({
            "token": id,
            "name": new.name,
            "role": new.role,
            "expires_at": new.expires_at,
        });
        record(
            &mut transaction,
            now,
            by,
            None,
            AuditEvent::TokenCreated,
            &detail,
        )
        .await?;
        self.commit(transaction, "make a token").await?;
        Ok(id)
    }

    /// Every token, newest first.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM api_tokens ORDER BY id DESC")
            .fetch_all(&mut *reader)
            .await
            .doing("read tokens")?;
        rows.iter().map(ApiToken::read).collect()
    }

    /// The token of that hash, unless it has expired; that it was used is kept.
    pub async fn use_api_token(
        &self,
        token_sha256: &str,
        now: Timestamp,
    ) -> Result<Option<ApiToken>, LedgerError> {
        let mut reader = self.reader().await?;
        let row =
            sqlx::query("SELECT * FROM api_tokens WHERE token_sha256 = $1 AND expires_at > $2")
                .bind(token_sha256)
                .bind(now.as_millis())
                .fetch_optional(&mut *reader)
                .await
                .doing("look for a token")?;
        drop(reader);
        let Some(token) = row.as_ref().map(ApiToken::read).transpose()? else {
            return Ok(None);
        };
        let is_known = |used: Timestamp| now.since(used) < USED_TO_WITHIN;
        if !token.used_at.is_some_and(is_known) {
            let mut transaction = self.begin().await?;
            sqlx::query("UPDATE api_tokens SET used_at = $2 WHERE id = $1")
                .bind(token.id)
                .bind(now.as_millis())
                .execute(&mut *transaction)
                .await
                .doing("use a token")?;
            self.commit(transaction, "use a token").await?;
        }
        Ok(Some(token))
    }

    /// Takes a token back. Whether there was one.
    pub async fn revoke_api_token(
        &self,
        id: i64,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("DELETE FROM api_tokens WHERE id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await
            .doing("revoke a token")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = json!({ "token": id });
        record(
            &mut transaction,
            now,
            by,
            None,
            AuditEvent::TokenRevoked,
            &detail,
        )
        .await?;
        self.commit(transaction, "revoke a token").await?;
        Ok(true)
    }
}
