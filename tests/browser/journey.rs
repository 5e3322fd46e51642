//! A campaign, from a list that is uploaded to a dead letter that is sent round again.

use crate::harness::{Browser, Served, bench};

#[tokio::test]
async fn a_campaign_goes_from_upload_to_dead_letter_to_requeue_without_a_reload() {
    let bench = bench(&["A1", "A2", "A3-GONE", "A4", "A5-GONE"]).await;
    let list = bench.path("devices.txt");
    let served = Served::over(&bench).await;
    let browser = Browser::signed_in(&served).await;

    // The same plan and the same question as on the command line.
    browser.go(&format!("{}/upload", served.url)).await;
    browser.type_into("#campaign", "spring").await;
    browser.type_into("#list", list.to_str().unwrap()).await;
    // What is done must be chosen.
    browser
        .script("document.querySelector('#action').value = 'unassign'")
        .await;
    browser.press("Show the plan").await;
    browser.until("document.querySelector('pre.plan')?.textContent.includes('unassign the user of 5 devices')").await;
    assert_eq!(bench.counters().acts, 0);
    browser.press("Enqueue 5 devices").await;
    browser
        .until("document.querySelector('.notice.good')?.textContent.includes('5 devices enqueued')")
        .await;
    browser
        .until("document.body.innerText.includes('No worker is running: nothing moves')")
        .await;

    // What workers do shows by itself, on the very page that is open.
    browser.script("window.opened = 'before the worker'").await;
    let _worker = bench.start(&["worker"]);
    browser
        .until("document.querySelector('.states a.succeeded b').textContent === '3'")
        .await;
    browser
        .until("document.querySelector('.states a.dead b').textContent === '2'")
        .await;
    browser
        .until("document.querySelector('h1 .chip').textContent === 'ended'")
        .await;
    assert_eq!(
        browser.script("return window.opened").await,
        "before the worker"
    );

    // From the reason, with what Graph said, to the devices, to one device and every word of it.
    browser
        .until("document.querySelector('#s-dead')?.textContent.includes('“')")
        .await;
    browser.press("not-found").await;
    browser
        .until("document.querySelectorAll('tbody tr').length === 2")
        .await;
    browser.press("A3-GONE").await;
    browser
        .until("document.body.innerText.includes('request-id')")
        .await;
    browser.press("Requeue").await;
    browser.until("document.querySelector('.notice.good')?.textContent.includes('1 device sent round again')").await;
    // It is looked at before it is called again.
    browser
        .until("document.querySelectorAll('.life > li').length === 3")
        .await;

    // What is done to many asks first, with their number.
    browser
        .go(&format!("{}/campaigns/spring", served.url))
        .await;
    browser.press("Discard…").await;
    browser
        .until("document.querySelector('h1').textContent === 'Discard 2 devices?'")
        .await;
    browser.press("Discard 2 devices").await;
    browser
        .until(
            "document.querySelector('.notice.good')?.textContent.includes('2 devices set aside')",
        )
        .await;
    browser
        .until("document.body.innerText.includes('dashboard from 127.0.0.1')")
        .await;
    browser.close().await;
    bench.assert_accounted("spring", 5).await;
}

