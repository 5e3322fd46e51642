//! Who goes first, and how much at once.

use super::*;
use crate::bench::token;

async fn the_higher_priority_goes_first_and_equals_share(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    let mut others = Vec::new();
    for (name, priority) in [("high", "high"), ("too", "high"), ("low", "low")] {
        let id = bench
            .ledger
            .open_campaign(&campaign(name), &alice(), bench.now())
            .await
            .unwrap()
            .id;
        let changes = ControlChanges {
            priority: Change::Set(priority.parse().unwrap()),
            ..ControlChanges::default()
        };
        bench
            .ledger
            .change_controls(id, &changes, &alice(), bench.now())
            .await
            .unwrap();
        bench
            .ledger
            .begin_list(id, &list(), &alice(), bench.now())
            .await
            .unwrap();
        let jobs: Vec<NewJob> = (0..10)
            .map(|number| NewJob {
                device: device(100 * (others.len() + 1) + number),
                line: 1,
                task: repilot_ledger::Task::default(),
            })
            .collect();
        bench.ledger.enqueue(id, &jobs, bench.now()).await.unwrap();
        others.push(id);
    }
    bench.attend().await;
    let of = |wire: &[Dispatched]| {
        let mut counts = [0; 4];
        for queued in wire {
            let place = others.iter().position(|id| *id == queued.key.campaign);
            counts[place.map_or(3, |place| place)] += 1;
        }
        counts
    };
    assert_eq!(of(&bench.dispatch("w1", 8).await), [4, 4, 0, 0]);
    assert_eq!(of(&bench.dispatch("w1", 14).await), [6, 6, 0, 2]);
    assert_eq!(of(&bench.dispatch("w1", 14).await), [0, 0, 6, 8]);
}

async fn a_campaign_with_a_ceiling_has_no_more_on_the_wire_than_it_allows(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    bench
        .change(ControlChanges {
            rate: Change::Set("2/s".parse().unwrap()),
            ..ControlChanges::default()
        })
        .await;
    let rated = bench.ledger.rated_campaigns(bench.now()).await.unwrap();
    assert_eq!((rated.len(), rated[0].id), (1, bench.campaign));
    let dispatch = |jobs, of_spring: Option<usize>| {
        let bench = &bench;
        async move {
            let room = DispatchRoom {
                jobs,
                turn: 0,
                rated: of_spring
                    .map(|most| (bench.campaign, most))
                    .into_iter()
                    .collect(),
                ..DispatchRoom::default()
            };
            let until = bench.now().after(LEASE);
            let worker = WorkerId("w1".to_owned());
            bench
                .ledger
                .dispatch(&tenant(), (&worker, token()), &room, bench.now(), until)
                .await
                .unwrap()
        }
    };
    assert!(dispatch(5, None).await.is_empty());
    let wire = dispatch(5, Some(3)).await;
    assert_eq!(wire.len(), 3);
    assert_eq!(wire[0].rate, "2/s".parse().ok());
    assert!(dispatch(5, Some(3)).await.is_empty());
    let commit = bench.commit_as("w1");
    bench.settle_all(&commit, &wire[..1], succeeded).await;
    assert_eq!(dispatch(5, Some(3)).await.len(), 1);
    let since = bench.now().before(Duration::from_mins(1));
    let calls = bench
        .ledger
        .campaign_calls(bench.campaign, since, bench.now())
        .await
        .unwrap();
    assert_eq!(calls.len(), 1);
}

on_every_database! {
    the_higher_priority_goes_first_and_equals_share,
    a_campaign_with_a_ceiling_has_no_more_on_the_wire_than_it_allows,
}
