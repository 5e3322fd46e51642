//! Jobs of several steps: each is kept before the next, and what stops goes on where it stopped.

use repilot_domain::{
    Action, AttemptOutcome, AttemptStep, DeadReason, JobState, Progress, Step, Stepped, WorkerId,
};
use repilot_ledger::{
    Advance, ClaimedJob, DeadSelection, LedgerError, NewCampaign, NewJob, OpenedCampaign, Page,
    Task,
};

use crate::bench::{
    Bench, Database, START, alice, attempt, campaign, dead, device, retry, succeeded, token,
};

fn reassign(number: usize) -> NewJob {
    NewJob {
        device: device(number),
        line: number as u64 + 1,
        task: Task {
            action: Action::Reassign,
            new_user: format!("new{number}@contoso.example"),
            new_user_name: format!("New {number}"),
            ..Task::default()
        },
    }
}

/// So many devices that are to be unassigned and assigned anew.
pub(crate) async fn with_jobs(database: Database, count: usize) -> Bench {
    let bench = Bench::doing(database, Action::Reassign).await;
    let jobs: Vec<NewJob> = (0..count).map(reassign).collect();
    bench
        .ledger
        .enqueue(bench.campaign, &jobs, START)
        .await
        .unwrap();
    bench.finish().await;
    bench.attend().await;
    bench
}

async fn open(bench: &Bench, new: &NewCampaign) -> Result<OpenedCampaign, LedgerError> {
    bench.ledger.open_campaign(new, &alice(), START).await
}

async fn requeue(bench: &Bench) {
    let all = DeadSelection::default();
    let requeued = bench.ledger.requeue(&all, &alice(), bench.now()).await;
    assert_eq!(requeued.unwrap(), 1);
}

/// A job's step is done, and a further one follows.
pub(crate) fn advance(job: &ClaimedJob) -> Advance {
    let next = match job.progress.succeeded() {
        Stepped::On(progress) => Some(progress),
        Stepped::Over => None,
    };
    Advance {
        key: job.key,
        progress: next.unwrap(),
        attempts: vec![attempt(AttemptOutcome::Succeeded, START)],
    }
}

async fn a_job_carries_what_is_to_be_done_and_each_step_is_kept(database: Database) {
    let bench = with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    assert_eq!(job.progress, Progress::new(Action::Reassign, 0));
    assert_eq!(job.new_user, "new0@contoso.example");
    assert_eq!(job.new_user_name, "New 0");
    let mut of_before = advance(&job);
    of_before.key.token = token();
    assert!(!commit.advance(of_before).await.unwrap());
    assert!(commit.advance(advance(&job)).await.unwrap());
    let (kept, _) = bench.ledger.job(job.key.job).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.steps_done), (JobState::Running, 1));
    assert_eq!(kept.attempts, 0, "each step has its attempts to spend");
    assert_eq!(
        kept.stands,
        "unassigned, not yet assigned to new0@contoso.example"
    );
    assert_eq!(bench.spring().await.counts.between_steps, 1);
    assert!(commit.settle(succeeded(&job)).await.unwrap());
    let (over, _) = bench.ledger.job(job.key.job).await.unwrap().unwrap();
    assert_eq!(
        (over.state, over.stands.as_str()),
        (JobState::Succeeded, "")
    );
    let spring = bench.spring().await;
    assert_eq!(spring.counts.between_steps, 0);
    assert!(spring.has_ended());
    assert_eq!((spring.counts.succeeded, spring.counts.calls), (1, 2));
    bench.assert_counters_agree().await;
}

async fn a_job_that_is_rescued_between_two_steps_goes_on_at_the_second(database: Database) {
    let bench = with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    commit.advance(advance(&job)).await.unwrap();
    bench.clock.advance(crate::bench::LEASE * 2);
    bench.ledger.rescue(&alice(), bench.now()).await.unwrap();
    // What its old owner says now is refused.
    assert!(!commit.advance(advance(&job)).await.unwrap());
    let other = bench.commit_as("w2");
    let again = bench.claim_one(&other, "w2").await;
    assert!(again.uncertain);
    assert_eq!(again.progress.next(), Some(Step::Assign));
    let attempts = bench.ledger.attempts(job.key.job).await.unwrap();
    let steps: Vec<AttemptStep> = attempts.iter().map(|attempt| attempt.step).collect();
    assert_eq!(steps, [AttemptStep::Act, AttemptStep::Assign]);
    assert_eq!(attempts[1].outcome, AttemptOutcome::Lost);
    bench.assert_counters_agree().await;
}

