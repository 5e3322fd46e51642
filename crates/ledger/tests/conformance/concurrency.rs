//! Several processes at once, each with a ledger of its own.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::{join, join_all};
use repilot_domain::{DeadReason, JobId, WorkerId};
use repilot_ledger::{DeadSelection, LaneState, Ledger, NewJob, OpenedCampaign, WorkerRow};

use crate::bench::{
    Bench, Database, LEASE, START, alice, as_worker, campaign, device, lane_state, tenant,
};

const PROCESSES: usize = 4;
const JOBS: usize = 400;

async fn each_job_is_claimed_and_settled_once_however_many_processes_drain(database: Database) {
    let bench = Bench::with_jobs(database, JOBS).await;
    let settled = drain(&bench).await;
    assert_settled_once(&bench, &settled).await;
    let counts = bench.spring().await.counts;
    assert_eq!((counts.open(), counts.total), (0, JOBS as i64));
    assert_eq!(counts.calls, (JOBS + JOBS / 5) as i64);
}

async fn whoever_steers_meanwhile_neither_waits_for_ever_nor_breaks_a_count(database: Database) {
    let bench = Bench::with_jobs(database, JOBS).await;
    let steering = join_all((0..2).map(|steer| {
        let bench = &bench;
        async move {
            let ledger = bench.place.open().await;
            while !bench.has_ended().await {
                steer_once(bench, &ledger, steer).await;
            }
        }
    }));
    let (settled, _) = join(drain(&bench), steering).await;
    assert_settled_once(&bench, &settled).await;
}

/// What several processes at once claimed and settled.
async fn drain(bench: &Bench) -> Vec<(JobId, i64)> {
    let names: Vec<String> = (0..PROCESSES).map(|number| format!("w{number}")).collect();
    let draining = names.iter().map(|name| bench.drain(name));
    join_all(draining).await.into_iter().flatten().collect()
}

/// Everything that another process or a person may do while workers drain.
async fn steer_once(bench: &Bench, ledger: &Ledger, steer: usize) {
    let worker = WorkerId(format!("w{steer}"));
    let until = bench.now().after(LEASE);
    ledger
        .pause(bench.campaign, "wait", &alice(), bench.now())
        .await
        .unwrap();
    ledger.renew_leases(&worker, &[], until).await.unwrap();
    ledger
        .resume(bench.campaign, &alice(), bench.now())
        .await
        .unwrap();
    ledger
        .lease_tenants([&tenant()], until.after(Duration::from_secs(steer as u64)))
        .await
        .unwrap();
    ledger.recall(&worker).await.unwrap();
    ledger.rescue(&as_worker("w9"), bench.now()).await.unwrap();
    let not_found = DeadSelection {
        reason: Some(DeadReason::NotFound),
        job: Some(JobId(7)),
        ..DeadSelection::default()
    };
    ledger
        .discard(&not_found, &alice(), bench.now())
        .await
        .unwrap();
    let row = WorkerRow {
        id: worker.clone(),
        host: "here".to_owned(),
        process_id: 1,
        version: "1".to_owned(),
        started_at: START,
        heartbeat_at: bench.now(),
        in_flight: 0,
        trouble: String::new(),
        tz_version: "2026f".to_owned(),
    };
    ledger.register(&row).await.unwrap();
    let mut states: Vec<LaneState> = ["contoso", "fabrikam"].map(lane_state).into();
    if steer == 1 {
        states.reverse();
    }
    ledger.save_lane_states(&states).await.unwrap();
    ledger
        .hold_lane(&tenant(), &worker, bench.now(), until)
        .await
        .unwrap();
}

/// Each claim is one of its own, and each left one attempt.
async fn assert_settled_once(bench: &Bench, settled: &[(JobId, i64)]) {
    let distinct: HashSet<_> = settled.iter().collect();
    assert_eq!(distinct.len(), settled.len());
    let jobs: HashSet<JobId> = settled.iter().map(|(job, _)| *job).collect();
    assert_eq!(jobs.len(), JOBS);
    assert_eq!(bench.spring().await.counts.calls, settled.len() as i64);
    bench.assert_counters_agree().await;
    assert!(bench.ledger.check().await.unwrap().is_sound());
}

async fn who_enqueues_the_same_list_at_once_makes_each_job_once(database: Database) {
    let bench = Bench::new(database).await;
    let mut enqueuing = Vec::new();
    for _ in 0..PROCESSES {
        let (ledger, campaign) = (bench.place.open().await, bench.campaign);
        enqueuing.push(tokio::spawn(async move {
            let mut added = 0;
            for chunk in 0..5 {
                let jobs: Vec<NewJob> = (chunk * 20..chunk * 20 + 20)
                    .map(|number| NewJob {
                        device: device(number),
                        line: number as u64,
                        task: repilot_ledger::Task::default(),
                    })
                    .collect();
                added += ledger.enqueue(campaign, &jobs, START).await.unwrap().added;
            }
            added
        }));
    }
    let mut added = 0;
    for task in enqueuing {
        added += task.await.unwrap();
    }
    assert_eq!(added, 100);
    bench.assert_counters_agree().await;
}

async fn of_two_campaigns_at_once_one_gets_each_device(database: Database) {
    let bench = Bench::new(database).await;
    let autumn = bench
        .ledger
        .open_campaign(&campaign("autumn"), &alice(), START)
        .await
        .unwrap()
        .id;
    for round in 0..10 {
        let mut enqueuing = Vec::new();
        for campaign in [bench.campaign, autumn] {
            let ledger = bench.place.open().await;
            let jobs: Vec<NewJob> = (round * 20..round * 20 + 20)
                .map(|number| NewJob {
                    device: device(number),
                    line: number as u64,
                    task: repilot_ledger::Task::default(),
                })
                .collect();
            enqueuing.push(tokio::spawn(async move {
                ledger.enqueue(campaign, &jobs, START).await.unwrap()
            }));
        }
        let mut done = Vec::new();
        for task in enqueuing {
            done.push(task.await.unwrap());
        }
        let [spring, autumn] = &done[..] else {
            panic!("{done:?}")
        };
        assert_eq!(spring.added + autumn.added, 20, "round {round}");
        let loser = if spring.added == 0 { spring } else { autumn };
        assert_eq!((loser.added, loser.busy.len()), (0, 20));
    }
    bench.assert_counters_agree().await;
}

async fn who_opens_the_same_campaign_at_once_gets_the_same(database: Database) {
    let bench = Bench::new(database).await;
    let mut opening = Vec::new();
    for _ in 0..PROCESSES {
        let ledger = bench.place.open().await;
        opening.push(tokio::spawn(async move {
            let opened = ledger
                .open_campaign(&campaign("autumn"), &alice(), START)
                .await;
            opened.unwrap()
        }));
    }
    let mut opened: Vec<OpenedCampaign> = Vec::new();
    for task in opening {
        opened.push(task.await.unwrap());
    }
    assert!(opened.iter().all(|one| one.id == opened[0].id));
    assert_eq!(opened.iter().filter(|one| !one.existed).count(), 1);
}

on_every_database! {
    each_job_is_claimed_and_settled_once_however_many_processes_drain,
    whoever_steers_meanwhile_neither_waits_for_ever_nor_breaks_a_count,
    who_enqueues_the_same_list_at_once_makes_each_job_once,
    who_opens_the_same_campaign_at_once_gets_the_same,
    of_two_campaigns_at_once_one_gets_each_device,
}
