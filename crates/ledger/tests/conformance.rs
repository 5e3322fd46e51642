//! What a ledger promises, on a real database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::cast_possible_wrap, reason = "the tests' counts are small")]

use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{
    Action, AttemptOutcome, AttemptStep, CampaignId, CampaignStatus, Clock as _, DeadReason,
    Device, DeviceId, EnrollmentState, JobId, JobState, ManualClock, TenantName, Timestamp,
    WorkerId,
};
use repilot_ledger::{
    ClaimedJob, DeadSelection, Dispatched, Enqueued, GroupCommit, JobFilter, Ledger, LedgerError,
    LedgerLocation, NewAttempt, NewCampaign, NewJob, Page, Refusal, Settlement, Verdict,
    WaitReason,
};

const LEASE: Duration = Duration::from_secs(10);
const START: Timestamp = Timestamp::from_millis(1_772_352_930_250);

struct Bench {
    ledger: Ledger,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    campaign: CampaignId,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder).await;
        let clock = Arc::new(ManualClock::at(START));
        let campaign = ledger
            .open_campaign(&campaign("spring"), START)
            .await
            .unwrap()
            .id;
        Self {
            ledger,
            clock,
            folder,
            campaign,
        }
    }

    async fn with_jobs(count: usize) -> Self {
        let bench = Self::new().await;
        bench.enqueue(0..count).await;
        bench
            .ledger
            .finish_enqueue(bench.campaign, START)
            .await
            .unwrap();
        bench.attend().await;
        bench
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn attend(&self) {
        let until = self.now().after(Duration::from_hours(1));
        self.ledger.attend(None, until).await.unwrap();
    }

    async fn enqueue(&self, range: std::ops::Range<usize>) -> Enqueued {
        let jobs: Vec<NewJob> = range
            .map(|number| NewJob {
                device: device(number),
                line: number as u64 + 1,
            })
            .collect();
        self.ledger
            .enqueue(self.campaign, &jobs, self.now())
            .await
            .unwrap()
    }

    async fn dispatch(&self, worker: &str, limit: usize) -> Vec<Dispatched> {
        let until = self.now().after(LEASE);
        self.ledger
            .dispatch(
                &tenant(),
                &WorkerId(worker.to_owned()),
                limit,
                0,
                self.now(),
                until,
            )
            .await
            .unwrap()
    }

    fn commit_as(&self, worker: &str) -> GroupCommit {
        let worker = WorkerId(worker.to_owned());
        GroupCommit::start(self.ledger.clone(), worker, self.clock.clone(), LEASE)
    }

    async fn claim_one(&self, commit: &GroupCommit, worker: &str) -> ClaimedJob {
        let dispatched = self.dispatch(worker, 1).await;
        commit
            .claim(dispatched[0].job, dispatched[0].dispatch)
            .await
            .unwrap()
            .unwrap()
    }

    async fn state_of(&self, job: JobId) -> JobState {
        self.ledger.job(job).await.unwrap().unwrap().0.state
    }

    /// The counters say what the jobs themselves say.
    async fn assert_counters_agree(&self) {
        let campaign = self.ledger.campaign("spring").await.unwrap().unwrap();
        let page = Page {
            after: JobId(0),
            limit: 100_000,
        };
        let jobs = self
            .ledger
            .jobs(self.campaign, &JobFilter::default(), page)
            .await
            .unwrap();
        let count = |state| jobs.iter().filter(|job| job.state == state).count() as i64;
        let counts = &campaign.counts;
        assert_eq!(
            [
                counts.pending,
                counts.queued,
                counts.running,
                counts.succeeded,
                counts.dead,
                counts.cancelled,
                counts.skipped,
            ],
            [
                count(JobState::Pending),
                count(JobState::Queued),
                count(JobState::Running),
                count(JobState::Succeeded),
                count(JobState::Dead),
                count(JobState::Cancelled),
                count(JobState::Skipped),
            ]
        );
        assert_eq!(counts.total, jobs.len() as i64);
        assert_eq!(counts.dead_by_reason.values().sum::<i64>(), counts.dead);
    }
}

async fn open(folder: &tempfile::TempDir) -> Ledger {
    let location =
        LedgerLocation::parse(folder.path().join("ledger.db").to_str().unwrap()).unwrap();
    Ledger::open(&location).await.unwrap()
}

fn tenant() -> TenantName {
    TenantName::new("contoso").unwrap()
}

