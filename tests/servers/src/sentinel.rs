//! A Redis Sentinel.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::{Process, Server};
use crate::{PATIENCE, Redis, free_port, redis};

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
            format!(
                "port {port}
                 bind 127.0.0.1
                 sentinel monitor spring 127.0.0.1 {master} 1
                 sentinel down-after-milliseconds spring 1000
                 sentinel failover-timeout spring 5000
                "
            ),
        )
        .unwrap();
        let program = redis::program();
        let command = [program.as_str(), config.to_str().unwrap(), "--sentinel"];
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

    /// Waits until it knows a replica that it could make the master.
    pub fn await_replica(&self) {
        let started = Instant::now();
        while !self.says_replica_is_up() {
            assert!(
                started.elapsed() < PATIENCE,
                "the sentinel finds no replica"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn says_replica_is_up(&self) -> bool {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"SENTINEL REPLICAS spring\r\nPING\r\n")
            .unwrap();
        // An array of replicas, each an array of names and values; then what ends it.
        let said: Vec<String> = BufReader::new(stream)
            .lines()
            .map(Result::unwrap)
            .take_while(|line| line != "+PONG")
            .collect();
        let value = |name: &str| {
            let at = said.iter().position(|line| line == name)?;
            said.get(at + 2)
        };
        value("master-link-status").is_some_and(|status| status == "ok")
    }

    /// What it is asked for the master by.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/spring", self.port)
    }
}
