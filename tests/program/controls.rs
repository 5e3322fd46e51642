//! Campaigns that start small, stop by themselves, and run when and as fast as they are let.

use std::time::Duration;

use e2e::{Bench, Ran, ended, kill};
use repilot_domain::{Clock as _, SystemClock, Timestamp};
use repilot_graph_sim::{Fault, Scenario};

use crate::PROGRAM;

/// Longer than any call here takes to arrive and be answered.
const IN_FLIGHT: Duration = Duration::from_secs(1);

fn scenario(latency_ms: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.latency.fixed_ms = latency_ms;
    scenario
}

async fn campaign(bench: &Bench, name: &str) -> serde_json::Value {
    let status = bench.run(&["status", name, "--json"]).await.expect(0);
    status.json()["campaigns"][0].clone()
}

/// Waits until the ledger says so of a campaign.
async fn until(bench: &Bench, name: &str, enough: impl Fn(&serde_json::Value) -> bool) {
    while !enough(&campaign(bench, name).await) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs the program to its end, as fast as it can and no more than so many calls at once.
async fn at_once(bench: &Bench, arguments: &[&str], calls: u64) -> Ran {
    let mut command = bench.command(arguments);
    command
        .env("REPILOT_THROTTLE__WRITES", "100000")
        .env("REPILOT_THROTTLE__IN_FLIGHT", calls.to_string());
    ended(command.spawn().unwrap()).await
}

/// Waits for a moment.
async fn passed(moment: Timestamp) {
    while SystemClock.now() < moment {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_canary_of_20_in_500_makes_exactly_20_calls_and_waits_for_a_person() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 500).await;
    let run = [
        "run",
        "--yes",
        "devices.txt",
        "--campaign",
        "c",
        "--canary",
        "20",
    ];
    let first = at_once(&bench, &run, 32).await.expect(4);
    assert_eq!(bench.counters().acts, 20);
    assert!(
        first.stdout.contains("canary through, 20 of 20 succeeded"),
        "{first:?}"
    );
    assert!(
        first
            .stderr
            .contains("campaign resume c --run goes on with the rest"),
        "{first:?}"
    );
    // Whoever runs it again has not looked at the canary.
    let again = at_once(&bench, &run, 32).await.expect(4);
    assert!(again.stderr.contains("campaign resume c"), "{again:?}");
    bench.run(&["worker", "--until-empty"]).await.expect(4);
    assert_eq!(bench.counters().acts, 20);
    let job = bench
        .run(&["jobs", "c", "--state", "pending", "--json"])
        .await
        .json();
    let pending = job[0]["id"].to_string();
    let told = bench.run(&["job", &pending]).await.expect(0);
    assert!(
        told.stdout.contains("canary: 20 of 20 succeeded"),
        "{told:?}"
    );
    bench.run(&["campaign", "resume", "c"]).await.expect(0);
    at_once(&bench, &run, 32).await.expect(0);
    let counters = bench.counters();
    assert_eq!((counters.acts, counters.applied), (500, 500));
    let audit = bench.run(&["audit", "list", "--json"]).await.expect(0);
    for event in ["settings-changed", "canary-waiting", "canary-passed"] {
        assert!(audit.stdout.contains(event), "{event}: {}", audit.stdout);
    }
    bench.assert_accounted("c", 500).await;
}

#[tokio::test]
async fn a_canary_is_the_same_20_with_two_workers_one_of_which_is_killed() {
    let bench = Bench::new(PROGRAM, scenario(300), 200).await;
    let enqueue = [
        "enqueue",
        "--yes",
        "devices.txt",
        "--campaign",
        "c",
        "--canary",
        "10%",
    ];
    bench.run(&enqueue).await.expect(0);
    let worker = || {
        let mut command = bench.command(&["worker"]);
        command.env("REPILOT_WORKER__CONCURRENCY", "4");
        command.spawn().unwrap()
    };
    let (first, second) = (worker(), worker());
    bench.until(|counters| counters.acts >= 8).await;
    kill(first).await;
    until(&bench, "c", |campaign| {
        campaign["canary_phase"] == "waiting"
    })
    .await;
    let counters = bench.counters();
    assert_eq!(counters.devices_applied, 20, "{counters:?}");
    // Calls that were under way with the killed worker, and no others, may have been made again.
    assert!(counters.acts <= 20 + 4, "{counters:?}");
    kill(second).await;
}

#[tokio::test]
async fn a_canary_that_is_good_enough_goes_on_by_itself() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 100).await;
    let run = ["run", "--yes", "devices.txt", "--campaign", "c"];
    let auto = ["--canary", "5%", "--canary-auto", "0.98"];
    bench.run(&[&run[..], &auto].concat()).await.expect(0);
    assert_eq!(bench.counters().applied, 100);
    let audit = bench.run(&["audit", "list", "--json"]).await.expect(0);
    assert!(
        audit.stdout.contains("canary: 5 of 5 succeeded"),
        "{}",
        audit.stdout
    );
}

