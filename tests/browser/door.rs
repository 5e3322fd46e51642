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
