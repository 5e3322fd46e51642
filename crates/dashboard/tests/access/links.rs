//! The link that is printed at the start.

use repilot_dashboard::ServeError;
use repilot_domain::Role;

use crate::harness::{Bench, location, options};

#[tokio::test]
async fn a_link_signs_in_whoever_opens_it_first_and_nobody_else() {
    let bench = Bench::new().await;
    let link = bench.link.clone().unwrap();
    let path = link.strip_prefix(&bench.url).unwrap();
    let mut first = bench.browser();
    assert_eq!(location(&first.get("/").await), "/sign-in?next=%2F");
    assert_eq!(first.get(path).await.status(), 200);
    let page = first.get("/").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("No campaign yet"));

    let mut second = bench.browser();
    assert_eq!(second.get(path).await.status(), 410);
    assert_eq!(second.get("/").await.status(), 303);
}

#[tokio::test]
async fn a_session_ends_when_it_is_signed_out() {
    let bench = Bench::new().await;
    let link = bench.link.clone().unwrap();
    let mut browser = bench.browser();
    browser.get(link.strip_prefix(&bench.url).unwrap()).await;
    let cookies = browser.cookies.clone();
    let page = browser.get("/").await.text().await.unwrap();
    let token = crate::harness::csrf(&page);
    browser.post("/sign-out", &[("csrf", &token)]).await;
    // Whoever kept the cookie is out as well.
    browser.cookies = cookies;
    assert_eq!(browser.get("/").await.status(), 303);
}

#[tokio::test]
async fn beyond_loopback_it_starts_only_with_people_who_may_sign_in_and_prints_no_link() {
    let refused = Bench::with(options("0.0.0.0:0"), &[]).await;
    assert!(matches!(refused, Err(ServeError::Open { .. })));
    let mut behind_proxy = options("127.0.0.1:0");
    behind_proxy.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let refused = Bench::with(behind_proxy, &[]).await;
    assert!(matches!(refused, Err(ServeError::Open { .. })));
    let bench = Bench::with(options("0.0.0.0:0"), &[("alice", Role::Viewer)]).await;
    assert_eq!(bench.unwrap().link, None);
}
