//! People who may sign in by name and password.

use repilot_domain::{Actor, AuditEvent, Role, Timestamp};
use serde::Serialize;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::record;
use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

/// A person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// What they type.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they last signed in.
    pub signed_in_at: Option<Timestamp>,
}

impl User {
    fn read(row: &AnyRow) -> Result<Self, LedgerError> {
        let columns = Columns::of("users", row);
        Ok(Self {
            name: columns.get("name")?,
            role: columns.word("role")?,
            created_at: columns.time("created_at")?,
            signed_in_at: columns.time_if_any("signed_in_at")?,
        })
    }
}

impl Ledger {
    /// Makes a user, unless there is one of that name. Whether it was made.
    pub async fn add_user(
        &self,
        name: &str,
        role: Role,
        password_hash: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO users (name, role, password_hash, created_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(name)
        .bind(role.as_str())
        .bind(password_hash)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("make a user")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = json!({ "user": name, "role": role });
        record(
            &mut transaction,
            now,
            by,
            None,
            AuditEvent::UserAdded,
            &detail,
        )
        .await?;
        self.commit(transaction, "make a user").await?;
        Ok(true)
    }

    /// Gives a user another password, and ends the sessions that began with the old one. Whether
    /// there is such a user.
    pub async fn change_password(
        &self,
        name: &str,
        password_hash: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE users SET password_hash = $2 WHERE name = $1")
            .bind(name)
            .bind(password_hash)
            .execute(&mut *transaction)
            .await
            .doing("change a password")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sign_out_everywhere(&mut transaction, name).await?;
        let detail = json!({ "user": name, "changed": "password" });
        record(
            &mut transaction,
            now,
            by,
            None,
            AuditEvent::UserChanged,
            &detail,
        )
        .await?;
        self.commit(transaction, "change a password").await?;
        Ok(true)
    }

    /// Removes a user, and ends their sessions. Whether there was such a user.
    pub async fn remove_user(
        &self,
        name: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("DELETE FROM users WHERE name = $1")
            .bind(name)
            .execute(&mut *transaction)
            .await
            .doing("remove a user")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sign_out_everywhere(&mut transaction, name).await?;
        let detail = json!({ "user": name });
        record(
            &mut transaction,
            now,
            by,
            None,
            AuditEvent::UserRemoved,
            &detail,
        )
        .await?;
        self.commit(transaction, "remove a user").await?;
        Ok(true)
    }

    /// Everybody who may sign in, by name.
    pub async fn users(&self) -> Result<Vec<User>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM users ORDER BY name")
            .fetch_all(&mut *reader)
            .await
            .doing("read users")?;
        rows.iter().map(User::read).collect()
    }

    /// A user and the hash of their password.
    pub async fn user(&self, name: &str) -> Result<Option<(User, String)>, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query("SELECT * FROM users WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *reader)
            .await
            .doing("read a user")?;
        let read = |row: AnyRow| {
            let hash = Columns::of("users", &row).get("password_hash")?;
            Ok((User::read(&row)?, hash))
        };
        row.map(read).transpose()
    }
}

async fn sign_out_everywhere(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<(), LedgerError> {
    sqlx::query("DELETE FROM sessions WHERE name = $1 AND way = 'password'")
        .bind(name)
        .execute(connection)
        .await
        .doing("end a user's sessions")?;
    Ok(())
}
