//! Jobs that wait for another campaign's job of their device.

use std::collections::BTreeSet;
use std::time::Duration;

use repilot_domain::{CampaignId, JobAct, JobId, JobState};
use repilot_ledger::{Blocker, Enqueued, JobSelection, NewJob, Task};

use crate::bench::{
    Bench, Database, START, alice, campaign, dead, device, list, succeeded, tenant,
};

impl Bench {
    /// Another campaign, whose jobs of these devices wait for others.
    async fn behind(&self, name: &str, numbers: std::ops::Range<usize>) -> (CampaignId, Enqueued) {
        let by = alice();
        let opened = self.ledger.open_campaign(&campaign(name), &by, START).await;
        let id = opened.unwrap().id;
        let begun = self.ledger.begin_list(id, &list(), &by, START).await;
        begun.unwrap();
        let jobs: Vec<NewJob> = numbers
            .map(|number| NewJob {
                device: device(number),
                line: number as u64 + 1,
                task: Task {
                    after_others: true,
                    ..Task::default()
                },
            })
            .collect();
        let enqueued = self.ledger.enqueue(id, &jobs, self.now()).await.unwrap();
        let sha256 = list().sha256;
        let finished = self.ledger.finish_list(id, &sha256, &by, self.now()).await;
        finished.unwrap();
        self.attend().await;
        (id, enqueued)
    }

    async fn release(&self) -> u64 {
        let released = self.ledger.release_after_others(self.now()).await;
        released.unwrap()
    }

    async fn waits_for(&self, job: i64) -> Option<String> {
        self.ledger
            .job(JobId(job))
            .await
            .unwrap()
            .unwrap()
            .0
            .waits_for
    }
}

async fn a_job_waits_until_the_other_of_its_device_ends(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let (autumn, enqueued) = bench.behind("autumn", 0..3).await;
    assert!(bench.ledger.check().await.unwrap().is_sound());
    assert_eq!(
        (enqueued.added, enqueued.waiting, enqueued.busy.len()),
        (3, 2, 0)
    );
    // The devices of `spring`, and the third of `autumn`.
    let wire = bench.dispatch("w1", 100).await;
    assert_eq!(wire.len(), 3);
    assert_eq!(bench.release().await, 0, "its other is on the wire");
    assert_eq!(bench.waits_for(3).await.as_deref(), Some("spring"));
    assert_eq!(bench.waits_for(1).await, None);
    let report = bench.ledger.job_report(JobId(3), bench.now()).await;
    let explanation = report.unwrap().unwrap().explanation;
    assert_eq!(explanation.blocked_by, Blocker::OtherCampaign);
    assert_eq!(
        explanation.because,
        "it waits for campaign spring's job of this device"
    );
    // However it ends: done, or dead.
    let of_spring = wire
        .iter()
        .filter(|delivery| delivery.key.campaign == bench.campaign);
    for (delivery, said) in of_spring.zip([succeeded, dead]) {
        let job = commit.claim(delivery.key).await.unwrap().unwrap();
        assert_eq!(bench.release().await, 0, "its other is being called");
        assert!(commit.settle(said(&job)).await.unwrap());
        assert_eq!(bench.release().await, 1);
    }
    let freed = bench.dispatch("w1", 100).await;
    assert_eq!(freed.len(), 2, "at once");
    for delivery in freed {
        assert_eq!(delivery.key.campaign, autumn);
        let job = commit.claim(delivery.key).await.unwrap().unwrap();
        assert!(
            job.uncertain,
            "its device is looked at before its first call"
        );
    }
    bench.assert_counters_agree().await;
}

