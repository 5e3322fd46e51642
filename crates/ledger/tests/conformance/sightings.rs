//! Who has a device before its call: from listings, from looks, and whom a person accepted.

use std::time::Duration;

use repilot_domain::{
    AttemptOutcome, Change, ControlChanges, DeadReason, Device, JobAct, JobId, JobState, Timestamp,
    WorkerId,
};
use repilot_ledger::{
    Blocker, ClaimedJob, DispatchRoom, GroupCommit, Job, JobSelection, Seen, Sighting,
    SightingNeed, Verdict,
};

use crate::bench::{
    Bench, Database, LEASE, START, alice, device, settlement, succeeded, tenant, token,
};

const SOURCE: &str = "https://graph.example contoso";

fn given_to(number: usize, user: &str) -> Device {
    Device {
        user_principal_name: user.to_owned(),
        addressable_user_name: format!("Name of {user}"),
        ..device(number)
    }
}

impl Bench {
    /// A listing of these devices, begun and asked for now.
    async fn list(&self, devices: &[Device]) -> Timestamp {
        let at = self.now();
        let begun = self.ledger.begin_listing(&tenant(), SOURCE, at).await;
        let mut listing = begun.unwrap();
        let (first, last) = devices.split_at(devices.len() / 2);
        let ledger = &self.ledger;
        let kept = ledger.keep_page(&mut listing, first, Some("next"), (at, at));
        kept.await.unwrap();
        let kept = ledger.keep_page(&mut listing, last, None, (at, at));
        kept.await.unwrap();
        at
    }

    async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.attend().await;
    }

    /// All due jobs, claimed.
    async fn claim_all(&self, commit: &GroupCommit) -> Vec<ClaimedJob> {
        let queued = self.dispatch("w1", 100).await;
        let queued = queued.iter().map(|dispatched| dispatched.key);
        let mut claimed = commit.claim_all(queued.collect()).await.unwrap();
        claimed.sort_by_key(|job| job.key.job);
        claimed
    }

    async fn row(&self, job: i64) -> Job {
        self.ledger.job(JobId(job)).await.unwrap().unwrap().0
    }

    async fn requeue(&self, job: JobId) {
        let selection = JobSelection::These(vec![job]);
        let by = alice();
        let acted = self
            .ledger
            .act(JobAct::Requeue, &selection, &by, self.now());
        assert_eq!(acted.await.unwrap().jobs, 1);
    }

    async fn needs(&self, lead: Duration) -> Vec<SightingNeed> {
        let tenant = tenant();
        let needs = self.ledger.sighting_needs(&tenant, |_| lead, self.now());
        needs.await.unwrap()
    }

    async fn dispatched_only_if_seen(&self) -> usize {
        let room = DispatchRoom {
            sighted_only: true,
            ..100.into()
        };
        let until = self.now().after(LEASE);
        let worker = WorkerId("w1".to_owned());
        let tenant = tenant();
        let dispatched =
            self.ledger
                .dispatch(&tenant, (&worker, token()), &room, self.now(), until);
        dispatched.await.unwrap().len()
    }
}

fn seen(job: &ClaimedJob, user: &str, seen_at: Timestamp) -> Seen {
    Seen {
        key: job.key,
        sighting: Sighting {
            user: user.to_owned(),
            name: String::new(),
            seen_at,
        },
        is_expected: false,
        is_found: false,
    }
}

async fn a_job_that_waits_for_a_listing_says_so(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let why = async || {
        let report = bench.ledger.job_report(JobId(1), bench.now()).await;
        report.unwrap().unwrap().explanation.blocked_by
    };
    // Its device was never seen, and nobody lists.
    bench.pass(180).await;
    assert_eq!(why().await, Blocker::Budget);
    let until = bench.now().after(Duration::from_secs(45));
    let (ledger, tenant) = (&bench.ledger, tenant());
    let claimed = ledger.claim_listing(&tenant, "w1", bench.now(), until);
    assert!(claimed.await.unwrap());
    assert_eq!(why().await, Blocker::Listing);
    // Once it has shown the device, the job has its turn.
    bench.list(&[device(0), device(1)]).await;
    assert_eq!(why().await, Blocker::Budget);
    // Nor does one wait for a listing that its lister left.
    bench.pass(180).await;
    assert_eq!(why().await, Blocker::Budget);
}

