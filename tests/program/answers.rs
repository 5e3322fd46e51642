//! Answers that are none of Graph's, and answers of Graph's that are easily misread: what becomes of
//! devices, campaigns and listings.

use e2e::{Bench, Ran, ended};
use repilot_graph_sim::{Fault, FaultKind, Fleet, On, RetryAfter, Scenario};
use serde_json::Value;

use crate::PROGRAM;
use crate::reassign::with_users;

const RUN: [&str; 5] = ["run", "--yes", "devices.txt", "--campaign", "c"];

/// Whoever waits does not wait for long.
const QUICK: [(&str, &str); 4] = [
    ("REPILOT_RETRY__LOOK_AFTER", "50ms"),
    ("REPILOT_RETRY__BACKOFF", "50ms"),
    ("REPILOT_RETRY__BACKOFF_MAX", "200ms"),
    ("REPILOT_THROTTLE__WRITES", "100000"),
];

async fn bench(faults: Vec<Fault>, devices: usize) -> Bench {
    let scenario = Scenario {
        faults,
        ..Scenario::default()
    };
    Bench::new(PROGRAM, scenario, devices).await
}

/// The same, every device having a user: that a look finds none says something of each.
async fn with_users_and(faults: Vec<Fault>, devices: usize) -> Bench {
    let scenario = Scenario {
        faults,
        ..Scenario::default()
    };
    Bench::with_fleet(PROGRAM, scenario, with_users(devices)).await
}

async fn quick(bench: &Bench, arguments: &[&str]) -> Ran {
    let mut command = bench.command(arguments);
    ended(command.envs(QUICK).spawn().unwrap()).await
}

async fn jobs(bench: &Bench) -> Vec<Value> {
    let jobs = bench.run(&["jobs", "c", "--limit", "1000", "--json"]);
    jobs.await.json().as_array().unwrap().clone()
}

/// The campaign is paused with these words, no device has a verdict, and no job spent anything.
async fn assert_paused_unspent(bench: &Bench, words: &str) {
    let status = bench.run(&["status", "c", "--json"]).await.json();
    let campaign = &status["campaigns"][0];
    assert_eq!(campaign["status"], "paused", "{status}");
    assert_eq!(campaign["pause_cause"], "tenant", "{status}");
    let reason = campaign["status_reason"].as_str().unwrap();
    assert!(reason.contains(words), "{reason}");
    for job in jobs(bench).await {
        assert_eq!(
            (&job["state"], &job["attempts"]),
            (&"pending".into(), &0.into()),
            "{job}"
        );
    }
}

fn redirect(location: &str) -> Fault {
    Fault {
        location: Some(location.to_owned()),
        ..Fault::sharing(FaultKind::Redirect, 1.0)
    }
}

#[tokio::test]
async fn whatever_stands_in_graphs_place_pauses_the_campaign_and_spends_nothing() {
    let rows = [
        (
            Fault::page(On::Act, 200, "Sign in &amp; go"),
            "answered 200 with a web page, \"Sign in & go\"",
        ),
        (
            Fault::page(On::Act, 404, "404 Not Found"),
            "answered 404 with a web page, \"404 Not Found\"",
        ),
        (
            Fault::page(On::Any, 403, "Blocked by policy"),
            "answered 403 with a web page, \"Blocked by policy\"",
        ),
        (
            redirect("https://login.corp.example/x?secret=1"),
            "a redirect to login.corp.example,",
        ),
        (
            Fault::sharing(FaultKind::ErrorInSuccess, 1.0),
            "an error in its body, \"Blocked: The request was blocked.\"",
        ),
    ];
    for (fault, words) in rows {
        let is_listed_before = fault.on == On::Any;
        let mut bench = bench(
            if is_listed_before {
                Vec::new()
            } else {
                vec![fault.clone()]
            },
            40,
        )
        .await;
        if is_listed_before {
            // Whoever is blocked altogether could not even plan.
            quick(
                &bench,
                &["enqueue", "--yes", "devices.txt", "--campaign", "c"],
            )
            .await
            .expect(0);
            bench
                .replace(Scenario {
                    faults: vec![fault],
                    ..Scenario::default()
                })
                .await;
            quick(&bench, &["worker", "--until-empty"]).await.expect(4);
        } else {
            let ran = quick(&bench, &RUN).await.expect(4);
            assert!(ran.stdout.contains(words), "{ran:?}");
        }
        assert_paused_unspent(&bench, words).await;
        assert_eq!(bench.counters().applied, 0);
        bench.replace(Scenario::default()).await;
        quick(&bench, &["campaign", "resume", "c"]).await.expect(0);
        quick(&bench, &["worker", "--until-empty"]).await.expect(0);
        assert_eq!(bench.counters().devices_applied, 40);
        bench.assert_accounted("c", 40).await;
    }
}

