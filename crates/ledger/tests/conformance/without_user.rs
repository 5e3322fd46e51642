//! Devices that a reassignment left without a user: counted, told of, given back, tried again.

use std::time::Duration;

use repilot_domain::{
    Action, AttemptOutcome, AuditEvent, CampaignStatus, DeadReason, Device, JobAct, JobCondition,
    JobId, JobQuery, JobState,
};
use repilot_ledger::{
    AuditFilter, ClaimedJob, DeadSelection, FollowUp, GroupCommit, JobSearch, JobSelection,
    NextUser, Settlement, Verdict,
};

use crate::bench::{
    Bench, Database, LEASE, alice, dead, device, retry, settlement, succeeded, tenant,
};
use crate::steps::{advance, with_jobs};

/// Graph refuses the assignment for good.
fn refused_by_graph(job: &ClaimedJob) -> Settlement {
    let verdict = Verdict::Dead {
        reason: DeadReason::Rejected,
        uncertain: false,
        message: "400 no".to_owned(),
    };
    settlement(job, verdict, AttemptOutcome::Buried)
}

/// Long enough for a listing to show what was done before.
const SHOWN_LATER: Duration = Duration::from_mins(20);

impl Bench {
    /// Claims the next job and does its first step.
    async fn unassigned(&self, commit: &GroupCommit) -> ClaimedJob {
        let job = self.claim_one(commit, "w1").await;
        assert!(commit.advance(advance(&job)).await.unwrap());
        job
    }

    /// Devices without a user, and those of them whose jobs are still to be done.
    async fn without_user(&self) -> (i64, i64) {
        let spring = self.ledger.campaign_at("spring", self.now()).await;
        let counts = spring.unwrap().unwrap().counts;
        let all = self.ledger.campaigns_at(self.now()).await.unwrap();
        let listed = all.iter().find(|known| known.id == self.campaign).unwrap();
        assert_eq!(
            listed.counts, counts,
            "the list says what the campaign says"
        );
        (counts.without_user, counts.without_user_open)
    }

    /// The jobs that the search for devices without a user finds.
    async fn found_without_user(&self) -> Vec<JobId> {
        let query: JobQuery = "without:user".parse().unwrap();
        let search = JobSearch::first(Some(self.campaign), query, 100);
        let found = self.ledger.search(&search).await.unwrap();
        assert!(found.jobs.iter().all(|job| job.without_user));
        found.jobs.iter().map(|job| job.id).collect()
    }

    async fn act(&self, act: JobAct, job: JobId) {
        let these = JobSelection::These(vec![job]);
        let acted = self.ledger.act(act, &these, &alice(), self.now()).await;
        assert_eq!(acted.unwrap().jobs, 1, "{act}");
    }

    async fn assign(&self, next: NextUser) -> FollowUp {
        let spring = self.spring().await;
        let (by, now) = (alice(), self.now());
        let assigned = self.ledger.assign_left_behind(&spring, next, &by, now);
        assigned.await.unwrap()
    }

    async fn events_of(&self, event: AuditEvent) -> usize {
        let rows = self.ledger.audit(&AuditFilter::default(), 0, 1_000).await;
        let rows = rows.unwrap().into_iter();
        rows.filter(|row| row.event == event).count()
    }
}

async fn whoever_left_a_device_without_user_counts(database: Database) {
    let bench = with_jobs(database, 5).await;
    let commit = bench.commit_as("w1");
    let alive = bench.unassigned(&commit).await;
    assert_eq!(bench.without_user().await, (0, 0), "its worker lives");
    let refused = bench.unassigned(&commit).await;
    commit.settle(refused_by_graph(&refused)).await.unwrap();
    let skipped = bench.unassigned(&commit).await;
    let cancelled = bench.unassigned(&commit).await;
    let later = bench.now().after(Duration::from_mins(1));
    for job in [&skipped, &cancelled] {
        commit.settle(retry(job, later, true, None)).await.unwrap();
    }
    assert_eq!(bench.without_user().await, (3, 2), "two of them wait");
    bench.act(JobAct::Skip, skipped.key.job).await;
    bench.act(JobAct::Cancel, cancelled.key.job).await;
    assert_eq!(bench.without_user().await, (3, 0));
    bench.clock.advance(LEASE * 2);
    assert_eq!(bench.without_user().await, (4, 1), "its worker died");
    let found = bench.found_without_user().await;
    assert_eq!(
        found,
        [
            alive.key.job,
            refused.key.job,
            skipped.key.job,
            cancelled.key.job
        ]
    );
    let groups = bench.ledger.dead_groups().await.unwrap();
    assert_eq!((groups[0].jobs, groups[0].without_user), (1, 1));
    // Whoever was seen with somebody else has a user.
    bench.act(JobAct::Requeue, refused.key.job).await;
    bench.ledger.rescue(&alice(), bench.now()).await.unwrap();
    let commit = bench.commit_as("w2");
    let mut again = bench.claim_one(&commit, "w2").await;
    if again.key.job != refused.key.job {
        again = bench.claim_one(&commit, "w2").await;
    }
    let verdict = Verdict::Dead {
        reason: DeadReason::ReassignedMeanwhile,
        uncertain: false,
        message: String::new(),
    };
    let seen = settlement(&again, verdict, AttemptOutcome::Buried);
    commit.settle(seen).await.unwrap();
    assert!(!bench.found_without_user().await.contains(&refused.key.job));
    bench.assert_counters_agree().await;
}

