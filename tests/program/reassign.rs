//! Devices that go from one user to another: whom a list says, and what is seen of it.

use e2e::{Bench, Ran, ended};
use repilot_graph_sim::{DeviceState, Fault, Fleet, On, Scenario};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::PROGRAM;

/// Devices that all have a user: what an unassignment did can be seen.
pub(crate) fn with_users(devices: usize) -> Fleet {
    let mut fleet = Fleet::generated(devices * 2, 3);
    fleet
        .0
        .retain(|device| !device.user_principal_name.is_empty());
    fleet.0.truncate(devices);
    assert_eq!(fleet.0.len(), devices);
    fleet
}

/// A list that gives the n-th device to `new.N@contoso.example`.
fn list(devices: &[DeviceState]) -> String {
    let header = "Serial number,User principal name,New user\r\n".to_owned();
    let row = |(number, device): (usize, &DeviceState)| {
        let (serial, user) = (&device.serial_number, &device.user_principal_name);
        format!("{serial},{user},new.{number}@contoso.example\r\n")
    };
    let rows = devices.iter().enumerate().map(row);
    std::iter::once(header).chain(rows).collect()
}

pub(crate) async fn bench(scenario: Scenario, devices: usize) -> Bench {
    let bench = Bench::with_fleet(PROGRAM, scenario, with_users(devices)).await;
    bench.write("moves.csv", list(&bench.simulator.devices(0)));
    bench
}

pub(crate) const UNTHROTTLED: [(&str, &str); 2] = [
    ("REPILOT_THROTTLE__WRITES", "100000"),
    ("REPILOT_THROTTLE__READS", "100000"),
];

pub(crate) async fn run(bench: &Bench, arguments: &[&str], code: i32) -> Ran {
    let mut command = bench.command(arguments);
    ended(command.envs(UNTHROTTLED).spawn().unwrap())
        .await
        .expect(code)
}

pub(crate) const REASSIGN: [&str; 7] = [
    "run",
    "moves.csv",
    "--action",
    "reassign",
    "--campaign",
    "moves",
    "--yes",
];

/// Every device is its new user's, by the display name that was known.
pub(crate) fn assert_moved(bench: &Bench, name: impl Fn(usize) -> String) {
    for (number, device) in bench.simulator.devices(0).iter().enumerate() {
        let user = format!("new.{number}@contoso.example");
        assert_eq!(device.user_principal_name, user);
        assert_eq!(device.addressable_user_name, name(number));
    }
    let counters = bench.counters();
    assert_eq!(counters.assigned_over, 0, "{counters:?}");
    assert_eq!(counters.acts_at_once, 0, "{counters:?}");
}

#[tokio::test]
async fn a_list_of_new_users_is_reassigned_and_each_view_says_so() {
    let bench = bench(Scenario::default(), 40).await;
    let plan = run(&bench, &["plan", "moves.csv", "--action", "reassign"], 0).await;
    for part in [
        "unassign and then assign 40 devices to 40 users",
        "new users by `New user`",
        "new.7@contoso.example",
    ] {
        assert!(plan.stdout.contains(part), "{part}: {plan:?}");
    }
    run(&bench, &[&REASSIGN[..], &["--check-users"]].concat(), 0).await;
    assert_moved(&bench, |number| format!("New {number}"));
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.assigned), (40, 40));
    assert_eq!(counters.users, 80, "once for the plan that was looked at");
    bench.assert_accounted("moves", 40).await;

    let rows = run(&bench, &["export", "moves", "--format", "json"], 0)
        .await
        .json();
    assert_eq!(rows[7]["action"], "reassign");
    assert_eq!(rows[7]["new_user"], "new.7@contoso.example");
    let jobs = run(&bench, &["jobs", "moves"], 0).await;
    assert!(jobs.stdout.contains("NEW USER"), "{jobs:?}");
    let job = run(&bench, &["job", "8"], 0).await;
    assert!(
        job.stdout.contains("reassign to new.7@contoso.example"),
        "{job:?}"
    );
    let status = run(&bench, &["status", "moves"], 0).await;
    assert!(status.stdout.contains("action     reassign"), "{status:?}");
    let report = run(&bench, &["report", "moves", "--markdown"], 0).await;
    let list = std::fs::read(bench.path("moves.csv")).unwrap();
    let bytes = digest(&SHA256, &list);
    let bytes: Vec<String> = bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let bytes = bytes.concat();
    for part in ["reassign", &format!("moves.csv {bytes}")] {
        assert!(report.stdout.contains(part), "{part}: {report:?}");
    }
    // And back: everybody has what they had.
    run(&bench, &["rollback", "moves", "--run", "--yes"], 0).await;
    let before = with_users(40);
    let users = |devices: &[DeviceState]| -> Vec<(String, String)> {
        let user = |device: &DeviceState| {
            (
                device.user_principal_name.clone(),
                device.addressable_user_name.clone(),
            )
        };
        devices.iter().map(user).collect()
    };
    assert_eq!(users(&bench.simulator.devices(0)), users(&before.0));
}