fn campaign(name: &str) -> NewCampaign {
    NewCampaign {
        name: name.to_owned(),
        tenant: tenant(),
        action: Action::Unassign,
        list_name: "devices.csv".to_owned(),
        list_sha256: "00".repeat(32),
    }
}

fn device(number: usize) -> Device {
    Device {
        id: DeviceId(format!("00000000-0000-0000-0000-{number:012}")),
        serial: format!("SN-{number:06}"),
        user_principal_name: format!("user{number}@contoso.example"),
        addressable_user_name: format!("User {number}"),
        group_tag: "Sales".to_owned(),
        manufacturer: "Contoso".to_owned(),
        model: "Model 1".to_owned(),
        display_name: String::new(),
        managed_device_id: String::new(),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}

fn attempt(outcome: AttemptOutcome, at: Timestamp) -> NewAttempt {
    NewAttempt {
        step: AttemptStep::Act,
        outcome,
        started_at: at,
        finished_at: at,
        status: Some(204),
        code: None,
        message: None,
        request_id: Some("r-1".to_owned()),
        client_request_id: Some("c-1".to_owned()),
        server_date: None,
        diagnostic: None,
    }
}

fn settlement(job: &ClaimedJob, verdict: Verdict, outcome: AttemptOutcome) -> Settlement {
    Settlement {
        job: job.id,
        dispatch: job.dispatch,
        verdict,
        attempts: vec![attempt(outcome, START)],
    }
}

fn succeeded(job: &ClaimedJob) -> Settlement {
    settlement(job, Verdict::Succeeded, AttemptOutcome::Succeeded)
}

fn dead(job: &ClaimedJob) -> Settlement {
    let verdict = Verdict::Dead {
        reason: DeadReason::NotFound,
        message: "gone".to_owned(),
    };
    settlement(job, verdict, AttemptOutcome::Buried)
}

fn retry(job: &ClaimedJob, not_before: Timestamp, spent: bool, pause: Option<&str>) -> Settlement {
    let verdict = Verdict::Retry {
        not_before,
        spent,
        uncertain: false,
        reason: if spent {
            WaitReason::Backoff
        } else {
            WaitReason::Throttled
        },
        message: "later".to_owned(),
        pause: pause.map(str::to_owned),
    };
    settlement(
        job,
        verdict,
        if spent {
            AttemptOutcome::Retried
        } else {
            AttemptOutcome::Throttled
        },
    )
}

#[tokio::test]
async fn a_job_goes_from_enqueue_to_success_and_its_campaign_ends_with_it() {
    let bench = Bench::with_jobs(3).await;
    let commit = bench.commit_as("w1");
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        assert_eq!(bench.state_of(job.id).await, JobState::Running);
        assert!(commit.settle(succeeded(&job)).await.unwrap());
        assert_eq!(bench.state_of(job.id).await, JobState::Succeeded);
        assert_eq!(bench.ledger.attempts(job.id).await.unwrap().len(), 1);
    }
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    assert!(campaign.has_ended());
    assert_eq!((campaign.counts.succeeded, campaign.counts.calls), (3, 3));
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn enqueuing_the_same_devices_again_adds_nothing() {
    let bench = Bench::new().await;
    for size in [1, 4, 5, 600, 1_000] {
        bench.enqueue(0..size).await;
        let again = bench.enqueue(0..size).await;
        assert_eq!(
            again,
            Enqueued {
                added: 0,
                present: size as u64
            }
        );
    }
    bench.assert_counters_agree().await;
    let opened = bench
        .ledger
        .open_campaign(&campaign("spring"), START)
        .await
        .unwrap();
    assert!(opened.existed);
    assert_eq!(opened.id, bench.campaign);
}

#[tokio::test]
async fn a_campaign_name_belongs_to_one_tenant() {
    let bench = Bench::new().await;
    let mut other = campaign("spring");
    other.tenant = TenantName::new("fabrikam").unwrap();
    let error = bench.ledger.open_campaign(&other, START).await.unwrap_err();
    assert!(matches!(error, LedgerError::OtherTenant { .. }), "{error}");
}

#[tokio::test]
async fn a_campaign_does_not_end_before_its_whole_list_is_in() {
    let bench = Bench::new().await;
    bench.enqueue(0..1).await;
    bench.attend().await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(succeeded(&job)).await.unwrap();
    assert!(
        !bench
            .ledger
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .has_ended()
    );
    bench
        .ledger
        .finish_enqueue(bench.campaign, bench.now())
        .await
        .unwrap();
    assert!(
        bench
            .ledger
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .has_ended()
    );
}

#[tokio::test]
async fn a_second_delivery_of_the_same_dispatch_claims_nothing() {
    let bench = Bench::with_jobs(1).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 5).await;
    assert_eq!(wire.len(), 1);
    let first = commit.claim(wire[0].job, wire[0].dispatch).await.unwrap();
    let second = commit.claim(wire[0].job, wire[0].dispatch).await.unwrap();
    assert!(first.is_some() && second.is_none());
    assert!(
        commit
            .claim(wire[0].job, wire[0].dispatch + 1)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_rescued_job_is_uncertain_and_what_its_old_owner_says_later_is_refused() {
    let bench = Bench::with_jobs(1).await;
    let old = bench.commit_as("old");
    let job = bench.claim_one(&old, "old").await;
    bench.clock.advance(LEASE + Duration::from_millis(1));
    bench.attend().await;
    let rescued = bench.ledger.rescue(bench.now()).await.unwrap();
    assert_eq!((rescued.queued, rescued.running), (0, 1));
    assert!(
        !old.settle(succeeded(&job)).await.unwrap(),
        "the fence must hold"
    );

    let new = bench.commit_as("new");
    let again = bench.claim_one(&new, "new").await;
    assert!(again.uncertain);
    assert!(
        !old.settle(succeeded(&job)).await.unwrap(),
        "the fence must hold"
    );
    assert!(new.settle(succeeded(&again)).await.unwrap());
    let outcomes: Vec<_> = bench
        .ledger
        .attempts(job.id)
        .await
        .unwrap()
        .iter()
        .map(|row| row.outcome)
        .collect();
    assert_eq!(outcomes, [AttemptOutcome::Lost, AttemptOutcome::Succeeded]);
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn a_renewed_lease_is_not_rescued_and_a_lost_wire_is() {
    let bench = Bench::with_jobs(2).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench.dispatch("w2", 1).await;
    bench.clock.advance(LEASE);
    let until = bench.now().after(LEASE);
    assert_eq!(
        bench
            .ledger
            .renew_leases(&WorkerId("w1".to_owned()), until)
            .await
            .unwrap(),
        1
    );
    bench.clock.advance(Duration::from_millis(1));
    let rescued = bench.ledger.rescue(bench.now()).await.unwrap();
    assert_eq!((rescued.queued, rescued.running), (1, 0));
    assert_eq!(bench.state_of(job.id).await, JobState::Running);
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_throttled_calls_spend_no_attempt() {
    let bench = Bench::with_jobs(1).await;
    let commit = bench.commit_as("w1");
    let due = bench.now().after(Duration::from_secs(5));
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(retry(&job, due, false, None)).await.unwrap();
    assert!(bench.dispatch("w1", 1).await.is_empty());
    assert_eq!(
        bench.ledger.next_due(&tenant(), bench.now()).await.unwrap(),
        Some(due)
    );
    bench.clock.advance(Duration::from_secs(5));
    let job = bench.claim_one(&commit, "w1").await;
    assert_eq!(job.attempts, 0);
    commit
        .settle(retry(&job, bench.now(), true, None))
        .await
        .unwrap();
    assert_eq!(bench.claim_one(&commit, "w1").await.attempts, 1);
    let counts = bench
        .ledger
        .campaign("spring")
        .await
        .unwrap()
        .unwrap()
        .counts;
    assert_eq!((counts.calls, counts.throttled), (2, 1));
}

#[tokio::test]
async fn a_pause_takes_back_what_is_on_the_wire_and_resume_lets_it_go() {
    let bench = Bench::with_jobs(10).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    let wire = bench.dispatch("w1", 5).await;
    let pause = retry(&job, bench.now(), false, Some("403: no consent"));
    commit.settle(pause).await.unwrap();
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    assert_eq!(campaign.status, CampaignStatus::Paused);
    assert_eq!(campaign.status_reason, "403: no consent");
    assert_eq!(campaign.counts.pending, 10);
    assert!(
        commit
            .claim(wire[0].job, wire[0].dispatch)
            .await
            .unwrap()
            .is_none()
    );
    assert!(bench.dispatch("w1", 5).await.is_empty());
    assert!(bench.ledger.resume(bench.campaign).await.unwrap());
    assert_eq!(bench.dispatch("w1", 20).await.len(), 10);
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn a_recalled_job_is_pending_again_and_its_old_delivery_claims_nothing() {
    let bench = Bench::with_jobs(1).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 1).await;
    commit.recall(wire[0].job, wire[0].dispatch).await.unwrap();
    assert_eq!(bench.state_of(wire[0].job).await, JobState::Pending);
    let late = commit.claim(wire[0].job, wire[0].dispatch).await.unwrap();
    assert!(late.is_none());
    let again = bench.dispatch("w1", 1).await;
    assert_eq!(again[0].dispatch, wire[0].dispatch + 1);
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn an_unattended_campaign_is_not_dispatched() {
    let bench = Bench::new().await;
    bench.enqueue(0..1).await;
    assert!(bench.dispatch("w1", 1).await.is_empty());
    assert!(
        bench
            .ledger
            .tenants_with_work(bench.now())
            .await
            .unwrap()
            .is_empty()
    );
    bench
        .ledger
        .attend(Some(bench.campaign), bench.now().after(LEASE))
        .await
        .unwrap();
    assert_eq!(
        bench.ledger.tenants_with_work(bench.now()).await.unwrap(),
        [tenant()]
    );
    assert_eq!(bench.dispatch("w1", 1).await.len(), 1);
}

#[tokio::test]
async fn cancelling_keeps_what_was_called_and_ends_the_campaign() {
    let bench = Bench::with_jobs(4).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench.dispatch("w1", 1).await;
    assert_eq!(
        bench
            .ledger
            .cancel(bench.campaign, bench.now())
            .await
            .unwrap(),
        3
    );
    assert!(
        !bench
            .ledger
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .has_ended()
    );
    commit.settle(succeeded(&job)).await.unwrap();
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    assert!(campaign.has_ended());
    assert_eq!(
        (campaign.counts.cancelled, campaign.counts.succeeded),
        (3, 1)
    );
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn a_job_that_comes_back_to_a_cancelled_campaign_is_cancelled_with_it() {
    let bench = Bench::with_jobs(1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench
        .ledger
        .cancel(bench.campaign, bench.now())
        .await
        .unwrap();
    commit
        .settle(retry(&job, bench.now(), true, None))
        .await
        .unwrap();
    assert_eq!(bench.state_of(job.id).await, JobState::Cancelled);
    assert!(
        bench
            .ledger
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .has_ended()
    );
    bench.assert_counters_agree().await;
}

#[tokio::test]
async fn dead_letters_are_grouped_requeued_and_discarded() {
    let bench = Bench::with_jobs(3).await;
    let commit = bench.commit_as("w1");
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.settle(dead(&job)).await.unwrap();
    }
    assert!(
        bench
            .ledger
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .has_ended()
    );
    let groups = bench.ledger.dead_groups().await.unwrap();
    assert_eq!(
        (groups[0].reason, groups[0].jobs),
        (DeadReason::NotFound, 3)
    );
    bench.assert_counters_agree().await;

    let none = DeadSelection {
        reason: Some(DeadReason::Rejected),
        ..DeadSelection::default()
    };
    assert_eq!(bench.ledger.requeue(none, bench.now()).await.unwrap(), 0);
    let one = DeadSelection {
        job: Some(JobId(1)),
        ..DeadSelection::default()
    };
    assert_eq!(bench.ledger.requeue(one, bench.now()).await.unwrap(), 1);
    assert!(
        !bench
            .ledger
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .has_ended()
    );
    let rest = DeadSelection {
        campaign: Some(bench.campaign),
        ..DeadSelection::default()
    };
    assert_eq!(bench.ledger.discard(rest, bench.now()).await.unwrap(), 2);
    bench.assert_counters_agree().await;
    let job = bench.claim_one(&commit, "w1").await;
    assert_eq!(job.id, JobId(1));
    commit.settle(succeeded(&job)).await.unwrap();
    assert!(
        bench
            .ledger
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .has_ended()
    );
}

#[tokio::test]
async fn campaigns_of_a_tenant_share_a_dispatch_fairly() {
    let bench = Bench::with_jobs(100).await;
    let second = bench
        .ledger
        .open_campaign(&campaign("autumn"), START)
        .await
        .unwrap()
        .id;
    let jobs: Vec<NewJob> = (0..3)
        .map(|number| NewJob {
            device: device(number),
            line: 1,
        })
        .collect();
    bench.ledger.enqueue(second, &jobs, START).await.unwrap();
    bench.attend().await;
    let wire = bench.dispatch("w1", 4).await;
    assert_eq!(wire.len(), 4);
    let autumn = bench.ledger.campaign("autumn").await.unwrap().unwrap();
    assert_eq!(autumn.counts.queued, 2);
    // What one campaign does not need, the other gets.
    assert_eq!(bench.dispatch("w1", 40).await.len(), 40);
}

#[tokio::test]
async fn refused_rows_are_recorded_once() {
    let bench = Bench::new().await;
    let refusal = Refusal {
        line: 7,
        value: "SN-X".to_owned(),
        reason: "unknown".to_owned(),
        detail: "not in the inventory".to_owned(),
    };
    for _ in 0..2 {
        let refusals = std::slice::from_ref(&refusal);
        bench
            .ledger
            .record_refusals(bench.campaign, refusals)
            .await
            .unwrap();
    }
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    assert_eq!(campaign.counts.refused(), 1);
    assert_eq!(
        bench.ledger.refusals(bench.campaign).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn one_process_at_a_time_holds_a_lane() {
    let bench = Bench::new().await;
    let [one, two] = ["one", "two"].map(|name| WorkerId(name.to_owned()));
    let until = bench.now().after(LEASE);
    let hold = |owner: &WorkerId, now: Timestamp| {
        let (ledger, owner) = (bench.ledger.clone(), owner.clone());
        async move {
            ledger
                .hold_lane(&tenant(), &owner, now, now.after(LEASE))
                .await
                .unwrap()
                .owner
        }
    };
    assert_eq!(hold(&one, bench.now()).await, one);
    assert_eq!(hold(&two, bench.now()).await, one);
    assert_eq!(hold(&two, until.after(Duration::from_millis(1))).await, two);
    bench.ledger.release_lanes(&two).await.unwrap();
    assert_eq!(hold(&one, bench.now()).await, one);
}

#[tokio::test]
async fn who_takes_a_lane_over_knows_the_calls_that_still_count() {
    let bench = Bench::with_jobs(3).await;
    let commit = bench.commit_as("w1");
    let first = bench.claim_one(&commit, "w1").await;
    commit.settle(succeeded(&first)).await.unwrap();
    bench.claim_one(&commit, "w1").await;
    let since = START.before(Duration::from_secs(20));
    let now = START.after(Duration::from_secs(1));
    let calls = bench
        .ledger
        .recent_calls(&tenant(), AttemptStep::Act, since, now)
        .await
        .unwrap();
    assert_eq!(calls, [START, now]);
}

#[tokio::test]
async fn many_settle_in_few_transactions_and_each_is_answered() {
    let bench = Bench::with_jobs(1_500).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 1_500).await;
    let tasks: Vec<_> = wire
        .into_iter()
        .map(|dispatched| {
            let commit = commit.clone();
            tokio::spawn(async move {
                let job = commit
                    .claim(dispatched.job, dispatched.dispatch)
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!(job.id, dispatched.job);
                commit.settle(succeeded(&job)).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    bench.assert_counters_agree().await;
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    assert_eq!(
        (campaign.counts.succeeded, campaign.counts.calls),
        (1_500, 1_500)
    );
}

#[tokio::test]
async fn what_is_committed_is_there_after_reopening() {
    let bench = Bench::with_jobs(2).await;
    bench.ledger.close().await;
    let reopened = open(&bench.folder).await;
    assert_eq!(
        reopened
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .counts
            .pending,
        2
    );
}

#[tokio::test]
async fn a_newer_ledger_is_left_alone_and_named() {
    let bench = Bench::new().await;
    let path = bench.folder.path().join("ledger.db");
    bench.ledger.close().await;
    let url = format!("sqlite://{}", path.display());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9001, 'from the future', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
    let error = Ledger::open(&location).await.unwrap_err();
    assert!(
        matches!(error, LedgerError::Newer { version: 9001, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(
        &path,
        "dear diary, this is not a database at all. ".repeat(50),
    )
    .unwrap();
    let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
    let error = Ledger::open(&location).await.unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("dear diary")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_and_its_journal_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::with_jobs(1).await;
    for entry in std::fs::read_dir(bench.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is {mode:o}", entry.file_name());
    }
}
