//! What programs do by the API that asks a tenant's Graph: a list enqueued, verified, taken back.

use e2e::{Bench, ended};
use repilot_graph_sim::{Fleet, Scenario};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::PROGRAM;

/// A dashboard, and a program that may act by it.
pub(crate) struct Caller {
    url: String,
    token: String,
    _dashboard: Child,
}

impl Caller {
    pub(crate) async fn over(bench: &Bench) -> Self {
        let mut dashboard = bench.start(&["dashboard", "--listen", "127.0.0.1:0", "--json"]);
        let mut lines = BufReader::new(dashboard.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let create = ["token", "create", "robot", "--role", "operator", "--json"];
        let token = bench.run(&create).await.expect(0).json();
        Self {
            url: said["url"].as_str().unwrap().to_owned(),
            token: token["token"].as_str().unwrap().to_owned(),
            _dashboard: dashboard,
        }
    }

    /// What is read at a path.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = e2e::http()
            .get(format!("{}/api/v1/{path}", self.url))
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    async fn post(&self, path: &str, kind: &str, body: String) -> (u16, Value) {
        self.send(&format!("campaigns/{path}"), kind, body).await
    }

    async fn send(&self, path: &str, kind: &str, body: String) -> (u16, Value) {
        let answer = e2e::http()
            .post(format!("{}/api/v1/{path}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
        )
    }

    async fn requeue(&self, body: Value) -> (u16, Value) {
        let path = "jobs/acts/requeue";
        self.send(path, "application/json", body.to_string()).await
    }

    async fn act(&self, path: &str, body: Value) -> (u16, Value) {
        self.post(path, "application/json", body.to_string()).await
    }
}

#[tokio::test]
async fn a_list_of_new_users_is_reassigned_by_the_api_and_keeps_its_campaigns_action() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    let caller = Caller::over(&bench).await;
    let rows = bench.simulator.devices(0).into_iter().zip(0..);
    let row = |(device, number): (repilot_graph_sim::DeviceState, usize)| {
        format!("{},new.{number}@contoso.example\n", device.serial_number)
    };
    let rows: String = rows.map(row).collect();
    let list = format!("Serial number,Owner\n{rows}");
    let enqueue = async |query: &str| {
        let path = format!("moves/lists?list=moves.csv{query}");
        caller.post(&path, "text/plain", list.clone()).await
    };
    let (status, unclear) = enqueue("&action=reassign").await;
    assert_eq!(status, 409, "{unclear}");
    assert!(unclear.to_string().contains("`Owner`"), "{unclear}");
    let (status, planned) = enqueue("&action=reassign&user_column=Owner&check_users=true").await;
    assert_eq!(
        (status, &planned["enqueued"]),
        (200, &json!(3)),
        "{planned}"
    );
    assert_eq!(planned["plan"]["action"], "reassign");
    let (status, other) = enqueue("&action=unassign").await;
    assert_eq!(status, 409, "{other}");
    let (_, again) = enqueue("&user_column=Owner").await;
    assert_eq!(again["enqueued"], 0, "{again}");
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    for (device, number) in bench.simulator.devices(0).iter().zip(0..) {
        let user = format!("new.{number}@contoso.example");
        assert_eq!(device.user_principal_name, user);
        assert_eq!(device.addressable_user_name, format!("New {number}"));
    }
}

#[tokio::test]
async fn a_device_is_taken_from_its_new_user_only_where_the_request_says_so() {
    const NEWCOMER: &str = "newcomer@contoso.example";
    let mut fleet = Fleet::generated(3, 3);
    for (number, device) in fleet.0.iter_mut().enumerate() {
        device.user_principal_name = format!("user{number}@contoso.example");
    }
    let bench = Bench::with_fleet(PROGRAM, Scenario::default(), fleet).await;
    let run = async |arguments: &[&str], code: i32| {
        let mut command = bench.command(arguments);
        // Each is looked at right before its call.
        command.env("REPILOT_CAMPAIGN__SIGHTED_WITHIN", "0s");
        command.env("REPILOT_CAMPAIGN__MAX_FAILURES", "");
        ended(command.spawn().unwrap()).await.expect(code)
    };
    let enqueue = ["enqueue", "devices.txt", "--yes", "--campaign", "c"];
    run(&enqueue, 0).await;
    let taken = bench.simulator.devices(0).swap_remove(1);
    assert!(bench.simulator.reassign(0, &taken.id, NEWCOMER));
    run(&["worker", "--until-empty"], 3).await;
    let has = || {
        bench
            .simulator
            .devices(0)
            .swap_remove(1)
            .user_principal_name
    };
    assert_eq!(has(), NEWCOMER);

    let caller = Caller::over(&bench).await;
    let dead = run(&["jobs", "c", "state:dead", "--json"], 0).await.json();
    let ids = json!([dead[0]["id"]]);
    let all = json!({ "campaign": "c", "search": "state:dead", "jobs": 1, "up_to": dead[0]["id"] });
    for body in [json!({ "ids": ids }), all.clone()] {
        let (status, problem) = caller.requeue(body).await;
        let kind = "urn:repilot:problem:new-user";
        assert_eq!((status, &problem["type"]), (409, &json!(kind)), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        let named = format!("{NEWCOMER} has {}", taken.serial_number);
        assert!(detail.contains(&named), "{detail}");
        let unchanged = run(&["jobs", "c", "state:dead", "--json"], 0).await.json();
        assert_eq!(unchanged, dead);
    }
    let mut asked = all;
    asked["new_user"] = json!(true);
    let (status, acted_on) = caller.requeue(asked).await;
    assert_eq!((status, &acted_on["jobs"]), (200, &json!(1)), "{acted_on}");
    run(&["worker", "--until-empty"], 0).await;
    assert_eq!(has(), "");
}

#[tokio::test]
async fn how_fresh_a_sighting_must_be_is_said_with_a_list_and_with_a_rollback() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 4).await;
    let caller = Caller::over(&bench).await;
    let list = std::fs::read_to_string(bench.path("devices.txt")).unwrap();
    let enqueue = async |within: &str| {
        let path = format!("c/lists?list=devices.txt&sighted_within={within}");
        caller.post(&path, "text/plain", list.clone()).await
    };
    let (status, unclear) = enqueue("soon").await;
    assert!((400..500).contains(&status), "{unclear}");
    let (status, enqueued) = enqueue("0s").await;
    assert_eq!(status, 200, "{enqueued}");
    let within = async |campaign: &str| {
        let status = bench.run(&["status", campaign, "--json"]).await.expect(0);
        status.json()["campaigns"][0]["controls"]["sighted_within"].clone()
    };
    assert_eq!(within("c").await, "0s");
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.looks), (4, 4), "{counters:?}");
    let body = json!({ "sighted_within": "30s" });
    let (status, back) = caller.act("c/rollback", body).await;
    assert_eq!(status, 200, "{back}");
    assert_eq!(within("c-rollback").await, "30s");
}

