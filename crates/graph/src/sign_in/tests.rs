//! Sign-ins over real sockets, against an Entra that answers what a test wrote down.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use repilot_domain::{Clock as _, ManualClock, TenantName, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::{
    Authority, BrowserSignIn, DeviceSignIn, SignInError, SignInRequest, SignInSource, SignInState,
    SignInStore, SignedIn,
};
use crate::{Cloud, GraphError, SystemicReason};

const START: Timestamp = Timestamp::from_millis(1_772_352_930_250);
const APP: &str = "app-1";

/// What was asked of the Entra of a test.
#[derive(Debug, Clone)]
struct Asked {
    path: String,
    form: HashMap<String, String>,
}

/// An Entra that gives one answer after the other, the last one again and again.
#[derive(Clone)]
struct Entra {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

impl Entra {
    async fn that(answers: Vec<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let entra = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            answers: Arc::new(Mutex::new(answers.into())),
        };
        let served = entra.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                tokio::spawn(async move { served.serve(stream).await });
            }
        });
        entra
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let (head, body) = loop {
            bytes.push(stream.read_u8().await.unwrap_or(b'\n'));
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.to_lowercase();
            let length = length
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let form = url::form_urlencoded::parse(body.as_bytes());
        let form = form.into_owned().collect();
        let is_description = path.contains(".well-known");
        self.asked.lock().unwrap().push(Asked { path, form });
        let (status, body) = if is_description {
            (200, json!({ "issuer": "it" }))
        } else {
            let mut answers = self.answers.lock().unwrap();
            match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop_front().unwrap(),
            }
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _gone = stream.write_all(answer.as_bytes()).await;
    }

    fn forms(&self) -> Vec<HashMap<String, String>> {
        let asked = self.asked.lock().unwrap();
        let tokens = asked
            .iter()
            .filter(|asked| asked.path.ends_with("/token"))
            .map(|asked| asked.form.clone());
        tokens.collect()
    }

    fn request(&self) -> SignInRequest {
        SignInRequest {
            authority: Authority::parse(&self.url).unwrap(),
            cloud: Cloud::Global,
            tenant: "organizations".to_owned(),
            client_id: APP.to_owned(),
            permissions: vec!["DeviceManagementServiceConfig.ReadWrite.All".to_owned()],
            login_hint: None,
            claims: None,
        }
    }
}

fn id_token(nonce: &str) -> String {
    use base64::Engine as _;
    let claims = json!({
        "aud": APP,
        "tid": "t-1",
        "preferred_username": "alice@contoso.com",
        "name": "Alice",
        "nonce": nonce,
    });
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{payload}.x")
}

fn tokens(number: u32) -> (u16, Value) {
    let tokens = json!({
        "access_token": format!("access-{number}"),
        "refresh_token": format!("refresh-{number}"),
        "id_token": id_token(""),
        "expires_in": 3600,
        "scope": "https://graph.microsoft.com/DeviceManagementServiceConfig.ReadWrite.All openid",
    });
    (200, tokens)
}

fn refused(error: &str, description: &str) -> (u16, Value) {
    (
        400,
        json!({ "error": error, "error_description": description }),
    )
}

fn contoso() -> TenantName {
    TenantName::new("contoso").unwrap()
}

/// Somebody who is signed in, with several processes to use it.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    entra: Entra,
}

impl Bench {
    async fn that(answers: Vec<(u16, Value)>) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::at(START)),
            entra: Entra::that(answers).await,
        };
        bench.sign_in(1).await;
        bench
    }

    fn store(&self) -> SignInStore {
        SignInStore::new(self.folder.path().join("sign-ins"))
    }

    async fn sign_in(&self, number: u32) {
        let (_, answer) = tokens(number);
        let tokens = serde_json::from_value(answer).unwrap();
        let signed_in = SignedIn::new(self.entra.request(), tokens, None, &*self.clock).unwrap();
        let (store, tenant) = (self.store(), contoso());
        let kept = store.keep(&tenant, "contoso.com", signed_in, false, &*self.clock);
        kept.await.unwrap();
    }

    fn process(&self) -> SignInSource {
        let authority = Authority::parse(&self.entra.url).unwrap();
        SignInSource::new(self.store(), contoso(), &authority).unwrap()
    }

    async fn fetch(
        &self,
        process: &SignInSource,
        refused: Option<&str>,
        claims: Option<&str>,
    ) -> Result<String, GraphError> {
        let refused = refused.map(SecretString::from);
        let fetched = process.fetch(&*self.clock, refused.as_ref(), claims).await;
        fetched
            .map(|fetched| fetched.secret.expose_secret().to_owned())
            .map_err(|failure| failure.error)
    }
}

