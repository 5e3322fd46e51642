//! A server process that does not outlive the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A shell that starts the server and tells its process id. It ends the server by a signal once a
/// line comes on its standard input, or once nobody holds that any more: also when the test is
/// killed. Then it removes the server's folder, too, which nobody else would.
const WATCH: &str = r#"
signal=$1; folder=$2; shift 2
"$@" </dev/null >&2 &
server=$!
echo $server
read -r _; asked=$?
kill -CONT $server
kill -"$signal" $server
wait
test $asked -eq 0 || rm -rf "$folder"
"#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    watch: Child,
    pid: u32,
}

/// How a server is started and ended.
pub(crate) struct Server<'a> {
    /// The program and its arguments.
    pub(crate) command: &'a [&'a str],
    /// The signal that ends it at once, and its children with it; a name without `SIG`.
    pub(crate) end: &'a str,
    /// What it keeps; removed with it when the test's process ends.
    pub(crate) folder: &'a Path,
}

impl Process {
    /// Starts a server; `prepare` may set its user and environment.
    pub(crate) fn start(server: &Server<'_>, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCH, "watch", server.end])
            .arg(server.folder)
            .args(server.command)
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
        if let Some(mut stdin) = self.watch.stdin.take() {
            let _ = stdin.write_all(b"end\n");
        }
        let _ = self.watch.wait();
    }
}