#[tokio::test]
async fn a_breaker_at_10_stops_within_10_dead_letters_and_what_was_in_flight() {
    let mut refusing = scenario(30);
    refusing.faults.push(Fault::status(400, 1.0));
    let bench = Bench::new(PROGRAM, refusing, 300).await;
    let run = [
        "run",
        "--yes",
        "devices.txt",
        "--campaign",
        "c",
        "--max-failures",
        "10",
    ];
    let in_flight = 6;
    let ran = at_once(&bench, &run, in_flight).await.expect(4);
    let paused = campaign(&bench, "c").await;
    let dead = paused["counts"]["dead"].as_u64().unwrap();
    assert!((10..=10 + in_flight).contains(&dead), "{paused}");
    assert_eq!(bench.counters().acts, dead, "{:?}", bench.counters());
    assert_eq!(paused["pause_cause"], "breaker");
    assert!(
        ran.stdout.contains("failed: ") && ran.stdout.contains("pauses when 10 of"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("most often \"400 "),
        "the commonest message: {ran:?}"
    );
    // Whoever goes on has ten more.
    bench.run(&["campaign", "resume", "c"]).await.expect(0);
    at_once(&bench, &run, in_flight).await.expect(4);
    let twice = campaign(&bench, "c").await["counts"]["dead"]
        .as_u64()
        .unwrap();
    assert!(
        (dead + 10..=dead + 10 + in_flight).contains(&twice),
        "{twice}"
    );
}

#[tokio::test]
async fn a_campaign_that_kills_everything_stops_by_itself_where_nobody_said_so() {
    let mut refusing = scenario(10);
    refusing.faults.push(Fault::status(400, 1.0));
    let bench = Bench::new(PROGRAM, refusing, 200).await;
    let run = ["run", "--yes", "devices.txt", "--campaign", "c"];
    at_once(&bench, &run, 4).await.expect(4);
    let dead = campaign(&bench, "c").await["counts"]["dead"]
        .as_u64()
        .unwrap();
    assert!((20..=24).contains(&dead), "{dead}");
}

#[tokio::test]
async fn a_window_that_closes_lets_what_is_in_flight_end_and_starts_nothing_more() {
    let bench = Bench::new(PROGRAM, scenario(400), 200).await;
    let closes = SystemClock.now().after(Duration::from_secs(5));
    let closes = Timestamp::from_millis(closes.as_millis() / 1_000 * 1_000);
    let opened = closes.before(Duration::from_mins(10));
    let time = |moment: Timestamp| moment.to_string()[11..19].to_owned();
    let window = format!("{}-{}", time(opened), time(closes));
    let run = [
        "run",
        "--yes",
        "devices.txt",
        "--campaign",
        "c",
        "--rate",
        "60/5s",
        "--window",
        &window,
    ];
    let mut command = bench.command(&run);
    let running = command
        .env("REPILOT_WORKER__CONCURRENCY", "8")
        .spawn()
        .unwrap();
    bench.until(|counters| counters.acts >= 10).await;
    // What left in time has arrived by then.
    passed(closes.after(Duration::from_millis(150))).await;
    let arrived = bench.counters().acts;
    until(&bench, "c", |campaign| campaign["counts"]["running"] == 0).await;
    passed(closes.after(IN_FLIGHT * 3)).await;
    let counters = bench.counters();
    assert_eq!(counters.acts, arrived, "nothing more was started");
    assert!(arrived < 200, "it closed in the middle");
    let waits = campaign(&bench, "c").await;
    assert_eq!(
        waits["counts"]["succeeded"], arrived,
        "what was in flight has ended: {waits}"
    );
    assert_eq!(waits["counts"]["queued"], 0, "{waits}");
    let status = bench.run(&["status"]).await.expect(0);
    assert!(status.stdout.contains("waits for its window"), "{status:?}");
    let jobs = bench
        .run(&["jobs", "c", "--state", "pending", "--json"])
        .await
        .json();
    let job = bench
        .run(&["job", &jobs[0]["id"].to_string(), "--json"])
        .await
        .json();
    assert_eq!(job["explanation"]["blocked_by"], "window", "{job}");
    // And it goes on when it is told to, without being started anew.
    let set = ["campaign", "set", "c", "--no-window", "--no-rate"];
    let set = bench.run(&set).await.expect(0);
    assert!(set.stdout.contains("now none"), "{set:?}");
    ended(running).await.expect(0);
    assert_eq!(bench.counters().applied, 200);
}

#[tokio::test]
async fn nothing_goes_out_before_the_beginning_and_a_deadline_pauses_what_is_left() {
    let bench = Bench::new(PROGRAM, scenario(100), 300).await;
    let run = [
        "run",
        "--yes",
        "devices.txt",
        "--campaign",
        "c",
        "--not-before",
        "+3s",
        "--deadline",
        "+6s",
        "--rate",
        "10/s",
    ];
    let begun = SystemClock.now();
    let running = bench.start(&run);
    passed(begun.after(Duration::from_millis(2_500))).await;
    assert_eq!(bench.counters().acts, 0);
    let ran = ended(running).await.expect(4);
    assert!(
        ran.stdout.contains("deadline") && ran.stderr.contains("--deadline"),
        "{ran:?}"
    );
    let paused = campaign(&bench, "c").await;
    assert_eq!(paused["pause_cause"], "deadline");
    let done = paused["counts"]["succeeded"].as_u64().unwrap();
    assert!((1..=40).contains(&done), "{paused}");
    let refused = bench.run(&["campaign", "resume", "c"]).await.expect(1);
    assert!(refused.stderr.contains("has passed"), "{refused:?}");
    let set = ["campaign", "set", "c", "--no-deadline", "--no-rate"];
    bench.run(&set).await.expect(0);
    bench.run(&["campaign", "resume", "c"]).await.expect(0);
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    bench.assert_accounted("c", 300).await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_said_before_anything_is_planned() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 5).await;
    let run = ["run", "--yes", "devices.txt", "--campaign", "c"];
    for (said, code, complaint) in [
        (&["--window", "nights"][..], 2, "is no window"),
        (&["--zone", "Europe/Atlantis"], 2, "is no time zone"),
        (&["--rate", "fast"], 2, "is no rate"),
        (&["--canary", "0"], 2, "is no canary"),
        (&["--not-before", "soon"], 1, "is no moment"),
        (&["--deadline", "2020-01-01T00:00:00Z"], 1, "is past"),
        (
            &["--not-before", "+2h", "--deadline", "+1h"],
            1,
            "is no deadline",
        ),
        (&["--canary-auto", "0.9"], 1, "there is no canary"),
    ] {
        let ran = bench.run(&[&run[..], said].concat()).await.expect(code);
        assert!(ran.stderr.contains(complaint), "{complaint}: {ran:?}");
    }
    assert_eq!(bench.counters().pages, 0);
}