async fn cancelled_skipped_and_paused_others_are_told_apart(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let (autumn, _) = bench.behind("autumn", 0..3).await;
    let (by, now) = (alice(), bench.now());
    let paused = bench.ledger.pause(bench.campaign, "freeze", &by, now).await;
    assert!(paused.unwrap());
    assert_eq!(bench.release().await, 0, "a pause is no end");
    let these = JobSelection::These(vec![JobId(1)]);
    let skipped = bench.ledger.act(JobAct::Skip, &these, &by, now).await;
    assert_eq!(skipped.unwrap().jobs, 1);
    assert_eq!(bench.release().await, 1);
    bench.ledger.cancel(bench.campaign, &by, now).await.unwrap();
    assert_eq!(bench.release().await, 2);
    assert_eq!(bench.dispatch("w1", 100).await.len(), 3);
    // What waits can be cancelled like any other.
    let (_, enqueued) = bench.behind("winter", 0..3).await;
    assert_eq!(enqueued.waiting, 3);
    let winter = bench.ledger.campaign("winter").await.unwrap().unwrap().id;
    let cancelled = bench.ledger.cancel(winter, &by, now).await.unwrap();
    assert_eq!(cancelled, 3);
    assert_eq!(bench.release().await, 0);
    assert_ne!(autumn, winter);
    bench.assert_counters_agree().await;
}

async fn of_several_that_wait_the_first_enqueued_goes_first(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let (autumn, _) = bench.behind("autumn", 0..1).await;
    let (winter, _) = bench.behind("winter", 0..1).await;
    let mut order = Vec::new();
    for released in [0, 1, 1] {
        assert_eq!(bench.release().await, released);
        let wire = bench.dispatch("w1", 100).await;
        let [delivery] = &wire[..] else {
            panic!("{wire:?}")
        };
        order.push(delivery.key.campaign);
        let job = commit.claim(delivery.key).await.unwrap().unwrap();
        commit.settle(succeeded(&job)).await.unwrap();
    }
    assert_eq!(order, [bench.campaign, autumn, winter]);
}

async fn a_dead_letter_stays_dead_while_a_later_job_waits(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    bench.behind("autumn", 0..1).await;
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(dead(&job)).await.unwrap();
    // Requeued before the other goes on, or after: never two that may be called.
    let these = JobSelection::These(vec![job.key.job]);
    let (by, now) = (alice(), bench.now());
    let requeued = bench.ledger.act(JobAct::Requeue, &these, &by, now).await;
    assert_eq!(requeued.unwrap().jobs, 0);
    assert_eq!(bench.release().await, 1);
    let requeued = bench.ledger.act(JobAct::Requeue, &these, &by, now).await;
    assert_eq!(requeued.unwrap().jobs, 0);
    assert_eq!(bench.dispatch("w1", 100).await.len(), 1);
}

async fn ends_that_race_let_one_job_of_each_device_go_on(database: Database) {
    const DEVICES: usize = 40;
    let bench = Bench::with_jobs(database, DEVICES).await;
    for name in ["a", "b", "c"] {
        let (_, enqueued) = bench.behind(name, 0..DEVICES).await;
        assert_eq!(enqueued.waiting, DEVICES as u64);
    }
    let commit = bench.commit_as("w1");
    let mut called = 0;
    while called < 4 * DEVICES {
        let wire = bench.dispatch("w1", 1_000).await;
        let mut devices = BTreeSet::new();
        let mut claimed = Vec::new();
        for delivery in &wire {
            let job = commit.claim(delivery.key).await.unwrap().unwrap();
            assert!(
                devices.insert(job.device.0.clone()),
                "twice at once: {job:?}"
            );
            claimed.push(job);
        }
        called += claimed.len();
        // Each end is settled while several processes let jobs go on.
        let mut racing = Vec::new();
        for _ in 0..3 {
            let (ledger, now) = (bench.place.open().await, bench.now());
            racing.push(tokio::spawn(async move {
                ledger.release_after_others(now).await.unwrap()
            }));
        }
        for job in &claimed {
            assert!(commit.settle(succeeded(job)).await.unwrap());
        }
        for race in racing {
            race.await.unwrap();
        }
        bench.release().await;
        bench.clock.advance(Duration::from_secs(1));
        bench.attend().await;
    }
    assert_eq!(called, 4 * DEVICES);
    let known = bench.ledger.devices_in_hand(&tenant(), None).await.unwrap();
    assert!(known.is_empty(), "{known:?}");
    let (job, _) = bench.ledger.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Succeeded);
    bench.assert_counters_agree().await;
}

on_every_database! {
    a_job_waits_until_the_other_of_its_device_ends,
    cancelled_skipped_and_paused_others_are_told_apart,
    of_several_that_wait_the_first_enqueued_goes_first,
    a_dead_letter_stays_dead_while_a_later_job_waits,
    ends_that_race_let_one_job_of_each_device_go_on,
}
