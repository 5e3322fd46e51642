//! A small identity provider: it says of itself what it is, gives codes to whoever comes, and tokens
//! for codes to whoever proves to have asked for them. What it puts into a token is a test's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use repilot_domain::{Clock as _, SystemClock};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA512, RSA_PSS_SHA384, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const CLIENT: &str = "repilot-at-contoso";
pub(crate) const SECRET: &str = "only between us";

/// A key that a provider signs with.
#[derive(Clone)]
pub(crate) struct Key {
    /// None where its tokens name no key.
    pub(crate) kid: Option<&'static str>,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    Ecdsa(Arc<EcdsaKeyPair>),
}

impl Key {
    pub(crate) fn one() -> Self {
        Self::of("one", include_bytes!("keys/one.pem"))
    }

    pub(crate) fn two() -> Self {
        Self::of("two", include_bytes!("keys/two.pem"))
    }

    /// On the curve P-256.
    pub(crate) fn on_a_curve() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self {
            kid: Some("curve"),
            pair: Pair::Ecdsa(Arc::new(pair)),
        }
    }

    fn of(kid: &'static str, pem: &[u8]) -> Self {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
        let pair = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        Self {
            kid: Some(kid),
            pair: Pair::Rsa(Arc::new(pair)),
        }
    }

    /// The same key, named in its set and not in its tokens.
    pub(crate) fn unnamed(mut self) -> Self {
        self.kid = None;
        self
    }

    fn public(&self) -> Value {
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut public = match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({ "kty": "RSA", "n": encoded(&public.n), "e": encoded(&public.e) })
            }
            Pair::Ecdsa(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y) })
            }
        };
        public["use"] = json!("sig");
        public["kid"] = json!(self.kid.unwrap_or("in the set alone"));
        public
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &dyn RsaEncoding = match alg {
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS384" => &RSA_PSS_SHA384,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }
}

/// What a test makes of the next tokens.
pub(crate) struct Says {
    /// Added to its claims, and over them.
    pub(crate) claims: Value,
    /// What its userinfo says of the person, where it has one.
    pub(crate) userinfo: Option<Value>,
    /// The error that it answers each code with.
    pub(crate) denies: Option<&'static str>,
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
        Self::spelled("").await
    }

    /// One whose issuer ends in this.
    pub(crate) async fn spelled(end: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = format!("http://{address}/contoso/v2.0{end}");
        let provider = Self {
            issuer,
            says: Arc::new(Mutex::new(Says {
                claims: json!({}),
                userinfo: None,
                denies: None,
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
            .route("/userinfo", get(userinfo))
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
    let (root, _) = provider.issuer.split_once("/contoso").unwrap();
    let has_userinfo = provider.says.lock().unwrap().userinfo.is_some();
    Json(json!({
        "userinfo_endpoint": has_userinfo.then(|| format!("{root}/userinfo")),
        "issuer": provider.issuer,
        "authorization_endpoint": format!("{root}/authorize"),
        "token_endpoint": format!("{root}/token"),
        "jwks_uri": format!("{root}/keys"),
    }))
}

/// For whoever brings the token that came with the id token.
async fn userinfo(State(provider): State<IdentityProvider>, headers: HeaderMap) -> Response {
    if headers
        .get("authorization")
        .is_none_or(|token| token != "Bearer for-userinfo")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let says = provider.says.lock().unwrap();
    Json(says.userinfo.clone()).into_response()
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
    let error = says.denies.unwrap_or("invalid_grant");
    let denied = |why: &str| {
        let said = json!({ "error": error, "error_description": why });
        (StatusCode::BAD_REQUEST, Json(said)).into_response()
    };
    let Some(asked) = says.asked.remove(&given["code"]) else {
        return denied("no such code");
    };
    if says.denies.is_some() {
        return denied("as it was told to");
    }
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
    let mut header = json!({ "alg": says.alg, "typ": "JWT" });
    if let Some(kid) = says.key.kid {
        header["kid"] = json!(kid);
    }
    let message = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = URL_SAFE_NO_PAD.encode(says.key.sign(says.alg, message.as_bytes()));
    Json(json!({
        "token_type": "Bearer",
        "access_token": "for-userinfo",
        "id_token": format!("{message}.{signature}"),
    }))
    .into_response()
}
