//! Searches: what they find, page by page, and what they look at for it.

use repilot_domain::{
    AttemptOutcome, CampaignId, DeadReason, Device, JobCondition, JobQuery, JobText, TenantName,
    Timestamp, folded,
};
use repilot_ledger::{
    Job, JobSearch, JobSort, LedgerError, NewCampaign, NewJob, Page, Seek, Verdict,
};

use crate::bench::{
    Bench, Database, START, alice, campaign, dead, device, list, retry, settlement, succeeded,
};

fn query(text: &str) -> JobQuery {
    text.parse().unwrap()
}

/// Devices that have something in common with some of the others, in ways that differ.
fn varied(number: usize) -> Device {
    let tags = ["STORE-1", "STORE-2", "kiosk", "", "50%_off", "Büro"];
    let models = ["Surface Go", "ThinkPad T14", "Latitude \"X\"", ""];
    let domains = ["contoso.com", "Fabrikam.com", "eu.contoso.com"];
    let user = match number % 5 {
        0 => String::new(),
        _ => format!("User{}@{}", number % 40, domains[number % 3]),
    };
    Device {
        serial: format!("SN-{:04}-{:x}", 9_999 - number * 7 % 500, number % 11),
        user_principal_name: user,
        group_tag: tags[number % tags.len()].to_owned(),
        model: models[number % models.len()].to_owned(),
        ..device(number)
    }
}

async fn enqueue(bench: &Bench, campaign: CampaignId, devices: impl Iterator<Item = Device>) {
    let jobs: Vec<NewJob> = devices
        .map(|device| NewJob {
            device,
            line: 1,
            task: repilot_ledger::Task::default(),
        })
        .collect();
    for chunk in jobs.chunks(5_000) {
        bench
            .ledger
            .enqueue(campaign, chunk, bench.now())
            .await
            .unwrap();
    }
}

/// Two campaigns of varied devices whose jobs are in every state that a worker brings about.
async fn varied_bench(database: Database) -> (Bench, Vec<Job>) {
    let bench = Bench::new(database).await;
    let (ledger, by) = (&bench.ledger, alice());
    let opened = ledger.open_campaign(&campaign("Summer"), &by, START).await;
    let summer = opened.unwrap().id;
    ledger
        .begin_list(summer, &list(), &by, START)
        .await
        .unwrap();
    enqueue(&bench, bench.campaign, (0..40).map(varied)).await;
    let of_summer = |number| Device {
        id: device(1_000 + number).id,
        ..varied(number)
    };
    enqueue(&bench, summer, (30..60).map(of_summer)).await;
    enqueue(&bench, bench.campaign, (40..60).map(varied)).await;
    bench.attend().await;
    let commit = bench.commit_as("w1");
    for wire in bench.dispatch("w1", 60).await.into_iter().take(50) {
        let Some(job) = commit.claim(wire.key).await.unwrap() else {
            continue;
        };
        let bury = |reason| {
            let message = "no".to_owned();
            let verdict = Verdict::Dead {
                reason,
                uncertain: false,
                message,
            };
            settlement(&job, verdict, AttemptOutcome::Buried)
        };
        let said = match job.key.job.0 % 7 {
            0 => bury(DeadReason::NotFound),
            1 => bury(DeadReason::Rejected),
            2 => retry(&job, START, true, None),
            3 => continue,
            _ => succeeded(&job),
        };
        assert!(commit.settle(said).await.unwrap());
    }
    let mut jobs = Vec::new();
    for campaign in [bench.campaign, summer] {
        let page = Page {
            after: repilot_domain::JobId(0),
            limit: 1_000,
        };
        jobs.extend(bench.ledger.jobs(campaign, page).await.unwrap());
    }
    jobs.sort_by_key(|job| job.id);
    (bench, jobs)
}

/// What a query means, said in the plainest way.
fn means(query: &JobQuery, job: &Job, all: &[Job], summer: CampaignId) -> bool {
    query.terms.iter().all(|term| {
        let holds = match &term.condition {
            JobCondition::State(states) => states.contains(&job.state),
            JobCondition::Reason(reasons) => reasons.contains(&job.reason),
            JobCondition::Verification(said) => {
                job.verification.is_some_and(|known| said.contains(&known))
            }
            JobCondition::WithoutUser => job.without_user,
            JobCondition::Text(text, patterns) => {
                let text = match text {
                    JobText::Serial => &job.serial,
                    JobText::User => &job.user_principal_name,
                    JobText::Tag => &job.group_tag,
                    JobText::Model => &job.model,
                };
                patterns.iter().any(|pattern| pattern.fits(text))
            }
            JobCondition::Campaign(patterns) => {
                let name = if job.campaign == summer {
                    "Summer"
                } else {
                    "spring"
                };
                patterns.iter().any(|pattern| pattern.fits(name))
            }
            JobCondition::Tenant(patterns) => {
                patterns.iter().any(|pattern| pattern.fits("contoso"))
            }
            JobCondition::Device(device) => job.device_id.as_str() == device,
            JobCondition::Job(id) => job.id == *id,
            JobCondition::Free(text) => {
                let text = folded(text);
                let is = |job: &Job| {
                    job.id.to_string() == text
                        || job.device_id.as_str() == text
                        || folded(&job.serial) == text
                        || folded(&job.user_principal_name) == text
                };
                if !term.negated && all.iter().any(is) {
                    is(job)
                } else {
                    folded(&job.serial).contains(&text)
                        || folded(&job.user_principal_name).contains(&text)
                }
            }
        };
        holds != term.negated
    })
}