#[tokio::test]
async fn who_has_another_device_is_greeted_by_name_and_who_is_not_known_by_their_user_name() {
    let bench = bench(Scenario::default(), 2).await;
    let devices = bench.simulator.devices(0);
    let (first, second) = (&devices[0], &devices[1]);
    bench.write(
        "moves.csv",
        format!(
            "Serial number,Assign to\n{},{}\n{},carl@contoso.example\n",
            first.serial_number, second.user_principal_name, second.serial_number
        ),
    );
    run(&bench, &[&REASSIGN[..], &["--no-check-users"]].concat(), 0).await;
    let now = bench.simulator.devices(0);
    assert_eq!(now[0].user_principal_name, second.user_principal_name);
    assert_eq!(now[0].addressable_user_name, second.addressable_user_name);
    assert_eq!(now[1].addressable_user_name, "carl@contoso.example");
    assert_eq!(bench.counters().users, 0, "nobody asked for them");
}

#[tokio::test]
async fn assigning_alone_takes_devices_without_a_user_and_leaves_the_others_alone() {
    let mut fleet = with_users(3);
    fleet.0[0].user_principal_name.clear();
    fleet.0[1].user_principal_name = "new.1@contoso.example".to_owned();
    let bench = Bench::with_fleet(PROGRAM, Scenario::default(), fleet).await;
    bench.write("moves.csv", list(&bench.simulator.devices(0)));
    let assign = ["plan", "moves.csv", "--action", "assign", "--json"];
    let plan = run(&bench, &assign, 0).await.json();
    assert_eq!(plan["planned"], 1, "{plan}");
    assert_eq!(
        plan["refused_by_reason"],
        serde_json::json!({ "already-assigned": 1, "has-user": 1 })
    );
    let assign = ["run", "moves.csv", "--action", "assign", "--yes"];
    run(&bench, &assign, 0).await;
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.assigned), (0, 1));
    assert_eq!(
        bench.simulator.devices(0)[0].user_principal_name,
        "new.0@contoso.example"
    );
}

#[tokio::test]
async fn users_whom_the_directory_does_not_know_or_lets_in_are_refused() {
    let scenario = Scenario {
        missing_users: vec!["new.3@*".to_owned()],
        disabled_users: vec!["new.4@*".to_owned()],
        ..Scenario::default()
    };
    let bench = bench(scenario, 6).await;
    let check = [
        "plan",
        "moves.csv",
        "--action",
        "reassign",
        "--no-check-users",
        "--json",
    ];
    let plan = run(&bench, &check, 0).await.json();
    assert_eq!(
        (&plan["planned"], bench.counters().users),
        (&Value::from(6), 0)
    );
    assert_eq!(plan["users_lookup"]["done"], false);
    // They are looked up unless somebody says otherwise.
    let check = ["plan", "moves.csv", "--action", "reassign", "--json"];
    let plan = run(&bench, &check, 0).await.json();
    assert_eq!(plan["planned"], 4, "{plan}");
    assert_eq!(plan["users_lookup"]["says"], "6 users");
    let refused = |plan: &Value| -> Vec<(u64, String)> {
        let rows = plan["refusals"].as_array().unwrap().iter();
        rows.map(|row| {
            let reason = row["reason"].as_str().unwrap();
            (row["line"].as_u64().unwrap(), reason.to_owned())
        })
        .collect()
    };
    let expected = [(5, "unknown-user"), (6, "disabled-user")];
    let expected = expected.map(|(line, reason)| (line, reason.to_owned()));
    assert_eq!(refused(&plan), expected);
    // What was refused stands in the ledger, too.
    let ran = run(&bench, &REASSIGN, 0).await;
    assert!(ran.stderr.contains("4 jobs enqueued"), "{ran:?}");
    let rows = run(&bench, &["refused", "moves", "--json"], 0).await.json();
    assert_eq!(rows[0]["reason"], "unknown-user");
    assert_eq!(rows[1]["reason"], "disabled-user");
}

