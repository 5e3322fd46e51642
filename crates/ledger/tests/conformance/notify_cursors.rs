//! How far each destination has been told, with several processes to tell it.

use std::time::Duration;

use futures::future::join_all;

use crate::bench::{Bench, Database, alice};

const LEASE: Duration = Duration::from_mins(1);

async fn a_destination_is_told_of_what_happens_after_it_is_known_by_one_process_at_a_time(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 1).await;
    let ledger = &bench.ledger;
    for _ in 0..2 {
        ledger.open_notify_cursor("desk").await.unwrap();
    }
    let now = bench.now();
    assert!(!ledger.has_unsent(vec!["desk"]).await.unwrap());
    assert!(
        ledger
            .due_notify_cursors("a", now)
            .await
            .unwrap()
            .is_empty()
    );
    ledger
        .pause(bench.campaign, "x", &alice(), now)
        .await
        .unwrap();
    assert!(ledger.has_unsent(vec!["desk"]).await.unwrap());
    assert!(!ledger.has_unsent(vec!["other"]).await.unwrap());
    assert_eq!(ledger.due_notify_cursors("a", now).await.unwrap(), ["desk"]);
    // The list was begun and enqueued before: only the pause is left to tell.
    let claiming = ["a", "b", "c"].map(|owner| {
        let bench = &bench;
        async move {
            let ledger = bench.place.open().await;
            ledger
                .claim_notify_cursor("desk", owner, now, now.after(LEASE))
                .await
                .unwrap()
                .map(|cursor| (owner, cursor.seq))
        }
    });
    let claimed: Vec<_> = join_all(claiming).await.into_iter().flatten().collect();
    let [(owner, seq)] = claimed.as_slice() else {
        unreachable!("one of them has it: {claimed:?}");
    };
    assert_eq!(*seq, 3);
    let other = ["a", "b", "c"].into_iter().find(|other| other != owner);
    let other = other.unwrap();
    assert!(
        ledger
            .due_notify_cursors(other, now)
            .await
            .unwrap()
            .is_empty()
    );
    // Who does not have it moves nothing.
    ledger
        .advance_notify_cursor("desk", other, 4)
        .await
        .unwrap();
    assert!(ledger.has_unsent(vec!["desk"]).await.unwrap());
    ledger
        .advance_notify_cursor("desk", owner, 4)
        .await
        .unwrap();
    assert!(!ledger.has_unsent(vec!["desk"]).await.unwrap());
}

async fn what_failed_waits_and_goes_to_whoever_comes_when_its_teller_is_gone(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let ledger = &bench.ledger;
    ledger.open_notify_cursor("desk").await.unwrap();
    let now = bench.now();
    ledger
        .pause(bench.campaign, "x", &alice(), now)
        .await
        .unwrap();
    let until = now.after(LEASE);
    let claim = |owner, at| ledger.claim_notify_cursor("desk", owner, at, until);
    assert!(claim("a", now).await.unwrap().is_some());
    let next_at = now.after(Duration::from_secs(8));
    ledger
        .fail_notify_cursor("desk", "a", next_at, "desk.example answered 503")
        .await
        .unwrap();
    assert!(claim("a", now).await.unwrap().is_none(), "not its time yet");
    let again = claim("a", next_at).await.unwrap().unwrap();
    assert_eq!((again.failures, again.seq), (1, 3));
    assert!(
        claim("b", next_at).await.unwrap().is_none(),
        "another has it"
    );
    let later = until.after(Duration::from_millis(1));
    assert!(claim("b", later).await.unwrap().is_some(), "it is gone");
    ledger.release_notify_cursors("b").await.unwrap();
    assert!(claim("c", next_at).await.unwrap().is_some());
    let known = ledger.notify_cursors().await.unwrap();
    assert_eq!(known[0].last_error, "desk.example answered 503");
}

on_every_database! {
    a_destination_is_told_of_what_happens_after_it_is_known_by_one_process_at_a_time,
    what_failed_waits_and_goes_to_whoever_comes_when_its_teller_is_gone,
}