#[tokio::test]
async fn a_list_is_planned_enqueued_verified_and_taken_back_by_the_api() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 30).await;
    let inventory = || serde_json::to_string(&bench.simulator.devices(0)).unwrap();
    let before = inventory();
    let caller = Caller::over(&bench).await;
    let list = std::fs::read_to_string(bench.path("devices.txt")).unwrap() + "\nNOWHERE\n";
    let enqueue = async |query: &str| {
        let path = format!("spring/lists?list=devices.txt{query}");
        caller.post(&path, "text/plain", list.clone()).await
    };

    // The same plan as the command line's; nothing is enqueued.
    let (status, planned) = enqueue("&dry_run=true").await;
    assert_eq!(status, 200, "{planned}");
    assert_eq!(planned["enqueued"], Value::Null);
    bench.write("given.txt", &list);
    let plan = ["plan", "given.txt", "--json"];
    let plan = bench.run(&plan).await.expect(0).json();
    for key in ["planned", "refused", "inventory", "list_sha256"] {
        assert_eq!(planned["plan"][key], plan[key], "{key}: {planned}");
    }
    bench.run(&["status", "spring"]).await.expect(1);
    let (status, problem) = enqueue("&plan_sha256=another").await;
    assert_eq!(status, 409, "{problem}");
    let sha256 = planned["plan_sha256"].as_str().unwrap();
    let (status, enqueued) = enqueue(&format!("&plan_sha256={sha256}")).await;
    assert_eq!(
        (status, &enqueued["enqueued"]),
        (200, &json!(30)),
        "{enqueued}"
    );
    let (_, again) = enqueue("").await;
    assert_eq!(again["enqueued"], 0);
    bench.run(&["worker", "--until-empty"]).await.expect(0);

    let (status, young) = caller.act("spring/verify", Value::Null).await;
    assert_eq!(status, 409, "{young}");
    let now = json!({ "after_ms": 0 });
    let (status, verified) = caller.act("spring/verify", now).await;
    assert_eq!(status, 200, "{verified}");
    assert_eq!(verified["verification"]["verified"], 30, "{verified}");

    let (status, plan) = caller.act("spring/rollback/plan", Value::Null).await;
    assert_eq!(status, 200, "{plan}");
    let other = json!({ "plan_sha256": "another" });
    let (status, _) = caller.act("spring/rollback", other).await;
    assert_eq!(status, 409);
    let this = json!({ "plan_sha256": plan["plan_sha256"] });
    let (status, back) = caller.act("spring/rollback", this).await;
    assert_eq!(
        (status, &back["name"]),
        (200, &json!("spring-rollback")),
        "{back}"
    );
    assert_eq!(back["counts"]["total"], plan["devices"]);
    let (status, _) = caller.act("spring/rollback", Value::Null).await;
    assert_eq!(status, 409, "it is under way");
    assert_ne!(inventory(), before);
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    assert_eq!(inventory(), before);
    let audit = bench.run(&["audit", "list", "--json"]).await.json();
    for event in ["plan-accepted", "verified", "rolled-back"] {
        let by_it = |row: &&Value| row["event"] == event && row["actor"] == "token robot";
        assert!(
            audit.as_array().unwrap().iter().any(|row| by_it(&row)),
            "{event}"
        );
    }
}

/// As it is where some processes are of another version than the others.
#[tokio::test]
async fn a_dashboard_is_ready_only_while_its_ledger_has_the_shape_that_it_knows() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let caller = Caller::over(&bench).await;
    let probe = async |path: &str| {
        let asked = e2e::http().get(format!("{}{path}", caller.url)).send();
        asked.await.unwrap().status().as_u16()
    };
    assert_eq!(probe("/readyz").await, 200);
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", bench.path("ledger.db").display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9001, 'from the future', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(probe("/readyz").await, 503);
    assert_eq!(probe("/healthz").await, 200, "a restart would not help");
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version >= 17")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    assert_eq!(
        probe("/readyz").await,
        503,
        "an older one is not it, either"
    );
}
