//! The ledger and the shared wire together: no job is lost between them.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_domain::{
    Action, Actor, Clock as _, Device, DeviceId, EnrollmentState, ManualClock, Timestamp, WorkerId,
};
use repilot_ledger::{
    ClaimKey, DispatchToken, GroupCommit, Ledger, LedgerLocation, NewCampaign, NewJob, NewList,
};
use repilot_queue::{DispatchError, Dispatcher, TakenUp, Wire};
use servers::Redis;

use crate::harness::{Running, ends, tenant};

const LEASE: Duration = Duration::from_secs(10);

/// The tokens of a process, which a test can foretell.
fn chance(worker: &str) -> StdRng {
    StdRng::seed_from_u64(worker.len() as u64)
}

/// A ledger with a campaign, and a clock that is set by hand.
fn alice() -> Actor {
    Actor::new("alice", "here")
}

struct Bench {
    ledger: Ledger,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn with_jobs(count: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let start = Timestamp::from_millis(1_772_352_930_250);
        let campaign = NewCampaign {
            name: "spring".to_owned(),
            tenant: tenant(),
            action: Action::Unassign,
            rolls_back: None,
        };
        let campaign = ledger
            .open_campaign(&campaign, &alice(), start)
            .await
            .unwrap()
            .id;
        let list = NewList {
            sha256: "00".repeat(32),
            name: "devices.csv".to_owned(),
        };
        ledger
            .begin_list(campaign, &list, &alice(), start)
            .await
            .unwrap();
        let jobs: Vec<NewJob> = (0..count).map(job).collect();
        ledger.enqueue(campaign, &jobs, start).await.unwrap();
        ledger
            .finish_list(campaign, &list.sha256, &alice(), start)
            .await
            .unwrap();
        let until = start.after(Duration::from_hours(1));
        ledger.lease_tenants([&tenant()], until).await.unwrap();
        Self {
            ledger,
            clock: Arc::new(ManualClock::at(start)),
            _folder: folder,
        }
    }

    fn dispatcher(&self, wire: Wire, worker: &str) -> Dispatcher {
        let commit = self.commit(worker);
        let worker = WorkerId(worker.to_owned());
        let chance = chance(&worker.0);
        Dispatcher::new(self.ledger.clone(), commit, wire, worker, LEASE, chance)
    }

    fn commit(&self, worker: &str) -> GroupCommit {
        let (worker, clock) = (WorkerId(worker.to_owned()), self.clock.clone());
        GroupCommit::start(self.ledger.clone(), worker, alice(), clock, LEASE).unwrap()
    }

    async fn queued(&self) -> usize {
        let queued = self.ledger.queued_by_tenant().await.unwrap();
        queued.get(&tenant()).copied().unwrap_or(0)
    }
}

fn job(number: u64) -> NewJob {
    NewJob {
        device: Device {
            id: DeviceId(format!("00000000-0000-0000-0000-{number:012}")),
            serial: format!("SN-{number:06}"),
            user_principal_name: format!("user{number}@contoso.example"),
            addressable_user_name: String::new(),
            group_tag: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            display_name: String::new(),
            managed_device_id: String::new(),
            entra_device_id: String::new(),
            enrollment_state: EnrollmentState::Enrolled,
            last_contacted: None,
        },
        line: number + 1,
        task: repilot_ledger::Task::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_stay_pending_while_the_wire_is_down() {
    let bench = Bench::with_jobs(10).await;
    let mut redis = Redis::start();
    let (wire, _receiver) = ends(&redis);
    let mut dispatcher = bench.dispatcher(wire, "w");
    let now = bench.clock.now();
    redis.stop();
    let refused = dispatcher.dispatch(&tenant(), 10, now).await;
    assert!(matches!(refused, Err(DispatchError::Wire(_))));
    assert_eq!(bench.queued().await, 0);
    redis.resume();
    assert_eq!(dispatcher.dispatch(&tenant(), 10, now).await.unwrap(), 10);
    assert_eq!(bench.queued().await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_push_fails_are_pending_again() {
    let bench = Bench::with_jobs(20).await;
    let redis = Redis::start();
    let (wire, _receiver) = ends(&redis);
    let mut dispatcher = bench.dispatcher(wire, "w");
    let now = bench.clock.now();
    assert_eq!(dispatcher.dispatch(&tenant(), 10, now).await.unwrap(), 10);
    redis.freeze();
    // It still knows that there was room a moment ago.
    let silent = dispatcher.dispatch(&tenant(), 10, now).await;
    assert!(matches!(silent, Err(DispatchError::Wire(_))));
    assert!(bench.queued().await <= 10);
    redis.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flush_lost_is_delivered_once_its_leases_have_run_out() {
    let bench = Bench::with_jobs(100).await;
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut dispatcher = bench.dispatcher(wire, "w");
    let now = bench.clock.now();
    assert_eq!(dispatcher.dispatch(&tenant(), 100, now).await.unwrap(), 100);
    redis.flush();
    bench.clock.advance(LEASE + Duration::from_secs(1));
    let now = bench.clock.now();
    assert_eq!(
        bench.ledger.rescue(&alice(), now).await.unwrap().queued,
        100
    );
    assert_eq!(dispatcher.dispatch(&tenant(), 100, now).await.unwrap(), 100);
    let mut running = Running::free(receiver, "w", 8);
    running.arrive(1..=100).await;
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_dispatched_is_ahead_until_it_is_claimed() {
    let bench = Bench::with_jobs(100).await;
    let redis = Redis::start();
    let mut first = bench.dispatcher(ends(&redis).0, "first");
    let mut second = bench.dispatcher(ends(&redis).0, "second");
    let now = bench.clock.now();
    first.dispatch(&tenant(), 40, now).await.unwrap();
    second.survey(now).await.unwrap();
    assert_eq!(second.ahead(&tenant(), TakenUp::default()), 40);
    second.dispatch(&tenant(), 20, now).await.unwrap();
    assert_eq!(
        second.ahead(&tenant(), TakenUp::default()),
        60,
        "its own at once"
    );

    let commit = bench.commit("first");
    let first = ClaimKey {
        campaign: repilot_domain::CampaignId(1),
        job: repilot_domain::JobId(1),
        dispatch: 1,
        token: DispatchToken::random(&mut chance("first")),
    };
    let claimed = commit.claim(first).await.unwrap();
    assert!(claimed.is_some());
    bench.clock.advance(Duration::from_secs(1));
    second.survey(bench.clock.now()).await.unwrap();
    assert_eq!(second.ahead(&tenant(), TakenUp::default()), 59);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_has_claimed_itself_is_ahead_no_longer_before_the_ledger_is_asked_again() {
    let bench = Bench::with_jobs(100).await;
    let redis = Redis::start();
    let mut dispatcher = bench.dispatcher(ends(&redis).0, "first");
    let now = bench.clock.now();
    dispatcher.survey(now).await.unwrap();
    dispatcher.dispatch(&tenant(), 40, now).await.unwrap();
    let mut ahead = |claimed| {
        let own = TakenUp {
            awaiting: 3,
            claimed,
        };
        dispatcher.ahead(&tenant(), own)
    };
    assert_eq!(ahead(7), 40, "claimed before");
    assert_eq!(ahead(17), 30);
    assert_eq!(ahead(60), 0, "what others dispatched meanwhile");
}