async fn jobs_between_two_steps_go_before_all_others(database: Database) {
    let bench = with_jobs(database, 4).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    commit.advance(advance(&job)).await.unwrap();
    let due = bench.now().after(std::time::Duration::from_secs(5));
    commit.settle(retry(&job, due, true, None)).await.unwrap();
    assert_ne!(bench.dispatch("w1", 1).await[0].key.job, job.key.job);
    bench.clock.advance(std::time::Duration::from_secs(5));
    let worker = WorkerId("w1".to_owned());
    assert_eq!(bench.dispatch("w1", 1).await[0].key.job, job.key.job);
    assert_eq!(bench.dispatch("w1", 9).await.len(), 2, "each of them once");
    bench.ledger.recall(&worker).await.unwrap();
    bench.assert_counters_agree().await;
}

async fn a_dead_letter_between_two_steps_says_so_and_goes_on_there(database: Database) {
    let bench = with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    commit.advance(advance(&job)).await.unwrap();
    commit.settle(dead(&job)).await.unwrap();
    let page = Page {
        after: repilot_domain::JobId(0),
        limit: 10,
    };
    let jobs = bench.ledger.jobs(bench.campaign, page).await;
    let jobs = jobs.unwrap();
    assert_eq!(
        jobs[0].stands,
        "unassigned, not yet assigned to new0@contoso.example"
    );
    requeue(&bench).await;
    let job = bench.claim_one(&commit, "w1").await;
    assert_eq!(job.progress.next(), Some(Step::Assign));
    // Somebody else is assigned by now: whoever requeues it means them, too, and they go first.
    let mut found = dead(&job);
    found.verdict = repilot_ledger::Verdict::Dead {
        reason: DeadReason::ReassignedMeanwhile,
        uncertain: false,
        message: String::new(),
    };
    commit.settle(found).await.unwrap();
    requeue(&bench).await;
    let job = bench.claim_one(&commit, "w1").await;
    assert_eq!(job.progress.next(), Some(Step::Unassign));
    assert!(!job.uncertain);
}

async fn a_campaign_says_whom_it_assigns_its_devices_to(database: Database) {
    let bench = with_jobs(database, 2).await;
    let promised = bench.ledger.devices_promised(bench.campaign).await.unwrap();
    assert_eq!(promised.len(), 2);
    for (device_id, job, user) in promised {
        let (job, _) = bench.ledger.job(job).await.unwrap().unwrap();
        assert_eq!(job.device_id.as_str(), device_id);
        assert_eq!(job.new_user_principal_name, user);
    }
}

async fn a_campaign_of_one_action_takes_no_other(database: Database) {
    let bench = Bench::new(database).await;
    let other = NewCampaign {
        action: Action::Assign,
        ..campaign("spring")
    };
    let error = open(&bench, &other).await;
    assert!(matches!(error, Err(LedgerError::OtherAction { .. })));
    let back = NewCampaign {
        rolls_back: Some(bench.campaign),
        ..campaign("back")
    };
    let opened = open(&bench, &back).await.unwrap();
    let more = NewCampaign {
        action: Action::Reassign,
        ..back.clone()
    };
    assert_eq!(open(&bench, &more).await.unwrap().id, opened.id);
    let read = bench.ledger.campaign("back").await.unwrap().unwrap();
    assert_eq!(read.rolls_back, Some(bench.campaign));
    let error = open(&bench, &campaign("back")).await;
    assert!(matches!(error, Err(LedgerError::OtherAction { .. })));
}

on_every_database! {
    a_job_carries_what_is_to_be_done_and_each_step_is_kept,
    a_job_that_is_rescued_between_two_steps_goes_on_at_the_second,
    jobs_between_two_steps_go_before_all_others,
    a_dead_letter_between_two_steps_says_so_and_goes_on_there,
    a_campaign_says_whom_it_assigns_its_devices_to,
    a_campaign_of_one_action_takes_no_other,
}
