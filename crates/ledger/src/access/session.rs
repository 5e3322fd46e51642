//! Sessions of people who have signed in. The ledger sees hashes of their tokens alone.

use repilot_domain::{Actor, AuditEvent, Role, Timestamp, UnknownWord};
use serde::Serialize;
use serde_json::json;

use crate::audit::record;
use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInWay {
    /// By the link that was printed at the start.
    Link,
    /// By name and password.
    Password,
    /// Through OpenID Connect.
    Oidc,
}

impl SignInWay {
    /// As the ledger writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Password => "password",
            Self::Oidc => "oidc",
        }
    }
}

impl std::str::FromStr for SignInWay {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let all = [Self::Link, Self::Password, Self::Oidc];
        all.into_iter()
            .find(|way| way.as_str() == word)
            .ok_or_else(|| UnknownWord {
                what: "way to sign in",
                word: word.to_owned(),
                known: "link, password, oidc".to_owned(),
            })
    }
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How they signed in.
    pub way: SignInWay,
    /// When.
    pub created_at: Timestamp,
    /// Until when they stay.
    pub expires_at: Timestamp,
}

impl Ledger {
    /// Begins a session, and forgets those that are over.
    pub async fn begin_session(
        &self,
        token_sha256: &str,
        session: &Session,
        by: &Actor,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM sessions WHERE expires_at < $1")
            .bind(session.created_at.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("forget old sessions")?;
        sqlx::query(
            "INSERT INTO sessions (token_sha256, name, role, way, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(token_sha256)
        .bind(&session.name)
        .bind(session.role.as_str())
        .bind(session.way.as_str())
        .bind(session.created_at.as_millis())
        .bind(session.expires_at.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("begin a session")?;
        if session.way == SignInWay::Password {
            sqlx::query("UPDATE users SET signed_in_at = $2 WHERE name = $1")
                .bind(&session.name)
                .bind(session.created_at.as_millis())
                .execute(&mut *transaction)
                .await
                .doing("begin a session")?;
        }
        let detail = json!({ "role": session.role, "way": session.way });
        let now = session.created_at;
        record(
            &mut transaction,
            now,
            by,
            None,
            AuditEvent::SignedIn,
            &detail,
        )
        .await?;
        self.commit(transaction, "begin a session").await
    }

    /// The session of that token, unless it is over.
    pub async fn session(
        &self,
        token_sha256: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query("SELECT * FROM sessions WHERE token_sha256 = $1 AND expires_at > $2")
            .bind(token_sha256)
            .bind(now.as_millis())
            .fetch_optional(&mut *reader)
            .await
            .doing("look for a session")?;
        row.map(|row| {
            let columns = Columns::of("sessions", &row);
            Ok(Session {
                name: columns.get("name")?,
                role: columns.word("role")?,
                way: columns.word("way")?,
                created_at: columns.time("created_at")?,
                expires_at: columns.time("expires_at")?,
            })
        })
        .transpose()
    }

    /// Ends a session.
    pub async fn end_session(
        &self,
        token_sha256: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE token_sha256 = $1")
            .bind(token_sha256)
            .execute(&mut *transaction)
            .await
            .doing("end a session")?;
        if ended.rows_affected() == 1 {
            let event = AuditEvent::SignedOut;
            record(&mut transaction, now, by, None, event, &json!({})).await?;
        }
        self.commit(transaction, "end a session").await
    }
}