#[tokio::test]
async fn two_processes_refresh_once_between_them() {
    let bench = Bench::that(vec![tokens(2)]).await;
    let processes: Vec<SignInSource> = (0..8).map(|_| bench.process()).collect();
    assert_eq!(
        bench.fetch(&processes[0], None, None).await.unwrap(),
        "access-1"
    );
    bench.clock.advance(Duration::from_mins(56));
    let fetches = processes
        .iter()
        .map(|process| bench.fetch(process, None, None));
    for fetched in futures_of(fetches).await {
        assert_eq!(fetched.unwrap(), "access-2");
    }
    let forms = bench.entra.forms();
    assert_eq!(forms.len(), 1, "{forms:?}");
    assert_eq!(forms[0]["refresh_token"], "refresh-1");
    let path = bench.entra.asked.lock().unwrap()[0].path.clone();
    assert_eq!(path, "/t-1/oauth2/v2.0/token");
    // The next is refreshed with what the last one brought.
    bench.clock.advance(Duration::from_mins(56));
    bench.fetch(&processes[3], None, None).await.unwrap();
    assert_eq!(bench.entra.forms()[1]["refresh_token"], "refresh-2");
}

async fn futures_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in pending.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_refresh_that_is_refused_is_over_for_all_until_somebody_signs_in() {
    let words = "AADSTS50173: The provided grant has expired due to it being revoked. Trace ID: 1 Correlation ID: 2";
    let bench = Bench::that(vec![refused("invalid_grant", words)]).await;
    let (one, other) = (bench.process(), bench.process());
    bench.fetch(&one, None, None).await.unwrap();
    bench.clock.advance(Duration::from_hours(2));
    for process in [&one, &other] {
        let error = bench.fetch(process, None, None).await.unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("sign in again: repilot login --tenant contoso ("),
            "{said}"
        );
        assert!(said.contains("AADSTS50173: The provided grant"), "{said}");
        assert!(said.contains("the password was changed"), "{said}");
        assert!(!said.contains("Trace ID"), "{said}");
        let (state, _) = process.state(bench.clock.now()).await;
        assert_eq!(state, SignInState::Lost(said));
    }
    assert_eq!(bench.entra.forms().len(), 1, "Entra is asked once");
    bench.sign_in(5).await;
    for process in [&one, &other] {
        let (state, _) = process.state(bench.clock.now()).await;
        assert_eq!(state, SignInState::Good);
        assert_eq!(bench.fetch(process, None, None).await.unwrap(), "access-5");
    }
}

#[tokio::test]
async fn an_entra_that_is_busy_or_is_none_costs_no_sign_in() {
    let busy = (
        503,
        json!({ "error": "temporarily_unavailable", "error_description": "AADSTS90033: busy" }),
    );
    let page = (200, json!({ "hello": "a proxy" }));
    let bench = Bench::that(vec![busy, page, tokens(2)]).await;
    let process = bench.process();
    bench.clock.advance(Duration::from_hours(2));
    for _ in 0..2 {
        let error = bench.fetch(&process, None, None).await.unwrap_err();
        assert!(matches!(error, GraphError::NoToken { .. }), "{error:?}");
        let (state, _) = process.state(bench.clock.now()).await;
        assert_eq!(state, SignInState::Good);
    }
    assert_eq!(bench.fetch(&process, None, None).await.unwrap(), "access-2");
}