async fn a_listing_shows_which_devices_changed_hands(database: Database) {
    let bench = Bench::with_jobs(database, 4).await;
    bench.pass(60).await;
    let at = bench
        .list(&[
            device(0),
            given_to(1, "eve@contoso.example"),
            given_to(2, ""),
            given_to(3, "USER3@Contoso.example"),
        ])
        .await;
    let commit = bench.commit_as("w1");
    let dispatched = bench.dispatch("w1", 100).await;
    let rule = dispatched[0].sighting.unwrap();
    assert_eq!((rule.seen_at, rule.is_blind), (at, false));
    let queued = dispatched.iter().map(|dispatched| dispatched.key);
    let mut claimed = commit.claim_all(queued.collect()).await.unwrap();
    claimed.sort_by_key(|job| job.key.job);
    let users = claimed.iter().map(|job| {
        let sighting = job.sighting.as_ref();
        sighting.map(|sighting| (sighting.user.as_str(), sighting.seen_at))
    });
    let users: Vec<_> = users.collect();
    assert_eq!(
        users,
        [
            None,
            Some(("eve@contoso.example", at)),
            Some(("", at)),
            None
        ]
    );
    let expected = claimed[1].expected_user.as_deref();
    assert_eq!(expected, Some("user1@contoso.example"));
    assert_eq!(claimed[0].expected_user, None);
    let asked = bench
        .ledger
        .expected_user(claimed[0].key.job)
        .await
        .unwrap();
    assert_eq!(asked, "user0@contoso.example");
    // It came back to whom it had.
    bench.pass(1).await;
    bench
        .ledger
        .recall(&WorkerId("w1".to_owned()))
        .await
        .unwrap();
    let row = bench.row(2).await;
    assert_eq!(row.seen_user.as_deref(), Some("eve@contoso.example"));
    assert_eq!(row.had().1, "Name of eve@contoso.example");
    assert_eq!(bench.row(1).await.had().0, "user0@contoso.example");
}

async fn a_later_listing_takes_back_what_an_earlier_one_showed(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    bench.list(&[given_to(0, "eve@contoso.example")]).await;
    bench.pass(5).await;
    let at = bench.list(&[device(0)]).await;
    let commit = bench.commit_as("w1");
    let claimed = bench.claim_all(&commit).await;
    let sighting = claimed[0].sighting.clone().unwrap();
    assert_eq!(sighting.user, "user0@contoso.example");
    assert_eq!(sighting.seen_at, at);
}

async fn a_device_that_is_being_called_is_not_taken_for_changed(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    // The call has taken its user away already.
    bench.pass(1).await;
    bench.list(&[given_to(0, "")]).await;
    let row = bench.row(1).await;
    assert_eq!((row.seen_at, row.had().0), (None, "user0@contoso.example"));
    // Should it come back, it is looked at.
    let later = crate::bench::retry(&job, bench.now(), false, None);
    assert!(commit.settle(later).await.unwrap());
    let again = bench.claim_all(&commit).await;
    let sighting = again[0].sighting.as_ref().unwrap();
    assert_eq!(sighting.seen_at, Timestamp::default());
}

async fn a_device_that_no_page_shows_is_to_be_looked_at(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    bench.pass(1).await;
    bench.list(&[device(1)]).await;
    let commit = bench.commit_as("w1");
    let claimed = bench.claim_all(&commit).await;
    let unseen = claimed[0].sighting.as_ref().unwrap();
    assert_eq!(unseen.seen_at, Timestamp::default());
    assert_eq!(claimed[1].sighting, None);
}

async fn jobs_enqueued_during_a_listing_are_not_seen_by_it(database: Database) {
    let bench = Bench::new(database).await;
    let at = bench.now();
    let planned = at.before(Duration::from_mins(10));
    let noted = bench.ledger.note_planned(bench.campaign, planned, false);
    noted.await.unwrap();
    bench.enqueue(0..1).await;
    let begun = bench.ledger.begin_listing(&tenant(), SOURCE, at).await;
    let mut listing = begun.unwrap();
    bench.pass(1).await;
    bench.finish().await;
    let devices = [device(0)];
    let kept = bench
        .ledger
        .keep_page(&mut listing, &devices, None, (at, at));
    kept.await.unwrap();
    let dispatched = bench.dispatch("w1", 1).await;
    assert_eq!(dispatched[0].sighting.unwrap().seen_at, planned);
}