#[tokio::test]
async fn a_campaign_of_one_device_that_only_pages_answer_pauses_too() {
    let bench = bench(vec![Fault::page(On::Act, 200, "Sign in")], 1).await;
    quick(&bench, &RUN).await.expect(4);
    assert_paused_unspent(&bench, "\"Sign in\"").await;
    let counters = bench.counters();
    assert_eq!(counters.acts, 3, "{counters:?}");
    // A look came before each further call.
    assert!(counters.looks >= 2, "{counters:?}");
}

#[tokio::test]
async fn one_device_that_a_filter_blocks_gets_no_verdict_while_others_succeed() {
    let serials = ["A1", "A2", "A3-BLOCKED", "A4"];
    let fleet = Fleet::for_keys(serials, &Scenario::default());
    let mut fault = Fault::page(On::Act, 403, "Blocked");
    fault.serial = Some("*-BLOCKED".to_owned());
    let scenario = Scenario {
        faults: vec![fault],
        ..Scenario::default()
    };
    let bench = Bench::with_fleet(PROGRAM, scenario, fleet).await;
    quick(&bench, &RUN).await.expect(4);
    for job in jobs(&bench).await {
        let is_blocked = job["serial"] == "A3-BLOCKED";
        let expected = if is_blocked {
            ("pending", 0)
        } else {
            ("succeeded", 1)
        };
        assert_eq!(
            (&job["state"], &job["attempts"]),
            (&expected.0.into(), &expected.1.into()),
            "{job}"
        );
    }
}

#[tokio::test]
async fn a_page_that_hid_an_effect_is_looked_into_and_not_done_twice() {
    let mut page = Fault::page(On::Act, 200, "Please wait");
    page.applied = true;
    page.attempts = Some(1);
    page.share = Some(0.2);
    let bench = with_users_and(vec![page], 60).await;
    quick(&bench, &RUN).await.expect(0);
    let counters = bench.counters();
    assert_eq!(
        (counters.devices_applied, counters.max_applied_per_device),
        (60, 1),
        "{counters:?}"
    );
    assert!(counters.looks > 0, "{counters:?}");
    bench.assert_accounted("c", 60).await;
}

#[tokio::test]
async fn a_fault_after_the_effect_is_looked_into_and_not_done_twice() {
    let faults = [500, 502, 503, 504, 408].map(|status| Fault {
        applied: true,
        attempts: Some(1),
        ..Fault::status(status, 0.2)
    });
    let bench = with_users_and(faults.to_vec(), 100).await;
    quick(&bench, &RUN).await.expect(0);
    let counters = bench.counters();
    assert_eq!(counters.max_applied_per_device, 1, "{counters:?}");
    let in_doubt: u64 = [500, 502, 503, 504, 408]
        .iter()
        .filter_map(|status| counters.statuses.get(status))
        .sum();
    assert!(in_doubt > 20, "{counters:?}");
    assert!(counters.looks >= in_doubt, "{counters:?}");
    bench.assert_accounted("c", 100).await;
}

#[tokio::test]
async fn conflicts_and_locks_come_back_while_attempts_last() {
    let asks_inside = r#"{"Message":"Busy","RetryAfter":1}"#;
    let mut faults: Vec<Fault> = [409, 421, 423, 425]
        .map(|status| Fault::status(status, 0.2))
        .to_vec();
    faults.push(Fault {
        retry_after: Some(RetryAfter::Integer),
        ..Fault::status(409, 0.1)
    });
    faults.push(Fault {
        message: Some(asks_inside.to_owned()),
        ..Fault::status(400, 0.2)
    });
    for fault in &mut faults {
        fault.attempts = Some(2);
    }
    let bench = bench(faults, 60).await;
    quick(&bench, &RUN).await.expect(0);
    let counters = bench.counters();
    for status in [400, 409, 421, 423, 425] {
        assert!(
            counters.statuses.contains_key(&status),
            "{status}: {counters:?}"
        );
    }
    assert_eq!(counters.max_applied_per_device, 1, "{counters:?}");
    bench.assert_accounted("c", 60).await;
}

