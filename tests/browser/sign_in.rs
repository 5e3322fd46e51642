//! A person signs in with a real browser at a real identity provider, and is refreshed by it.

use std::path::PathBuf;
use std::time::Duration;

use e2e::{Bench, Provider, ended};
use repilot_graph_sim::{Latency, Scenario};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::harness::{Browser, PROGRAM};

/// A program that a desktop opens addresses with: it writes them down.
const OPENER: &str = "#!/bin/sh\nprintf '%s' \"$1\" > opened.new && mv opened.new opened\n";

async fn bench(devices: usize) -> Bench {
    let scenario = Scenario {
        any_token: true,
        latency: Latency {
            fixed_ms: 100,
            jitter_ms: 0,
        },
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, devices).await;
    std::fs::create_dir(bench.path("bin")).unwrap();
    let opener = bench.write("bin/xdg-open", OPENER);
    make_executable(&opener);
    bench
}

fn make_executable(path: &PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn command(bench: &Bench, provider: &Provider, arguments: &[&str]) -> Command {
    let mut command = bench.command(arguments);
    provider.tell(&mut command);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", bench.path("bin").display()))
        .env("DISPLAY", ":0");
    command
}

async fn run(bench: &Bench, provider: &Provider, arguments: &[&str]) -> e2e::Ran {
    ended(command(bench, provider, arguments).spawn().unwrap()).await
}

/// What the desktop was asked to open.
async fn opened(bench: &Bench) -> String {
    loop {
        if let Ok(url) = std::fs::read_to_string(bench.path("opened")) {
            return url;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn submit(browser: &Browser) {
    browser
        .script("document.querySelector('button[type=submit]').click()")
        .await;
}

/// Signs in at the provider's page, and agrees to what the program asks for.
async fn sign_in(browser: &Browser) {
    browser
        .until("document.querySelector('input[name=login]')")
        .await;
    // The program names who is expected, once it knows: here the name is everything before the @.
    browser
        .script("document.querySelector('input[name=login]').value = 'alice'")
        .await;
    browser.type_into("input[name=password]", "anything").await;
    submit(browser).await;
    browser
        .until("document.querySelector('input[name=prompt]')?.value === 'consent'")
        .await;
    submit(browser).await;
}

async fn login(bench: &Bench, provider: &Provider) {
    let login = command(bench, provider, &["login", "--json"])
        .spawn()
        .unwrap();
    let browser = Browser::open().await;
    browser.go(&opened(bench).await).await;
    sign_in(&browser).await;
    browser
        .until("document.querySelector('h1')?.textContent === 'Signed in'")
        .await;
    let page = browser.script("return document.body.innerText").await;
    assert!(
        page.as_str().unwrap().contains("alice@contoso.example"),
        "{page}"
    );
    browser.close().await;
    let said = ended(login).await.expect(0).json();
    assert_eq!(said["user"], "alice@contoso.example");
    assert_eq!(said["tenant"], "contoso.example");
}

#[tokio::test]
async fn a_browser_signs_in_and_two_workers_rotate_its_tokens() {
    let (bench, provider) = (bench(40).await, Provider::start(4).await);
    login(&bench, &provider).await;
    let enqueue = [
        "enqueue",
        "devices.txt",
        "--campaign",
        "c",
        "--rate",
        "4/s",
        "--yes",
    ];
    run(&bench, &provider, &enqueue).await.expect(0);
    let worker = || {
        command(&bench, &provider, &["worker", "--until-empty"])
            .spawn()
            .unwrap()
    };
    let (one, other) = (worker(), worker());
    for ran in [ended(one).await, ended(other).await] {
        ran.expect(0);
    }
    assert_eq!(bench.counters().applied, 40);
    let count = provider.count().await;
    assert!(count["refreshed"].as_u64().unwrap() > 0, "{count}");
    assert_eq!(
        count["refused"],
        serde_json::json!([]),
        "no token is used twice"
    );

    // What the provider revoked is over with the next refresh.
    provider.revoke().await;
    let refused = loop {
        let ran = run(&bench, &provider, &["inventory", "sync"]).await;
        if ran.code != 0 {
            break ran;
        }
    };
    assert!(
        refused.stderr.contains("sign in again: repilot login"),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("invalid_grant"), "{refused:?}");
    std::fs::remove_file(bench.path("opened")).unwrap();
    login(&bench, &provider).await;
    run(&bench, &provider, &["inventory", "sync"])
        .await
        .expect(0);
}

#[tokio::test]
async fn a_code_is_typed_into_a_browser_elsewhere() {
    let (bench, provider) = (bench(3).await, Provider::start(3_600).await);
    let mut login = command(&bench, &provider, &["login", "--device-code"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(login.stderr.take().unwrap()).lines();
    let said = lines.next_line().await.unwrap().unwrap();
    let words: Vec<&str> = said.split(' ').collect();
    let after = |word: &str| {
        let at = words.iter().position(|found| *found == word).unwrap();
        words[at + 1]
    };
    let browser = Browser::open().await;
    browser.go(after("open")).await;
    browser
        .type_into("input[name=user_code]", after("code"))
        .await;
    submit(&browser).await;
    browser
        .until("document.getElementById('op.deviceConfirmForm')")
        .await;
    submit(&browser).await;
    sign_in(&browser).await;
    let ran = ended(login).await.expect(0);
    assert!(
        ran.stdout.contains("signed in to contoso.example as alice"),
        "{ran:?}"
    );
    browser.close().await;
    run(&bench, &provider, &["run", "devices.txt", "--yes"])
        .await
        .expect(0);
    assert_eq!(bench.counters().applied, 3);
}

#[tokio::test]
async fn a_person_who_says_no_is_not_signed_in() {
    let (bench, provider) = (bench(1).await, Provider::start(3_600).await);
    let login = command(&bench, &provider, &["login"]).spawn().unwrap();
    let browser = Browser::open().await;
    browser.go(&opened(&bench).await).await;
    browser
        .until("document.querySelector('input[name=login]')")
        .await;
    browser
        .script("document.querySelector('a[href$=abort]').click()")
        .await;
    browser
        .until("document.querySelector('h1')?.textContent === 'Not signed in'")
        .await;
    browser.close().await;
    let ran = ended(login).await.expect(1);
    assert!(ran.stderr.contains("declined"), "{ran:?}");
    let status = run(&bench, &provider, &["status", "--json"]).await.json();
    assert_eq!(status["sign_ins"], serde_json::json!([]));
}
