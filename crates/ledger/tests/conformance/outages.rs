//! What happens while PostgreSQL is away, and when an answer of its is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use repilot_ledger::{Ledger, LedgerError, LedgerLocation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{Bench, Database, LEASE, succeeded};
use crate::database::Place;

#[tokio::test]
async fn processes_that_open_a_fresh_ledger_at_once_all_get_it() {
    let place = Place::of(Database::Postgres);
    let opened = futures::future::join_all((0..8).map(|_| place.open())).await;
    for ledger in opened {
        assert!(ledger.campaigns().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_ledger_goes_on_by_itself_when_its_server_is_back() {
    let mut server = servers::Postgres::start();
    let bench = Bench::at(Place::at(&server.create_database())).await;
    bench.enqueue(0..3).await;
    bench.finish().await;
    bench.attend().await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;

    server.stop();
    let error = bench.ledger.campaign("spring").await.unwrap_err();
    assert!(error.is_passing(), "{error:?}");
    let until = bench.now().after(LEASE);
    let worker = repilot_domain::WorkerId("w1".to_owned());
    let error = bench
        .ledger
        .renew_leases(&worker, &[], until)
        .await
        .unwrap_err();
    assert!(error.is_passing(), "{error:?}");
    let said = succeeded(&job);
    let settling = {
        let commit = commit.clone();
        tokio::spawn(async move { commit.settle(said).await })
    };
    server.resume();

    assert!(settling.await.unwrap().unwrap());
    assert_eq!(
        bench
            .ledger
            .renew_leases(&worker, &commit.claimed(), until)
            .await
            .unwrap(),
        0
    );
    let again = bench.claim_one(&commit, "w1").await;
    assert!(commit.settle(succeeded(&again)).await.unwrap());
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn a_server_knows_how_long_a_list_is_as_soon_as_it_is_in() {
    let server = servers::Postgres::start();
    let bench = Bench::at(Place::at(&server.create_database())).await;
    bench.enqueue(0..10_000).await;
    bench.finish().await;
    let known = "SELECT reltuples FROM pg_class WHERE relname IN ('due_jobs', 'job_rows')";
    assert_eq!(server.answer("test0", known), "10000\n10000\n");
}

#[tokio::test]
async fn a_connection_is_encrypted_and_its_server_known_or_there_is_none() {
    let mut server = servers::Postgres::start();
    let url = server.create_database();
    let verified = |root: &std::path::Path| {
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", root.display());
        LedgerLocation::parse(&url).unwrap()
    };
    let own = server.encrypt();
    let mut other = servers::Postgres::start();
    let anothers = other.encrypt();
    let ledger = Ledger::open(&verified(&own)).await.unwrap();
    assert!(ledger.campaigns().await.unwrap().is_empty());
    let error = Ledger::open(&verified(&anothers)).await.unwrap_err();
    assert!(matches!(error, LedgerError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten() {
    let direct = Place::of(Database::Postgres);
    let wire = Wire::to(&direct.url()).await;
    let bench = Bench::at(Place::at(&wire.url)).await;
    bench.enqueue(0..2).await;
    bench.finish().await;
    bench.attend().await;
    let commit = bench.commit_as("w1");

    wire.lose_next_commit();
    let job = bench.claim_one(&commit, "w1").await;
    assert!(wire.has_lost_it());
    wire.lose_next_commit();
    assert!(commit.settle(succeeded(&job)).await.unwrap());
    assert!(wire.has_lost_it());
    assert_eq!(bench.ledger.attempts(job.key.job).await.unwrap().len(), 1);

    let wired = bench.dispatch("w1", 1).await;
    wire.lose_next_commit();
    let claimed = commit.claim(wired[0].key).await;
    assert!(claimed.unwrap().is_some());
    assert!(wire.has_lost_it());
    bench.assert_counters_agree().await;
}

/// A way to a server on which the answer to a commit can be lost.
struct Wire {
    url: String,
    losing: Arc<AtomicBool>,
}

impl Wire {
    async fn to(url: &str) -> Self {
        let (_, rest) = url.split_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let losing = Arc::new(AtomicBool::new(false));
        let (server, lose) = (server.to_owned(), losing.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, lose.clone()));
            }
        });
        Self {
            url: format!("postgres://postgres@{here}/{database}"),
            losing,
        }
    }

    fn lose_next_commit(&self) {
        self.losing.store(true, Ordering::SeqCst);
    }

    fn has_lost_it(&self) -> bool {
        !self.losing.load(Ordering::SeqCst)
    }
}

/// Passes bytes on until one end is gone, or the answer to a commit is to be lost.
async fn pass(mut client: TcpStream, mut server: TcpStream, losing: Arc<AtomicBool>) {
    let (mut asked, mut answered) = ([0; 8_192], [0; 8_192]);
    let mut lost = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                let commits = asked[..read].windows(7).any(|word| word == b"COMMIT\0");
                lost = commits && losing.swap(false, Ordering::SeqCst);
                if server.write_all(&asked[..read]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                if lost || client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
