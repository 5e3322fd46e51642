//! Connections to Redis, and how long one waits for them.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};

use repilot_redis::{PATIENCE, RedisAddress};

use crate::WireError;

/// A Redis to connect to.
#[derive(Debug, Clone)]
pub(super) struct Redis {
    address: RedisAddress,
}

impl Redis {
    pub(super) fn new(address: RedisAddress) -> Self {
        Self { address }
    }

    /// A new connection.
    pub(super) async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, RedisError> {
        self.address.connect(config).await
    }

    /// Waits for work on Redis for no longer than it may take, connecting included.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, WireError> {
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(source)) if source.is_timeout() => Err(self.silent()),
            Ok(Err(source)) => Err(self.failed(source)),
            Err(_elapsed) => Err(self.silent()),
        }
    }

    /// What befell whoever used it.
    pub(super) fn failed(
        &self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> WireError {
        WireError::Redis {
            address: self.address.clone(),
            source: Box::new(source),
        }
    }

    fn silent(&self) -> WireError {
        WireError::Silent {
            address: self.address.clone(),
        }
    }
}
