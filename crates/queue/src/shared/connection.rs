//! Connections to Redis, and how long one waits for them.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};

use super::RedisAddress;
use super::address::Client;
use crate::WireError;

/// Redis answers within milliseconds, or something is wrong with it.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let config = config
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        match self.address.client()? {
            Client::Server(server) => {
                server
                    .get_multiplexed_async_connection_with_config(&config)
                    .await
            }
            Client::Sentinel(mut sentinel) => {
                sentinel.get_async_connection_with_config(&config).await
            }
        }
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