/// Everything that a search finds, in pages of seven; then the same from its end, backwards.
async fn pages(bench: &Bench, mut search: JobSearch) -> Result<Vec<i64>, LedgerError> {
    search.limit = 7;
    let mut found: Vec<i64> = Vec::new();
    loop {
        let page = bench.ledger.search(&search).await?;
        assert!(!page.unfinished, "{} of few", search.query);
        found.extend(page.jobs.iter().map(|job| job.id.0));
        match page.after {
            Some(after) => search.seek = Seek::After(after),
            None => break,
        }
    }
    let mut again: Vec<i64> = Vec::new();
    while let Seek::After(place) | Seek::Before(place) = search.seek {
        let page = bench
            .ledger
            .search(&JobSearch {
                seek: Seek::Before(place),
                ..search.clone()
            })
            .await?;
        let ids = page.jobs.iter().map(|job| job.id.0);
        again.splice(0..0, ids);
        let Some(before) = page.before else { break };
        search.seek = Seek::Before(before);
    }
    assert_eq!(again, found[..again.len()], "{} backwards", search.query);
    // Before the place behind which the last page was: all but its own job and that page.
    assert!(again.len() + 8 >= found.len(), "{} backwards", search.query);
    Ok(found)
}

const QUERIES: [&str; 42] = [
    "",
    "state:dead",
    "state:dead reason:not-found",
    "state:dead -reason:not-found",
    "reason:backoff",
    "state:running,queued",
    "state:pending tag:kiosk",
    "state:succeeded -tag:kiosk,(none)",
    "-state:pending",
    "tag:STORE-1",
    "tag:store*",
    "tag:store-1,KIOSK",
    "tag:(none) model:(none)",
    "tag:50%_off",
    "tag:50?_*",
    "tag:BÜRO",
    "tag:*o*",
    "model:\"surface go\"",
    "model:\"Latitude \\\"X\\\"\" state:dead",
    "user:@contoso.com",
    "user:@contoso.com,@fabrikam.com state:dead",
    "-user:@contoso.com",
    "user:(none)",
    "user:user7@*",
    "serial:SN-9*",
    "serial:sn-9992-1",
    "serial:*-a",
    "sn-99",
    "USER1",
    "user11@eu.contoso.com",
    "sn-9992-1",
    "55",
    "verification:verified,not-listed",
    "tag:kiosk,KIOSK",
    "user:@contoso.com state:pending",
    "-verification:verified state:succeeded",
    "campaign:summer",
    "campaign:summer state:dead",
    "-campaign:summer tag:kiosk",
    "campaign:winter",
    "device:00000000-0000-0000-0000-000000000047",
    "job:71 state:pending",
];

/// A tenant's jobs are found by its name, and left out by it.
async fn a_tenant_is_searched_for(database: Database) {
    let bench = Bench::new(database).await;
    enqueue(&bench, bench.campaign, (0..3).map(varied)).await;
    let other = NewCampaign {
        tenant: TenantName::new("fabrikam").unwrap(),
        ..campaign("elsewhere")
    };
    let opened = bench.ledger.open_campaign(&other, &alice(), START).await;
    enqueue(&bench, opened.unwrap().id, (3..5).map(varied)).await;
    for (said, jobs) in [
        ("tenant:fabrikam", 2),
        ("tenant:FAB*", 2),
        ("-tenant:fabrikam", 3),
        ("tenant:fabrikam,contoso", 5),
        ("tenant:fabrikam campaign:spring", 0),
        ("tenant:nobody", 0),
    ] {
        let search = JobSearch::first(None, said.parse().unwrap(), 100);
        let found = bench.ledger.search(&search).await.unwrap().jobs;
        assert_eq!(found.len(), jobs, "{said}");
        let count = bench.ledger.count_jobs(None, &search.query).await.unwrap();
        assert_eq!(count.jobs, jobs as u64, "{said}");
    }
}