#[tokio::test]
async fn a_refused_token_is_refreshed_with_the_claims_that_it_lacked() {
    let bench = Bench::that(vec![tokens(2)]).await;
    let (one, other) = (bench.process(), bench.process());
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let fetched = bench.fetch(&one, Some("access-1"), Some(claims)).await;
    assert_eq!(fetched.unwrap(), "access-2");
    assert_eq!(bench.entra.forms()[0]["claims"], claims);
    // Another process finds that one, and asks for no other.
    let fetched = bench.fetch(&other, Some("access-1"), Some(claims)).await;
    assert_eq!(fetched.unwrap(), "access-2");
    assert_eq!(bench.entra.forms().len(), 1);
    let error = one.refused(&*bench.clock, Some(claims)).await;
    let GraphError::Systemic(SystemicReason::SignInAgain { why, .. }) = &error else {
        panic!("{error:?}");
    };
    assert!(why.contains("insufficient_claims"), "{why}");
    let record = bench.store().load(&contoso()).unwrap().unwrap();
    assert_eq!(record.lost.unwrap().claims.as_deref(), Some(claims));
}

#[tokio::test]
async fn signing_out_ends_it_for_every_process() {
    let bench = Bench::that(vec![tokens(2)]).await;
    let process = bench.process();
    bench.fetch(&process, None, None).await.unwrap();
    let forgotten = bench.store().forget(&contoso()).await.unwrap();
    assert_eq!(forgotten.unwrap().user, "alice@contoso.com");
    let error = bench.fetch(&process, None, None).await.unwrap_err();
    assert!(error.to_string().contains("nobody is signed in"), "{error}");
    assert!(bench.store().forget(&contoso()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_broken_file_is_named_and_leaves_others_alone() {
    let bench = Bench::that(vec![tokens(2)]).await;
    let broken = bench.store().folder().join("tenant-fabrikam.json");
    std::fs::write(broken, "{\"tenant\":").unwrap();
    let (records, broken) = bench.store().all();
    assert_eq!(records.len(), 1);
    assert!(
        broken[0].to_string().contains("tenant-fabrikam.json"),
        "{broken:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_their_owners_alone_and_debug_shows_no_token() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::that(vec![tokens(2)]).await;
    bench.clock.advance(Duration::from_hours(2));
    bench.fetch(&bench.process(), None, None).await.unwrap();
    let store = bench.store();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(store.folder()) & 0o777, 0o700);
    for file in std::fs::read_dir(store.folder()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()) & 0o777, 0o600);
    }
    let record = store.load(&contoso()).unwrap().unwrap();
    let shown = format!("{record:?}");
    assert!(
        !shown.contains("refresh-2") && !shown.contains("access-2"),
        "{shown}"
    );
}

/// What a browser is shown.
async fn opened(url: &str) -> (u16, String) {
    let url = Url::parse(url).unwrap();
    let address = format!("127.0.0.1:{}", url.port().unwrap());
    let host = format!("localhost:{}", url.port().unwrap());
    let target = &url[url::Position::BeforePath..];
    sent(&address, &host, target).await
}

async fn sent(address: &str, host: &str, target: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

fn of(url: &Url, wanted: &str) -> String {
    let mut pairs = url.query_pairs().filter(|(name, _)| name == wanted);
    pairs.next().map(|(_, value)| value.into_owned()).unwrap()
}

#[tokio::test]
async fn a_browser_brings_the_code_and_strangers_change_nothing() {
    let entra = Entra::that(vec![tokens(1)]).await;
    let flow = BrowserSignIn::begin(entra.request()).await.unwrap();
    let url = flow.url().clone();
    assert_eq!(url.path(), "/organizations/oauth2/v2.0/authorize");
    assert_eq!(of(&url, "code_challenge_method"), "S256");
    let (back, state, nonce) = (
        of(&url, "redirect_uri"),
        of(&url, "state"),
        of(&url, "nonce"),
    );
    assert!(back.starts_with("http://localhost:"), "{back}");
    let (_, mut answer) = tokens(1);
    answer["id_token"] = json!(id_token(&nonce));
    *entra.answers.lock().unwrap() = VecDeque::from([(200, answer)]);
    let clock = ManualClock::at(START);
    let browsing = async {
        let port = back.rsplit_once(':').unwrap().1;
        let address = format!("127.0.0.1:{port}");
        let good = format!("/?code=c-1&state={state}");
        let (status, page) = sent(&address, "evil.example", &good).await;
        assert_eq!(status, 421, "{page}");
        let (status, page) = opened(&format!("{back}/?code=stolen&state=guessed")).await;
        assert_eq!(status, 400, "{page}");
        assert!(page.contains("another sign-in"), "{page}");
        assert_eq!(opened(&format!("{back}/favicon.ico")).await.0, 404);
        // A browser connects in advance, and says nothing.
        let _silent = TcpStream::connect(&address).await.unwrap();
        opened(&format!("{back}{good}")).await
    };
    let (signed_in, (status, page)) = tokio::join!(flow.finish(&clock), browsing);
    let signed_in = signed_in.unwrap();
    assert_eq!(status, 200);
    assert!(page.contains("signed in as alice@contoso.com"), "{page}");
    assert_eq!(signed_in.tenant_id(), "t-1");
    let form = &entra.forms()[0];
    assert_eq!(
        (form["code"].as_str(), &form["redirect_uri"]),
        ("c-1", &back)
    );
    let challenge = super::pkce::challenge_of(&form["code_verifier"]);
    assert_eq!(challenge, of(&url, "code_challenge"));
    let port = back.rsplit_once(':').unwrap().1;
    let again = TcpStream::connect(format!("127.0.0.1:{port}")).await;
    assert!(again.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_refusal_that_the_browser_brings_is_told_on_its_page() {
    let entra = Entra::that(vec![tokens(1)]).await;
    for (answer, words) in [
        (
            "error=access_denied&error_description=AADSTS65004%3A+declined",
            "AADSTS65004",
        ),
        ("error=access_denied", "declined"),
        (
            "error=consent_required&error_description=AADSTS65001%3A+no+consent",
            "AADSTS65001",
        ),
    ] {
        let flow = BrowserSignIn::begin(entra.request()).await.unwrap();
        let (back, state) = (of(flow.url(), "redirect_uri"), of(flow.url(), "state"));
        let clock = ManualClock::at(START);
        let browsing = opened_later(format!("{back}/?{answer}&state={state}"));
        let (signed_in, (_, page)) = tokio::join!(flow.finish(&clock), browsing);
        let error = signed_in.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(page.contains("Not signed in"), "{page}");
        assert!(!error.hint().is_empty());
    }
    assert!(entra.forms().is_empty(), "no code, no question");
}

async fn opened_later(url: String) -> (u16, String) {
    opened(&url).await
}

#[tokio::test]
async fn a_browser_that_never_comes_back_is_waited_for_no_longer_than_said() {
    let entra = Entra::that(vec![tokens(1)]).await;
    let flow = BrowserSignIn::begin(entra.request()).await.unwrap();
    let waiting = flow.within(Duration::from_millis(50));
    let error = waiting.finish(&ManualClock::at(START)).await.unwrap_err();
    assert!(matches!(error, SignInError::TooLate(_)), "{error}");
}

#[tokio::test]
async fn a_code_is_asked_about_until_the_person_has_typed_it() {
    let code = json!({
        "device_code": "d-1",
        "user_code": "ABCD-EFGH",
        "verification_uri": "https://microsoft.com/devicelogin",
        "expires_in": 900,
        "interval": 1,
    });
    let pending = refused("authorization_pending", "AADSTS70016: pending");
    let entra = Entra::that(vec![(200, code), pending, tokens(1)]).await;
    let flow = DeviceSignIn::begin(entra.request()).await.unwrap();
    assert_eq!(flow.user_code(), "ABCD-EFGH");
    let signed_in = flow.finish(&ManualClock::at(START)).await.unwrap();
    assert_eq!(signed_in.user(), "alice@contoso.com");
    let forms = entra.forms();
    assert_eq!(forms.len(), 2);
    assert_eq!(forms[1]["device_code"], "d-1");
}
