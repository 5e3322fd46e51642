//! Why a certificate cannot be used, and what to do about it.

use repilot_domain::Timestamp;

/// A certificate that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The file has an encrypted key, or is a PFX, and there is no password.
    #[error("it is locked by a password, and none is named")]
    NoPassword,
    /// The password does not open it.
    #[error("the password does not open it")]
    WrongPassword,
    /// The file holds no private key.
    #[error("it holds no private key")]
    NoKey,
    /// The file is neither PEM nor PFX.
    #[error("it is neither a PEM nor a PFX file")]
    Unknown,
    /// The PFX is locked for an account of Windows.
    #[error("it is locked for accounts of Windows, not by a password")]
    Protected,
    /// The key or the PFX is encrypted by something that is not read here.
    #[error("it is encrypted by a method that is not read here")]
    Encryption,
    /// The key is of another kind, or of another size, than Entra takes.
    #[error("its private key is no RSA key of 2048 to 4096 bits, which is what Entra takes")]
    NotRsa,
    /// The file holds a key and no certificate.
    #[error("it holds a private key and no certificate")]
    NoCertificate,
    /// The file holds certificates, and none is of its key.
    #[error("no certificate in it belongs to the private key beside it")]
    OtherKey,
    /// The certificate's last day has passed.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// The certificate's first day has not come.
    #[error("it is not valid before {0}")]
    NotYetValid(Timestamp),
    /// The text is not forty hexadecimal digits.
    #[error("`{0}` is no SHA-1 thumbprint")]
    Thumbprint(String),
    /// There is no certificate store on this system.
    #[error("only Windows has a certificate store")]
    NoStore,
    /// The store has no certificate of that thumbprint.
    #[error(
        "the certificate store has none of that thumbprint, neither the user's nor the machine's (Personal)"
    )]
    NotInStore,
    /// The store has the certificate, and Windows does not give its key to this account.
    #[error("Windows does not give its private key to this account: {0}")]
    KeyOfStore(String),
    /// The signature failed.
    #[error("the assertion cannot be signed {0}")]
    Signing(String),
}

impl CertificateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoPassword => {
                "name the variable or the file that holds it in certificate_password_env or \
                 certificate_password_file"
            }
            Self::WrongPassword => {
                "check certificate_password_env or certificate_password_file; a password that was \
                 set in another program may have other letters than those on its screen"
            }
            Self::NoKey => {
                "export the certificate with its private key: as a PFX (PowerShell: \
                 `Export-PfxCertificate`), or put the key into the same PEM file"
            }
            Self::Unknown => {
                "name a .pem file with the certificate and its key, or a .pfx; a PFX that another \
                 program wrote may need converting: `openssl pkcs12 -in app.pfx -out app.pem`"
            }
            Self::Protected => {
                "export it anew with a password: `Export-PfxCertificate -Password`, without \
                 `-ProtectTo`"
            }
            Self::Encryption => {
                "write it anew: `Export-PfxCertificate -CryptoAlgorithmOption AES256_SHA256`, or \
                 `openssl pkcs8 -topk8 -v2 aes-256-cbc` for a key in PEM"
            }
            Self::NotRsa => {
                "make a certificate with an RSA key, and upload its public part to the app in Entra: \
                 `New-SelfSignedCertificate -KeyAlgorithm RSA -KeyLength 2048`, or `openssl req -x509 \
                 -newkey rsa:2048`"
            }
            Self::NoCertificate => {
                "put the certificate and its key into one PEM file, or use a PFX"
            }
            Self::OtherKey => {
                "put the certificate that was made for this key into the file, and nothing of another \
                 app"
            }
            Self::Expired(_) => {
                "make a new certificate, upload it to the app in Entra, and name its file; if it is \
                 not that late, set this machine's clock"
            }
            Self::NotYetValid(_) => "check this machine's clock",
            Self::Thumbprint(_) => "copy the 40 hexadecimal digits that Entra shows",
            Self::NoStore => "name a PEM or PFX file in certificate_file",
            Self::NotInStore => {
                "import the certificate with its key for the account that runs repilot; \
                 `Get-ChildItem Cert:\\CurrentUser\\My, Cert:\\LocalMachine\\My` lists what is there"
            }
            Self::KeyOfStore(_) | Self::Signing(_) => {
                "give this account read access to the key (certlm.msc, All Tasks, Manage Private \
                 Keys); a key that a smart card or another asks a person for cannot be used"
            }
        }
    }
}
