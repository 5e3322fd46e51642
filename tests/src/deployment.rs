//! A deployment: workers that share a PostgreSQL and a Redis of the test's own.

use std::path::PathBuf;

use repilot_graph_sim::Scenario;
use servers::{Postgres, Proxy, Redis};
use tokio::process::{Child, Command};

use crate::Bench;

/// A tenant, its devices, and what several workers share.
pub struct Deployment {
    /// The tenant and the program.
    pub bench: Bench,
    /// The wire and the budgets.
    pub redis: Redis,
    /// How they are reached.
    pub redis_url: String,
    /// The ledger's server.
    pub postgres: Postgres,
    /// The ledger.
    pub ledger: String,
    /// Tokens come from the simulated machine's identity endpoint.
    identities: bool,
}

impl Deployment {
    /// A tenant with so many made-up devices, all of them enqueued in a campaign `c`.
    pub async fn with_campaign(program: &str, scenario: Scenario, devices: usize) -> Self {
        let deployment = Self::empty(program, scenario, devices).await;
        let enqueue = ["enqueue", "--yes", "devices.txt", "--campaign", "c"];
        deployment.run(&enqueue).await.expect(0);
        deployment
    }

    /// Tenants `tenant-0`, `tenant-1` and so on, one for each of the scenario's tokens, so many
    /// devices of each enqueued in a campaign of its name.
    pub async fn with_tenants(program: &str, scenario: Scenario, devices: &[usize]) -> Self {
        let most = devices.iter().copied().max().unwrap_or_default();
        let mut deployment = Self::empty(program, scenario, most).await;
        let all = std::fs::read_to_string(deployment.bench.path("devices.txt")).unwrap();
        let serials: Vec<&str> = all.lines().collect();
        let tenants: Vec<String> = (0..devices.len()).map(|n| format!("tenant-{n}")).collect();
        deployment.identities = true;
        let section = |tenant: &String| {
            format!(
                "[tenants.{tenant}]\ncredential = \"managed-identity\"\nclient_id = \"{tenant}\"\n"
            )
        };
        let settings: String = tenants.iter().map(section).collect();
        deployment.bench.write("repilot.toml", settings);
        for (tenant, count) in tenants.iter().zip(devices) {
            deployment
                .bench
                .write("some.txt", serials[..*count].join("\n"));
            let enqueue = ["enqueue", "--yes", "some.txt", "--campaign", tenant];
            let of_tenant = ["--tenant", tenant];
            deployment
                .run(&[&enqueue[..], &of_tenant].concat())
                .await
                .expect(0);
        }
        deployment
    }

    async fn empty(program: &str, scenario: Scenario, devices: usize) -> Self {
        let bench = Bench::new(program, scenario, devices).await;
        let postgres = Postgres::start();
        let ledger = postgres.create_database();
        let redis = Redis::start();
        Self {
            bench,
            redis_url: redis.url(),
            redis,
            postgres,
            ledger,
            identities: false,
        }
    }

    /// From now on the ledger's server is reached through this line.
    pub fn reach_ledger_through(&mut self, line: &Proxy) {
        let port = |port: u16| format!("127.0.0.1:{port}/");
        let (direct, through) = (port(self.postgres.port()), port(line.port()));
        self.ledger = self.ledger.replace(&direct, &through);
    }

    /// The program with these arguments, as one of the deployment.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.command(arguments);
        self.join(&mut command);
        command
    }

    fn join(&self, command: &mut Command) {
        command
            .env("REPILOT_LEDGER__URL", &self.ledger)
            .env("REPILOT_REDIS__URL", &self.redis_url)
            .env("REPILOT_THROTTLE__WRITES", "100000")
            .env("REPILOT_THROTTLE__READS", "200000")
            .env("REPILOT_PLAN__MAX_DEVICES", "0")
            .env("REPILOT_WORKER__CONCURRENCY", "16")
            .env("REPILOT_RETRY__LOOK_AFTER", "50ms");
        if self.identities {
            let endpoint = format!("{}/_sim/identity", self.bench.simulator.url());
            command
                .env_remove("REPILOT_GRAPH__TOKEN")
                .env("IDENTITY_ENDPOINT", endpoint)
                .env("IDENTITY_HEADER", "simulated");
        }
    }

    /// Runs the program to its end.
    pub async fn run(&self, arguments: &[&str]) -> crate::Ran {
        crate::Ran::of(&self.command(arguments).output().await.unwrap())
    }

    /// Starts a worker that drains until nothing is left.
    #[must_use]
    pub fn worker(&self) -> Child {
        self.command(&["worker", "--until-empty"]).spawn().unwrap()
    }

    /// The same, knowing what a tenant is said to grant in 20 s.
    #[must_use]
    pub fn worker_at_quota(&self, writes: u32) -> Child {
        let mut command = self.command(&["worker", "--until-empty"]);
        command
            .env("REPILOT_THROTTLE__WRITES", writes.to_string())
            .env_remove("REPILOT_WORKER__CONCURRENCY");
        command.spawn().unwrap()
    }

    /// The same on a machine whose clock is wrong by so much, as in `+5m`.
    #[must_use]
    pub fn worker_with_clock(&self, wrong_by: &str) -> Child {
        let mut command = self.command(&["worker", "--until-empty"]);
        command
            .env("LD_PRELOAD", faketime())
            .env("FAKETIME", wrong_by)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.spawn().unwrap()
    }

    /// Every device was done, none twice at once, each has one success; no call is lost or twice
    /// recorded, and no more took effect than were under way when somebody was killed or cut off.
    pub async fn assert_done(&self, devices: usize, in_flight: u64) {
        let counters = self.bench.counters();
        let devices_applied = u64::try_from(devices).unwrap();
        assert_eq!(counters.devices_applied, devices_applied, "{counters:?}");
        assert_eq!(counters.still_assigned, 0, "{counters:?}");
        assert_eq!(counters.acts_at_once, 0, "{counters:?}");
        assert!(
            counters.applied <= devices_applied + in_flight,
            "{counters:?}"
        );
        let rows = self
            .run(&["export", "c", "--format", "json"])
            .await
            .expect(0)
            .json();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), devices);
        assert!(rows.iter().all(|row| row["outcome"] == "succeeded"));
        let check = self.run(&["ledger", "check", "--json"]).await;
        assert_eq!(check.code, 0, "{check:?}");
    }
}

/// The library that makes a process's clock wrong, of Debian's package.
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(Result::unwrap);
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    let found = libraries.find(|library| library.exists());
    found.expect("faketime is not installed: `bash tests/run.sh` does it")
}

/// Sends a process a signal, by its name without `SIG`.
pub async fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill")
        .args(["-s", name, &id])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
}
