//! The harness of the whole-program tests: a simulated Graph, a folder of its own, the program as a
//! process of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::missing_panics_doc, reason = "a test that cannot go on fails")]

#[cfg(unix)]
mod deployment;
mod entra;
mod identity;
mod mail_server;
mod profile;
mod provider;
pub mod seeded;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use repilot_graph_sim::{Counters, DeviceState, Fleet, Scenario, Simulator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

#[cfg(unix)]
pub use deployment::{Deployment, signal};
pub use entra::{Entra, Refusal};
pub use identity::{IdentityProduct, IdentityProvider};
pub use mail_server::MailServer;
pub use profile::Profile;
pub use provider::Provider;

/// A simulated tenant, a folder for ledger and lists, and the program.
pub struct Bench {
    /// Ledger, lists, settings.
    pub folder: tempfile::TempDir,
    /// The simulated Graph.
    pub simulator: Simulator,
    fleet: Fleet,
    program: PathBuf,
}

/// What the program left behind.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 when it was killed.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What it printed, as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless it ended with that code.
    #[expect(
        clippy::return_self_not_must_use,
        clippy::must_use_candidate,
        reason = "the check is what it is called for"
    )]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl Bench {
    /// A tenant with so many made-up devices, and a list of their serials.
    pub async fn new(program: &str, scenario: Scenario, devices: usize) -> Self {
        Self::with_fleet(program, scenario, Fleet::generated(devices, 3)).await
    }

    /// A tenant with these devices, and a list of their serials.
    pub async fn with_fleet(program: &str, scenario: Scenario, fleet: Fleet) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let serials: Vec<&str> = fleet.serials().collect();
        std::fs::write(folder.path().join("devices.txt"), serials.join("\n")).unwrap();
        let simulator = Simulator::start(scenario, &fleet, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        Self {
            folder,
            simulator,
            fleet,
            program: PathBuf::from(program),
        }
    }

    /// Replaces the simulated Graph by a fresh one that does something else.
    pub async fn replace(&mut self, scenario: Scenario) {
        let address = ([127, 0, 0, 1], 0).into();
        self.simulator = Simulator::start(scenario, &self.fleet, address)
            .await
            .unwrap();
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The program with these arguments, knowing nothing but its folder and the simulated Graph.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("REPILOT_LEDGER__URL", self.path("ledger.db"))
            .env("REPILOT_GRAPH__ROOT", self.simulator.url())
            .env("REPILOT_GRAPH__TOKEN", "simulated")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(windows)]
        for name in [
            "SystemRoot",
            "TEMP",
            "LOCALAPPDATA",
            "APPDATA",
            "USERPROFILE",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the program to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().await.unwrap())
    }

    /// Starts the program.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// What the simulated Graph saw.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.simulator.counters(0)
    }

    /// Waits until the simulated Graph saw so much.
    pub async fn until(&self, mut enough: impl FnMut(&Counters) -> bool) {
        while !enough(&self.counters()) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }

    /// Every job of a campaign is over and none is lost: as many jobs as the list has devices, the
    /// counters agree with the rows.
    pub async fn assert_accounted(&self, campaign: &str, jobs: usize) {
        let status = self
            .run(&["status", campaign, "--json"])
            .await
            .expect(0)
            .json();
        let counts = &status["campaigns"][0]["counts"];
        for open in ["pending", "queued", "running"] {
            assert_eq!(counts[open], 0, "{status}");
        }
        let rows = self
            .run(&["export", campaign, "--format", "json"])
            .await
            .expect(0)
            .json();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), jobs);
        for state in ["succeeded", "dead", "cancelled", "skipped"] {
            let rows = rows.iter().filter(|row| row["outcome"] == state).count();
            assert_eq!(counts[state], rows, "{state}: {status}");
        }
    }
}

/// No process of a test takes longer.
const HANGS_AFTER: Duration = Duration::from_mins(5);

/// Waits for a process that was started. One that hangs is made to say what it was about.
pub async fn ended(child: Child) -> Ran {
    let id = child.id();
    let mut ending = std::pin::pin!(child.wait_with_output());
    if let Ok(output) = tokio::time::timeout(HANGS_AFTER, &mut ending).await {
        return Ran::of(&output.unwrap());
    }
    if let Some(id) = id {
        let mut kill = Command::new("kill");
        let killed = kill.args(["-s", "KILL", &id.to_string()]).status().await;
        assert!(killed.unwrap().success());
    }
    let said = Ran::of(&ending.await.unwrap());
    panic!("a process hung: {said:?}")
}

/// Kills a process as a crash would.
pub async fn kill(mut child: Child) -> ExitStatus {
    child.start_kill().unwrap();
    child.wait().await.unwrap()
}

/// Sends the signal of Ctrl-C.
#[cfg(unix)]
pub async fn interrupt(child: &Child) {
    signal(child, "INT").await;
}

/// The repository's folder of example lists.
#[must_use]
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// The simulated Graph as a process of its own, unthrottled.
pub struct Server {
    /// Its root.
    pub url: String,
    _process: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Serves so many made-up devices, each answer after so long.
    pub async fn start(program: &str, devices: usize, latency: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("scenario.toml");
        let latency = format!("latency.fixed_ms = {}\n", latency.as_millis());
        std::fs::write(&scenario, latency).unwrap();
        let mut process = Command::new(program)
            .args(["simulate", "--listen", "127.0.0.1:0", "--devices"])
            .arg(devices.to_string())
            .arg("--scenario")
            .arg(&scenario)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap_or_default();
        let (_, url) = first.rsplit_once(' ').unwrap();
        Self {
            url: url.to_owned(),
            _process: process,
            _folder: folder,
        }
    }

    /// The ids of its devices.
    pub async fn ids(&self) -> Vec<String> {
        let devices: Vec<DeviceState> = self.get("devices").await;
        devices.into_iter().map(|device| device.id).collect()
    }

    /// What it saw.
    pub async fn counters(&self) -> Counters {
        self.get("counters").await
    }

    async fn get<T: DeserializeOwned>(&self, what: &str) -> T {
        let url = format!("{}/_sim/{what}", self.url);
        let answer = http().get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

/// An HTTP client like the program's own.
#[must_use]
pub fn http() -> reqwest::Client {
    http_that(reqwest::redirect::Policy::default())
}

/// The Python that has the packages of the tests.
#[must_use]
pub fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python/.venv/bin/python")
}

/// An HTTP client for loopback that follows redirects by this policy.
#[must_use]
pub fn http_that(redirects: reqwest::redirect::Policy) -> reqwest::Client {
    // A second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(redirects)
        .tls_certs_only([])
        .tcp_nodelay(true)
        .no_proxy()
        .build()
        .unwrap()
}
