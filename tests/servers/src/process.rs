//! A server process that does not outlive the test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A shell that starts the server, tells its process id, and ends it once nobody holds the shell's
/// standard input any more: also when the test is killed.
const WATCH: &str = r#""$@" </dev/null >&2 & server=$!; echo $server; read -r _; kill -CONT $server; kill -KILL $server; wait"#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    watch: Child,
    pid: u32,
}

impl Process {
    /// Starts a server; `prepare` may set its user and environment.
    pub(crate) fn start(server: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCH, "watch"])
            .args(server)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        prepare(&mut command);
        let mut watch = command.spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(watch.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let pid = line.trim().parse().unwrap();
        Self { watch, pid }
    }

    /// Sends the server a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid.to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success(), "cannot send {name} to {pid}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ = self.watch.wait();
    }
}