/// One dead, one cancelled and one set aside, each between its steps; and one that is done.
async fn three_left_behind(database: Database) -> (Bench, GroupCommit) {
    let bench = with_jobs(database, 4).await;
    let commit = bench.commit_as("w1");
    let refused = bench.unassigned(&commit).await;
    commit.settle(refused_by_graph(&refused)).await.unwrap();
    let later = bench.now().after(Duration::from_mins(1));
    for act in [JobAct::Cancel, JobAct::Skip] {
        let job = bench.unassigned(&commit).await;
        commit.settle(retry(&job, later, true, None)).await.unwrap();
        bench.act(act, job.key.job).await;
    }
    let done = bench.unassigned(&commit).await;
    commit.settle(succeeded(&done)).await.unwrap();
    assert_eq!(bench.without_user().await, (3, 0));
    (bench, commit)
}

async fn devices_without_user_go_back_through_a_campaign(database: Database) {
    let (bench, commit) = three_left_behind(database).await;
    let given = bench.assign(NextUser::Former).await;
    let name = given.campaign.clone().unwrap();
    assert_eq!((name.as_str(), given.jobs), ("spring-give-back", 3));
    let back = bench.ledger.campaign(&name).await.unwrap().unwrap();
    assert_eq!(
        (back.rolls_back, back.counts.total),
        (Some(bench.campaign), 3)
    );
    assert_eq!(bench.without_user().await, (3, 0), "not before it is done");
    // Again, while it is under way: nothing more.
    let again = bench.assign(NextUser::Former).await;
    assert_eq!((again.campaign, again.jobs, again.busy), (None, 0, 3));
    bench.attend().await;
    for left in (0..3).rev() {
        let job = bench.claim_one(&commit, "w1").await;
        assert!(job.uncertain, "it is looked at first");
        assert_eq!(job.progress.action(), Action::Assign);
        assert!(job.new_user.starts_with("user"), "{}", job.new_user);
        commit.settle(succeeded(&job)).await.unwrap();
        assert_eq!(bench.without_user().await, (left, 0));
    }
    assert!(bench.found_without_user().await.is_empty());
    assert_eq!(bench.events_of(AuditEvent::GivenBack).await, 1);
    bench.assert_counters_agree().await;
}

async fn assignments_are_tried_again_wherever_they_stopped(database: Database) {
    let (bench, commit) = three_left_behind(database).await;
    let spring = bench.spring().await;
    let (by, now) = (alice(), bench.now());
    let tried = bench.ledger.try_assigning_again(&spring, &by, now);
    let tried = tried.await.unwrap();
    assert_eq!((tried.requeued, tried.follow_up.jobs), (1, 2));
    assert_eq!(tried.follow_up.campaign.as_deref(), Some("spring-assign"));
    bench.attend().await;
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        assert!(job.new_user.starts_with("new"), "{}", job.new_user);
        commit.settle(succeeded(&job)).await.unwrap();
    }
    assert_eq!(bench.without_user().await, (0, 0));
    assert_eq!(bench.events_of(AuditEvent::AssignedAgain).await, 1);
}

async fn a_cancelled_campaign_is_tried_again_beside_it(database: Database) {
    let bench = with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let refused = bench.unassigned(&commit).await;
    commit.settle(refused_by_graph(&refused)).await.unwrap();
    bench
        .ledger
        .cancel(bench.campaign, &alice(), bench.now())
        .await
        .unwrap();
    let spring = bench.spring().await;
    assert_eq!(spring.status, CampaignStatus::Cancelled);
    let (by, now) = (alice(), bench.now());
    let tried = bench.ledger.try_assigning_again(&spring, &by, now);
    let tried = tried.await.unwrap();
    assert_eq!((tried.requeued, tried.follow_up.jobs), (0, 1));
}