async fn a_search_finds_what_it_means_forwards_and_backwards_in_any_order(database: Database) {
    let (bench, jobs) = varied_bench(database).await;
    let summer = bench.ledger.campaign("Summer").await.unwrap().unwrap().id;
    assert_eq!(jobs.len(), 90);
    for text in QUERIES {
        let query = query(text);
        for campaign in [None, Some(bench.campaign)] {
            let within: Vec<Job> = jobs
                .iter()
                .filter(|job| campaign.is_none_or(|campaign| job.campaign == campaign))
                .cloned()
                .collect();
            let mut meant: Vec<&Job> = within
                .iter()
                .filter(|job| means(&query, job, &within, summer))
                .collect();
            for sort in [JobSort::Job, JobSort::Serial, JobSort::Finished] {
                let key = |job: &Job| match sort {
                    JobSort::Job => (String::new(), 0, job.id),
                    JobSort::Serial => (folded(&job.serial), 0, job.id),
                    JobSort::Finished => {
                        let finished = job.finished_at.map_or(0, Timestamp::as_millis);
                        (String::new(), finished, job.id)
                    }
                };
                meant.sort_by_key(|job| key(job));
                // The other way round by number alone: the walk is the same in any order.
                let directions: &[bool] = match sort {
                    JobSort::Job => &[false, true],
                    JobSort::Serial | JobSort::Finished => &[true],
                };
                for &descending in directions {
                    let search = JobSearch {
                        sort,
                        descending,
                        ..JobSearch::first(campaign, query.clone(), 7)
                    };
                    let found = match pages(&bench, search).await {
                        // As a ledger says whose indexes do not bear the order.
                        Err(LedgerError::TooManyToSort { .. }) if sort != JobSort::Job => continue,
                        found => found.unwrap(),
                    };
                    let mut expected: Vec<i64> = meant.iter().map(|job| job.id.0).collect();
                    if descending {
                        expected.reverse();
                    }
                    assert_eq!(found, expected, "{text} {sort:?} {descending} {campaign:?}");
                }
            }
            let count = bench.ledger.count_jobs(campaign, &query).await.unwrap();
            assert_eq!(
                (count.jobs, count.exact),
                (meant.len() as u64, true),
                "{text}"
            );
            let all = bench.ledger.jobs_meant(campaign, &query).await.unwrap();
            let last = meant.iter().map(|job| job.id).max();
            assert_eq!(all.jobs, meant.len() as u64, "{text}");
            let last_there_is = jobs.iter().map(|job| job.id.0).max().unwrap();
            assert!(all.up_to.0 >= last.map_or(0, |last| last.0), "{text}");
            assert!(all.up_to.0 <= last_there_is, "{text}");
        }
    }
}

async fn one_campaign_is_sorted_by_serial_at_any_size(database: Database) {
    let (bench, jobs) = varied_bench(database).await;
    let search = JobSearch {
        sort: JobSort::Serial,
        ..JobSearch::first(Some(bench.campaign), JobQuery::default(), 7)
    };
    let found = pages(&bench, search).await.unwrap();
    let mut expected: Vec<(String, i64)> = jobs
        .iter()
        .filter(|job| job.campaign == bench.campaign)
        .map(|job| (folded(&job.serial), job.id.0))
        .collect();
    expected.sort();
    let expected: Vec<i64> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(found, expected);
}

/// A page neither repeats nor leaves out what was there all the time.
async fn pages_stay_where_they_are_while_jobs_come_and_go(database: Database) {
    let bench = Bench::with_jobs(database, 40).await;
    let commit = bench.commit_as("w1");
    let search = JobSearch::first(None, query("state:pending"), 10);
    let first = bench.ledger.search(&search).await.unwrap();
    for _ in 0..15 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.settle(succeeded(&job)).await.unwrap();
    }
    let rest = bench
        .ledger
        .search(&JobSearch {
            seek: Seek::After(first.after.unwrap()),
            limit: 100,
            ..search
        })
        .await
        .unwrap();
    let ids: Vec<i64> = rest.jobs.iter().map(|job| job.id.0).collect();
    assert_eq!(ids, (16..=40).collect::<Vec<i64>>());
}

/// More rows than a page looks at.
const MANY: usize = 20_000;

