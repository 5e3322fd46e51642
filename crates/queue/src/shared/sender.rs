//! The sending side.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apalis_redis::queries::push_tasks;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};
use repilot_domain::TenantName;
use repilot_ledger::Dispatched;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::Redis;
use super::message::Message;
use super::queue::Queue;
use super::{PARCELS_MAX, in_flight};
use crate::handler_pool::MESSAGE_MIN;
use crate::{WireError, WireHealth};

/// How long a count of what waits is good for.
const COUNT_IS_GOOD_FOR: Duration = Duration::from_millis(100);

/// How many jobs one of so many tenants may have waiting, were each a message of its own.
pub(crate) fn share(tenants: usize) -> usize {
    (PARCELS_MAX / tenants.max(1)).max(1)
}

/// The sending side.
#[derive(Clone)]
pub(crate) struct Sender {
    redis: Redis,
    queue: Arc<Queue>,
    connection: Arc<tokio::sync::Mutex<Option<MultiplexedConnection>>>,
    waiting: Arc<Mutex<Option<Count>>>,
    health: watch::Receiver<WireHealth>,
}

/// How many messages waited, and when.
#[derive(Debug, Clone, Copy)]
struct Count {
    messages: usize,
    at: Instant,
}

impl Sender {
    pub(super) fn new(
        redis: Redis,
        queue: Arc<Queue>,
        health: watch::Receiver<WireHealth>,
    ) -> Self {
        Self {
            redis,
            queue,
            connection: Arc::default(),
            waiting: Arc::default(),
            health,
        }
    }

    pub(crate) fn health(&self) -> watch::Receiver<WireHealth> {
        self.health.clone()
    }

    /// How many more jobs of one tenant fit.
    pub(crate) async fn room(&self) -> Result<usize, WireError> {
        let known = *self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = match known {
            Some(count) if count.at.elapsed() < COUNT_IS_GOOD_FOR => count.messages,
            _ => {
                let offering = async { self.offer(&mut self.connection().await?).await };
                self.on_redis(offering).await?
            }
        };
        Ok(PARCELS_MAX.saturating_sub(messages) * MESSAGE_MIN)
    }

    /// Puts jobs of one tenant on the wire, if they fit.
    pub(crate) async fn push(
        &self,
        tenant: &TenantName,
        jobs: &[Dispatched],
    ) -> Result<(), WireError> {
        if jobs.is_empty() {
            return Ok(());
        }
        if self.room().await? < jobs.len() {
            return Err(WireError::Full);
        }
        let pushing = async {
            let messages = Message::pack(tenant, jobs).map_err(std::io::Error::other)?;
            let mut redis = self.connection().await?;
            push_tasks(&mut redis, &self.queue.config, &messages)
                .await
                .map_err(redis_error)?;
            self.offer(&mut redis).await
        };
        self.on_redis(pushing).await.map(drop)
    }

    /// Offers what was pushed, and learns how much waits.
    async fn offer(&self, redis: &mut MultiplexedConnection) -> Result<usize, RedisError> {
        let count = Count {
            messages: in_flight::offer(redis, &self.queue).await?,
            at: Instant::now(),
        };
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(count);
        Ok(count.messages)
    }

    /// The connection, made anew if the last one failed.
    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let fresh = self.redis.connect(AsyncConnectionConfig::new()).await?;
        Ok(connection.insert(fresh).clone())
    }

    /// Waits for work on Redis; if it fails, its connection is not used again.
    async fn on_redis<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, WireError> {
        let done = self.redis.in_time(work).await;
        if done.is_err() {
            *self.connection.lock().await = None;
        }
        done
    }
}

/// apalis fails where Redis does: what it pushes is bytes already.
fn redis_error(error: apalis_redis::Error) -> RedisError {
    match error {
        apalis_redis::Error::Database(error) => error,
        other => RedisError::from(std::io::Error::other(other)),
    }
}