async fn a_further_list_is_as_old_as_the_older_of_both(database: Database) {
    let bench = Bench::new(database).await;
    let (older, younger) = (START.before(Duration::from_mins(9)), START);
    let note = |at| bench.ledger.note_planned(bench.campaign, at, false);
    note(younger).await.unwrap();
    note(older).await.unwrap();
    bench.enqueue(0..1).await;
    note(younger).await.unwrap();
    bench.enqueue(1..2).await;
    bench.finish().await;
    bench.attend().await;
    let dispatched = bench.dispatch("w1", 1).await;
    assert_eq!(dispatched[0].sighting.unwrap().seen_at, older);
}

async fn what_was_seen_too_long_ago_waits_where_that_is_asked(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    assert_eq!(bench.dispatched_only_if_seen().await, 0, "nobody looked");
    bench.pass(1).await;
    let all = [device(0), device(1), device(2)];
    bench.list(&all).await;
    bench.pass(121).await;
    assert_eq!(bench.dispatched_only_if_seen().await, 0, "too old");
    let needs = bench.needs(Duration::ZERO).await;
    assert_eq!((needs.len(), needs[0].due), (1, 3));
    bench.list(&all).await;
    assert_eq!(bench.needs(Duration::ZERO).await, []);
    assert_eq!(bench.needs(Duration::from_secs(121)).await.len(), 1);
    assert_eq!(bench.dispatched_only_if_seen().await, 3);
}

async fn who_asks_never_and_who_looks_each_time_waits_for_no_listing(database: Database) {
    for within in ["never", "0s"] {
        let bench = Bench::with_jobs(database, 1).await;
        let changes = ControlChanges {
            sighted_within: Change::Set(within.parse().unwrap()),
            ..ControlChanges::default()
        };
        let (ledger, campaign) = (&bench.ledger, bench.campaign);
        let by = alice();
        let setting = ledger.change_controls(campaign, &changes, &by, bench.now());
        assert_eq!(setting.await.unwrap().sighted_within.to_string(), within);
        assert_eq!(bench.needs(Duration::ZERO).await, []);
        assert_eq!(bench.dispatched_only_if_seen().await, 1);
    }
}

async fn a_tenant_in_which_nobody_shows_is_known_for_blind(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    bench.pass(1).await;
    bench.list(&[given_to(0, ""), given_to(1, " ")]).await;
    let dispatched = bench.dispatch("w1", 1).await;
    assert!(dispatched[0].sighting.unwrap().is_blind);
}

async fn who_was_found_is_kept_and_may_be_accepted(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    let found = Seen {
        is_found: true,
        ..seen(&job, "eve@contoso.example", bench.now())
    };
    assert!(commit.see(found).await.unwrap());
    let verdict = Verdict::Dead {
        reason: DeadReason::ReassignedMeanwhile,
        uncertain: false,
        message: "another user has the device now".to_owned(),
    };
    let mut said = settlement(&job, verdict, AttemptOutcome::Buried);
    said.attempts.clear();
    assert!(commit.settle(said).await.unwrap());
    let row = bench.row(1).await;
    assert_eq!(row.found_user.as_deref(), Some("eve@contoso.example"));
    assert_eq!(row.found_at, Some(START));
    assert_eq!(row.message, "another user has the device now");
    bench.requeue(job.key.job).await;
    let row = bench.row(1).await;
    assert_eq!((row.found_user, row.state), (None, JobState::Pending));
    assert_eq!(row.accepted_user.as_deref(), Some("eve@contoso.example"));
    assert_eq!(row.user_principal_name, "user0@contoso.example");
    let again = bench.claim_one(&commit, "w1").await;
    assert_eq!(again.expected_user.as_deref(), Some("eve@contoso.example"));
    // From then on whoever is neither is another user.
    bench
        .ledger
        .recall(&WorkerId("w1".to_owned()))
        .await
        .unwrap();
    assert!(commit.settle(succeeded(&again)).await.unwrap());
    assert_eq!(bench.row(1).await.had().0, "eve@contoso.example");
}

