//! A dashboard over a ledger of a test's own, and browsers that know nothing of each other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use repilot_dashboard::{Dashboard, Options, ServeError, TenantServices, hash_password};
use repilot_domain::{Action, Actor, Clock as _, Role, SystemClock, TenantName};
use repilot_ledger::{Ledger, LedgerLocation, NewCampaign};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use tokio_util::sync::CancellationToken;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Bench {
    pub(crate) ledger: Ledger,
    pub(crate) url: String,
    /// Signs in once; none where the dashboard can be reached from outside.
    pub(crate) link: Option<String>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn options(listen: &str) -> Options {
    Options {
        listen: listen.parse().unwrap(),
        public_url: None,
        tls: None,
        trusted_proxies: Vec::new(),
        session: Duration::from_hours(1),
        oidc: None,
        version: "0.0.0",
    }
}

pub(crate) fn actor() -> Actor {
    Actor::new("test", "here")
}

impl Bench {
    /// On loopback, with nobody who has a name.
    pub(crate) async fn new() -> Self {
        Self::with(options("127.0.0.1:0"), &[]).await.unwrap()
    }

    /// With these people, who all have the same password.
    pub(crate) async fn with(
        options: Options,
        people: &[(&str, Role)],
    ) -> Result<Self, ServeError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(file.to_str().unwrap()).unwrap();
        let ledger = Ledger::open(&location).await?;
        for (name, role) in people {
            let hash = hash_password(PASSWORD, [1; 16]).unwrap();
            ledger
                .add_user(name, *role, &hash, &actor(), SystemClock.now())
                .await?;
        }
        let stop = CancellationToken::new();
        let clock = Arc::new(SystemClock);
        let dashboard = Dashboard::bind(
            ledger.clone(),
            clock,
            options,
            TenantServices::default(),
            stop.clone(),
        )
        .await?;
        let url = dashboard.url();
        let link = dashboard.sign_in_link().map(String::from);
        tokio::spawn(dashboard.serve());
        Ok(Self {
            ledger,
            url,
            link,
            stop,
            _folder: folder,
        })
    }

    /// Makes a campaign.
    pub(crate) async fn campaign(&self, name: &str) {
        let new = NewCampaign {
            name: name.to_owned(),
            tenant: TenantName::new("contoso").unwrap(),
            action: Action::Unassign,
            rolls_back: None,
        };
        self.ledger
            .open_campaign(&new, &actor(), SystemClock.now())
            .await
            .unwrap();
    }

    pub(crate) fn browser(&self) -> Browser {
        // A second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Browser {
            client: Client::builder()
                .redirect(Policy::none())
                .tls_certs_only([])
                .no_proxy()
                .build()
                .unwrap(),
            url: self.url.clone(),
            cookies: Vec::new(),
        }
    }

    /// A browser in which somebody has signed in.
    pub(crate) async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status(), 303);
        browser
    }

    pub(crate) fn port(&self) -> u16 {
        let address = self.url.rsplit_once("//").unwrap().1;
        address.parse::<SocketAddr>().unwrap().port()
    }
}

/// What a browser does: keep cookies, say where a form was sent from.
pub(crate) struct Browser {
    client: Client,
    url: String,
    pub(crate) cookies: Vec<(String, String)>,
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Response {
        let request = self.request(path);
        self.send(request).await
    }

    /// At any address, with the cookies of this one only where they belong.
    pub(crate) async fn elsewhere(&mut self, url: &str) -> Response {
        match url.strip_prefix(&self.url) {
            Some(path) => self.get(path).await,
            None => self.client.get(url).send().await.unwrap(),
        }
    }

    pub(crate) fn request(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.form(path, form);
        self.send(request).await
    }

    pub(crate) fn form(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let text: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+")))
            .collect();
        self.client
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &self.url)
            .body(text.join("&"))
    }

    pub(crate) fn json(&self, path: &str, body: &str) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("origin", &self.url)
            .body(body.to_owned())
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = request
            .header(COOKIE, cookies.join("; "))
            .send()
            .await
            .unwrap();
        for set in answer.headers().get_all(SET_COOKIE) {
            let (pair, _) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }

    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Response {
        let page = self.get("/sign-in").await.text().await.unwrap();
        let form = [
            ("csrf", &*csrf(&page)),
            ("name", name),
            ("password", password),
        ];
        self.post("/sign-in", &form).await
    }
}

/// The token of a page's first form.
pub(crate) fn csrf(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

pub(crate) fn location(answer: &Response) -> &str {
    answer.headers()[LOCATION].to_str().unwrap()
}