async fn a_listing_shows_who_has_a_user_again(database: Database) {
    let bench = with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    let mut refused = Vec::new();
    for _ in 0..3 {
        let job = bench.unassigned(&commit).await;
        commit.settle(refused_by_graph(&job)).await.unwrap();
        refused.push(job.key.job);
    }
    let list = async || {
        let ledger = &bench.ledger;
        let begun = ledger.begin_listing(&tenant(), "graph", bench.now()).await;
        let mut listing = begun.unwrap();
        // The first is as it was left, the second has a user, the third is not listed.
        let bare = Device {
            user_principal_name: String::new(),
            ..device(0)
        };
        let devices = [bare, device(1)];
        let kept = ledger.keep_page(&mut listing, &devices, None, (bench.now(), bench.now()));
        kept.await.unwrap();
    };
    list().await;
    assert_eq!(
        bench.without_user().await,
        (3, 0),
        "Graph shows effects late"
    );
    bench.clock.advance(SHOWN_LATER);
    list().await;
    assert_eq!(bench.without_user().await, (2, 0));
    let left = [refused[0], refused[2]];
    assert_eq!(
        bench.found_without_user().await,
        left,
        "one not listed may be passed over"
    );
    // One that goes round again is judged anew.
    bench.act(JobAct::Requeue, refused[1]).await;
    assert_eq!(bench.without_user().await, (3, 1));
    bench.assert_counters_agree().await;
}

async fn devices_without_user_are_told_of_once(database: Database) {
    let bench = with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    let tell = async || {
        let (by, now) = (alice(), bench.now());
        let told = bench.ledger.tell_of_devices_without_user(&by, now);
        told.await.unwrap()
    };
    let waits = bench.unassigned(&commit).await;
    commit
        .settle(retry(&waits, bench.now(), true, None))
        .await
        .unwrap();
    assert_eq!(tell().await, 0, "it goes before all others");
    let (by, now) = (alice(), bench.now());
    let paused = bench.ledger.pause(bench.campaign, "freeze", &by, now).await;
    assert!(paused.unwrap());
    assert_eq!(tell().await, 1);
    assert_eq!(tell().await, 0);
    assert_eq!(bench.events_of(AuditEvent::WithoutUser).await, 1);
    bench
        .ledger
        .resume(bench.campaign, &alice(), bench.now())
        .await
        .unwrap();
    assert_eq!(tell().await, 0);
    let again = bench.claim_one(&commit, "w1").await;
    commit.settle(refused_by_graph(&again)).await.unwrap();
    assert_eq!(tell().await, 1, "it is news once more");
}

async fn a_campaign_that_ends_says_whom_it_left(database: Database) {
    let bench = with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.unassigned(&commit).await;
    commit.settle(refused_by_graph(&job)).await.unwrap();
    assert!(bench.has_ended().await);
    let rows = bench.ledger.audit(&AuditFilter::default(), 0, 100).await;
    let rows = rows.unwrap();
    let ended = rows.iter().find(|row| row.event == AuditEvent::Ended);
    assert_eq!(ended.unwrap().detail["without_user"], 1);
}

async fn a_discarded_dead_letter_is_restored_as_it_was(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    for _ in 0..2 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.settle(dead(&job)).await.unwrap();
    }
    let all = DeadSelection {
        campaign: Some(bench.campaign),
        ..DeadSelection::default()
    };
    // What was set aside before it was called was never dead.
    bench.act(JobAct::Skip, JobId(3)).await;
    let (by, now) = (alice(), bench.now());
    assert_eq!(bench.ledger.discard(&all, &by, now).await.unwrap(), 2);
    assert_eq!(bench.ledger.restore(&all, &by, now).await.unwrap(), 2);
    assert_eq!(bench.state_of(JobId(3)).await, JobState::Skipped);
    let groups = bench.ledger.dead_groups().await.unwrap();
    assert_eq!(
        (groups[0].reason, groups[0].jobs),
        (DeadReason::NotFound, 2)
    );
    assert_eq!(groups[0].message, "gone");
    assert!(bench.has_ended().await, "a dead letter is over");
    for event in [AuditEvent::Discarded, AuditEvent::Restored] {
        assert_eq!(bench.events_of(event).await, 1);
    }
    bench.assert_counters_agree().await;
    let query = JobQuery::default().and(JobCondition::State(vec![JobState::Dead]));
    let search = JobSearch::first(Some(bench.campaign), query, 10);
    assert_eq!(bench.ledger.search(&search).await.unwrap().jobs.len(), 2);
}

on_every_database! {
    whoever_left_a_device_without_user_counts,
    devices_without_user_go_back_through_a_campaign,
    assignments_are_tried_again_wherever_they_stopped,
    a_cancelled_campaign_is_tried_again_beside_it,
    a_listing_shows_who_has_a_user_again,
    devices_without_user_are_told_of_once,
    a_campaign_that_ends_says_whom_it_left,
    a_discarded_dead_letter_is_restored_as_it_was,
}