#[tokio::test]
async fn intunes_forbidden_within_a_401_and_a_403_for_approval_are_told_as_what_they_are() {
    let forbidden = Fault {
        code: Some("UnknownError".to_owned()),
        message: Some(r#"{"ErrorCode":"Forbidden","Message":"An error has occurred"}"#.to_owned()),
        ..Fault::status(401, 1.0)
    };
    let approval = Fault {
        status: Some(403),
        ..Fault::sharing(FaultKind::Approval, 1.0)
    };
    for (fault, words) in [
        (
            forbidden,
            "Graph refuses the app (401, UnknownError: An error has occurred)",
        ),
        (approval, "Multi Admin Approval"),
    ] {
        let bench = bench(vec![fault], 3).await;
        quick(&bench, &RUN).await.expect(4);
        assert_paused_unspent(&bench, words).await;
    }
}

#[tokio::test]
async fn a_long_reason_is_cut_in_the_table_and_whole_on_its_own() {
    let message = format!("{} the end", "so it goes ".repeat(30));
    let fault = Fault {
        message: Some(message),
        ..Fault::status(403, 1.0)
    };
    let bench = bench(vec![fault], 2).await;
    quick(&bench, &RUN).await.expect(4);
    let table = bench.run(&["status"]).await.expect(0).stdout;
    let row = table
        .lines()
        .find(|line| line.trim_start().starts_with("c "))
        .unwrap();
    assert!(
        !row.contains("so it goes") && row.chars().count() < 200,
        "{table}"
    );
    assert_eq!(table.matches("the end").count(), 1, "{table}");
    let whole = bench.run(&["status", "c"]).await.expect(0).stdout;
    assert!(whole.contains("the end"), "{whole}");
}

/// What a listing that cannot be believed says.
async fn disbelieved(fault: Fault, devices: usize) -> String {
    let bench = bench(vec![fault], devices).await;
    let synced = bench.run(&["inventory", "sync"]).await.expect(1);
    assert!(synced.stderr.contains("is incomplete"), "{synced:?}");
    bench.run(&["inventory", "list"]).await.expect(1);
    assert!(bench.counters().pages < 10, "{:?}", bench.counters());
    synced.stderr
}

#[tokio::test]
async fn a_listing_that_cannot_be_believed_is_incomplete_and_says_why() {
    let endless = disbelieved(Fault::listing(FaultKind::EndlessList), 1_500).await;
    assert!(
        endless.contains("page 2 of Graph's listing leads on and has no device"),
        "{endless}"
    );
    let short = disbelieved(Fault::listing(FaultKind::ShortList), 5).await;
    assert!(short.contains("counts 6 devices and listed 5"), "{short}");
}

#[tokio::test]
async fn a_next_link_that_is_not_followed_says_which_and_why() {
    for (link, words) in [
        ("string", "is no URL: `string`"),
        (
            "https://elsewhere.example/v1.0/x",
            "leads to another host, elsewhere.example",
        ),
    ] {
        let mut fault = Fault::listing(FaultKind::BadLink);
        fault.location = Some(link.to_owned());
        fault.attempts = Some(1);
        let said = once(fault).await;
        assert!(said.contains(words), "{said}");
    }
}

/// What one failed question for the first page says.
async fn once(fault: Fault) -> String {
    let bench = bench(vec![fault], 3).await;
    let check = bench.run(&["check"]).await.expect(1);
    check.stdout + &check.stderr
}

#[tokio::test]
async fn a_404_for_the_list_names_root_and_version_and_no_device() {
    let said = once(Fault {
        on: On::List,
        ..Fault::status(404, 1.0)
    })
    .await;
    assert!(
        said.contains("no list of Autopilot devices at http://127.0.0.1:"),
        "{said}"
    );
    assert!(said.contains("`[graph] root` and `version`"), "{said}");
    let page = once(Fault::page(On::List, 404, "404 Not Found")).await;
    assert!(page.contains("a web page, \"404 Not Found\""), "{page}");
    assert!(page.contains("proxy"), "{page}");
}

#[tokio::test]
async fn one_broken_item_is_named_and_stops_nobody_else() {
    let bench = bench(vec![Fault::listing(FaultKind::BrokenItem)], 20).await;
    let plan = bench
        .run(&["plan", "devices.txt", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(
        (&plan["planned"], &plan["inventory"]),
        (&19.into(), &19.into()),
        "{plan}"
    );
    let serial = bench.simulator.devices(0)[0].serial_number.clone();
    let named = plan["inventory_unreadable"][0].as_str().unwrap();
    let expected = format!("item 1 of page 1, serial {serial}: missing field `id`");
    assert_eq!(named, expected);
    // Also where the inventory comes from the ledger.
    let again = bench.run(&["plan", "devices.txt"]).await.expect(0);
    assert!(
        again.stdout.contains(&expected) || again.stderr.contains(&expected),
        "{again:?}"
    );
    assert_eq!(bench.counters().pages, 1);
    quick(&bench, &RUN).await.expect(0);
    assert_eq!(bench.counters().devices_applied, 19);
}

#[tokio::test]
async fn a_device_on_two_pages_counts_once_everywhere() {
    let bench = bench(vec![Fault::listing(FaultKind::RepeatedDevice)], 2_500).await;
    let synced = bench.run(&["inventory", "sync", "--json"]).await.expect(0);
    assert_eq!(synced.json()["devices"], 2_500);
    let exported = bench
        .run(&["inventory", "export", "--json"])
        .await
        .expect(0);
    assert_eq!(exported.json().as_array().unwrap().len(), 2_500);
    let plan = bench
        .run(&["plan", "devices.txt", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(
        (&plan["planned"], &plan["inventory"]),
        (&2_500.into(), &2_500.into())
    );
}

#[tokio::test]
async fn a_user_name_that_the_directory_does_not_take_is_not_called_unknown() {
    let bench = bench(
        vec![Fault {
            on: On::User,
            message: Some("Invalid object identifier.".to_owned()),
            ..Fault::status(400, 1.0)
        }],
        2,
    )
    .await;
    let serial = bench.simulator.devices(0)[0].serial_number.clone();
    bench.write(
        "moves.csv",
        format!("Serial number,New user\n{serial},zed@contoso.example\n"),
    );
    let plan = [
        "plan",
        "moves.csv",
        "--action",
        "reassign",
        "--check-users",
        "--json",
    ];
    let plan = bench.run(&plan).await.json();
    let refusal = &plan["refusals"][0];
    assert_eq!(refusal["reason"], "malformed-user", "{plan}");
    let detail = refusal["detail"].as_str().unwrap();
    assert!(
        detail.contains("400 BadRequest Invalid object identifier."),
        "{detail}"
    );
}

/// As many devices as are called through a front end that ends a connection after ten requests;
/// `REPILOT_FRONT_END_DEVICES` asks for more.
#[cfg(unix)]
fn through_front_end() -> usize {
    let asked = std::env::var("REPILOT_FRONT_END_DEVICES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(200)
}

/// What was heard of calls that did not go through at once.
#[cfg(unix)]
async fn faults(bench: &Bench) -> Vec<Value> {
    let mut faults = Vec::new();
    for job in jobs(bench).await {
        if job["attempts"] != 1 {
            let job = ["job", &job["id"].to_string(), "--json"];
            let job = bench.run(&job).await.json();
            faults.push(job["history"].clone());
        }
    }
    faults
}

#[cfg(unix)]
#[tokio::test]
async fn a_front_end_that_recycles_connections_costs_neither_attempt_nor_look() {
    let count = through_front_end();
    let scenario = Scenario {
        latency: repilot_graph_sim::Latency {
            fixed_ms: 20,
            jitter_ms: 0,
        },
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, count).await;
    let upstream = bench.simulator.url();
    let nginx = servers::Nginx::start(upstream.trim_start_matches("http://"), 10);
    let mut command = bench.command(&RUN);
    command
        .env("REPILOT_GRAPH__ROOT", nginx.url())
        .env("SSL_CERT_FILE", nginx.certificate())
        .env("REPILOT_THROTTLE__WRITES", "100000");
    ended(command.spawn().unwrap()).await.expect(0);
    let counters = bench.counters();
    assert_eq!(
        (counters.acts, counters.looks),
        (count as u64, 0),
        "{counters:?} {:?}",
        faults(&bench).await
    );
    assert_eq!(counters.max_applied_per_device, 1, "{counters:?}");
    assert_eq!(nginx.answered("POST"), count);
    for job in jobs(&bench).await {
        assert_eq!(
            (&job["state"], &job["attempts"]),
            (&"succeeded".into(), &1.into()),
            "{job}"
        );
    }
    bench.assert_accounted("c", count).await;
}
