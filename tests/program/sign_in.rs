//! A person signs in, by a code; what Entra refuses; and campaigns that wait for the next sign-in.

use std::time::Duration;

use e2e::{Bench, Entra, ended};
use repilot_domain::{Clock as _, SystemClock, WorkerId};
use repilot_graph_sim::Scenario;
use repilot_ledger::{Ledger, LedgerLocation, WorkerRow};
use serde_json::json;
use tokio::process::Command;

use crate::PROGRAM;

fn any_token() -> Scenario {
    Scenario {
        any_token: true,
        ..Scenario::default()
    }
}

fn command(bench: &Bench, entra: &Entra, arguments: &[&str]) -> Command {
    let mut command = bench.command(arguments);
    entra.tell(&mut command);
    command
}

async fn run(bench: &Bench, entra: &Entra, arguments: &[&str]) -> e2e::Ran {
    ended(command(bench, entra, arguments).spawn().unwrap()).await
}

async fn signed_in(scenario: Scenario, devices: usize) -> (Bench, Entra) {
    let (bench, entra) = (
        Bench::new(PROGRAM, scenario, devices).await,
        Entra::start().await,
    );
    run(&bench, &entra, &["login"]).await.expect(0);
    (bench, entra)
}

#[tokio::test]
async fn login_and_run_need_no_settings_file() {
    let (bench, entra) = (
        Bench::new(PROGRAM, any_token(), 7).await,
        Entra::start().await,
    );
    let none = run(&bench, &entra, &["run", "devices.txt", "--yes"])
        .await
        .expect(1);
    assert!(
        none.stderr.contains("sign in with `repilot login`"),
        "{none:?}"
    );
    entra.says().before_tokens = [("authorization_pending", "AADSTS70016: pending")].into();
    let login = run(&bench, &entra, &["login", "--json"]).await.expect(0);
    assert!(login.stderr.contains("there is no display"), "{login:?}");
    assert!(
        login.stderr.contains("https://microsoft.com/devicelogin"),
        "{login:?}"
    );
    assert!(login.stderr.contains("HJKL-1234"), "{login:?}");
    let said = login.json();
    assert_eq!(said["tenant"], "contoso.example");
    assert_eq!(said["user"], "alice@contoso.example");
    assert_eq!(said["kept_in"], "file");
    assert_ne!(said["no_keyring"], "");
    assert_eq!(
        said["permissions"],
        json!(["DeviceManagementServiceConfig.ReadWrite.All"])
    );
    let asked = entra.says().forms[0].clone();
    assert_eq!(
        asked["scope"],
        "https://graph.microsoft.com/DeviceManagementServiceConfig.ReadWrite.All offline_access openid profile"
    );
    run(
        &bench,
        &entra,
        &["run", "devices.txt", "--campaign", "c", "--yes"],
    )
    .await
    .expect(0);
    assert_eq!(bench.counters().applied, 7);
    let audit = run(&bench, &entra, &["audit", "list", "c", "--json"])
        .await
        .json();
    let opened = &audit.as_array().unwrap()[0];
    assert_eq!(opened["actor"], "alice@contoso.example", "{audit}");
    let status = run(&bench, &entra, &["status", "--json"]).await.json();
    assert_eq!(status["sign_ins"][0]["user"], "alice@contoso.example");
    let check = run(&bench, &entra, &["check"]).await.expect(0);
    assert!(
        check.stdout.contains("contoso.example sign-in"),
        "{check:?}"
    );
    for ran in [&login, &check] {
        let shown = format!("{ran:?}");
        assert!(
            !shown.contains("access-token") && !shown.contains("refresh-token"),
            "{shown}"
        );
    }
    run(&bench, &entra, &["logout"]).await.expect(0);
    let none = run(&bench, &entra, &["run", "devices.txt", "--yes"])
        .await
        .expect(1);
    assert!(none.stderr.contains("no tenant is set up"), "{none:?}");
}

