//! A Redis Sentinel.
#![expect(
    clippy::disallowed_methods,
    reason = "nobody tells when a server is up: it is asked"
)]

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::Process;
use crate::{Redis, free_port};

/// A Sentinel that knows one Redis as the master `spring`.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    _process: Process,
    _folder: tempfile::TempDir,
}

/// How long it may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

impl Sentinel {
    /// Starts one.
    #[must_use]
    pub fn start(redis: &Redis) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("sentinel.conf");
        let master = redis.port();
        std::fs::write(
            &config,
            format!("port {port}\nbind 127.0.0.1\nsentinel monitor spring 127.0.0.1 {master} 1\n"),
        )
        .unwrap();
        let server = ["redis-server", config.to_str().unwrap(), "--sentinel"];
        let process = Process::start(&server, |_| {});
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                started.elapsed() < PATIENCE,
                "the sentinel does not come up"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            port,
            _process: process,
            _folder: folder,
        }
    }

    /// What it is asked for the master by.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/spring", self.port)
    }
}
