//! A Redis server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::{Process, Server};
use crate::{PATIENCE, free_port};

/// What is started as a Redis server: `REPILOT_REDIS_SERVER` names another, as `valkey-server`.
pub(crate) fn program() -> String {
    std::env::var("REPILOT_REDIS_SERVER").unwrap_or_else(|_unset| "redis-server".to_owned())
}

/// A Redis server with nothing in it; it keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    folder: tempfile::TempDir,
    process: Option<Process>,
}

impl Redis {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let mut redis = Self {
            port: free_port(),
            folder: tempfile::tempdir().unwrap(),
            process: None,
        };
        redis.resume();
        redis
    }

    /// Starts one that follows this one, as soon as it has all that this one has.
    #[must_use]
    pub fn replica(&self) -> Self {
        let replica = Self::start();
        let follow = format!("REPLICAOF 127.0.0.1 {}", self.port);
        assert_eq!(replica.try_command(&follow).as_deref(), Some("+OK"));
        let started = Instant::now();
        while replica.field("replication", "master_link_status") != "up" {
            assert!(started.elapsed() < PATIENCE, "the replica does not follow");
            std::thread::sleep(Duration::from_millis(10));
        }
        replica
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once; what it held is gone.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again at the same place, empty.
    pub fn resume(&mut self) {
        let port = self.port.to_string();
        let folder = self.folder.path().to_str().unwrap();
        let program = program();
        let command = [
            program.as_str(),
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            folder,
        ];
        let server = Server {
            command: &command,
            end: "KILL",
            folder: self.folder.path(),
        };
        self.process = Some(Process::start(&server, |_| {}));
        let started = Instant::now();
        while self.try_command("PING").as_deref() != Some("+PONG") {
            assert!(
                started.elapsed() < PATIENCE,
                "{program} does not come up: is it installed?"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it in its tracks: connections stay, and nothing answers.
    pub fn freeze(&self) {
        self.process.as_ref().unwrap().signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.as_ref().unwrap().signal("CONT");
    }

    /// Forgets everything.
    pub fn flush(&self) {
        assert_eq!(self.try_command("FLUSHALL").as_deref(), Some("+OK"));
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.info("memory", "used_memory")
    }

    /// Commands that it has carried out since it started.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.info("stats", "total_commands_processed")
    }

    fn info(&self, section: &str, field: &str) -> u64 {
        self.field(section, field).parse().unwrap()
    }

    fn field(&self, section: &str, field: &str) -> String {
        let mut stream = self.connect().unwrap();
        stream
            .write_all(format!("INFO {section}\r\nQUIT\r\n").as_bytes())
            .unwrap();
        BufReader::new(stream)
            .lines()
            .map(Result::unwrap)
            .find_map(|line| {
                let value = line.strip_prefix(field)?.strip_prefix(':')?;
                Some(value.trim().to_owned())
            })
            .unwrap()
    }

    /// The first line that it answers an inline command with.
    fn try_command(&self, command: &str) -> Option<String> {
        let mut stream = self.connect().ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(stream)
    }
}