/// A list is enqueued with what holds its campaign back: a sentence says what follows while it is typed,
/// refused rows are looked through and downloaded, and nothing begins that was to start paused.
#[tokio::test]
async fn a_list_is_enqueued_with_a_canary_and_hours_and_starts_paused() {
    let bench = bench(&["A1", "A2", "A3"]).await;
    let list = bench.write("some.txt", "A1\nA2\nNOBODYS\nA3\n");
    let served = Served::over(&bench).await;
    let browser = Browser::signed_in(&served).await;
    let _worker = bench.start(&["worker"]);
    browser.go(&format!("{}/upload", served.url)).await;
    let canary = browser
        .script("return document.querySelector('#canary').value")
        .await;
    assert_eq!(canary, "20");
    browser.type_into("#campaign", "night").await;
    browser.type_into("#list", list.to_str().unwrap()).await;
    browser
        .script(
            "const set = (name, value) => { const field = document.querySelector(name); field.value = value; field.dispatchEvent(new Event('input', { bubbles: true })); };
             set('#action', 'unassign'); set('#zone', 'Europe/Berlin'); set('#not_before', '2099-12-07 01:00');
             set('[name=window_from]', '02:00'); set('[name=window_to]', '05:00');
             document.querySelector('[name=day][value=Tue]').click(); document.querySelector('[name=paused]').click();",
        )
        .await;
    browser
        .until("document.querySelector('[data-next]').textContent === 'next: Tue 8 Dec 2099 02:00 CET, for 3 h 00 min'")
        .await;
    browser.press("Show the plan").await;
    browser
        .until("document.querySelector('.refused summary')?.textContent.includes('1 refused rows: unknown 1')")
        .await;
    let file = browser
        .script("const link = document.querySelector('.refused a.button'); const answer = await fetch(link.href); return [answer.headers.get('content-disposition'), await answer.text()]")
        .await;
    assert_eq!(file[0], "attachment; filename=\"refused.csv\"");
    assert!(file[1].as_str().unwrap().contains("NOBODYS"), "{file}");
    browser.press("Enqueue 3 devices").await;
    browser
        .until("document.querySelector('h1 .chip').textContent === 'paused'")
        .await;
    let status = bench.run(&["status", "night", "--json"]).await.json();
    let campaign = &status["campaigns"][0];
    assert_eq!(campaign["status"], "paused");
    let controls = &campaign["controls"];
    assert_eq!(controls["canary"], "20");
    assert_eq!(controls["windows"], "Tue 02:00-05:00");
    assert_eq!(controls["zone"], "Europe/Berlin");
    assert_eq!(bench.counters().acts, 0);
    browser.close().await;
}

#[tokio::test]
async fn what_changes_by_itself_moves_neither_focus_nor_what_was_typed_or_picked() {
    let bench = bench(&["A1", "A2"]).await;
    bench
        .run(&["enqueue", "devices.txt", "--campaign", "spring", "--yes"])
        .await
        .expect(0);
    let served = Served::over(&bench).await;
    let browser = Browser::signed_in(&served).await;
    browser
        .go(&format!("{}/jobs?campaign=spring", served.url))
        .await;
    browser
        .script("document.querySelector('input[name=job]').click(); document.querySelector('details').open = true")
        .await;
    browser.type_into("#q", "half a wo").await;
    let _worker = bench.start(&["worker"]);
    browser
        .until("document.querySelectorAll('td .chip.succeeded').length === 2")
        .await;
    let kept = browser
        .script("return [document.activeElement.id, document.activeElement.value, document.querySelector('input[name=job]').checked, document.querySelector('details').open]")
        .await;
    assert_eq!(kept, serde_json::json!(["q", "half a wo", true, true]));
    browser.close().await;
}

/// The first page is filtered by name, tenant and state; campaigns that a name means stop together.
#[tokio::test]
async fn campaigns_are_filtered_and_paused_together() {
    let bench = bench(&["A1", "A2", "A3", "A4"]).await;
    for (name, device) in [("q4-north", "A1"), ("q4-south", "A2"), ("spring", "A3")] {
        bench.write("one.txt", device);
        bench
            .run(&["enqueue", "one.txt", "--campaign", name, "--yes"])
            .await
            .expect(0);
    }
    let served = Served::over(&bench).await;
    let browser = Browser::signed_in(&served).await;
    browser.type_into("input[name=name]", "q4-*").await;
    browser.press("Filter").await;
    browser
        .until("location.search === '?name=q4-*&tenant=&which=current' && document.querySelectorAll('#s-open tbody tr').length === 2")
        .await;
    browser.press("Pause 2…").await;
    browser
        .until("document.querySelector('h1').textContent === 'Pause 2 campaigns?' && document.querySelectorAll('main li').length === 2")
        .await;
    browser.type_into("#reason", "change freeze").await;
    browser.press("Pause 2").await;
    browser
        .until("document.querySelectorAll('#s-open .chip.paused').length === 2")
        .await;
    let status = bench.run(&["status", "--json"]).await.json();
    let paused: Vec<&str> = status["campaigns"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|campaign| campaign["status"] == "paused")
        .map(|campaign| campaign["name"].as_str().unwrap())
        .collect();
    assert_eq!(paused, ["q4-south", "q4-north"]);
    assert_eq!(
        status["campaigns"][1]["status_reason"]
            .as_str()
            .map(|said| said.contains("change freeze")),
        Some(true)
    );
    browser.press("Resume 2…").await;
    browser.press("Resume 2").await;
    browser
        .until("document.querySelectorAll('#s-open .chip.paused').length === 0 && document.querySelector('.notice.good')")
        .await;
    browser.close().await;
}

