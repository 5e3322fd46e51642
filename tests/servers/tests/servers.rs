//! The servers start, stop and forget as tests need them to.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "a server is waited for by the clock on the wall"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use servers::{Postgres, Proxy, Redis};

#[test]
fn redis_comes_back_empty_at_the_same_place() {
    let mut redis = Redis::start();
    let url = redis.url();
    assert!(redis.memory() > 0);
    redis.stop();
    redis.resume();
    redis.flush();
    redis.freeze();
    redis.thaw();
    assert_eq!(redis.url(), url);
    assert!(redis.commands() > 0);
}

#[test]
fn postgres_comes_back_at_the_same_place_with_what_was_committed() {
    let mut postgres = Postgres::start();
    let first = postgres.create_database();
    let second = postgres.create_database();
    assert_ne!(first, second);
    let (_, name) = first.rsplit_once('/').unwrap();
    postgres.execute(name, "CREATE TABLE kept (id BIGINT)");
    postgres.stop();
    postgres.resume();
    assert_eq!(postgres.url(name), first);
    postgres.execute(name, "INSERT INTO kept VALUES (1)");
}

#[test]
fn a_standby_has_what_was_committed_and_takes_writes_once_it_is_promoted() {
    let mut postgres = Postgres::start();
    let standby = postgres.standby();
    let database = postgres.create_database();
    let (_, name) = database.rsplit_once('/').unwrap();
    postgres.execute(name, "CREATE TABLE kept (id BIGINT)");
    postgres.stop();
    standby.promote();
    standby.execute(name, "INSERT INTO kept VALUES (1)");
}

#[test]
fn what_comes_through_a_line_that_was_cut_is_heard_by_nobody() {
    let redis = Redis::start();
    let port = redis.url().rsplit_once(':').unwrap().1.parse().unwrap();
    let proxy = Proxy::start(port);
    let ping = |stream: &TcpStream| {
        let mut stream = stream;
        stream
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let mut line = String::new();
        let read = BufReader::new(stream).read_line(&mut line);
        read.map(|_| line)
    };
    let connect = || TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    let before = connect();
    assert_eq!(ping(&before).unwrap(), "+PONG\r\n");
    proxy.cut();
    assert!(ping(&before).is_err());
    assert!(ping(&connect()).is_err());
    proxy.mend(port);
    assert!(ping(&before).is_err());
    assert_eq!(ping(&connect()).unwrap(), "+PONG\r\n");
}

/// Says to the test below that this process is the one to be killed.
const TO_BE_KILLED: &str = "SERVERS_TEST_TO_BE_KILLED";

#[test]
fn no_server_and_no_folder_of_it_outlives_a_killed_test() {
    if std::env::var_os(TO_BE_KILLED).is_some() {
        let postgres = Postgres::start();
        let _ = writeln!(std::io::stdout(), "url {}", postgres.url("postgres"));
        std::thread::sleep(Duration::from_mins(1));
        return;
    }
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let mut open = std::fs::metadata(folder.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut open, 0o777);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("no_server_and_no_folder_of_it_outlives_a_killed_test")
        .env(TO_BE_KILLED, "yes")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let address = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find_map(|line| {
            let (_, rest) = line.split_once("url postgres://postgres@")?;
            Some(rest.split_once('/')?.0.to_owned())
        })
        .unwrap();
    TcpStream::connect(&address).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    while TcpStream::connect(&address).is_ok() || left() > 0 {
        assert!(killed.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}
