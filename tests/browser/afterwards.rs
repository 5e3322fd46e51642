//! A campaign from its canary to its verification and its way back, by buttons.

use crate::harness::{Browser, Served, bench};

const SERIALS: [&str; 6] = ["A1", "A2", "A3", "A4", "A5", "A6"];

#[tokio::test]
async fn a_canary_is_passed_and_what_was_done_is_verified_and_rolled_back() {
    let bench = bench(&SERIALS).await;
    let inventory = || serde_json::to_string(&bench.simulator.devices(0)).unwrap();
    let before = inventory();
    let enqueue = ["enqueue", "devices.txt", "--campaign", "spring", "--yes"];
    let canary = [&enqueue[..], &["--canary", "2", "--priority", "high"]].concat();
    bench.run(&canary).await.expect(0);
    let served = Served::over(&bench).await;
    let browser = Browser::signed_in(&served).await;
    let campaign = format!("{}/campaigns/spring", served.url);
    browser.go(&campaign).await;
    browser
        .until("document.body.innerText.includes('2 devices first, then it waits for a person')")
        .await;
    browser
        .until("document.body.innerText.includes('high: the tenant’s'.replace('’', \"'\"))")
        .await;
    let _worker = bench.start(&["worker"]);

    // While the canary waits, to go on is to pass it, and the question names the others.
    browser
        .until("[...document.querySelectorAll('a')].some((link) => link.textContent === 'Pass the canary…')")
        .await;
    assert_eq!(bench.counters().devices_applied, 2);
    browser.press("Pass the canary…").await;
    browser
        .until("document.body.innerText.includes('canary: 2 of 2 succeeded'.replace('c', 'C'))")
        .await;
    browser.press("Pass the canary: go on with 4 devices").await;
    browser
        .until("document.querySelector('h1 .chip')?.textContent === 'ended'")
        .await;
    assert_eq!(bench.counters().devices_applied, 6);

    // Too young for the usual time: it says so, and changes nothing.
    browser.press("Verify…").await;
    browser.press("Verify 6 devices").await;
    browser
        .until("document.querySelector('.notice.bad')?.textContent.includes('Graph shows effects late')")
        .await;
    browser.press("Verify…").await;
    browser
        .script("document.querySelector('#minutes').value = '0'")
        .await;
    browser.press("Verify 6 devices").await;
    browser
        .until("[...document.querySelectorAll('#s-errand dd')].some((found) => found.textContent === '6')")
        .await;

    // The plan first, then the question, then a campaign of its own.
    browser.press("Roll back…").await;
    browser.press("Make the plan").await;
    browser
        .until("[...document.querySelectorAll('a')].some((link) => link.textContent === 'Look at the plan')")
        .await;
    assert_ne!(inventory(), before);
    browser.press("Look at the plan").await;
    browser
        .until("document.querySelector('pre.plan').textContent.includes('5 devices go back')")
        .await;
    browser.press("Roll back 5 devices").await;
    browser
        .until("[...document.querySelectorAll('a')].some((link) => link.textContent === 'spring-rollback')")
        .await;
    browser.press("spring-rollback").await;
    browser
        .until("document.querySelector('h1')?.textContent === 'spring-rollback ended'")
        .await;
    assert_eq!(inventory(), before);
    browser.close().await;

    let audit = bench.run(&["audit", "list", "--json"]).await.json();
    let rows = audit.as_array().unwrap();
    for event in ["canary-passed", "verified", "rolled-back"] {
        let row = rows.iter().find(|row| row["event"] == event);
        let origin = row.and_then(|row| row["origin"].as_str());
        assert!(
            origin.is_some_and(|origin| origin.starts_with("dashboard from")),
            "{event}: {row:?}"
        );
    }
    bench.assert_accounted("spring", 6).await;
}

#[tokio::test]
async fn a_dashboard_that_cannot_ask_the_tenant_says_so_and_what_to_do() {
    let bench = bench(&SERIALS).await;
    let run = ["run", "devices.txt", "--campaign", "spring", "--yes"];
    bench.run(&run).await.expect(0);
    let served = Served::without_tenants(&bench).await;
    let browser = Browser::signed_in(&served).await;
    for act in ["Verify…", "Roll back…"] {
        browser
            .go(&format!("{}/campaigns/spring", served.url))
            .await;
        browser.press(act).await;
        browser
            .until("document.querySelector('.notice.bad')?.textContent.includes('This dashboard cannot ask tenant `default`')")
            .await;
        let buttons = browser
            .script("return document.querySelectorAll('main form').length")
            .await;
        assert_eq!(buttons, 0);
    }
    browser.close().await;
}
