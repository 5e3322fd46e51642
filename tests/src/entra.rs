//! An Entra over TLS that answers in the shapes that Microsoft documents, and says what no other
//! provider does.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path as Segments, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use serde_json::{Value, json};
use tokio::process::Command;

/// A refusal: OAuth's word, and Entra's.
pub type Refusal = (&'static str, &'static str);

/// What the Entra of a test says, and what it was asked.
#[derive(Default)]
pub struct Says {
    /// Refuses to describe the tenant.
    pub tenant: Option<Refusal>,
    /// Refuses to give a code.
    pub code: Option<Refusal>,
    /// What is said of a code, one after the other, before it gives tokens.
    pub before_tokens: VecDeque<Refusal>,
    /// Refuses each refresh.
    pub refresh: Option<Refusal>,
    /// How long tokens live.
    pub lives_seconds: u64,
    /// What the token endpoint was asked.
    pub forms: Vec<HashMap<String, String>>,
    /// Whoever signs in.
    pub user: String,
    /// Certificates (DER) by which apps prove who they are.
    pub certificates: Vec<Vec<u8>>,
    issued: u64,
}

/// An Entra that serves.
pub struct Entra {
    /// Its address.
    pub url: String,
    /// What it says.
    pub says: Arc<Mutex<Says>>,
}

fn keys() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sign-in/keys")
}

impl Entra {
    /// Starts one that signs everybody in.
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let says = Arc::new(Mutex::new(Says {
            lives_seconds: 3_600,
            user: "alice@contoso.example".to_owned(),
            ..Says::default()
        }));
        let routes = Router::new()
            .route(
                "/{tenant}/v2.0/.well-known/openid-configuration",
                get(describe),
            )
            .route("/{tenant}/oauth2/v2.0/devicecode", post(device_code))
            .route("/{tenant}/oauth2/v2.0/token", post(token))
            .with_state(Arc::clone(&says));
        let (certificate, key) = (keys().join("entra.pem"), keys().join("entra-key.pem"));
        let tls = RustlsConfig::from_pem_file(certificate, key).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        tokio::spawn(server.serve(routes.into_make_service()));
        Self {
            url: format!("https://localhost:{port}"),
            says,
        }
    }

    /// Tells a program of it, which then has no other token.
    pub fn tell(&self, command: &mut Command) {
        command
            .env_remove("REPILOT_GRAPH__TOKEN")
            .env("REPILOT_GRAPH__AUTHORITY", &self.url)
            .env("SSL_CERT_FILE", keys().join("ca.pem"));
    }

    /// What it says, to be looked at or changed.
    pub fn says(&self) -> std::sync::MutexGuard<'_, Says> {
        self.says.lock().unwrap()
    }

    /// How often a token was refreshed, or was asked to be.
    #[must_use]
    pub fn refreshes(&self) -> Vec<HashMap<String, String>> {
        let mut forms = self.says().forms.clone();
        forms.retain(|form| form["grant_type"] == "refresh_token");
        forms
    }
}

/// In the shape that Entra refuses in.
fn refused((error, description): Refusal) -> Response {
    let code = description
        .strip_prefix("AADSTS")
        .and_then(|rest| rest.split(':').next())
        .and_then(|digits| digits.parse::<u32>().ok());
    let body = json!({
        "error": error,
        "error_description": format!(
            "{description} Trace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333 \
             Correlation ID: aaaa0000-bb11-2222-33cc-444444dddddd Timestamp: 2026-01-01 00:00:00Z"
        ),
        "error_codes": code.into_iter().collect::<Vec<_>>(),
        "timestamp": "2026-01-01 00:00:00Z",
        "trace_id": "0000aaaa-11bb-cccc-dd22-eeeeee333333",
        "correlation_id": "aaaa0000-bb11-2222-33cc-444444dddddd",
    });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

type Shared = State<Arc<Mutex<Says>>>;

async fn describe(State(says): Shared, Segments(tenant): Segments<String>) -> Response {
    match says.lock().unwrap().tenant {
        Some(refusal) => refused(refusal),
        None => Json(json!({ "issuer": format!("https://login.example/{tenant}/v2.0") }))
            .into_response(),
    }
}

async fn device_code(State(says): Shared, body: Bytes) -> Response {
    let mut says = says.lock().unwrap();
    says.forms.push(form(&body, "devicecode"));
    if let Some(refusal) = says.code {
        return refused(refusal);
    }
    Json(json!({
        "user_code": "HJKL-1234",
        "device_code": "a-device-code",
        "verification_uri": "https://microsoft.com/devicelogin",
        "expires_in": 900,
        "interval": 1,
        "message": "To sign in, use a web browser to open the page …",
    }))
    .into_response()
}

async fn token(State(says): Shared, body: Bytes) -> Response {
    let mut says = says.lock().unwrap();
    let form = form(&body, "");
    let grant = form["grant_type"].clone();
    let proven = is_proven(&form, &says.certificates);
    says.forms.push(form);
    let refusal = match grant.as_str() {
        "refresh_token" => says.refresh,
        "client_credentials" => (!proven).then_some(UNPROVEN),
        _ => says.before_tokens.pop_front(),
    };
    if let Some(refusal) = refusal {
        return refused(refusal);
    }
    says.issued += 1;
    let issued = says.issued;
    let claims = json!({
        "aud": "14d82eec-204b-4c2f-b7e8-296a70dab67e",
        "tid": "11111111-2222-3333-4444-555555555555",
        "preferred_username": says.user,
        "name": "Alice",
    });
    Json(json!({
        "token_type": "Bearer",
        "scope": "DeviceManagementServiceConfig.ReadWrite.All openid profile",
        "expires_in": says.lives_seconds,
        "access_token": format!("an-access-token-{issued}"),
        "refresh_token": format!("a-refresh-token-{issued}"),
        "id_token": format!("e30.{}.x", encoded(&claims)),
    }))
    .into_response()
}

/// How Entra refuses an assertion.
const UNPROVEN: Refusal = (
    "invalid_client",
    "AADSTS700027: Client assertion failed signature validation.",
);

/// Whether an app's assertion is signed by the key of a certificate that it names and that is known.
fn is_proven(form: &HashMap<String, String>, certificates: &[Vec<u8>]) -> bool {
    use base64::Engine as _;
    use ring::{digest, signature};
    let decoded = |text: &str| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
        bytes.unwrap_or_default()
    };
    let value = |part: &str| serde_json::from_slice::<Value>(&decoded(part)).unwrap_or_default();
    let assertion = form.get("client_assertion").map_or("", String::as_str);
    let parts: Vec<&str> = assertion.split('.').collect();
    let &[header, claims, signature] = parts.as_slice() else {
        return false;
    };
    let thumbprint = decoded(value(header)["x5t"].as_str().unwrap_or_default());
    let named = certificates.iter().find(|der| {
        let known = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der);
        known.as_ref() == thumbprint
    });
    let Some((_, named)) = named.and_then(|der| x509_parser::parse_x509_certificate(der).ok())
    else {
        return false;
    };
    let public = &named.public_key().subject_public_key.data;
    let public = signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, public);
    let message = format!("{header}.{claims}");
    value(claims)["sub"] == *form["client_id"]
        && public
            .verify(message.as_bytes(), &decoded(signature))
            .is_ok()
}

fn form(body: &[u8], grant: &str) -> HashMap<String, String> {
    let pairs = url::form_urlencoded::parse(body).into_owned();
    let mut form: HashMap<String, String> = pairs.collect();
    form.entry("grant_type".to_owned())
        .or_insert_with(|| grant.to_owned());
    form
}

fn encoded(claims: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string())
}
