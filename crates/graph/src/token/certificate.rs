//! A client assertion signed with the app's certificate (RFC 7523), as Entra takes it.
//!
//! `azure_identity` signs such assertions with OpenSSL, which a fresh machine does not have; ring
//! is in the build through rustls anyway.

use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use repilot_domain::{Clock as _, SystemClock};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

/// Entra takes assertions of at most ten minutes.
const VALID_FOR_SECONDS: i64 = 600;

/// A certificate file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error(
        "the certificate file holds no certificate in PEM; convert a PFX with `openssl pkcs12 -in app.pfx -out app.pem -nodes`"
    )]
    NoCertificate,
    #[error(
        "the certificate file holds no unencrypted private key in PEM; convert a PFX with `openssl pkcs12 -in app.pfx -out app.pem -nodes`"
    )]
    NoKey,
    #[error("the private key is no RSA key of 2048 to 8192 bits, which is what Entra takes")]
    NotRsa,
    #[error("the assertion cannot be signed")]
    Signing,
}

/// Signs a fresh assertion whenever Entra is asked for a token.
pub(super) struct Assertion {
    key: RsaKeyPair,
    header: String,
    client_id: String,
    audience: String,
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Assertion")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Assertion {
    pub(super) fn new(
        pem: &str,
        client_id: &str,
        audience: String,
    ) -> Result<Self, CertificateError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_absent| CertificateError::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_absent| CertificateError::NoKey)?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(CertificateError::NotRsa),
        }
        .map_err(|_rejected| CertificateError::NotRsa)?;
        let thumbprint =
            |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &certificate));
        let header = json!({
            "alg": "RS256",
            "typ": "JWT",
            "x5t": thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            "x5t#S256": thumbprint(&digest::SHA256),
        });
        Ok(Self {
            key,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            client_id: client_id.to_owned(),
            audience,
        })
    }

    fn sign(&self, now_seconds: i64, id: &str) -> Result<String, CertificateError> {
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": id,
            "nbf": now_seconds,
            "exp": now_seconds + VALID_FOR_SECONDS,
        });
        let signed = format!(
            "{}.{}",
            self.header,
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_refused| CertificateError::Signing)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let now_seconds = SystemClock.now().as_millis() / 1_000;
        let id = crate::client::fresh_id();
        self.sign(now_seconds, &id).map_err(|error| {
            azure_core::Error::new(azure_core::error::ErrorKind::Credential, error)
        })
    }
}
