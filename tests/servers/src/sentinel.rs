//! A Redis Sentinel.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::{Process, Server};
use crate::{PATIENCE, Redis, free_port};

/// A Sentinel that knows one Redis as the master `spring`.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    _process: Process,
    _folder: tempfile::TempDir,
}

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
        let command = ["redis-server", config.to_str().unwrap(), "--sentinel"];
        let server = Server {
            command: &command,
            end: "KILL",
            folder: folder.path(),
        };
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
