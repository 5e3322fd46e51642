//! PFX files (PKCS#12), as Windows, Azure Key Vault and OpenSSL export them.

use p12_keystore::{Pkcs12Archive, error::Error};
use pkcs8::der::ErrorKind;
use secrecy::{ExposeSecret as _, SecretString};

use super::CertificateError;
use super::contents::{Contents, rsa_key};

pub(super) fn read(
    content: &[u8],
    password: Option<&SecretString>,
) -> Result<Contents, CertificateError> {
    // Without a password there is still one, of no letters.
    let text = password.map_or("", |password| password.expose_secret());
    let archive = Pkcs12Archive::from_pkcs12(content, text).map_err(|error| {
        let locked = match password {
            Some(_) => CertificateError::WrongPassword,
            None => CertificateError::NoPassword,
        };
        match error {
            Error::Pkcs5Error(words) if words.contains("unsupported") => {
                CertificateError::Encryption
            }
            Error::DerError(error) if matches!(error.kind(), ErrorKind::OidUnknown { .. }) => {
                CertificateError::Encryption
            }
            Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => locked,
            Error::UnsupportedContentType => CertificateError::Protected,
            Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
                CertificateError::Encryption
            }
            // A certificate alone is DER, too.
            _ if x509_parser::parse_x509_certificate(content).is_ok() => CertificateError::NoKey,
            _ => CertificateError::Unknown,
        }
    })?;
    let keys = archive.keys.iter().map(|bag| rsa_key(bag.key.as_der()));
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec());
    // The first that can be used; else what is wrong with the first.
    let key = keys.reduce(Result::or);
    let key = key.unwrap_or(Err(CertificateError::NoKey))?;
    Ok((key, certificates.collect()))
}