#[tokio::test]
async fn an_app_that_may_not_read_users_is_told_which_permission_it_needs() {
    let mut fault = Fault::status(403, 1.0);
    fault.on = On::User;
    let mut scenario = Scenario::default();
    scenario.faults.push(fault);
    let bench = bench(scenario, 2).await;
    let ran = run(&bench, &[&REASSIGN[..], &["--check-users"]].concat(), 1).await;
    assert!(ran.stderr.contains("User.Read.All"), "{ran:?}");
    let campaigns = run(&bench, &["campaign", "list", "--json"], 0).await;
    assert_eq!(campaigns.json(), serde_json::json!([]));
    // Unless it must, the plan says so and goes on.
    let ran = run(&bench, &REASSIGN, 0).await;
    let said = "not looked up in the directory: the app may not read users: grant it User.Read.All";
    assert!(ran.stderr.contains(said), "{ran:?}");
    assert_moved(&bench, |number| format!("new.{number}@contoso.example"));
}

#[tokio::test]
async fn a_name_that_entra_cannot_hold_is_refused_by_its_letter() {
    let bench = bench(Scenario::default(), 5).await;
    let devices = bench.simulator.devices(0);
    let names = [
        "\u{200b}ada@contoso.example",
        "d\u{e9}@contoso.example",
        "cy+x@contoso.example",
        "\u{435}ve@contoso.example",
        "bob_fabrikam.com#EXT#@contoso.example",
    ];
    let rows = names.iter().zip(&devices);
    let rows = rows.map(|(name, device)| format!("{},{name}\n", device.serial_number));
    let rows: String = rows.collect();
    bench.write("moves.csv", format!("Serial number,New user\n{rows}"));
    let plan = ["plan", "moves.csv", "--action", "reassign", "--json"];
    let plan = run(&bench, &plan, 0).await.json();
    assert_eq!(plan["planned"], 1, "{plan}");
    for (row, letter) in ["U+200B", "U+00E9", "U+002B", "U+0435"].iter().enumerate() {
        let refused = &plan["refusals"][row];
        assert_eq!(refused["reason"], "malformed-user");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(letter), "{detail}");
        assert!(
            detail.contains("is no letter that Entra allows"),
            "{detail}"
        );
    }
    // A directory that is asked anyway does not have them.
    assert_eq!(bench.counters().users, 1);
}

#[tokio::test]
async fn a_list_that_may_say_who_has_the_devices_is_not_taken_for_the_new_users() {
    let bench = bench(Scenario::default(), 2).await;
    let serial = &bench.simulator.devices(0)[0].serial_number.clone();
    let text = format!("Serial number,Assigned User\n{serial},carl@contoso.example\n");
    bench.write("moves.csv", text);
    let ran = run(&bench, &REASSIGN, 1).await;
    assert!(
        ran.stderr
            .contains("has no column that says who is to be assigned")
            && ran.stderr.contains("`Assigned User`")
            && ran.stderr.contains("--user-column"),
        "{ran:?}"
    );
    let named = ["--user-column", "assigned user"];
    run(&bench, &[&REASSIGN[..], &named].concat(), 0).await;
    assert_eq!(
        bench.simulator.devices(0)[0].user_principal_name,
        "carl@contoso.example"
    );
    // Where nobody is assigned, it is an option without a meaning.
    let ran = run(&bench, &["plan", "moves.csv", named[0], named[1]], 1).await;
    assert!(ran.stderr.contains("--action reassign"), "{ran:?}");
}

#[tokio::test]
async fn new_users_without_an_action_are_refused() {
    let bench = bench(Scenario::default(), 3).await;
    for command in ["plan", "run", "enqueue"] {
        let mut arguments = vec![command, "moves.csv"];
        if command != "plan" {
            arguments.extend(["--yes", "--campaign", "moves"]);
        }
        let ran = run(&bench, &arguments, 1).await;
        assert!(
            ran.stderr
                .contains("3 rows of moves.csv say who is to be assigned")
                && ran.stderr.contains("--action reassign")
                && ran.stderr.contains("--action unassign"),
            "{ran:?}"
        );
    }
    assert_eq!(bench.counters().applied, 0);
    let meant = ["run", "moves.csv", "--yes", "--action", "unassign"];
    let ran = run(&bench, &meant, 0).await;
    assert!(ran.stderr.contains("the action is unassign"), "{ran:?}");
    assert_eq!(bench.counters().applied, 3);
}

