//! A running simulated Graph.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::Server;
use crate::{Counters, DeviceState, Fleet, Scenario};

/// A simulated Graph that listens; it stops when it is dropped.
pub struct Simulator {
    server: Arc<Server>,
    address: SocketAddr,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Simulator {
    /// Listens at `address` (port 0 for any); each of the scenario's tokens is a tenant with that
    /// fleet.
    pub async fn start(
        scenario: Scenario,
        fleet: &Fleet,
        address: SocketAddr,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let server = Arc::new(Server::new(scenario, fleet, format!("http://{address}")));
        let stop = CancellationToken::new();
        let connections = TaskTracker::new();
        let accepting = accept(
            listener,
            Arc::clone(&server),
            stop.clone(),
            connections.clone(),
        );
        connections.spawn(accepting);
        Ok(Self {
            server,
            address,
            stop,
            connections,
        })
    }

    /// Its root, as in `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the tenant of the n-th token saw.
    #[must_use]
    pub fn counters(&self, tenant: usize) -> Counters {
        self.server.counters(tenant)
    }

    /// The devices of the tenant of the n-th token, as they are now.
    #[must_use]
    pub fn devices(&self, tenant: usize) -> Vec<DeviceState> {
        self.server.devices(tenant)
    }

    /// Assigns a user behind everybody's back; whether the device is known.
    #[must_use]
    pub fn reassign(&self, tenant: usize, id: &str, user: &str) -> bool {
        self.server.reassign(tenant, id, user)
    }

    /// Stops listening and drops every connection.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.connections.close();
        self.connections.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    server: Arc<Server>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // Out of descriptors, or a client that left before it was greeted: the next may fare better.
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (server, stop) = (Arc::clone(&server), stop.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let server = Arc::clone(&server);
                async move { server.handle(request).await }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A connection that the scenario drops ends with an error, as it should.
            tokio::select! {
                () = stop.cancelled() => {}
                _ = connection => {}
            }
        });
    }
}
