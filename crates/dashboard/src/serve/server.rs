//! Listening and serving.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::{Handle, Server};
use repilot_domain::Clock;
use repilot_ledger::Ledger;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::connections::{Bounded, Connections};
use super::files::{report_refused_connection, room_for_connections};
use super::{routes, tls};
use crate::access::Provider;
use crate::options::Options;
use crate::state::{App, Door};
use crate::{ServeError, TenantServices};

/// How long answers that are under way may take once it is to end.
const GRACE: Duration = Duration::from_secs(5);

/// Time after which a new connection that has sent no request is closed.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// Time after which a connection is closed that was answered and asks for nothing more, or that is in the
/// middle of a request's head.
const IDLE: Duration = Duration::from_mins(1);

/// Time between two signs of life that are asked for over HTTP/2, and the longest wait for one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// Largest number of requests at once over one connection of HTTP/2.
const STREAMS: u32 = 100;

/// A dashboard that listens.
pub struct Dashboard {
    app: App,
    listener: TcpListener,
}

impl Dashboard {
    /// Listens. It refuses where others than this machine's own users could reach it and nobody can
    /// sign in. It does what `services` can do. It ends with `stop`.
    pub async fn bind(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        mut options: Options,
        services: TenantServices,
        stop: CancellationToken,
    ) -> Result<Self, ServeError> {
        let wanted = options.listen;
        let has_people = options.oidc.is_some() || !ledger.users().await?.is_empty();
        if !options.is_private() && !has_people {
            return Err(ServeError::Open { address: wanted });
        }
        let listening = |source| ServeError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        // Cookies are named for the port, which may have been left to the system.
        options.listen = address;
        let door = Door {
            url: options.url(address),
            oidc: options.oidc.clone().map(Provider::new).transpose()?,
        };
        let app = App::new(ledger, clock, options, services, door, stop);
        Ok(Self { app, listener })
    }

    /// Where people find it.
    #[must_use]
    pub fn url(&self) -> String {
        self.app.door.url.clone()
    }

    /// A link that signs in whoever opens it first, as an operator. None where others than this
    /// machine's own users can reach the dashboard: they have names.
    #[must_use]
    pub fn sign_in_link(&self) -> Option<Url> {
        if !self.app.options.is_private() {
            return None;
        }
        let token = self.app.link.make();
        Url::parse(&format!("{}/sign-in/link/{token}", self.url())).ok()
    }

    /// Serves until it is to stop.
    pub async fn serve(self) -> Result<(), ServeError> {
        let Self { app, listener, .. } = self;
        let handle = Handle::new();
        let (stop, ending) = (app.stop.clone(), handle.clone());
        let mut beside = JoinSet::new();
        beside.spawn(async move {
            stop.cancelled().await;
            ending.graceful_shutdown(Some(GRACE));
        });
        let tls = app.options.tls.clone();
        let service = routes::all(app).into_make_service_with_connect_info::<SocketAddr>();
        let connections = Connections::new(room_for_connections());
        let served = match tls {
            None => {
                let server = axum_server::from_tcp(listener).map_err(ServeError::Server)?;
                let server = server.map(|plain| Bounded::new(plain, connections));
                bounded_in_time(server).handle(handle).serve(service).await
            }
            Some(files) => {
                let config = tls::config(&files)?;
                beside.spawn(tls::renew(config.clone(), files));
                let server = axum_server::from_tcp_rustls(listener, config);
                let server = server.map_err(ServeError::Server)?;
                let server = server.map(|tls| Bounded::new(tls, connections));
                bounded_in_time(server).handle(handle).serve(service).await
            }
        };
        served.map_err(ServeError::Server)
    }
}

/// Limits how long a connection may take for what it asks.
fn bounded_in_time<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let mut server = server
        .first_request_timeout(FIRST_REQUEST)
        .accept_error_handler(report_refused_connection);
    let http = server.http_builder();
    http.http1().header_read_timeout(IDLE);
    http.http2()
        .keep_alive_interval(SIGN_OF_LIFE)
        .keep_alive_timeout(SIGN_OF_LIFE)
        .max_concurrent_streams(STREAMS);
    server
}
