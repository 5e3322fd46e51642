//! An app's certificate and what signs with its key: files as administrators have them (PEM, PFX, with
//! a password or without), and the certificate store of Windows.

mod contents;
mod error;
mod file;
mod pem;
mod pfx;
#[cfg(windows)]
mod store;
#[cfg(test)]
mod tests;

use repilot_domain::Timestamp;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::SecretString;

pub use error::CertificateError;

/// A certificate of an app registration, with the private key that belongs to it.
pub struct AppCertificate {
    /// The certificate, DER.
    der: Vec<u8>,
    subject: String,
    valid_until: Timestamp,
    key: Key,
}

/// The private key, or where it stays.
enum Key {
    /// The key itself, read from a file.
    Held(RsaKeyPair),
    /// A key that Windows keeps, exportable or not.
    #[cfg(windows)]
    Stored(store::StoredKey),
}

impl std::fmt::Debug for AppCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AppCertificate")
            .field("subject", &self.subject)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

impl AppCertificate {
    /// Reads a file's content: a PEM with the certificate and its key, in any order and among others,
    /// or a PFX. `password` opens an encrypted key or a PFX; it is not needed for an open one.
    pub fn from_file(
        content: &[u8],
        password: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let (key, certificates) = file::read(content, password)?;
        let missing = match certificates.as_slice() {
            [] => CertificateError::NoCertificate,
            [_, ..] => CertificateError::OtherKey,
        };
        let public = key.public().as_ref();
        let der = certificates
            .iter()
            .find(|der| carries(der, public))
            .ok_or(missing)?;
        Self::new(der.clone(), Key::Held(key), now)
    }

    /// Finds a certificate in the store of Windows, the user's first and then the machine's, by its
    /// SHA-1 thumbprint in hexadecimal. Its key is used where it is, whether it can be exported or not.
    #[cfg(windows)]
    pub fn from_store(thumbprint: &str, now: Timestamp) -> Result<Self, CertificateError> {
        let thumbprint = thumbprint_of(thumbprint)?;
        let (der, key) = store::find(&thumbprint)?;
        Self::new(der, Key::Stored(key), now)
    }

    /// Refuses: only Windows has a certificate store.
    #[cfg(not(windows))]
    pub fn from_store(thumbprint: &str, _now: Timestamp) -> Result<Self, CertificateError> {
        thumbprint_of(thumbprint)?;
        Err(CertificateError::NoStore)
    }

    fn new(der: Vec<u8>, key: Key, now: Timestamp) -> Result<Self, CertificateError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|_malformed| CertificateError::NoCertificate)?;
        let instant = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_millis(time.timestamp().saturating_mul(1_000))
        };
        let validity = parsed.validity();
        let (from, until) = (instant(validity.not_before), instant(validity.not_after));
        if now > until {
            return Err(CertificateError::Expired(until));
        }
        if now < from {
            return Err(CertificateError::NotYetValid(from));
        }
        let subject = parsed.subject().to_string();
        Ok(Self {
            der,
            subject,
            valid_until: until,
            key,
        })
    }

    /// Whom it was made out to, as in `CN=repilot`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The last instant of its validity.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Its SHA-1 thumbprint in hexadecimal capitals, as Entra and Windows show it.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let thumbprint = self.digest(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        let hex = thumbprint.as_ref().iter().map(|byte| format!("{byte:02X}"));
        hex.collect()
    }

    /// A digest of the certificate.
    pub(crate) fn digest(&self, algorithm: &'static digest::Algorithm) -> digest::Digest {
        digest::digest(algorithm, &self.der)
    }

    /// Signs a message by RSA with PKCS#1 padding and SHA-256 (RS256).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CertificateError> {
        match &self.key {
            Key::Held(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_refused| CertificateError::Signing(String::new()))?;
                Ok(signature)
            }
            #[cfg(windows)]
            Key::Stored(key) => key.sign(digest::digest(&digest::SHA256, message).as_ref()),
        }
    }
}

/// Whether a certificate carries this public key (PKCS#1, DER).
fn carries(certificate: &[u8], public: &[u8]) -> bool {
    x509_parser::parse_x509_certificate(certificate)
        .is_ok_and(|(_, parsed)| &*parsed.public_key().subject_public_key.data == public)
}

/// The bytes of a thumbprint as it is copied from anywhere: blanks, colons and invisible marks between
/// its digits are passed over.
fn thumbprint_of(text: &str) -> Result<[u8; 20], CertificateError> {
    let malformed = || CertificateError::Thumbprint(text.to_owned());
    let marks = |character: char| {
        // The certificate dialog of Windows copies a left-to-right mark along.
        character.is_whitespace() || matches!(character, ':' | '-' | '\u{200e}' | '\u{200f}')
    };
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !marks(*character))
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()
        .ok_or_else(malformed)?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    match digits.len() {
        40 => bytes.try_into().map_err(|_length| malformed()),
        _ => Err(malformed()),
    }
}