/// Jobs of any search over all campaigns are picked, by key, by Shift or all that fit, with their number;
/// and one comes back to the search.
#[tokio::test]
async fn jobs_of_any_search_are_acted_on_with_their_number() {
    let bench = bench(&["A1", "A2", "A3", "A4", "B1"]).await;
    for (name, devices) in [("spring", "A1\nA2\nA3\nA4"), ("summer", "B1")] {
        bench.write("some.txt", devices);
        bench
            .run(&["enqueue", "some.txt", "--campaign", name, "--yes"])
            .await
            .expect(0);
    }
    let served = Served::over(&bench).await;
    let browser = Browser::signed_in(&served).await;
    browser
        .go(&format!("{}/jobs?q=serial:A*", served.url))
        .await;
    browser
        .until("document.querySelectorAll('tbody tr').length === 4")
        .await;
    let key = |key: &str, more: &str| {
        format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true{more} }}))"
        )
    };
    for pressed in ["j", "x"] {
        browser.script(&key(pressed, "")).await;
    }
    browser
        .until("document.querySelector('[data-picked]').textContent === '1 of 4 picked'")
        .await;
    browser
        .script("document.querySelectorAll('input[name=job]')[2].dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, shiftKey: true }))")
        .await;
    browser
        .until("document.querySelector('[data-picked]').textContent === '3 of 4 picked'")
        .await;
    browser.press("Skip…").await;
    browser
        .until("document.querySelector('h1').textContent === 'Skip 3 devices?'")
        .await;
    browser.press("No, nothing is to be done").await;
    browser
        .until("document.querySelector('#q')?.value === 'serial:A*'")
        .await;

    browser
        .script("document.querySelector('input[name=all]').click()")
        .await;
    browser
        .until("document.querySelector('[data-picked]').textContent === 'all 4 picked'")
        .await;
    browser.press("Skip…").await;
    browser
        .until("document.querySelector('h1').textContent === 'Skip 4 devices?' && document.body.innerText.includes('In all campaigns: serial:A*')")
        .await;
    browser.press("Skip 4 devices").await;
    browser
        .until("document.querySelector('.notice.good')?.textContent.includes('4 devices set aside') && document.querySelector('#q').value === 'serial:A*'")
        .await;
    let left = bench
        .run(&["jobs", "--everywhere", "state:pending", "--json"])
        .await
        .json();
    assert_eq!(left.as_array().unwrap().len(), 1);

    // The last word of a search is completed.
    browser.type_into("#q", " -state:de").await;
    browser
        .until("document.querySelector('#words option')?.value === 'serial:A* -state:dead'")
        .await;
    browser.script("document.activeElement.blur()").await;

    // Keys lead elsewhere, and say which there are.
    browser.script(&key("?", "")).await;
    browser.until("document.querySelector('#keys').open").await;
    browser
        .script("document.querySelector('#keys button').click()")
        .await;
    browser.until("!document.querySelector('#keys').open").await;
    for pressed in ["g", "c"] {
        browser.script(&key(pressed, "")).await;
    }
    browser.until("location.pathname === '/'").await;
    browser.close().await;
}
