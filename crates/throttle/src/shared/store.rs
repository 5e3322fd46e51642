//! The processes' common store: one connection to Redis, which heals by itself.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, Script};
use tokio::sync::Mutex;
use tokio::time::Instant;

use repilot_redis::RedisAddress;

/// How long a state is kept that nobody uses: what a tenant granted yesterday says little.
pub(crate) const KEPT: Duration = Duration::from_hours(24);

/// How long whoever came too late may take to write: some round trips.
const TURN: Duration = Duration::from_millis(30);

/// After a connection failed nobody tries again for so long, however many lanes want to.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

/// The budgets that all processes of a deployment share, in one Redis; cheap to clone.
#[derive(Clone)]
pub struct SharedBudgets {
    store: Arc<Store>,
}

struct Store {
    server: RedisAddress,
    prefix: String,
    script: Script,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    /// Grows with each connection, so that a late failure of an old one does not end a new one.
    number: u64,
    failed_at: Option<Instant>,
}

/// What a lane wants written.
pub(crate) struct Proposal<'state> {
    pub(crate) writer: &'state str,
    /// The token of the state that it was decided on.
    pub(crate) known: &'state str,
    /// When it was decided, on Redis's clock, and how long ago that may be.
    pub(crate) decided_at: Duration,
    pub(crate) may_be_old: Duration,
    /// The state, after its token and a newline.
    pub(crate) state: &'state str,
}

/// What became of it, and Redis's time.
pub(crate) struct Reply {
    pub(crate) outcome: ReplyOutcome,
    pub(crate) time: Duration,
}

pub(crate) enum ReplyOutcome {
    Written,
    /// Too late, or in another's turn.
    NotWritten {
        /// The state, unless it is the known one; empty where there is none.
        state: Option<String>,
    },
}

impl SharedBudgets {
    /// The budgets under `prefix` in that Redis. Connects when the first is used.
    #[must_use]
    pub fn new(server: RedisAddress, prefix: &str) -> Self {
        Self {
            store: Arc::new(Store {
                server,
                prefix: prefix.to_owned(),
                script: Script::new(include_str!("exchange.lua")),
                slot: Mutex::default(),
            }),
        }
    }

    /// Whether Redis answers, for a clear word at the start.
    pub async fn check(&self) -> Result<(), RedisError> {
        let (number, mut connection) = self.connection().await?;
        let pong = redis::cmd("PING").exec_async(&mut connection).await;
        self.noted(number, pong).await
    }

    /// A lane's key. The braces keep a lane's keys together in a cluster.
    pub(crate) fn key(&self, lane: &str) -> String {
        format!("{}:lane:{{{lane}}}", self.store.prefix)
    }

    pub(crate) async fn propose(&self, key: &str, proposal: &Proposal<'_>) -> RedisResult<Reply> {
        let (number, mut connection) = self.connection().await?;
        let mut call = self.store.script.prepare_invoke();
        call.key(key)
            .key(format!("{key}:turn"))
            .arg(proposal.writer)
            .arg(proposal.known)
            .arg(micros(proposal.decided_at))
            .arg(micros(proposal.may_be_old))
            .arg(proposal.state)
            .arg(micros(KEPT) / 1_000)
            .arg(micros(TURN) / 1_000);
        let reply = call.invoke_async(&mut connection).await;
        let (outcome, seconds, micros, state): (String, u64, u64, String) =
            self.noted(number, reply).await?;
        Ok(Reply {
            outcome: match outcome.as_str() {
                "written" => ReplyOutcome::Written,
                "same" => ReplyOutcome::NotWritten { state: None },
                _ => ReplyOutcome::NotWritten { state: Some(state) },
            },
            time: Duration::from_secs(seconds) + Duration::from_micros(micros),
        })
    }

    async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        let mut slot = self.store.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((slot.number, connection.clone()));
        }
        let lately = |failed_at: Instant| failed_at.elapsed() < RECONNECT_AFTER;
        if slot.failed_at.is_some_and(lately) {
            return Err((ErrorKind::Io, "Redis could not be reached a moment ago").into());
        }
        match self
            .store
            .server
            .connect(AsyncConnectionConfig::new())
            .await
        {
            Ok(connection) => {
                slot.number += 1;
                slot.failed_at = None;
                slot.connection = Some(connection.clone());
                Ok((slot.number, connection))
            }
            Err(error) => {
                slot.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    /// After any failure the next call connects anew: the server may be another by then.
    async fn noted<T>(&self, number: u64, result: RedisResult<T>) -> RedisResult<T> {
        if result.is_err() {
            let mut slot = self.store.slot.lock().await;
            if slot.number == number {
                slot.connection = None;
            }
        }
        result
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
