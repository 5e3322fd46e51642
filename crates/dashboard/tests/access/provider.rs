//! A small identity provider: it says of itself what it is, gives codes to whoever comes, and tokens
//! for codes to whoever proves to have asked for them. What it puts into a token is a test's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use repilot_domain::{Clock as _, SystemClock};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const CLIENT: &str = "repilot-at-contoso";
pub(crate) const SECRET: &str = "only between us";

/// A key that a provider signs with.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pair: Arc<RsaKeyPair>,
}

impl Key {
    pub(crate) fn one() -> Self {
        Self::of("one", include_bytes!("keys/one.pem"))
    }

    pub(crate) fn two() -> Self {
        Self::of("two", include_bytes!("keys/two.pem"))
    }

    fn of(kid: &'static str, pem: &[u8]) -> Self {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
        let pair = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        Self {
            kid,
            pair: Arc::new(pair),
        }
    }

    fn public(&self) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.pair.public_key());
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "n": encoded(&public.n),
            "e": encoded(&public.e),
        })
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .unwrap();
        signature
    }
}

/// What a test makes of the next tokens.
pub(crate) struct Says {
    /// Added to its claims, and over them.
    pub(crate) claims: Value,
    /// What it signs with.
    pub(crate) key: Key,
    /// What it says it signs with.
    pub(crate) alg: &'static str,
    /// The keys that it publishes.
    pub(crate) published: Vec<Key>,
    /// How often those were read.
    pub(crate) keys_read: usize,
    /// What was asked for, by code.
    asked: HashMap<String, HashMap<String, String>>,
}

/// A provider that serves.
#[derive(Clone)]
pub(crate) struct IdentityProvider {
    pub(crate) issuer: String,
    pub(crate) says: Arc<Mutex<Says>>,
}

impl IdentityProvider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/contoso/v2.0", listener.local_addr().unwrap());
        let provider = Self {
            issuer,
            says: Arc::new(Mutex::new(Says {
                claims: json!({}),
                key: Key::one(),
                alg: "RS256",
                published: vec![Key::one()],
                keys_read: 0,
                asked: HashMap::new(),
            })),
        };
        let routes = Router::new()
            .route(
                "/contoso/v2.0/.well-known/openid-configuration",
                get(describe),
            )
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    /// From now on its tokens say this as well.
    pub(crate) fn say(&self, claims: Value) {
        self.says.lock().unwrap().claims = claims;
    }
}

async fn describe(State(provider): State<IdentityProvider>) -> Json<Value> {
    let root = provider.issuer.replace("/contoso/v2.0", "");
    Json(json!({
        "issuer": provider.issuer,
        "authorization_endpoint": format!("{root}/authorize"),
        "token_endpoint": format!("{root}/token"),
        "jwks_uri": format!("{root}/keys"),
    }))
}

async fn keys(State(provider): State<IdentityProvider>) -> Json<Value> {
    let mut says = provider.says.lock().unwrap();
    says.keys_read += 1;
    let keys: Vec<Value> = says.published.iter().map(Key::public).collect();
    Json(json!({ "keys": keys }))
}

/// Whoever comes is signed in already.
async fn authorize(
    State(provider): State<IdentityProvider>,
    Query(asked): Query<HashMap<String, String>>,
) -> Redirect {
    let mut says = provider.says.lock().unwrap();
    let code = format!("code-{}", says.asked.len());
    let back = format!(
        "{}?code={code}&state={}",
        asked["redirect_uri"], asked["state"]
    );
    says.asked.insert(code, asked);
    Redirect::to(&back)
}

async fn token(
    State(provider): State<IdentityProvider>,
    Form(given): Form<HashMap<String, String>>,
) -> Response {
    let mut says = provider.says.lock().unwrap();
    let denied = |why: &str| {
        let said = json!({ "error": "invalid_grant", "error_description": why });
        (StatusCode::BAD_REQUEST, Json(said)).into_response()
    };
    let Some(asked) = says.asked.remove(&given["code"]) else {
        return denied("no such code");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(given["code_verifier"].as_bytes()));
    if asked["code_challenge"] != challenge || asked["code_challenge_method"] != "S256" {
        return denied("not who asked");
    }
    if given["client_secret"] != SECRET || given["redirect_uri"] != asked["redirect_uri"] {
        return denied("not the program");
    }
    let now = SystemClock.now().as_millis() / 1_000;
    let mut claims = json!({
        "iss": provider.issuer,
        "aud": CLIENT,
        "sub": "4711",
        "preferred_username": "alice@contoso.example",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "nonce": asked["nonce"],
    });
    for (name, value) in says.claims.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": says.alg, "typ": "JWT", "kid": says.key.kid });
    let message = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = URL_SAFE_NO_PAD.encode(says.key.sign(message.as_bytes()));
    Json(json!({ "token_type": "Bearer", "id_token": format!("{message}.{signature}") }))
        .into_response()
}