async fn a_job_that_goes_round_again_is_looked_at(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(crate::bench::dead(&job)).await.unwrap();
    bench.pass(1).await;
    // A listing is held against what waits, and not against dead letters.
    bench
        .list(&[given_to(0, "eve@contoso.example"), device(1)])
        .await;
    bench.requeue(job.key.job).await;
    let claimed = bench.claim_all(&commit).await;
    let unseen = claimed[0].sighting.as_ref().unwrap();
    assert_eq!(unseen.seen_at, Timestamp::default());
    assert_eq!(claimed[1].sighting, None);
}

async fn nobody_after_a_call_is_not_who_had_it_before(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    for (called, had) in [(false, ""), (true, "user1@contoso.example")] {
        let job = bench.claim_one(&commit, "w1").await;
        let job = if called {
            let verdict = Verdict::Retry {
                not_before: bench.now(),
                spent: true,
                uncertain: true,
                reason: repilot_ledger::WaitReason::Uncertain,
                message: String::new(),
                pause: None,
            };
            let said = settlement(&job, verdict, AttemptOutcome::Ambiguous);
            assert!(commit.settle(said).await.unwrap());
            bench.claim_one(&commit, "w1").await
        } else {
            job
        };
        assert!(commit.see(seen(&job, "", bench.now())).await.unwrap());
        assert!(commit.settle(succeeded(&job)).await.unwrap());
        assert_eq!(
            bench.row(job.key.job.0).await.had().0,
            had,
            "called: {called}"
        );
    }
}

async fn what_was_seen_under_a_lost_claim_is_refused(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench.pass(60).await;
    let by = crate::bench::as_worker("w2");
    assert_eq!(
        bench.ledger.rescue(&by, bench.now()).await.unwrap().running,
        1
    );
    let late = seen(&job, "eve@contoso.example", bench.now());
    assert!(!commit.see(late).await.unwrap());
    assert_eq!(bench.row(1).await.seen_user, None);
}

async fn one_process_at_a_time_lists_a_tenant(database: Database) {
    let bench = Bench::new(database).await;
    let (now, until) = (START, START.after(LEASE));
    let claim = |owner, now: Timestamp| {
        let ledger = &bench.ledger;
        async move {
            let until = now.after(LEASE);
            ledger
                .claim_listing(&tenant(), owner, now, until)
                .await
                .unwrap()
        }
    };
    assert!(claim("w1", now).await);
    assert!(!claim("w2", now).await);
    assert!(claim("w1", now).await, "its owner renews it");
    assert!(
        claim("w2", until.after(Duration::from_secs(1))).await,
        "it ran out"
    );
    let retry_at = START.after(Duration::from_mins(1));
    let tenant = tenant();
    let released = bench.ledger.release_listing(&tenant, "w2", retry_at);
    released.await.unwrap();
    let known = bench.ledger.listing_claim(&tenant).await.unwrap();
    assert_eq!(known, (Timestamp::default(), retry_at));
    assert!(claim("w1", now).await);
}

on_every_database! {
    a_job_that_waits_for_a_listing_says_so,
    a_listing_shows_which_devices_changed_hands,
    a_later_listing_takes_back_what_an_earlier_one_showed,
    a_device_that_is_being_called_is_not_taken_for_changed,
    a_device_that_no_page_shows_is_to_be_looked_at,
    jobs_enqueued_during_a_listing_are_not_seen_by_it,
    a_further_list_is_as_old_as_the_older_of_both,
    what_was_seen_too_long_ago_waits_where_that_is_asked,
    who_asks_never_and_who_looks_each_time_waits_for_no_listing,
    a_tenant_in_which_nobody_shows_is_known_for_blind,
    who_was_found_is_kept_and_may_be_accepted,
    a_job_that_goes_round_again_is_looked_at,
    nobody_after_a_call_is_not_who_had_it_before,
    what_was_seen_under_a_lost_claim_is_refused,
    one_process_at_a_time_lists_a_tenant,
}
