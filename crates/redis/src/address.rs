//! Where Redis is, and what opens it.
//!
//! `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS, and
//! `redis+sentinel://[user:password@]host[:port],host…/master[/database]` (or `rediss+sentinel`)
//! where Sentinels know which server is the master. User and password are the servers'; those of
//! the Sentinels themselves, where they want any, are `?sentinel_user=…&sentinel_password=…`.

use std::fmt;
use std::sync::Arc;

use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo,
    RedisError, TlsMode,
};

/// A URL that names no Redis. It never repeats the URL, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not one of the schemes.
    #[error("a Redis URL begins with redis://, rediss://, redis+sentinel:// or rediss+sentinel://")]
    Scheme,
    /// Something in it cannot be read.
    #[error(
        "the Redis URL cannot be read: it is redis://user:password@host:port/database, with special characters of the password as %40 and the like"
    )]
    Malformed,
    /// Sentinels, but no master.
    #[error(
        "the Redis URL names no master: it is redis+sentinel://host:port,host:port/master/database"
    )]
    NoMaster,
}

/// Where Redis is, and what opens it. It shows the former only.
#[derive(Clone)]
pub struct RedisAddress(Arc<Target>);

enum Target {
    Server(ConnectionInfo),
    Sentinels {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        /// Of the master.
        settings: RedisConnectionInfo,
    },
}

/// Where Sentinels listen, unless they are told otherwise.
const SENTINEL_PORT: u16 = 26_379;

impl RedisAddress {
    /// Reads a URL.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(AddressError::Scheme)?;
        match scheme {
            "redis" | "rediss" => Ok(Self(Arc::new(Target::Server(server(url)?)))),
            "redis+sentinel" => sentinels("redis", rest),
            "rediss+sentinel" => sentinels("rediss", rest),
            _ => Err(AddressError::Scheme),
        }
    }

    /// The server, or whom to ask for it.
    pub(crate) fn client(&self) -> Result<Client, RedisError> {
        // The crate panics without one; somebody else's is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        match &*self.0 {
            Target::Server(server) => redis::Client::open(server.clone()).map(Client::Server),
            Target::Sentinels {
                sentinels,
                master,
                settings,
            } => sentinel_client(sentinels, master, settings).map(Client::Sentinel),
        }
    }
}

/// What connects.
pub(crate) enum Client {
    Server(redis::Client),
    Sentinel(SentinelClient),
}

/// One server; `resp3` because announcements and answers share a connection.
fn server(url: &str) -> Result<ConnectionInfo, AddressError> {
    let info = url
        .into_connection_info()
        .map_err(|_may_quote_it| AddressError::Malformed)?;
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

fn sentinels(scheme: &str, rest: &str) -> Result<RedisAddress, AddressError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').ok_or(AddressError::NoMaster)?;
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err(AddressError::NoMaster);
    }
    let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (mut user, mut password) = ("", "");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sentinel_user", value)) => user = value,
            Some(("sentinel_password", value)) => password = value,
            _ => return Err(AddressError::Malformed),
        }
    }
    let sentinels: Result<Vec<ConnectionInfo>, AddressError> = hosts
        .split(',')
        .map(|host| {
            let has_port = host
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let host = if has_port {
                host.to_owned()
            } else {
                format!("{host}:{SENTINEL_PORT}")
            };
            server(&format!("{scheme}://{user}:{password}@{host}"))
        })
        .collect();
    let sentinels = sentinels?;
    // The crate decodes user and password; the host does not matter.
    let settings = server(&format!("{scheme}://{credentials}@master/{database}"))?
        .redis_settings()
        .clone();
    Ok(RedisAddress(Arc::new(Target::Sentinels {
        sentinels,
        master: master.to_owned(),
        settings,
    })))
}

fn sentinel_client(
    sentinels: &[ConnectionInfo],
    master: &str,
    settings: &RedisConnectionInfo,
) -> Result<SentinelClient, RedisError> {
    let addresses = sentinels.iter().map(|sentinel| sentinel.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
        .set_client_to_redis_db(settings.db())
        .set_client_to_redis_protocol(settings.protocol());
    if let Some(user) = settings.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    let Some(first) = sentinels.first() else {
        return builder.build();
    };
    if matches!(first.addr(), ConnectionAddr::TcpTls { .. }) {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(user) = first.redis_settings().username() {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = first.redis_settings().password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Target::Server(server) => write!(formatter, "Redis at {}", server.addr()),
            Target::Sentinels {
                sentinels, master, ..
            } => {
                write!(formatter, "Redis master {master}, which is asked for at ")?;
                for (index, sentinel) in sentinels.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(formatter, "{comma}{}", sentinel.addr())?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        RedisAddress::parse(url).unwrap().to_string()
    }

    #[test]
    fn an_address_shows_where_and_not_what_opens_it() {
        assert_eq!(shown("redis://localhost"), "Redis at localhost:6379");
        assert_eq!(
            shown("rediss://u:s3cret@cache:6380/2"),
            "Redis at cache:6380"
        );
        assert_eq!(
            shown("redis+sentinel://:s3cret@one,two:26380/spring/1?sentinel_password=s3cret"),
            "Redis master spring, which is asked for at one:26379, two:26380"
        );
    }

    #[test]
    fn sentinels_and_master_have_their_own_user_password_and_database() {
        let url =
            "rediss+sentinel://u%40x:p%2F1@one,two/spring/3?sentinel_user=s&sentinel_password=q";
        let address = RedisAddress::parse(url).unwrap();
        let Target::Sentinels {
            sentinels,
            settings,
            ..
        } = &*address.0
        else {
            panic!("it names Sentinels");
        };
        assert_eq!(settings.username(), Some("u@x"));
        assert_eq!(settings.password(), Some("p/1"));
        assert_eq!(settings.db(), 3);
        for sentinel in sentinels {
            assert!(matches!(sentinel.addr(), ConnectionAddr::TcpTls { .. }));
            assert_eq!(sentinel.redis_settings().username(), Some("s"));
            assert_eq!(sentinel.redis_settings().password(), Some("q"));
        }
        assert!(address.client().is_ok());
    }

    #[test]
    fn a_url_that_cannot_be_read_is_not_repeated() {
        for (url, expected) in [
            ("localhost:6379", AddressError::Scheme),
            ("http://localhost", AddressError::Scheme),
            ("redis://u:s3cret@host:port", AddressError::Malformed),
            ("redis://u:s3cret@host/database", AddressError::Malformed),
            ("redis+sentinel://:s3cret@host", AddressError::NoMaster),
            ("redis+sentinel://:s3cret@host/", AddressError::NoMaster),
            ("redis+sentinel://:s3cret@/master", AddressError::Malformed),
            (
                "redis+sentinel://host/master?s3cret",
                AddressError::Malformed,
            ),
        ] {
            let error = RedisAddress::parse(url).unwrap_err();
            assert_eq!(error, expected, "{url}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