#[tokio::test]
async fn the_same_list_again_adds_nothing_and_another_user_or_action_is_refused() {
    let bench = bench(Scenario::default(), 5).await;
    run(&bench, &REASSIGN, 0).await;
    let enqueue = |action: &'static str| {
        let words = ["enqueue", "moves.csv", "--action", action];
        let rest = ["--campaign", "moves", "--yes", "--refresh", "--json"];
        [&words[..], &rest].concat()
    };
    let again = run(&bench, &enqueue("reassign"), 0).await.json();
    assert_eq!(
        (&again["added"], &again["already_there"]),
        (&Value::from(0), &Value::from(5)),
        "{again}"
    );
    let text = std::fs::read_to_string(bench.path("moves.csv")).unwrap();
    bench.write("moves.csv", text.replace("new.2@", "eve@"));
    let other = run(&bench, &enqueue("reassign"), 0).await.json();
    assert_eq!(other["added"], 0, "{other}");
    assert_eq!(
        other["plan"]["refused_by_reason"],
        serde_json::json!({ "other-user-in-campaign": 1 })
    );
    for action in ["unassign", "assign"] {
        let ran = run(&bench, &enqueue(action), 1).await;
        assert!(ran.stderr.contains("does something else"), "{ran:?}");
    }
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.assigned), (5, 5));
}

#[tokio::test]
async fn a_saved_plan_keeps_its_action_and_users_and_holds_for_no_others() {
    let bench = bench(Scenario::default(), 4).await;
    let save = [
        "plan",
        "moves.csv",
        "--action",
        "reassign",
        "--check-users",
        "--save-plan",
        "plan.json",
    ];
    run(&bench, &save, 0).await;
    let enqueue = ["enqueue", "--plan", "plan.json", "--campaign", "c", "--yes"];
    let text = std::fs::read_to_string(bench.path("moves.csv")).unwrap();
    bench.write("moves.csv", text.replace("new.2@", "eve@"));
    let ran = run(&bench, &enqueue, 1).await;
    assert!(ran.stderr.contains("a list has changed"), "{ran:?}");
    bench.write("moves.csv", text);
    run(&bench, &enqueue, 0).await;
    assert_eq!(bench.counters().users, 8, "asked for again");
    let jobs = run(&bench, &["jobs", "c", "--json"], 0).await.json();
    assert_eq!(jobs[2]["action"], "reassign");
    assert_eq!(jobs[2]["new_user_principal_name"], "new.2@contoso.example");
    assert_eq!(jobs[2]["new_addressable_user_name"], "New 2");
    let again = [&enqueue[..], &["--action", "assign"]].concat();
    run(&bench, &again, 2).await;
}

#[tokio::test]
async fn somebody_who_came_since_the_list_was_planned_keeps_the_device() {
    let bench = bench(Scenario::default(), 3).await;
    let enqueue: Vec<&str> = std::iter::once("enqueue")
        .chain(REASSIGN.into_iter().skip(1))
        .chain(["--sighted-within", "0s"])
        .collect();
    run(&bench, &enqueue, 0).await;
    let id = bench.simulator.devices(0)[1].id.clone();
    assert!(bench.simulator.reassign(0, &id, "eve@contoso.example"));
    run(&bench, &["worker", "--until-empty"], 3).await;
    let status = run(&bench, &["status", "moves", "--json"], 0).await.json();
    let counts = &status["campaigns"][0]["counts"];
    assert_eq!(
        counts["dead_by_reason"],
        serde_json::json!({ "reassigned-meanwhile": 1 })
    );
    assert_eq!(counts["between_steps"], 0);
    assert_eq!(bench.counters().reassigned_touched, 0);
    assert_eq!(
        bench.simulator.devices(0)[1].user_principal_name,
        "eve@contoso.example"
    );
}

#[tokio::test]
async fn a_device_that_stays_between_two_steps_is_said_everywhere_and_goes_on_there() {
    let mut scenario = Scenario::default();
    let mut fault = Fault::status(400, 1.0);
    fault.on = On::Assign;
    fault.attempts = Some(1);
    fault.serial = Some(with_users(3).0[1].serial_number.clone());
    scenario.faults.push(fault);
    let bench = bench(scenario, 3).await;
    let ran = run(&bench, &REASSIGN, 3).await;
    let between = "1 job between two steps";
    assert!(ran.stdout.contains(between), "{ran:?}");
    let stands = "unassigned, not yet assigned to new.1@contoso.example";
    for view in [
        &["status", "moves"][..],
        &["jobs", "moves", "state:dead"],
        &["report", "moves", "--markdown"],
        &["export", "moves"],
        &["job", "2"],
    ] {
        let said = run(&bench, view, 0).await.stdout;
        assert!(said.contains(stands) || said.contains(between), "{said}");
    }
    run(&bench, &["dead", "requeue", "--campaign", "moves"], 0).await;
    run(&bench, &["worker", "--until-empty"], 0).await;
    assert_moved(&bench, |number| format!("New {number}"));
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.assigned), (3, 3));
}
