//! The certificate store of Windows. A key stays where it is: Windows signs with it (CNG), also where it
//! cannot be exported.

use rustls_cng::key::{NCryptKey, SignaturePadding};
use rustls_cng::store::{CertStore, CertStoreType};

use super::CertificateError;

/// The folder of certificates with private keys, "Personal" to people.
const PERSONAL: &str = "My";

/// A private key that Windows keeps.
pub(super) struct StoredKey(NCryptKey);

impl StoredKey {
    pub(super) fn sign(&self, sha256: &[u8]) -> Result<Vec<u8>, CertificateError> {
        self.0
            .sign(sha256, SignaturePadding::Pkcs1)
            .map_err(|error| CertificateError::Signing(error.to_string()))
    }
}

/// The certificate (DER) and its key, the user's before the machine's.
pub(super) fn find(thumbprint: &[u8; 20]) -> Result<(Vec<u8>, StoredKey), CertificateError> {
    for place in [CertStoreType::CurrentUser, CertStoreType::LocalMachine] {
        // An account may have no store of its own.
        let Ok(store) = CertStore::open(place, PERSONAL) else {
            continue;
        };
        let found = store.find_by_sha1(thumbprint).unwrap_or_default();
        if let Some(certificate) = found.first() {
            // Silent: a worker has nobody who could answer a window.
            let key = certificate.acquire_key(true);
            let key = key.map_err(|error| CertificateError::KeyOfStore(error.to_string()))?;
            return match key.algorithm_group() {
                Ok(rustls_cng::key::AlgorithmGroup::Rsa) => {
                    Ok((certificate.as_der().to_vec(), StoredKey(key)))
                }
                _ => Err(CertificateError::NotRsa),
            };
        }
    }
    Err(CertificateError::NotInStore)
}
