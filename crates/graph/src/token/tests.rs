//! Tokens end to end: `azure_identity` as it is, over a wire to an Entra that the test plays.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use repilot_domain::{Clock as _, DeviceId, ManualClock, SystemClock};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{AzureCredential, TokenKeeper, TokenSource};
use crate::{
    ApiVersion, AppCertificate, Authority, Cloud, GraphClient, GraphError, GraphRoot,
    GraphSettings, Route, SystemicReason,
};

/// What Entra says; tokens are `token-1`, `token-2` and so on.
#[derive(Debug, Clone)]
enum Says {
    Token {
        lives_seconds: u64,
    },
    Status(u16, &'static str),
    /// 429, and when to come again.
    Busy {
        retry_after: &'static str,
    },
    Unreachable,
}

const AN_HOUR: Says = Says::Token {
    lives_seconds: 3_600,
};

#[derive(Debug)]
struct Entra {
    says: Mutex<Says>,
    /// How many answers may leave.
    answers: Semaphore,
    asked: AtomicUsize,
    hosts: Mutex<Vec<String>>,
}

impl Entra {
    fn that(says: Says) -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::new(says),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
            asked: AtomicUsize::new(0),
            hosts: Mutex::default(),
        })
    }

    fn now_says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl HttpClient for Entra {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let url = request.url().to_string();
        self.hosts.lock().unwrap().push(url);
        let _leave = self.answers.acquire().await.unwrap();
        let says = self.says.lock().unwrap().clone();
        let mut headers = Headers::new();
        let (status, body) = match says {
            Says::Token { lives_seconds } => (
                200,
                format!(
                    r#"{{"token_type":"Bearer","expires_in":{lives_seconds},"ext_expires_in":1,"access_token":"token-{number}"}}"#
                ),
            ),
            Says::Status(status, body) => (status, body.to_owned()),
            Says::Busy { retry_after } => {
                headers.insert("retry-after", retry_after);
                let words = "AADSTS50196: The server terminated an operation";
                (429, format!(r#"{{"error_description":"{words}"}}"#))
            }
            Says::Unreachable => {
                return Err(Error::with_message(
                    ErrorKind::Connection,
                    "connection refused",
                ));
            }
        };
        let status = StatusCode::from(status);
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

fn source(cloud: Cloud) -> TokenSource {
    TokenSource::Azure {
        credential: AzureCredential::ClientSecret {
            tenant_id: "contoso".to_owned(),
            client_id: "app-1".to_owned(),
            secret: "hush-hush".into(),
        },
        cloud,
        authority: Authority::of(cloud).unwrap(),
    }
}

/// `azure_identity` reads the machine's clock: ours starts there.
fn keeper(entra: &Arc<Entra>) -> (TokenKeeper, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let http = Arc::clone(entra) as Arc<dyn HttpClient>;
    let keeper = TokenKeeper::new(source(Cloud::Global), http, Arc::clone(&clock) as _).unwrap();
    (keeper, clock)
}

async fn token(keeper: &TokenKeeper) -> String {
    let token = keeper.get().await.unwrap();
    token.secret().expose_secret().to_owned()
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_token_is_fetched_once_and_again_five_minutes_before_it_expires() {
    let entra = Entra::that(AN_HOUR);
    let (keeper, clock) = keeper(&entra);
    assert_eq!(token(&keeper).await, "token-1");
    clock.advance(54 * MINUTE);
    assert_eq!(token(&keeper).await, "token-1");
    clock.advance(2 * MINUTE);
    assert_eq!(token(&keeper).await, "token-2");
    assert_eq!(entra.asked(), 2);
}

#[tokio::test]
async fn a_token_that_lives_shorter_than_that_is_not_fetched_for_each_call() {
    let entra = Entra::that(Says::Token { lives_seconds: 60 });
    let (keeper, clock) = keeper(&entra);
    for _ in 0..10 {
        assert_eq!(token(&keeper).await, "token-1");
    }
    clock.advance(MINUTE);
    assert_eq!(token(&keeper).await, "token-2");
}

#[tokio::test]
async fn forty_calls_without_a_token_cause_one_fetch_whether_it_fails_or_not() {
    for (says, good) in [(AN_HOUR, true), (Says::Unreachable, false)] {
        let entra = Entra::that(says);
        entra.answers.forget_permits(Semaphore::MAX_PERMITS);
        let keeper = Arc::new(keeper(&entra).0);
        let calls: Vec<_> = (0..40)
            .map(|_| {
                let keeper = Arc::clone(&keeper);
                tokio::spawn(async move { keeper.get().await.is_ok() })
            })
            .collect();
        // On one thread: each of the forty has run until it waits before this goes on.
        tokio::task::yield_now().await;
        assert_eq!(entra.asked(), 1);
        entra.answers.add_permits(40);
        for call in calls {
            assert_eq!(call.await.unwrap(), good);
        }
        assert_eq!(entra.asked(), 1);
    }
}

#[tokio::test]
async fn while_the_old_token_lasts_a_failed_refresh_stops_nobody() {
    let entra = Entra::that(AN_HOUR);
    let (keeper, clock) = keeper(&entra);
    token(&keeper).await;
    entra.now_says(Says::Unreachable);
    clock.advance(56 * MINUTE);
    for _ in 0..10 {
        assert_eq!(token(&keeper).await, "token-1");
    }
    assert_eq!(entra.asked(), 2, "one failed refresh, and no storm of them");
    clock.advance(MINUTE);
    assert_eq!(token(&keeper).await, "token-1");
    assert_eq!(entra.asked(), 3);
    clock.advance(4 * MINUTE);
    let failure = keeper.get().await.unwrap_err();
    assert_eq!(failure.error, GraphError::NoToken { retry_after: None });
    entra.now_says(AN_HOUR);
    assert!(keeper.get().await.is_ok());
}

#[tokio::test]
async fn forty_calls_refused_with_one_token_drop_it_once() {
    let entra = Entra::that(AN_HOUR);
    let (keeper, _) = keeper(&entra);
    let first = keeper.get().await.unwrap();
    assert_eq!(keeper.refused(&first, None).await, GraphError::Unauthorized);
    assert_eq!(token(&keeper).await, "token-2");
    for _ in 1..40 {
        assert_eq!(keeper.refused(&first, None).await, GraphError::Unauthorized);
        assert_eq!(token(&keeper).await, "token-2");
    }
    assert_eq!(entra.asked(), 2);
}

#[tokio::test]
async fn a_token_fetched_for_a_refused_one_and_refused_unproven_is_systemic() {
    let entra = Entra::that(AN_HOUR);
    let (keeper, _) = keeper(&entra);
    let first = keeper.get().await.unwrap();
    keeper.refused(&first, None).await;
    let second = keeper.get().await.unwrap();
    let refused = GraphError::Systemic(SystemicReason::TokenRefused);
    assert_eq!(keeper.refused(&second, None).await, refused);
    let third = keeper.get().await.unwrap();
    third.prove();
    assert_eq!(keeper.refused(&third, None).await, GraphError::Unauthorized);
    assert_eq!(entra.asked(), 3);
}

#[tokio::test]
async fn what_entra_refuses_is_systemic_in_its_own_words_and_never_shows_the_secret() {
    let expired = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for app 'app-1' are expired.","error_codes":[7000222]}"#;
    for status in [400, 401] {
        let (keeper, _) = keeper(&Entra::that(Says::Status(status, expired)));
        let failure = keeper.get().await.unwrap_err();
        let GraphError::Systemic(reason @ SystemicReason::CredentialRefused(_)) = &failure.error
        else {
            panic!("{failure:?}");
        };
        let words = reason.to_string();
        assert!(words.contains("AADSTS7000222: The provided"), "{words}");
        assert!(!format!("{failure:?}").contains("hush"), "{failure:?}");
    }
    assert!(!format!("{:?}", source(Cloud::Global)).contains("hush"));
}

#[tokio::test]
async fn what_should_pass_at_entra_is_told_under_its_name() {
    let busy = r#"{"error_description":"AADSTS90033: A transient error has occurred."}"#;
    for (says, told) in [
        (Says::Unreachable, "Entra: connection refused"),
        (
            Says::Status(503, busy),
            "Entra (login.microsoftonline.com) answered 503: AADSTS90033",
        ),
        (Says::Busy { retry_after: "0" }, "answered 429: AADSTS50196"),
    ] {
        let (keeper, _) = keeper(&Entra::that(says));
        let failure = keeper.get().await.unwrap_err();
        assert!(
            matches!(failure.error, GraphError::NoToken { .. }),
            "{failure:?}"
        );
        assert!(failure.message.contains(told), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_page_in_entras_place_is_told_with_status_title_and_host() {
    let page = "<html><head><title>Access to this site is blocked</title></head></html>";
    for status in [200, 302, 403, 407, 502, 503] {
        let (keeper, _) = keeper(&Entra::that(Says::Status(status, page)));
        let failure = keeper.get().await.unwrap_err();
        assert!(
            matches!(failure.error, GraphError::NoToken { .. }),
            "{failure:?}"
        );
        for told in [
            "login.microsoftonline.com",
            &status.to_string(),
            "\"Access to this site is blocked\"",
            "proxy",
        ] {
            assert!(failure.message.contains(told), "{}", failure.message);
        }
    }
}

#[tokio::test]
async fn entra_is_not_asked_again_before_it_asked_to_be() {
    let entra = Entra::that(Says::Busy { retry_after: "7" });
    let (keeper, clock) = keeper(&entra);
    for _ in 0..5 {
        let failure = keeper.get().await.unwrap_err();
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(failure.error, GraphError::NoToken { retry_after });
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(entra.asked(), 1);
    entra.now_says(AN_HOUR);
    clock.advance(Duration::from_secs(2));
    assert_eq!(token(&keeper).await, "token-2");
}

/// The keeper of a machine's own identity.
fn of_the_machine(entra: &Arc<Entra>) -> (TokenKeeper, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let http = Arc::clone(entra) as Arc<dyn HttpClient>;
    let source = TokenSource::Azure {
        credential: AzureCredential::ManagedIdentity { client_id: None },
        cloud: Cloud::Global,
        authority: Authority::of(Cloud::Global).unwrap(),
    };
    let keeper = TokenKeeper::new(source, http, Arc::clone(&clock) as _).unwrap();
    (keeper, clock)
}

#[tokio::test]
async fn the_metadata_service_is_asked_once_and_quoted() {
    let words = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    for status in [404, 410, 429, 500, 503] {
        let metadata = Entra::that(Says::Status(status, words));
        let failure = of_the_machine(&metadata).0.get().await.unwrap_err();
        assert!(
            matches!(failure.error, GraphError::NoToken { .. }),
            "{failure:?}"
        );
        let told =
            format!("the metadata service (169.254.169.254) answered {status}: Identity not found");
        assert_eq!(failure.message, told);
        assert_eq!(metadata.asked(), 1, "{status}");
    }
    let refused = Entra::that(Says::Status(400, words));
    let failure = of_the_machine(&refused).0.get().await.unwrap_err();
    let text = failure.error.to_string();
    assert!(
        text.contains("the metadata service gives no token: 400: Identity not found"),
        "{text}"
    );
    assert!(!text.contains("Entra"), "{text}");
    assert!(failure.hint.contains("is this one"), "{}", failure.hint);
}

#[tokio::test]
async fn a_token_that_arrives_expired_is_not_fetched_for_each_call() {
    let metadata = Entra::that(Says::Status(
        200,
        r#"{"access_token":"token-1","expires_on":"1700000000","token_type":"Bearer"}"#,
    ));
    let (keeper, clock) = of_the_machine(&metadata);
    for _ in 0..100 {
        assert_eq!(token(&keeper).await, "token-1");
    }
    assert_eq!(metadata.asked(), 1);
    clock.advance(MINUTE);
    assert_eq!(token(&keeper).await, "token-1");
    assert_eq!(metadata.asked(), 2);
}

#[tokio::test]
async fn each_clouds_token_comes_from_its_own_entra() {
    for (cloud, host) in [
        (Cloud::Global, "login.microsoftonline.com"),
        (Cloud::UsGov, "login.microsoftonline.us"),
        (Cloud::UsGovDod, "login.microsoftonline.us"),
        (Cloud::China, "login.chinacloudapi.cn"),
    ] {
        let entra = Entra::that(AN_HOUR);
        let http = Arc::clone(&entra) as Arc<dyn HttpClient>;
        let keeper = TokenKeeper::new(source(cloud), http, Arc::new(SystemClock)).unwrap();
        token(&keeper).await;
        let asked = entra.hosts.lock().unwrap().clone();
        assert_eq!(asked, [format!("https://{host}/contoso/oauth2/v2.0/token")]);
    }
}

#[tokio::test]
async fn a_certificate_gets_a_token() {
    let pem = include_bytes!("../certificate/throwaway.pem");
    let certificate = AppCertificate::from_file(pem, None, SystemClock.now()).unwrap();
    let source = TokenSource::Azure {
        credential: AzureCredential::Certificate {
            tenant_id: "contoso".to_owned(),
            client_id: "app-1".to_owned(),
            certificate: Arc::new(certificate),
        },
        cloud: Cloud::Global,
        authority: Authority::of(Cloud::Global).unwrap(),
    };
    let entra = Entra::that(AN_HOUR) as Arc<dyn HttpClient>;
    let keeper = TokenKeeper::new(source, entra, Arc::new(SystemClock)).unwrap();
    assert_eq!(token(&keeper).await, "token-1");
}

/// A Graph that accepts one token, and answers each connection once.
async fn graph_that_accepts(token: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let bearer = format!("Bearer {token}\r\n");
            let status = if String::from_utf8(head).unwrap().contains(&bearer) {
                "204 No Content"
            } else {
                "401 Unauthorized\r\nrequest-id: r-1\r\nContent-Length: 0"
            };
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    root
}

async fn unassign(root: &str, entra: &Arc<Entra>, times: usize) -> Vec<Result<(), GraphError>> {
    let settings = GraphSettings {
        root: GraphRoot::parse(root).unwrap(),
        version: ApiVersion::V1,
        route: Route::Identity,
        timeout: Duration::from_secs(30),
    };
    let entra = Arc::clone(entra) as Arc<dyn HttpClient>;
    let source = source(Cloud::Global);
    let client = GraphClient::over(&settings, source, entra, Arc::new(SystemClock)).unwrap();
    let mut results = Vec::new();
    for _ in 0..times {
        let device = DeviceId("d-1".to_owned());
        results.push(client.unassign_user(&device).await.result);
    }
    results
}

#[tokio::test]
async fn a_call_after_a_refused_token_succeeds_with_the_next_one() {
    let root = graph_that_accepts("token-2").await;
    let entra = Entra::that(AN_HOUR);
    let results = unassign(&root, &entra, 3).await;
    assert_eq!(results, [Err(GraphError::Unauthorized), Ok(()), Ok(())]);
    assert_eq!(entra.asked(), 2);
}

#[tokio::test]
async fn a_graph_that_refuses_every_token_is_systemic_on_the_second() {
    let root = graph_that_accepts("none").await;
    let systemic = Err(GraphError::Systemic(SystemicReason::TokenRefused));
    let results = unassign(&root, &Entra::that(AN_HOUR), 2).await;
    assert_eq!(results, [Err(GraphError::Unauthorized), systemic]);
}
