//! Dead letters: why, and what to do with them.

use e2e::{Bench, ended};
use repilot_graph_sim::{Fault, Fleet, Scenario};

use crate::PROGRAM;

fn scenario() -> Scenario {
    let of = |pattern: &str, status| Fault {
        serial: Some(pattern.to_owned()),
        share: None,
        ..Fault::status(status, 1.0)
    };
    Scenario {
        faults: vec![of("*-GONE", 404), of("*-REFUSED", 422), of("*-FLAKY", 503)],
        ..Scenario::default()
    }
}

async fn bench() -> Bench {
    let serials = ["A1", "A2-GONE", "A3-REFUSED", "A4-FLAKY", "A5-GONE"];
    let fleet = Fleet::for_keys(serials, &Scenario::default());
    Bench::with_fleet(PROGRAM, scenario(), fleet).await
}

async fn run(bench: &Bench) -> e2e::Ran {
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c"]);
    command
        .env("REPILOT_RETRY__BACKOFF", "10ms")
        .env("REPILOT_RETRY__LOOK_AFTER", "10ms")
        .env("REPILOT_RETRY__ATTEMPTS", "3");
    ended(command.spawn().unwrap()).await
}

#[tokio::test]
async fn each_has_its_reason_its_attempts_and_the_exit_code_says_so() {
    let bench = bench().await;
    let ran = run(&bench).await.expect(3);
    assert!(ran.stdout.contains("dead       4"), "{ran:?}");
    let groups = bench
        .run(&["dead", "list", "--json"])
        .await
        .expect(0)
        .json();
    let mut reasons: Vec<(String, i64)> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["reason"].as_str().unwrap().to_owned(),
                group["jobs"].as_i64().unwrap(),
            )
        })
        .collect();
    reasons.sort();
    let expected = [("attempts-spent", 1), ("not-found", 2), ("rejected", 1)];
    assert_eq!(
        reasons,
        expected.map(|(reason, jobs)| (reason.to_owned(), jobs))
    );
    let flaky = bench
        .run(&["jobs", "c", "--reason", "attempts-spent", "--json"])
        .await
        .json();
    let id = flaky[0]["id"].to_string();
    let job = bench.run(&["job", &id, "--json"]).await.expect(0).json();
    let history = job["history"].as_array().unwrap();
    // Each fault may have hidden an effect: a look comes before each further call, and at the end.
    let steps: Vec<&str> = history
        .iter()
        .map(|attempt| attempt["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["act", "look", "act", "look", "act", "look"]);
    let faults = history.iter().filter(|attempt| attempt["step"] == "act");
    for attempt in faults {
        assert_eq!(attempt["status"], 503, "{attempt}");
        assert!(attempt["request_id"].is_string(), "{attempt}");
    }
    let message = job["message"].as_str().unwrap();
    assert!(message.contains("503 ServiceUnavailable"), "{job}");
    assert_eq!(job["explanation"]["blocked_by"], "dead-letter");
    bench.assert_accounted("c", 5).await;
}

#[tokio::test]
async fn they_are_requeued_by_reason_and_the_rest_discarded() {
    let mut bench = bench().await;
    run(&bench).await.expect(3);
    bench.replace(Scenario::default()).await;
    bench.run(&["dead", "requeue"]).await.expect(2);
    let requeued = bench
        .run(&["dead", "requeue", "--reason", "rejected"])
        .await
        .expect(0);
    assert!(
        requeued.stdout.contains("1 dead letter requeued"),
        "{requeued:?}"
    );
    bench.run(&["worker", "--until-empty"]).await.expect(3);
    assert_eq!(bench.counters().applied, 1);
    // Where nobody can be asked, nothing happens.
    let discard = ["dead", "discard", "--campaign", "c"];
    let unasked = bench.run(&discard).await.expect(1);
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    let list = bench.run(&["dead", "list"]).await.expect(0);
    assert_ne!(list.stdout.trim(), "no dead letters");
    bench
        .run(&[&discard[..], &["--yes"]].concat())
        .await
        .expect(0);
    let list = bench.run(&["dead", "list"]).await.expect(0);
    assert_eq!(list.stdout.trim(), "no dead letters");
    bench.assert_accounted("c", 5).await;
}
