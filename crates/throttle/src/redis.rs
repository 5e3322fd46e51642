//! A Redis server, or the master that Sentinels name; by a URL, as operators write it.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisError, RedisResult, TlsMode,
};

/// A server that is frozen, or behind a broken link, does not hang whoever asks it: this is long
/// beside any round trip, and short beside a window.
pub(crate) const REPLY_WITHIN: Duration = Duration::from_secs(2);

/// Where Sentinels listen unless the URL says otherwise.
const SENTINEL_PORT: u16 = 26_379;

/// What a Redis URL may look like.
const FORMS: &str = "redis://[user:password@]host[:port][/database], rediss:// for TLS, or \
    redis+sentinel://[user:password@]host[:port],host[:port]/master[/database]";

/// A URL that names no Redis server. It does not repeat the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum RedisUrlError {
    /// The URL has none of the forms that are known.
    #[error("a Redis URL is {FORMS}")]
    Form,
    /// A Sentinel URL names no master.
    #[error("a Sentinel URL ends with the name of the master, as in redis+sentinel://host/master")]
    Master,
    /// The client refuses what the URL says.
    #[error("the Redis URL cannot be used")]
    Client(#[source] RedisError),
}

/// Where Redis is; cheap to clone. Neither `Debug` nor `Display` tells the password.
#[derive(Clone)]
pub struct RedisServer {
    nodes: Vec<ConnectionInfo>,
    /// The nodes are Sentinels, which know where this master is.
    master: Option<String>,
}

impl RedisServer {
    /// Reads a URL.
    pub fn parse(url: &str) -> Result<Self, RedisUrlError> {
        // Once for all: a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (scheme, rest) = url.split_once("://").ok_or(RedisUrlError::Form)?;
        match scheme {
            "redis" | "rediss" => Ok(Self {
                nodes: vec![node(url)?],
                master: None,
            }),
            "redis+sentinel" => Self::of_sentinels("redis", rest),
            "rediss+sentinel" => Self::of_sentinels("rediss", rest),
            _ => Err(RedisUrlError::Form),
        }
    }

    fn of_sentinels(scheme: &str, rest: &str) -> Result<Self, RedisUrlError> {
        let (authority, path) = rest.split_once('/').ok_or(RedisUrlError::Master)?;
        let (master, database) = path.split_once('/').unwrap_or((path, ""));
        if master.is_empty() {
            return Err(RedisUrlError::Master);
        }
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let nodes = hosts.split(',').map(|host| {
            let name_ends = host.rfind(']').unwrap_or_default();
            let host = if host[name_ends..].contains(':') {
                host.to_owned()
            } else {
                format!("{host}:{SENTINEL_PORT}")
            };
            node(&format!("{scheme}://{user}{host}/{database}"))
        });
        let server = Self {
            nodes: nodes.collect::<Result<_, _>>()?,
            master: Some(master.to_owned()),
        };
        server.sentinels(master).map_err(RedisUrlError::Client)?;
        Ok(server)
    }

    /// Sentinels are asked without a password, which is the master's.
    fn sentinels(&self, master: &str) -> RedisResult<SentinelClient> {
        let addresses = self.nodes.iter().map(|node| node.addr().clone());
        let mut builder =
            SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?;
        if let Some(node) = self.nodes.first() {
            let settings = node.redis_settings();
            builder = builder.set_client_to_redis_db(settings.db());
            if let Some(user) = settings.username() {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = settings.password() {
                builder = builder.set_client_to_redis_password(password);
            }
            if matches!(node.addr(), ConnectionAddr::TcpTls { .. }) {
                builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            }
        }
        builder.build()
    }

    /// Connects anew: to the master that the Sentinels name now, where there are any.
    pub async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REPLY_WITHIN))
            .set_response_timeout(Some(REPLY_WITHIN));
        let connect = async {
            if let Some(master) = &self.master {
                let mut sentinels = self.sentinels(master)?;
                return sentinels.get_async_connection_with_config(&config).await;
            }
            let node = self.nodes.first().cloned();
            let node = node.ok_or((ErrorKind::InvalidClientConfig, "no Redis server is named"))?;
            Client::open(node)?
                .get_multiplexed_async_connection_with_config(&config)
                .await
        };
        // Sentinels, and names, are asked one after the other, each with its own patience.
        match tokio::time::timeout(REPLY_WITHIN * 2, connect).await {
            Ok(connected) => connected,
            Err(_) => Err((ErrorKind::Io, "connecting takes too long").into()),
        }
    }
}

fn node(url: &str) -> Result<ConnectionInfo, RedisUrlError> {
    let info = url.into_connection_info().map_err(RedisUrlError::Client)?;
    match info.addr() {
        ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { .. } => Ok(info),
        _ => Err(RedisUrlError::Form),
    }
}

impl fmt::Display for RedisServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self
            .nodes
            .iter()
            .map(|node| node.addr().to_string())
            .collect();
        match &self.master {
            Some(master) => write!(formatter, "{master} of {}", addresses.join(",")),
            None => formatter.write_str(&addresses.join(",")),
        }
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisServer({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_server_or_the_sentinels_of_a_master() {
        for (url, named) in [
            ("redis://cache", "cache:6379"),
            ("rediss://me:secret@cache:7000/3", "cache:7000"),
            (
                "redis+sentinel://me:secret@one,two:7,[::1]/mymaster/2",
                "mymaster of one:26379,two:7,::1:26379",
            ),
            ("rediss+sentinel://one/mymaster", "mymaster of one:26379"),
        ] {
            assert_eq!(RedisServer::parse(url).unwrap().to_string(), named);
        }
    }

    #[test]
    fn no_error_and_no_debug_output_tells_a_password() {
        for url in [
            "redis://me:secret@cache/none",
            "redis://me:secret@:x",
            "http://me:secret@cache",
            "redis+sentinel://me:secret@one",
            "redis+sentinel://me:secret@one,:x/mymaster",
            "unix:///me:secret",
        ] {
            let error = RedisServer::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{url}");
        }
        let server = RedisServer::parse("redis://me:secret@cache").unwrap();
        assert!(!format!("{server} {server:?}").contains("secret"));
    }
}