#[tokio::test]
async fn a_section_of_the_settings_names_a_sign_in() {
    let (bench, entra) = (
        Bench::new(PROGRAM, any_token(), 3).await,
        Entra::start().await,
    );
    bench.write(
        "repilot.toml",
        "[tenants.contoso]\ncredential = \"sign-in\"\n",
    );
    let before = run(&bench, &entra, &["run", "devices.txt", "--yes"])
        .await
        .expect(1);
    assert!(
        before
            .stderr
            .contains("sign in again: repilot login --tenant contoso"),
        "{before:?}"
    );
    let login = run(&bench, &entra, &["login", "--check-users", "--json"])
        .await
        .expect(0);
    assert_eq!(login.json()["tenant"], "contoso");
    assert!(entra.says().forms[0]["scope"].contains("https://graph.microsoft.com/User.Read.All "));
    run(&bench, &entra, &["run", "devices.txt", "--yes"])
        .await
        .expect(0);
    assert_eq!(bench.counters().applied, 3);
    bench.write(
        "repilot.toml",
        "[tenants.contoso]\ncredential = \"azure-cli\"\n",
    );
    let other = run(&bench, &entra, &["login", "--tenant", "contoso"])
        .await
        .expect(1);
    assert!(
        other.stderr.contains("credential = \"sign-in\""),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_cloud_without_microsofts_app_asks_for_ones_own() {
    let (bench, entra) = (
        Bench::new(PROGRAM, any_token(), 1).await,
        Entra::start().await,
    );
    let china = run(&bench, &entra, &["login", "--cloud", "china"])
        .await
        .expect(1);
    assert!(
        china.stderr.contains("does not exist in the cloud china"),
        "{china:?}"
    );
    assert!(china.stderr.contains("--client-id"), "{china:?}");
    assert!(entra.says().forms.is_empty(), "nobody is asked");
    run(&bench, &entra, &["login", "--cloud", "us-gov-dod"])
        .await
        .expect(0);
    assert!(entra.says().forms[0]["scope"].starts_with("https://dod-graph.microsoft.us/"));
}

/// Where Entra says it, in what words, and which of ours answer.
const REFUSALS: [(&str, &str, &str, &str); 9] = [
    (
        "code",
        "unauthorized_client",
        "AADSTS700016: Application with identifier 'x' was not found in the directory 'Contoso'.",
        "register an app of your own",
    ),
    (
        "code",
        "invalid_request",
        "AADSTS90002: Tenant 'x' not found.",
        "--tenant for a typing error",
    ),
    (
        "token",
        "invalid_client",
        "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        "Allow public client flows",
    ),
    (
        "token",
        "invalid_grant",
        "AADSTS65001: The user or administrator has not consented to use the application.",
        "an administrator has to consent",
    ),
    (
        "token",
        "interaction_required",
        "AADSTS50076: Due to a configuration change made by your administrator, you must use multi-factor authentication.",
        "multifactor authentication",
    ),
    (
        "token",
        "invalid_grant",
        "AADSTS50105: The signed in user is not assigned to a role for the application.",
        "Users and groups",
    ),
    (
        "token",
        "authorization_declined",
        "AADSTS70018: declined",
        "sign in again when it is meant",
    ),
    (
        "token",
        "expired_token",
        "AADSTS70020: expired",
        "nobody signed in within 15 minutes",
    ),
    (
        "token",
        "bad_verification_code",
        "AADSTS70019: bad",
        "Sign-in logs",
    ),
];

#[tokio::test]
async fn each_refusal_of_entra_says_what_to_do() {
    let bench = Bench::new(PROGRAM, any_token(), 1).await;
    let mut children = Vec::new();
    for (place, error, description, words) in REFUSALS {
        let entra = Entra::start().await;
        match place {
            "code" => entra.says().code = Some((error, description)),
            _ => entra.says().before_tokens = [(error, description)].into(),
        }
        let child = command(&bench, &entra, &["login", "--device-code"]).spawn();
        children.push((entra, child.unwrap(), description, words));
    }
    for (entra, child, description, words) in children {
        let ran = ended(child).await.expect(1);
        assert!(ran.stderr.contains(words), "{description}: {ran:?}");
        assert!(!ran.stderr.contains("Trace ID"), "{ran:?}");
        let number = description.split(':').next().unwrap();
        let known = ["AADSTS70018", "AADSTS70020"].contains(&number);
        assert!(known || ran.stderr.contains(number), "{ran:?}");
        drop(entra);
    }
    let kept = run(&bench, &Entra::start().await, &["status", "--json"])
        .await
        .json();
    assert_eq!(kept["sign_ins"], json!([]));
}

#[tokio::test]
async fn an_entra_that_is_none_is_told_apart() {
    let (bench, entra) = (
        Bench::new(PROGRAM, any_token(), 1).await,
        Entra::start().await,
    );
    let mut stranger = command(&bench, &entra, &["login", "--device-code"]);
    stranger.env("REPILOT_GRAPH__AUTHORITY", bench.simulator.url());
    let ran = ended(stranger.spawn().unwrap()).await.expect(1);
    assert!(ran.stderr.contains("is not Entra's"), "{ran:?}");
    let mut plain = command(&bench, &entra, &["login", "--device-code"]);
    plain.env("REPILOT_GRAPH__AUTHORITY", "http://login.example");
    let ran = ended(plain.spawn().unwrap()).await.expect(1);
    assert!(ran.stderr.contains("write https://"), "{ran:?}");
}

async fn until_paused(bench: &Bench, entra: &Entra) -> serde_json::Value {
    loop {
        let status = run(bench, entra, &["status", "c", "--json"]).await;
        if status.code == 0 && status.json()["campaigns"][0]["status"] == "paused" {
            return status.json()["campaigns"][0].clone();
        }
    }
}

#[tokio::test]
async fn a_run_waits_for_the_next_sign_in_and_goes_on_by_itself() {
    let scenario = Scenario {
        token_expires_after_calls: Some(40),
        ..any_token()
    };
    let (bench, entra) = signed_in(scenario, 90).await;
    entra.says().refresh = Some((
        "invalid_grant",
        "AADSTS50173: The provided grant has expired due to it being revoked.",
    ));
    let arguments = ["run", "--yes", "devices.txt", "--campaign", "c"];
    let running = command(&bench, &entra, &arguments).spawn().unwrap();
    let paused = until_paused(&bench, &entra).await;
    assert_eq!(paused["pause_cause"], "sign-in");
    let reason = paused["status_reason"].as_str().unwrap();
    assert!(
        reason.starts_with("sign in again: repilot login"),
        "{reason}"
    );
    assert!(reason.contains("AADSTS50173"), "{reason}");
    let done = bench.counters().applied;
    assert!(done > 0 && done < 90, "{done}");
    entra.says().refresh = None;
    run(&bench, &entra, &["login"]).await.expect(0);
    let ran = ended(running).await.expect(0);
    assert!(
        ran.stderr.contains("goes on by itself after that"),
        "{ran:?}"
    );
    assert_eq!(bench.counters().applied, 90);
    let jobs = run(&bench, &entra, &["jobs", "c", "--limit", "1000", "--json"])
        .await
        .json();
    let jobs = jobs.as_array().unwrap();
    assert!(
        jobs.iter().all(|job| job["attempts"] == 1),
        "none was spent on it"
    );
}

#[tokio::test]
async fn a_claims_challenge_in_mid_run_goes_to_entra_and_then_to_the_person() {
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let scenario = Scenario {
        token_expires_after_calls: Some(30),
        claims_challenge: Some(claims.to_owned()),
        ..any_token()
    };
    let (bench, entra) = signed_in(scenario, 50).await;
    entra.says().refresh = Some((
        "interaction_required",
        "AADSTS50076: you must use multi-factor authentication.",
    ));
    let arguments = ["run", "--yes", "devices.txt", "--campaign", "c"];
    let running = command(&bench, &entra, &arguments).spawn().unwrap();
    let paused = until_paused(&bench, &entra).await;
    assert!(
        paused["status_reason"]
            .as_str()
            .unwrap()
            .contains("AADSTS50076"),
        "{paused}"
    );
    assert_eq!(entra.refreshes()[0]["claims"], claims);
    entra.says().refresh = None;
    run(&bench, &entra, &["login"]).await.expect(0);
    ended(running).await.expect(0);
    assert_eq!(bench.counters().applied, 50);
}

#[tokio::test]
async fn workers_of_one_machine_share_a_sign_in() {
    let scenario = Scenario {
        latency: repilot_graph_sim::Latency {
            fixed_ms: 400,
            jitter_ms: 0,
        },
        ..any_token()
    };
    let (bench, entra) = signed_in(scenario, 60).await;
    entra.says().lives_seconds = 4;
    run(&bench, &entra, &["login"]).await.expect(0);
    for campaign in ["c", "d"] {
        let list = if campaign == "c" {
            "devices.txt"
        } else {
            "more.txt"
        };
        let all = std::fs::read_to_string(bench.path("devices.txt")).unwrap();
        let serials: Vec<&str> = all.lines().collect();
        let half = if campaign == "c" {
            &serials[..30]
        } else {
            &serials[30..]
        };
        bench.write(&format!("half-{list}"), half.join("\n"));
        let list = format!("half-{list}");
        let enqueue = [
            "enqueue",
            "--yes",
            &list,
            "--campaign",
            campaign,
            "--rate",
            "4/s",
        ];
        run(&bench, &entra, &enqueue).await.expect(0);
    }
    let worker = || {
        command(&bench, &entra, &["worker", "--until-empty"])
            .spawn()
            .unwrap()
    };
    let (one, other) = (worker(), worker());
    for ran in [ended(one).await, ended(other).await] {
        ran.expect(0);
    }
    assert_eq!(bench.counters().applied, 60);
    let mut used: Vec<String> = entra
        .refreshes()
        .into_iter()
        .map(|form| form["refresh_token"].clone())
        .collect();
    assert!(!used.is_empty(), "tokens of four seconds are refreshed");
    let all = used.len();
    used.sort();
    used.dedup();
    assert_eq!(used.len(), all, "none is used twice");
}

/// A desktop's session with a keyring that is unlocked, in which these commands run one after the other.
#[cfg(target_os = "linux")]
async fn in_a_session(bench: &Bench, entra: &Entra, script: &str) -> e2e::Ran {
    let program = bench.command(&[]);
    let program = program
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let unlocked =
        "echo -n password | gnome-keyring-daemon --unlock --components=secrets >/dev/null";
    let mut command = command(bench, entra, &[]);
    let environment: Vec<_> = command
        .as_std()
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = Command::new("dbus-run-session");
    command
        .args(["--", "sh", "-ec", &format!("{unlocked}\n{script}")])
        .env_clear()
        .envs(environment)
        .env("REPILOT", program)
        .env("XDG_RUNTIME_DIR", bench.folder.path())
        .current_dir(bench.folder.path())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn();
    ended(child.expect("dbus-run-session is not installed: `bash tests/run.sh` does it")).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_keyring_keeps_what_opens_the_tokens() {
    let (bench, entra) = (
        Bench::new(PROGRAM, any_token(), 4).await,
        Entra::start().await,
    );
    let script = "$REPILOT login --json >login.json\n$REPILOT run devices.txt --yes >&2";
    in_a_session(&bench, &entra, script).await.expect(0);
    assert_eq!(bench.counters().applied, 4);
    let login = std::fs::read_to_string(bench.path("login.json")).unwrap();
    let login: serde_json::Value = serde_json::from_str(&login).unwrap();
    assert_eq!(login["kept_in"], "keyring");
    assert_eq!(login["no_keyring"], "");
    let kept = std::fs::read_to_string(login["file"].as_str().unwrap()).unwrap();
    assert!(kept.contains("\"sealed\""), "{kept}");
    assert!(!kept.contains("a-refresh-token") && !kept.contains("an-access-token"));
    // Without the keyring, the file opens nothing, and says so in time.
    let outside = run(&bench, &entra, &["inventory", "sync"]).await.expect(1);
    assert!(
        outside.stderr.contains("keyring does not open the sign-in"),
        "{outside:?}"
    );
    assert!(outside.stderr.contains("--no-keyring"), "{outside:?}");
    let script = "$REPILOT logout\n$REPILOT login --no-keyring --json";
    let plain = in_a_session(&bench, &entra, script).await.expect(0);
    assert!(plain.stdout.contains("\"kept_in\": \"file\""), "{plain:?}");
}

/// A campaign whose tenant nobody is signed in to any more.
async fn signed_out() -> (Bench, Entra) {
    let (bench, entra) = (
        Bench::new(PROGRAM, any_token(), 5).await,
        Entra::start().await,
    );
    bench.write(
        "repilot.toml",
        "[tenants.contoso]\ncredential = \"sign-in\"\n",
    );
    run(&bench, &entra, &["login"]).await.expect(0);
    let enqueue = ["enqueue", "devices.txt", "--campaign", "c", "--yes"];
    run(&bench, &entra, &enqueue).await.expect(0);
    run(&bench, &entra, &["logout"]).await.expect(0);
    (bench, entra)
}

#[tokio::test]
async fn a_worker_pauses_what_nobody_is_signed_in_for() {
    let (bench, entra) = signed_out().await;
    let worker = command(&bench, &entra, &["worker", "--until-empty"]).spawn();
    let paused = until_paused(&bench, &entra).await;
    assert_eq!(paused["pause_cause"], "sign-in");
    let reason = paused["status_reason"].as_str().unwrap();
    assert!(reason.contains("nobody is signed in"), "{reason}");
    run(&bench, &entra, &["login"]).await.expect(0);
    ended(worker.unwrap()).await.expect(0);
    assert_eq!(bench.counters().applied, 5);
}

#[tokio::test]
async fn a_lost_sign_in_stops_no_worker_of_another_machine() {
    let (bench, entra) = signed_out().await;
    let location = LedgerLocation::parse(&bench.path("ledger.db").to_string_lossy()).unwrap();
    let ledger = Ledger::open(&location).await.unwrap();
    let now = SystemClock.now();
    let elsewhere = WorkerRow {
        id: WorkerId("elsewhere-1".to_owned()),
        host: "elsewhere".to_owned(),
        tz_version: String::new(),
        process_id: 1,
        version: "0.1.0".to_owned(),
        started_at: now,
        // Alive for as long as this takes.
        heartbeat_at: now.after(Duration::from_hours(1)),
        in_flight: 0,
        trouble: String::new(),
    };
    ledger.register(&elsewhere).await.unwrap();
    let worker = command(&bench, &entra, &["worker", "--until-empty"]).spawn();
    let campaign = loop {
        let status = run(&bench, &entra, &["status", "--json"]).await.json();
        let workers = status["workers"].as_array().unwrap();
        let troubled = |worker: &serde_json::Value| {
            let trouble = worker["trouble"].as_str().unwrap_or_default();
            trouble.contains("sign in again: repilot login")
        };
        if workers.iter().any(troubled) {
            break status["campaigns"][0].clone();
        }
    };
    assert_eq!(
        campaign["status"], "active",
        "others may drain it: {campaign}"
    );
    assert_eq!(bench.counters().applied, 0);
    run(&bench, &entra, &["login"]).await.expect(0);
    ended(worker.unwrap()).await.expect(0);
    assert_eq!(bench.counters().applied, 5);
}