async fn what_is_rare_is_found_by_going_on_and_no_page_looks_at_everything(database: Database) {
    let bench = Bench::new(database).await;
    let rare = Device {
        serial: "the needle".to_owned(),
        ..device(MANY)
    };
    let all = (0..MANY).map(device).chain([rare]);
    enqueue(&bench, bench.campaign, all).await;
    let mut search = JobSearch::first(None, query("serial:*needle*"), 10);
    let (mut turns, mut looked_at) = (0, 0);
    let found = loop {
        let page = bench.ledger.search(&search).await.unwrap();
        assert!(page.looked_at < 10_000, "{}", page.looked_at);
        looked_at += page.looked_at;
        turns += 1;
        if !page.unfinished {
            break page.jobs;
        }
        assert!(page.jobs.is_empty());
        search.seek = Seek::After(page.after.unwrap());
    };
    assert_eq!((found.len(), looked_at), (1, MANY as u64 + 1));
    assert!(turns > 1);
    // By the beginning of its serial it is found at once.
    let search = JobSearch::first(None, query("serial:the*"), 10);
    let page = bench.ledger.search(&search).await.unwrap();
    assert_eq!((page.jobs.len(), page.looked_at), (1, 1));
    // Nor is it said at once that it is the only one, but where it is called by its name.
    let only = async |text| bench.ledger.only_job(&query(text)).await.unwrap();
    assert_eq!(only("needle").await, None);
    assert_eq!(only("the needle").await, None);
    assert_eq!(only("\"the needle\"").await, Some(found[0].id));
    // What is many is counted as far as anybody wants to know.
    let count = bench.ledger.count_jobs(None, &query("tag:sales")).await;
    let count = count.unwrap();
    assert_eq!((count.jobs, count.exact), (10_000, false));
    // What is rare is not looked for everywhere to be counted.
    let count = bench.ledger.count_jobs(None, &query("needle")).await;
    let count = count.unwrap();
    assert_eq!((count.jobs, count.exact), (0, false));
    // With its page it is counted alike.
    for text in [
        "tag:sales",
        "needle",
        "state:dead",
        "state:pending",
        "\"the needle\"",
    ] {
        let search = JobSearch::first(None, query(text), 10);
        let (page, counted) = bench.ledger.search_and_count(&search).await.unwrap();
        let alone = bench.ledger.count_jobs(None, &search.query).await.unwrap();
        assert_eq!(counted, alone, "{text}");
        assert!(page.jobs.len() as u64 <= counted.jobs, "{text}");
    }
    let meant = bench.ledger.jobs_meant(None, &query("tag:sales")).await;
    assert_eq!(meant.unwrap().jobs, MANY as u64 + 1);
    let search = JobSearch {
        sort: JobSort::Finished,
        ..JobSearch::first(None, query("tag:sales"), 10)
    };
    let refused = bench.ledger.search(&search).await.unwrap_err();
    assert!(matches!(refused, LedgerError::TooManyToSort { .. }));
}

/// While a campaign drains, what is over lies before what is to be done.
async fn a_page_of_pending_jobs_looks_at_nothing_that_is_over(database: Database) {
    let bench = Bench::with_jobs(database, 600).await;
    let commit = bench.commit_as("w1");
    for wire in bench.dispatch("w1", 500).await {
        let job = commit.claim(wire.key).await.unwrap().unwrap();
        let said = match job.key.job.0 {
            7 => retry(&job, START, true, None),
            _ => succeeded(&job),
        };
        assert!(commit.settle(said).await.unwrap());
    }
    for text in ["state:pending", "state:pending tag:*es"] {
        let search = JobSearch::first(Some(bench.campaign), query(text), 10);
        let page = bench.ledger.search(&search).await.unwrap();
        let ids: Vec<i64> = page.jobs.iter().map(|job| job.id.0).collect();
        let pending: Vec<i64> = std::iter::once(7).chain(501..=509).collect();
        assert_eq!((ids, page.looked_at), (pending, 101), "{text}");
    }
}

async fn a_whole_campaign_is_sorted_by_its_ends(database: Database) {
    let bench = Bench::with_jobs(database, 12).await;
    let commit = bench.commit_as("w1");
    for wire in bench.dispatch("w1", 12).await.iter().rev() {
        let job = commit.claim(wire.key).await.unwrap().unwrap();
        bench.clock.advance(std::time::Duration::from_secs(1));
        let said = if job.key.job.0 % 2 == 0 {
            dead(&job)
        } else {
            succeeded(&job)
        };
        assert!(commit.settle(said).await.unwrap());
    }
    for (text, expected) in [
        ("", (1..=12).rev().collect::<Vec<i64>>()),
        ("state:dead", vec![12, 10, 8, 6, 4, 2]),
    ] {
        let search = JobSearch {
            sort: JobSort::Finished,
            ..JobSearch::first(Some(bench.campaign), query(text), 100)
        };
        let found = bench.ledger.search(&search).await.unwrap().jobs;
        let found: Vec<i64> = found.iter().map(|job| job.id.0).collect();
        assert_eq!(found, expected, "{text}");
    }
}

on_every_database![
    a_whole_campaign_is_sorted_by_its_ends,
    a_page_of_pending_jobs_looks_at_nothing_that_is_over,
    a_search_finds_what_it_means_forwards_and_backwards_in_any_order,
    a_tenant_is_searched_for,
    one_campaign_is_sorted_by_serial_at_any_size,
    pages_stay_where_they_are_while_jobs_come_and_go,
    what_is_rare_is_found_by_going_on_and_no_page_looks_at_everything,
];
