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
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

/// Microsoft recommends five to ten minutes.
const VALID_FOR_SECONDS: i64 = 600;

/// A certificate file that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CertificateError {
    #[error(
        "the certificate file holds no unencrypted private key in PEM; \
         convert a PFX with `openssl pkcs12 -in app.pfx -out app.pem -nodes`"
    )]
    NoKey,
    #[error("the private key is no RSA key of 2048 to 4096 bits, which is what Entra takes")]
    NotRsa,
    #[error(
        "the certificate file holds no certificate in PEM; put the certificate and its key into \
         one file, or convert a PFX with `openssl pkcs12 -in app.pfx -out app.pem -nodes`"
    )]
    NoCertificate,
    #[error("no certificate in the file belongs to the private key beside it")]
    OtherKey,
    #[error("the assertion cannot be signed")]
    Signing,
}

/// Signs a fresh assertion whenever Entra is asked for a token.
pub(super) struct Assertion {
    key: RsaKeyPair,
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
        pem: &str,
        client_id: &str,
        audience: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CertificateError> {
        let key = private_key(pem)?;
        let certificate = certificate_of(&key, pem)?;
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
            clock,
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

fn private_key(pem: &str) -> Result<RsaKeyPair, CertificateError> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    let key = match key.as_ref() {
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        Ok(_) => return Err(CertificateError::NotRsa),
        Err(_absent) => return Err(CertificateError::NoKey),
    };
    key.map_err(|_rejected| CertificateError::NotRsa)
}

/// The certificate that carries the key's public half; a file may hold its issuers, too.
fn certificate_of<'a>(
    key: &RsaKeyPair,
    pem: &'a str,
) -> Result<CertificateDer<'a>, CertificateError> {
    let public = key.public().as_ref();
    let mut missing = CertificateError::NoCertificate;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()).flatten() {
        if certificate.windows(public.len()).any(|part| part == public) {
            return Ok(certificate);
        }
        missing = CertificateError::OtherKey;
    }
    Err(missing)
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
    use base64::engine::general_purpose::STANDARD;
    use repilot_domain::{ManualClock, Timestamp};
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_2048_8192_SHA256,
        UnparsedPublicKey,
    };
    use serde_json::Value;

    use super::*;

    /// A key that opens nothing, and its certificate.
    const THROWAWAY: &str = include_str!("throwaway.pem");

    const AUDIENCE: &str = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token";

    fn assertion(pem: &str) -> Result<Assertion, CertificateError> {
        let clock = ManualClock::at(Timestamp::from_millis(1_772_352_930_250));
        Assertion::new(pem, "app-1", AUDIENCE.to_owned(), Arc::new(clock))
    }

    fn pem_of(label: &str, der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let lines = lines.join("\n");
        format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
    }

    fn certificate_alone() -> &'static str {
        let end = "-----END CERTIFICATE-----";
        &THROWAWAY[..=THROWAWAY.find(end).unwrap() + end.len()]
    }

    #[tokio::test]
    async fn an_assertion_is_signed_by_the_certificates_key() {
        let assertion = assertion(THROWAWAY).unwrap();
        let jwt = assertion.secret(None).await.unwrap();
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let public =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, assertion.key.public().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();
        assert!(public.verify(b"something else", &signature).is_err());
    }

    #[tokio::test]
    async fn an_assertion_says_what_entra_asks_for() {
        let jwt = assertion(THROWAWAY).unwrap().secret(None).await.unwrap();
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
        assert_eq!(claims["nbf"], 1_772_352_930);
        assert_eq!(claims["exp"], 1_772_352_930 + VALID_FOR_SECONDS);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn a_key_of_the_older_kind_is_taken_and_issuers_are_passed_over() {
        let PrivateKeyDer::Pkcs8(key) =
            PrivateKeyDer::from_pem_slice(THROWAWAY.as_bytes()).unwrap()
        else {
            panic!("the file holds a key of the newer kind");
        };
        // PKCS#8 puts 26 bytes before what PKCS#1 is.
        let older = pem_of("RSA PRIVATE KEY", &key.secret_pkcs8_der()[26..]);
        let issuer = pem_of("CERTIFICATE", b"somebody else's");
        let pem = format!("{issuer}{}{older}", certificate_alone());
        assert_eq!(
            assertion(&pem).unwrap().header,
            assertion(THROWAWAY).unwrap().header
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        let key_alone = THROWAWAY.replace(certificate_alone(), "");
        let other = pem_of("CERTIFICATE", b"somebody else's");
        let encrypted = pem_of("ENCRYPTED PRIVATE KEY", b"?");
        let random = SystemRandom::new();
        let curve = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let curve = pem_of("PRIVATE KEY", curve.unwrap().as_ref());
        let refused = |pem: &str| assertion(pem).unwrap_err();
        assert_eq!(refused("\u{30}\u{82}: a PFX"), CertificateError::NoKey);
        assert_eq!(refused(certificate_alone()), CertificateError::NoKey);
        let locked = format!("{}{encrypted}", certificate_alone());
        assert_eq!(refused(&locked), CertificateError::NoKey);
        assert_eq!(refused(&key_alone), CertificateError::NoCertificate);
        assert_eq!(
            refused(&format!("{other}{key_alone}")),
            CertificateError::OtherKey
        );
        let curve = format!("{}{curve}", certificate_alone());
        assert_eq!(refused(&curve), CertificateError::NotRsa);
    }
}
