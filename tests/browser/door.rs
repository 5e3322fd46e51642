//! Who gets in, and what they can do there.

use e2e::Bench;

use crate::harness::{Browser, PASSWORD, Served, bench};

async fn with_people(roles: &[(&str, &str)]) -> (Bench, Served) {
    let bench = bench(&["A1", "A2-GONE"]).await;
    bench.write("password.txt", PASSWORD);
    for (name, role) in roles {
        let add = [
            "user",
            "add",
            name,
            "--role",
            role,
            "--password-file",
            "password.txt",
        ];
        bench.run(&add).await.expect(0);
    }
    bench
        .run(&["run", "devices.txt", "--campaign", "spring", "--yes"])
        .await
        .expect(3);
    let served = Served::over(&bench).await;
    (bench, served)
}

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.type_into("#name", name).await;
    browser.type_into("#password", password).await;
    browser.press("Sign in").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_right_one_leads_to_the_page_that_was_asked_for() {
    let (_bench, served) = with_people(&[("alice", "operator")]).await;
    let browser = Browser::open().await;
    browser
        .go(&format!("{}/campaigns/spring", served.url))
        .await;
    sign_in(&browser, "alice", "wrong horse battery").await;
    browser.until("document.querySelector('[role=alert]')?.textContent.includes('do not belong together')").await;
    sign_in(&browser, "alice", PASSWORD).await;
    browser
        .until("document.querySelector('h1')?.textContent.includes('spring')")
        .await;
    browser
        .until("document.body.innerText.includes('Requeue…')")
        .await;
    browser.close().await;
}

#[tokio::test]
async fn a_viewer_sees_no_button_and_is_refused_whatever_they_send() {
    let (bench, served) = with_people(&[("victor", "viewer")]).await;
    let browser = Browser::open().await;
    browser
        .go(&format!("{}/campaigns/spring", served.url))
        .await;
    sign_in(&browser, "victor", PASSWORD).await;
    browser
        .until("document.querySelector('h1')?.textContent.includes('spring')")
        .await;
    let buttons = browser
        .script("return document.querySelectorAll('main button:not([data-copy]), main a.button').length")
        .await;
    assert_eq!(buttons, 0);
    let send = |token: &str| {
        format!(
            "return fetch('/jobs/requeue', {{ method: 'POST', body: new URLSearchParams({{ job: '2', csrf: {token} }}) }}).then((answer) => answer.status)"
        )
    };
    let own = "document.querySelector('input[name=csrf]').value";
    assert_eq!(browser.script(&send(own)).await, 403);
    assert_eq!(browser.script(&send("'guessed'")).await, 403);
    browser.close().await;
    bench.assert_accounted("spring", 2).await;
}

/// Somebody whose session ends while they work is told so on the page that they are on, signs in
/// elsewhere, and goes on there: what was picked and typed is kept.
#[tokio::test]
async fn whoever_is_signed_out_meanwhile_keeps_what_they_typed() {
    let (bench, served) = with_people(&[("alice", "operator")]).await;
    let list = bench.write("more.txt", "A1\n");
    let browser = Browser::open().await;
    browser.go(&format!("{}/upload", served.url)).await;
    sign_in(&browser, "alice", PASSWORD).await;
    browser
        .until("document.querySelector('#campaign') !== null")
        .await;
    browser.type_into("#campaign", "again").await;
    browser.type_into("#list", list.to_str().unwrap()).await;
    browser
        .script("document.querySelector('#action').value = 'unassign'")
        .await;
    // Another page of the same browser signs out.
    browser
        .script("const token = document.querySelector('input[name=csrf]').value; return fetch('/sign-out', { method: 'POST', body: new URLSearchParams({ csrf: token }) }).then(() => true)")
        .await;
    browser.press("Show the plan").await;
    browser
        .until("document.querySelector('#signed-out').hidden === false")
        .await;

    let page = browser.driver.window().await.unwrap();
    let other = browser.driver.new_tab().await.unwrap();
    browser.driver.switch_to_window(other).await.unwrap();
    browser.go(&format!("{}/sign-in", served.url)).await;
    sign_in(&browser, "alice", PASSWORD).await;
    browser
        .until("document.querySelector('h1')?.textContent === 'Campaigns'")
        .await;
    browser.driver.close_window().await.unwrap();
    browser.driver.switch_to_window(page).await.unwrap();

    browser
        .script("window.dispatchEvent(new Event('focus'))")
        .await;
    browser
        .until("document.querySelector('#signed-out').hidden")
        .await;
    browser.press("Show the plan").await;
    browser
        .until("document.querySelector('pre.plan')?.textContent.includes('unassign the user of')")
        .await;
    browser.close().await;
}

/// Without scripts the sign-in page says that nothing was changed, and leads back.
#[tokio::test]
async fn a_form_that_comes_too_late_is_led_back_to_its_page() {
    let (_bench, served) = with_people(&[("alice", "operator")]).await;
    let browser = Browser::open().await;
    browser.go(&format!("{}/sign-in", served.url)).await;
    browser
        .script("const form = document.createElement('form'); form.method = 'post'; form.action = '/campaigns/spring/pause'; document.body.append(form); history.replaceState(null, '', '/campaigns/spring'); form.submit();")
        .await;
    browser
        .until(
            "document.querySelector('[role=alert]')?.textContent.includes('nothing was changed')",
        )
        .await;
    sign_in(&browser, "alice", PASSWORD).await;
    browser
        .until("document.querySelector('h1')?.textContent.includes('spring')")
        .await;
    browser.close().await;
}
