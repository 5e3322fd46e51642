//! The keys that a provider signs with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

/// A signature algorithm with a public key. Those with a shared secret are not among them: whoever knows
/// what checks such a signature can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SigningAlgorithm {
    /// RSA PKCS#1 with SHA-256.
    RS256,
    /// RSA PKCS#1 with SHA-384.
    RS384,
    /// RSA PKCS#1 with SHA-512.
    RS512,
    /// RSA-PSS with SHA-256.
    PS256,
    /// RSA-PSS with SHA-384.
    PS384,
    /// RSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256.
    ES256,
    /// ECDSA on P-384.
    ES384,
}

/// How an algorithm checks a signature.
enum Check {
    Rsa(&'static RsaParameters),
    /// With the curve's name in a key.
    Ecdsa(&'static str, &'static dyn VerificationAlgorithm),
}

impl SigningAlgorithm {
    /// Every algorithm that can be checked.
    pub const ALL: [Self; 8] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
    ];

    /// The name that tokens and settings have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
        }
    }

    /// The algorithm of a name; none where it is unknown or cannot be checked.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    fn check(self) -> Check {
        match self {
            Self::RS256 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Check::Rsa(&RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Check::Rsa(&RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Check::Rsa(&RSA_PSS_2048_8192_SHA512),
            Self::ES256 => Check::Ecdsa("P-256", &ECDSA_P256_SHA256_FIXED),
            Self::ES384 => Check::Ecdsa("P-384", &ECDSA_P384_SHA384_FIXED),
        }
    }
}

/// A provider's keys (a JWK set).
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// One key. Kinds that no algorithm here takes fit no token.
#[derive(Debug, Clone, Deserialize)]
struct Key {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    kty: String,
    #[serde(default, rename = "use")]
    used_for: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

impl Key {
    /// Whether a token of this algorithm and key id may be signed by it. A token without an id may be
    /// signed by any (`OpenID` Connect Core, 10.1).
    fn fits(&self, algorithm: SigningAlgorithm, kid: &str) -> bool {
        let is_of_its_kind = match algorithm.check() {
            Check::Rsa(_) => self.kty == "RSA",
            Check::Ecdsa(curve, _) => self.kty == "EC" && self.crv == curve,
        };
        is_of_its_kind
            && (kid.is_empty() || self.kid == kid)
            && self.used_for.as_deref().is_none_or(|used| used == "sig")
            && self
                .alg
                .as_deref()
                .is_none_or(|alg| alg == algorithm.as_str())
    }

    fn has_signed(&self, algorithm: SigningAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('='));
        match algorithm.check() {
            Check::Rsa(parameters) => {
                let (Ok(n), Ok(e)) = (decoded(&self.n), decoded(&self.e)) else {
                    return false;
                };
                let public = RsaPublicKeyComponents { n, e };
                public.verify(parameters, message, signature).is_ok()
            }
            Check::Ecdsa(_, curve) => {
                let (Ok(x), Ok(y)) = (decoded(&self.x), decoded(&self.y)) else {
                    return false;
                };
                // A point that is written out begins with a four.
                let point = [&[4], x.as_slice(), &y].concat();
                let public = UnparsedPublicKey::new(curve, point);
                public.verify(message, signature).is_ok()
            }
        }
    }
}

impl Keys {
    /// Number of keys of any kind.
    pub(super) const fn count(&self) -> usize {
        self.keys.len()
    }

    /// Number of keys that can have signed a token of one of these algorithms.
    pub(super) fn fitting(&self, algorithms: &[SigningAlgorithm]) -> usize {
        let fits = |key: &&Key| algorithms.iter().any(|one| key.fits(*one, ""));
        self.keys.iter().filter(fits).count()
    }

    /// Whether a key could have signed a token of this algorithm and key id.
    pub(super) fn knows(&self, algorithm: SigningAlgorithm, kid: &str) -> bool {
        self.keys.iter().any(|key| key.fits(algorithm, kid))
    }

    /// Whether a key that fits has signed the message.
    pub(super) fn has_signed(
        &self,
        (algorithm, kid): (SigningAlgorithm, &str),
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm, kid));
        fitting.any(|key| key.has_signed(algorithm, message, signature))
    }
}
