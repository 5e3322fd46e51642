//! Searches through a large ledger.
//!
//! `cargo bench -p e2e --bench search [-- JOBS ROUNDS]`. A campaign of a million jobs, four tenths of
//! it drained, is searched page by page on both kinds of database; a page is the first hundred jobs,
//! or as far as one page looks.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::time::Duration;

use e2e::seeded::{Seed, seed};
use repilot_domain::CampaignId;
use repilot_ledger::{JobSearch, JobSort, Ledger, LedgerLocation, Seek};
use tokio::time::Instant;

const SEARCHES: [&str; 22] = [
    "",
    "state:pending",
    "state:succeeded",
    "state:running,queued",
    "state:dead",
    "state:dead reason:not-found",
    "state:dead reason:not-found tag:STORE-7",
    "reason:backoff",
    "tag:STORE-7",
    "tag:STORE*",
    "tag:*7",
    "model:\"Surface Go\" state:pending",
    "user:@contoso.example",
    "user:@rare.example",
    "user:user4711@contoso.example",
    "serial:SN-0471*",
    "serial:*471",
    "SN-0471100",
    "00000000-0000-0000-0000-000000471100",
    "nowhere to be found",
    "471",
    "-tag:STORE-7 -state:succeeded",
];

#[tokio::main]
async fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let jobs = numbers.first().copied().unwrap_or(1_000_000);
    let rounds = numbers.get(1).copied().unwrap_or(30);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let location = LedgerLocation::parse(file.to_str().unwrap()).unwrap();
    measure("SQLite", &location, jobs, rounds).await;
    let server = servers::Postgres::start();
    let location = LedgerLocation::parse(&server.create_database()).unwrap();
    measure("PostgreSQL", &location, jobs, rounds).await;
}

async fn measure(name: &str, location: &LedgerLocation, jobs: usize, rounds: usize) {
    let ledger = Ledger::open(location).await.unwrap();
    let Seed {
        campaign,
        enqueued_per_second,
        drained_per_second,
    } = seed(&ledger, jobs, jobs * 4 / 10).await;
    println!(
        "\n{name}: {jobs} jobs, enqueued {enqueued_per_second:.0}/s, drained {drained_per_second:.0}/s\n"
    );
    println!("p50 ms  p99 ms  looked at  found  search");
    for text in SEARCHES {
        search(&ledger, campaign, text, JobSort::Job, rounds).await;
        count(&ledger, campaign, text, rounds).await;
    }
    for text in ["", "tag:STORE-7", "serial:SN-0471*"] {
        search(&ledger, campaign, text, JobSort::Serial, rounds).await;
    }
}

async fn search(ledger: &Ledger, campaign: CampaignId, text: &str, sort: JobSort, rounds: usize) {
    let mut search = JobSearch {
        sort,
        ..JobSearch::first(Some(campaign), text.parse().unwrap(), 100)
    };
    let mut took = Vec::with_capacity(rounds);
    let mut first = None;
    for _ in 0..rounds {
        let begun = Instant::now();
        let page = ledger.search(&search).await.unwrap();
        took.push(begun.elapsed());
        search.seek = page.after.map_or(Seek::Start, Seek::After);
        first.get_or_insert((page.looked_at, page.jobs.len()));
    }
    let (looked_at, found) = first.unwrap();
    line(
        &mut took,
        &format!("{looked_at:9}  {found:5}  {text} {sort:?}"),
    );
}

async fn count(ledger: &Ledger, campaign: CampaignId, text: &str, rounds: usize) {
    let query = text.parse().unwrap();
    let mut took = Vec::with_capacity(rounds);
    let mut counted = String::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        let count = ledger.count_jobs(Some(campaign), &query).await.unwrap();
        took.push(begun.elapsed());
        let or_more = if count.exact { ' ' } else { '+' };
        counted = format!("{}{or_more}", count.jobs);
    }
    line(&mut took, &format!("           {counted:>7} counted"));
}

fn line(took: &mut [Duration], rest: &str) {
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!("{:6.1}  {:6.1}  {rest}", at(50), at(99));
}
