//! What holds a campaign back.

use std::collections::BTreeSet;
use std::time::Duration;

use repilot_domain::{
    AuditEvent, CampaignStatus, CanaryPhase, Change, ControlChanges, Device, JobState, PauseCause,
    Timestamp, WorkerId,
};
use repilot_ledger::{
    AuditFilter, ClaimedJob, DispatchRoom, Dispatched, GroupCommit, NewJob, Settlement,
};

use crate::bench::{
    Bench, Database, LEASE, alice, as_worker, campaign, dead, device, list, retry, succeeded,
    tenant,
};

mod breaker;
mod canary;
mod order;
mod schedule;
mod sign_in;

impl Bench {
    async fn change(&self, changes: ControlChanges) {
        let (by, now) = (alice(), self.now());
        self.ledger
            .change_controls(self.campaign, &changes, &by, now)
            .await
            .unwrap();
    }

    async fn turn(&self) {
        let by = as_worker("w1");
        let turned = self.ledger.turn_schedules(&by, self.now());
        turned.await.unwrap();
    }

    async fn resume(&self) {
        let by = alice();
        let resumed = self.ledger.resume(self.campaign, &by, self.now());
        assert!(resumed.await.unwrap());
    }

    async fn events(&self) -> Vec<AuditEvent> {
        let rows = self.ledger.audit(&AuditFilter::default(), 0, 1_000).await;
        rows.unwrap().into_iter().map(|row| row.event).collect()
    }

    /// So many devices of each of three tags, all but the last with two models.
    async fn with_canary(database: Database, canary: &str, each: usize) -> Self {
        let bench = Self::new(database).await;
        bench.change(with_canary(canary)).await;
        let jobs: Vec<NewJob> = (0..each * 3)
            .map(|number| {
                let device = Device {
                    group_tag: ["Sales", "Kiosk", ""][number % 3].to_owned(),
                    model: ["T14", "X1"][number / 3 % 2].to_owned(),
                    ..device(number)
                };
                NewJob {
                    device,
                    line: number as u64 + 1,
                    task: repilot_ledger::Task::default(),
                }
            })
            .collect();
        bench
            .ledger
            .enqueue(bench.campaign, &jobs, bench.now())
            .await
            .unwrap();
        bench.attend().await;
        bench
    }

    async fn settle_all(
        &self,
        commit: &GroupCommit,
        wire: &[Dispatched],
        verdict: impl Fn(&ClaimedJob) -> Settlement,
    ) {
        for delivery in wire {
            let claimed = commit.claim(delivery.key).await.unwrap();
            let Some(job) = claimed else { continue };
            assert!(commit.settle(verdict(&job)).await.unwrap());
        }
    }
}

fn with_canary(canary: &str) -> ControlChanges {
    ControlChanges {
        canary: Change::Set(canary.parse().unwrap()),
        ..ControlChanges::default()
    }
}

fn with_max_failures(limit: &str) -> ControlChanges {
    ControlChanges {
        max_failures: Change::Set(limit.parse().unwrap()),
        ..ControlChanges::default()
    }
}

fn with_window(hours: &str) -> ControlChanges {
    ControlChanges {
        windows: Change::Set(hours.parse().unwrap()),
        ..ControlChanges::default()
    }
}

async fn a_change_is_audited_with_what_was_and_what_is_and_a_contradiction_changes_nothing(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 1).await;
    bench.change(with_window("20:00-06:00")).await;
    bench.change(with_window("20:00-06:00")).await;
    let rows = bench
        .ledger
        .audit(&AuditFilter::default(), 0, 100)
        .await
        .unwrap();
    let changes: Vec<_> = rows
        .iter()
        .filter(|row| row.event == AuditEvent::SettingsChanged)
        .collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        changes[0].detail,
        serde_json::json!({ "changes": ["window none, now 20:00-06:00"] })
    );
    let bad = ControlChanges {
        not_before: Change::Set(bench.now()),
        deadline: Change::Set(bench.now()),
        ..ControlChanges::default()
    };
    let by = alice();
    let refused = bench
        .ledger
        .change_controls(bench.campaign, &bad, &by, bench.now());
    assert!(refused.await.is_err());
    assert_eq!(bench.spring().await.controls.schedule.deadline, None);
}

on_every_database! {
    a_change_is_audited_with_what_was_and_what_is_and_a_contradiction_changes_nothing,
}
