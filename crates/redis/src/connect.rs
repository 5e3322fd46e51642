//! Connections to Redis, and how long one waits for them.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisResult};

use crate::RedisAddress;
use crate::address::Client;

/// How long Redis may take to answer: it does within milliseconds, or something is wrong with it. A
/// server that is frozen, or behind a broken link, does not hang whoever asks it.
pub const PATIENCE: Duration = Duration::from_secs(2);

impl RedisAddress {
    /// Connects anew: to the master that the Sentinels name now, where there are any. Whatever is
    /// asked over the connection is answered within [`PATIENCE`], or fails.
    pub async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let config = config
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connect = async {
            match self.client()? {
                Client::Server(server) => {
                    server
                        .get_multiplexed_async_connection_with_config(&config)
                        .await
                }
                Client::Sentinel(mut sentinel) => {
                    sentinel.get_async_connection_with_config(&config).await
                }
            }
        };
        // Sentinels, and names, are asked one after the other, each with its own patience.
        match tokio::time::timeout(PATIENCE * 2, connect).await {
            Ok(connected) => connected,
            Err(_) => Err((ErrorKind::Io, "connecting takes too long").into()),
        }
    }
}
