//! A client assertion signed with the app's certificate (RFC 7523), as Entra takes it.
//!
//! `azure_identity` signs such assertions with OpenSSL, which a fresh machine does not have; ring
//! is in the build through rustls anyway.

use std::sync::Arc;

use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use repilot_domain::Clock;
use ring::digest;
use serde_json::json;

use crate::{AppCertificate, CertificateError};

/// Microsoft recommends five to ten minutes.
const VALID_FOR_SECONDS: i64 = 600;

/// Signs a fresh assertion whenever Entra is asked for a token.
pub(super) struct Assertion {
    certificate: Arc<AppCertificate>,
    header: String,
    client_id: String,
    audience: String,
    clock: Arc<dyn Clock>,
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
        certificate: Arc<AppCertificate>,
        client_id: &str,
        audience: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(certificate.digest(algorithm));
        let header = json!({
            "alg": "RS256",
            "typ": "JWT",
            "x5t": thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            "x5t#S256": thumbprint(&digest::SHA256),
        });
        Self {
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            certificate,
            client_id: client_id.to_owned(),
            audience,
            clock,
        }
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
        let signature = self.certificate.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let now_seconds = self.clock.now().as_millis() / 1_000;
        let id = crate::request_id::fresh();
        self.sign(now_seconds, &id).map_err(|error| {
            azure_core::Error::new(azure_core::error::ErrorKind::Credential, error)
        })
    }
}

#[cfg(test)]
mod tests {
    use repilot_domain::{ManualClock, Timestamp};
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use rustls_pki_types::pem::PemObject as _;
    use serde_json::Value;

    use super::*;

    /// A key that opens nothing, and its certificate.
    const THROWAWAY: &[u8] = include_bytes!("../certificate/throwaway.pem");

    const AUDIENCE: &str = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token";

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_250);

    fn assertion() -> Assertion {
        let certificate = AppCertificate::from_file(THROWAWAY, None, NOW).unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        Assertion::new(Arc::new(certificate), "app-1", AUDIENCE.to_owned(), clock)
    }

    #[tokio::test]
    async fn an_assertion_is_signed_by_the_certificates_key() {
        let jwt = assertion().secret(None).await.unwrap();
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let der = rustls_pki_types::CertificateDer::from_pem_slice(THROWAWAY).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        let public = &certificate.public_key().subject_public_key.data;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        public.verify(signed.as_bytes(), &signature).unwrap();
        assert!(public.verify(b"something else", &signature).is_err());
    }

    #[tokio::test]
    async fn an_assertion_says_what_entra_asks_for() {
        let jwt = assertion().secret(None).await.unwrap();
        let parts: Vec<Value> = jwt
            .split('.')
            .take(2)
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        // As `openssl x509 -fingerprint` has them.
        let header = json!({
            "alg": "RS256",
            "typ": "JWT",
            "x5t": "VMUiqKRb16XdA5-THWxKe76KF0s",
            "x5t#S256": "oI9w7HryjITHufUg2_h45Ov7XsA2eMl4rGlHVlvhnWs",
        });
        assert_eq!(parts[0], header);
        let claims = &parts[1];
        assert_eq!(claims["aud"], AUDIENCE);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!("app-1"), &json!("app-1"))
        );
        assert_eq!(claims["nbf"], 1_800_000_000);
        assert_eq!(claims["exp"], 1_800_000_000 + VALID_FOR_SECONDS);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
    }
}
