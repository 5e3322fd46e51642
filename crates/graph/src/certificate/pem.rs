//! Certificates and keys in PEM, the key encrypted (PKCS#8) or open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2::Kdf;
use ring::signature::RsaKeyPair;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};

use super::CertificateError;
use super::contents::{Contents, rsa_key};

/// Largest number of rounds by which a password becomes a key; OpenSSL makes 2,048, careful people a
/// million.
const MAX_ROUNDS: u32 = 10_000_000;

/// Largest memory, in bytes, that scrypt may ask for.
const MAX_SCRYPT_BYTES: u64 = 1 << 30;

const ENCRYPTED_BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &str = "-----END ENCRYPTED PRIVATE KEY-----";

/// The header of a key in OpenSSL's older format that is encrypted: by MD5, which is not read here.
const OLDER_ENCRYPTION: &str = "Proc-Type: 4,ENCRYPTED";

pub(super) fn read(
    text: &str,
    password: Option<&SecretString>,
) -> Result<Contents, CertificateError> {
    if !text.contains("-----BEGIN ") {
        return Err(CertificateError::Unknown);
    }
    let key = key(text, password)?;
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
    let certificates = certificates.flatten().map(|der| der.to_vec()).collect();
    Ok((key, certificates))
}

fn key(text: &str, password: Option<&SecretString>) -> Result<RsaKeyPair, CertificateError> {
    if text.contains(OLDER_ENCRYPTION) {
        return Err(CertificateError::Encryption);
    }
    if let Some(der) = encrypted(text) {
        let password = password.ok_or(CertificateError::NoPassword)?;
        return opened(&der?, password);
    }
    let key = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => return rsa_key(der.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        Ok(_) => return Err(CertificateError::NotRsa),
        Err(_absent) => return Err(CertificateError::NoKey),
    };
    key.map_err(|_rejected| CertificateError::NotRsa)
}

/// The bytes of an encrypted key, if there is one.
fn encrypted(text: &str) -> Option<Result<Vec<u8>, CertificateError>> {
    let (_, rest) = text.split_once(ENCRYPTED_BEGIN)?;
    let (body, _) = rest.split_once(ENCRYPTED_END)?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body);
    Some(der.map_err(|_malformed| CertificateError::NoKey))
}

fn opened(der: &[u8], password: &SecretString) -> Result<RsaKeyPair, CertificateError> {
    let key = EncryptedPrivateKeyInfoRef::try_from(der)
        .map_err(|_unknown| CertificateError::Encryption)?;
    if !is_bounded(&key) {
        return Err(CertificateError::Encryption);
    }
    let opened = key.decrypt(password.expose_secret()).map_err(|error| {
        use pkcs8::Error::EncryptedPrivateKey;
        use pkcs8::pkcs5::Error;
        match error {
            EncryptedPrivateKey(
                Error::NoPbes1CryptSupport | Error::UnsupportedAlgorithm { .. },
            ) => CertificateError::Encryption,
            // What a wrong password gives is rubbish, and fails in one way or another.
            _ => CertificateError::WrongPassword,
        }
    })?;
    rsa_key(opened.as_bytes())
}

/// Whether the key can be opened in a time and a memory that a program may take.
fn is_bounded(key: &EncryptedPrivateKeyInfoRef<'_>) -> bool {
    let Some(scheme) = key.encryption_algorithm.pbes2() else {
        return true;
    };
    match &scheme.kdf {
        Kdf::Pbkdf2(rounds) => rounds.iteration_count <= MAX_ROUNDS,
        Kdf::Scrypt(memory) => 128_u64
            .checked_mul(memory.cost_parameter)
            .and_then(|bytes| bytes.checked_mul(u64::from(memory.block_size)))
            .and_then(|bytes| bytes.checked_mul(u64::from(memory.parallelization)))
            .is_some_and(|bytes| bytes <= MAX_SCRYPT_BYTES),
        _ => false,
    }
}
