//! A PostgreSQL server.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::process::{Process, Server};
use crate::{PATIENCE, free_port};

/// A PostgreSQL server of the system's newest installed version. What is committed survives
/// [`Postgres::stop`]; whoever comes from this machine is let in.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    /// Where its programs are: Debian keeps them out of the path.
    programs: PathBuf,
    folder: tempfile::TempDir,
    account: Option<Account>,
    process: Option<Process>,
    databases: AtomicU32,
}

/// The account that the server runs as, where that is not the test's own.
#[derive(Debug, Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

/// Who may do everything in it.
const SUPERUSER: &str = "postgres";

/// What a test's server is told: commits that are real for a server that ends, and no wait for a
/// disk, which only a power cut would need. A server that has run for a while writes its log into files
/// of its own that it has no more use for; a new one would fill each file with zeros first.
const SETTINGS: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=on",
    "shared_buffers=64MB",
    "wal_init_zero=off",
];

impl Postgres {
    /// Makes one and starts it.
    #[must_use]
    pub fn start() -> Self {
        let mut postgres = Self::in_new_folder();
        let made = postgres
            .program("initdb")
            .arg("--pgdata")
            .arg(postgres.folder.path())
            .args(["--username", SUPERUSER, "--auth", "trust"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .output()
            .unwrap();
        succeeded("initdb", &made);
        postgres.resume();
        postgres
    }

    /// Starts it again so that it encrypts connections that ask for it; where its certificate is.
    #[must_use]
    pub fn encrypt(&mut self) -> PathBuf {
        let folder = self.folder.path();
        let (key, certificate) = (folder.join("server.key"), folder.join("server.crt"));
        let mut openssl = Command::new("openssl");
        run_as(&mut openssl, self.account);
        let made = openssl
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=repilot-test",
            ])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        succeeded("openssl", &made);
        self.execute(SUPERUSER, "ALTER SYSTEM SET ssl = on");
        self.stop();
        self.resume();
        certificate
    }

    fn in_new_folder() -> Self {
        let postgres = Self {
            port: free_port(),
            programs: programs(),
            folder: tempfile::tempdir().unwrap(),
            account: account(),
            process: None,
            databases: AtomicU32::new(0),
        };
        if let Some(Account { user, group }) = postgres.account {
            chown(postgres.folder.path(), Some(user), Some(group)).unwrap();
        }
        // The server refuses a folder that others may read.
        let private = Permissions::from_mode(0o700);
        std::fs::set_permissions(postgres.folder.path(), private).unwrap();
        postgres
    }

    /// Starts a standby of it, and has each commit wait from then on until the standby has it, too.
    #[must_use]
    pub fn standby(&self) -> Self {
        let mut standby = Self::in_new_folder();
        let copied = self
            .program("pg_basebackup")
            .arg("--pgdata")
            .arg(standby.folder.path())
            .args(["--dbname", &self.url(SUPERUSER)])
            .args(["--write-recovery-conf", "--checkpoint", "fast", "--no-sync"])
            .output()
            .unwrap();
        succeeded("pg_basebackup", &copied);
        standby.resume();
        let wait = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        self.execute(SUPERUSER, wait);
        self.execute(SUPERUSER, "SELECT pg_reload_conf()");
        standby
    }

    /// Cuts a standby off from whom it follows: what is committed there from now on it never has.
    pub fn fall_behind(&self) {
        self.execute(SUPERUSER, "ALTER SYSTEM SET primary_conninfo = ''");
        self.execute(SUPERUSER, "SELECT pg_reload_conf()");
        let asked = "SELECT 'it follows' FROM pg_stat_wal_receiver";
        self.until_silent(asked);
    }

    /// No commit waits for a standby any more.
    pub fn wait_for_no_standby(&self) {
        let stop = "ALTER SYSTEM SET synchronous_standby_names = ''";
        self.execute(SUPERUSER, stop);
        self.execute(SUPERUSER, "SELECT pg_reload_conf()");
    }

    /// Waits until a commit waits for a standby that does not answer.
    pub fn until_a_commit_waits(&self) {
        let asked = "SELECT 'none' WHERE NOT EXISTS (
                         SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'
                     )";
        self.until_silent(asked);
    }

    /// Asks until nothing is answered.
    fn until_silent(&self, question: &str) {
        let asked = Instant::now();
        while !self.answer(SUPERUSER, question).is_empty() {
            assert!(asked.elapsed() < PATIENCE, "still: {question}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes a standby take writes: it follows nobody any more.
    pub fn promote(&self) {
        self.execute(SUPERUSER, "SELECT pg_promote()");
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database, and says where it is.
    #[must_use]
    pub fn create_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.execute(SUPERUSER, &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Where a database of it is.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Carries out a statement in a database of it.
    pub fn execute(&self, database: &str, statement: &str) {
        let _ = self.answer(database, statement);
    }

    /// What a statement in a database of it answers, a line each row.
    #[must_use]
    pub fn answer(&self, database: &str, statement: &str) -> String {
        let done = self
            .program("psql")
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
            .args(["--tuples-only", "--no-align"])
            .args(["--dbname", &self.url(database), "--command", statement])
            .output()
            .unwrap();
        succeeded("psql", &done);
        String::from_utf8(done.stdout).unwrap()
    }

    /// Ends it at once; connections break.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again at the same place, with all that was committed.
    pub fn resume(&mut self) {
        let port = self.port.to_string();
        let postgres = self.programs.join("postgres");
        let mut command = vec![
            postgres.to_str().unwrap(),
            "-D",
            self.folder.path().to_str().unwrap(),
            "-p",
            &port,
        ];
        for setting in SETTINGS {
            command.extend(["-c", setting]);
        }
        let server = Server {
            command: &command,
            // Killed, it would leave its children behind.
            end: "QUIT",
            folder: self.folder.path(),
        };
        let account = self.account;
        self.process = Some(Process::start(&server, |watch| run_as(watch, account)));
        let started = Instant::now();
        while !self.is_ready() {
            assert!(started.elapsed() < PATIENCE, "PostgreSQL does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_ready(&self) -> bool {
        let port = self.port.to_string();
        self.program("pg_isready")
            .args(["--quiet", "--host", "127.0.0.1", "--port", &port])
            .status()
            .unwrap()
            .success()
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.stdin(Stdio::null());
        run_as(&mut command, self.account);
        command
    }
}

fn succeeded(program: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
}

fn run_as(command: &mut Command, account: Option<Account>) {
    // The server's account may not be allowed where the test runs.
    command.current_dir("/");
    if let Some(Account { user, group }) = account {
        command.uid(user).gid(group);
    }
}

/// PostgreSQL refuses to run as root: then the account that its package has made is taken.
fn account() -> Option<Account> {
    (id(&["-u"]) == 0).then(|| Account {
        user: id(&["-u", SUPERUSER]),
        group: id(&["-g", SUPERUSER]),
    })
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    succeeded("id", &output);
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse().unwrap()
}

/// The folder of the newest version's programs.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .max()
        .map(|(_, folder)| folder);
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .into_iter()
        .chain(std::env::split_paths(&path))
        .find(|folder| has_server(folder))
        .unwrap_or_else(|| panic!("PostgreSQL is not installed: `bash tests/run.sh` does it"))
}

fn has_server(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}
