//! What a certificate's file holds, whichever kind it is.

use ring::signature::RsaKeyPair;

use super::CertificateError;

/// A file's private key, and every certificate in it (DER).
pub(super) type Contents = (RsaKeyPair, Vec<Vec<u8>>);

/// The key of a PKCS#8 file that is open.
pub(super) fn rsa_key(pkcs8: &[u8]) -> Result<RsaKeyPair, CertificateError> {
    RsaKeyPair::from_pkcs8(pkcs8).map_err(|_rejected| CertificateError::NotRsa)
}
