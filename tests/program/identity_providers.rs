//! Sign-in to the dashboard at real identity providers, and what `check` says of them.

use e2e::{Bench, IdentityProduct, IdentityProvider};
use repilot_graph_sim::Scenario;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::process::{Child, Command};
use url::Url;

use crate::PROGRAM;
use crate::strangers::url_of;

/// A browser as far as a sign-in needs one: it keeps cookies by host and port.
struct Browser {
    client: Client,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn new() -> Self {
        Self {
            client: e2e::http_that(Policy::none()),
            cookies: Vec::new(),
        }
    }

    /// Goes to an address, and on to wherever it is sent. A form that asks who somebody is gets
    /// `alice`.
    async fn follow(&mut self, mut url: Url) -> (Url, Response) {
        for _ in 0..12 {
            let mut answer = self.request(&url, None).await;
            if url.path().ends_with("/oauth2/authorize") && answer.status() == 200 {
                answer = self.request(&url, Some("sub=alice")).await;
            }
            let Some(location) = answer.headers().get(LOCATION) else {
                return (url, answer);
            };
            url = url.join(location.to_str().unwrap()).unwrap();
        }
        unreachable!("it is sent from place to place: {url}");
    }

    async fn request(&mut self, url: &Url, form: Option<&'static str>) -> Response {
        let host = format!("{}:{:?}", url.host_str().unwrap(), url.port());
        let own = self.cookies.iter().filter(|(of, _)| *of == host);
        let cookies: Vec<&str> = own.map(|(_, cookie)| cookie.as_str()).collect();
        let request = match form {
            None => self.client.get(url.clone()),
            Some(form) => self
                .client
                .post(url.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form),
        };
        let answer = request
            .header(COOKIE, cookies.join("; "))
            .send()
            .await
            .unwrap();
        for set in answer.headers().get_all(SET_COOKIE) {
            let cookie = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            let is_same =
                |(of, kept): &(String, String)| *of == host && kept.split('=').next() == Some(name);
            self.cookies.retain(|kept| !is_same(kept));
            if !value.is_empty() {
                self.cookies.push((host.clone(), cookie.to_owned()));
            }
        }
        answer
    }
}

/// Settings of a dashboard whose people sign in at a provider.
fn set(command: &mut Command, issuer: &str, secret: &str, listen: &str) {
    command
        .env("REPILOT_DASHBOARD__LISTEN", listen)
        .env("REPILOT_DASHBOARD__OIDC__ISSUER", issuer)
        .env(
            "REPILOT_DASHBOARD__OIDC__CLIENT_ID",
            IdentityProvider::CLIENT,
        )
        .env(
            "REPILOT_DASHBOARD__OIDC__CLIENT_SECRET_ENV",
            "DASHBOARD_SECRET",
        )
        .env("DASHBOARD_SECRET", secret);
}

/// A settings file whose operators are those of the providers here.
fn settings(bench: &Bench) {
    bench.write(
        "repilot.toml",
        "[dashboard.oidc]\noperators = [\"operators\"]\nscopes = [\"openid\", \"profile\", \"groups\"]\n",
    );
}

/// A dashboard, at the address that a provider sends people back to.
async fn dashboard(bench: &Bench, product: IdentityProduct) -> (IdentityProvider, Child, String) {
    settings(bench);
    let listen = format!("127.0.0.1:{}", servers::free_port());
    let back = format!("http://{listen}/sign-in/oidc/back");
    let provider = IdentityProvider::start(product, &back).await;
    let mut command = bench.command(&["dashboard", "--json"]);
    set(
        &mut command,
        &provider.issuer,
        IdentityProvider::SECRET,
        &listen,
    );
    let mut dashboard = command.spawn().unwrap();
    let url = url_of(&mut dashboard).await;
    (provider, dashboard, url)
}

async fn signs_in_at(product: IdentityProduct) {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let (_provider, _dashboard, url) = dashboard(&bench, product).await;
    let mut browser = Browser::new();
    let begin = Url::parse(&format!("{url}/sign-in/oidc?next=/")).unwrap();
    let (_, back) = browser.follow(begin).await;
    let (status, page) = (back.status(), back.text().await.unwrap());
    assert_eq!(status, 200, "{product:?}: {page}");
    let (_, home) = browser.follow(Url::parse(&url).unwrap()).await;
    let page = home.text().await.unwrap();
    assert!(
        page.contains("alice@contoso.example"),
        "{product:?}: {page}"
    );
    assert!(page.contains("/upload"), "an operator may upload: {page}");
}

#[tokio::test]
async fn people_sign_in_at_a_provider_that_demands_pkce_and_keeps_groups_to_userinfo() {
    signs_in_at(IdentityProduct::OidcProvider).await;
}

#[tokio::test]
async fn people_sign_in_at_a_provider_with_elliptic_keys_and_roles() {
    signs_in_at(IdentityProduct::MockServer).await;
}

#[tokio::test]
async fn people_sign_in_at_a_provider_whose_tokens_name_no_key() {
    signs_in_at(IdentityProduct::Authlib).await;
}

/// Lines of `check` about the dashboard's provider: what, whether it is well, words and hint.
async fn checked(bench: &Bench, issuer: &str, secret: &str) -> Vec<(String, bool, String)> {
    let mut command = bench.command(&["check", "--json"]);
    set(&mut command, issuer, secret, "127.0.0.1:8700");
    let ran = e2e::ended(command.spawn().unwrap()).await;
    let lines = ran.json();
    let lines = lines.as_array().unwrap().iter().filter_map(|line| {
        let what = line["check"]
            .as_str()
            .unwrap()
            .strip_prefix("dashboard sign-in ")?;
        let says = format!("{} {}", line["says"], line["hint"]);
        Some((what.to_owned(), line["ok"].as_bool().unwrap(), says))
    });
    lines.collect()
}

#[tokio::test]
async fn check_tries_the_providers_description_keys_and_client() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    settings(&bench);
    let back = "http://127.0.0.1:8700/sign-in/oidc/back";
    let provider = IdentityProvider::start(IdentityProduct::OidcProvider, back).await;

    let well = checked(&bench, &provider.issuer, IdentityProvider::SECRET).await;
    let names: Vec<&str> = well.iter().map(|(what, ..)| what.as_str()).collect();
    assert_eq!(names, ["description", "keys", "client"]);
    assert!(well.iter().all(|(_, ok, _)| *ok), "{well:?}");
    assert!(well[2].2.contains(back), "{well:?}");

    let expired = checked(&bench, &provider.issuer, "of last year").await;
    assert_eq!(expired[2].0, "client");
    assert!(!expired[2].1, "{expired:?}");
    assert!(expired[2].2.contains("invalid_client"), "{expired:?}");
    assert!(!format!("{expired:?}").contains("of last year"));

    let elsewhere = provider.issuer.replace("/repilot/", "/other/");
    let lost = checked(&bench, &elsewhere, IdentityProvider::SECRET).await;
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(!lost[0].1, "{lost:?}");
}
