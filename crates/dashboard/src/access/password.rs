//! Passwords, as argon2id hashes.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// A hash that is made for nobody, so that a name that is not there takes as long as one that is.
const OF_NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$6NHRb1IPYG2zAzQnOcvs3Wuh2mMCkWKUoFlFCxlUN1M";

/// The hash of a password, salted by chance, in PHC's form. It takes some tens of milliseconds, and
/// is meant to.
#[must_use]
pub fn hash_password(password: &str, salt: [u8; 16]) -> Option<String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .ok()?;
    Some(hash.to_string())
}

/// Whether a password is the one that was hashed; with no hash it never is, and takes as long.
pub(super) fn is_right(password: &str, hash: Option<&str>) -> bool {
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(OF_NOBODY)) else {
        return false;
    };
    let fits = Argon2::default().verify_password(password.as_bytes(), &parsed);
    fits.is_ok() && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_fits_its_hash_and_no_other_does() {
        let hash = hash_password("correct horse", [7; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert!(is_right("correct horse", Some(&hash)));
        assert!(!is_right("correct horses", Some(&hash)));
        assert!(!is_right("correct horse", None));
    }

    #[test]
    fn the_hash_of_nobody_is_one() {
        assert!(PasswordHash::new(OF_NOBODY).is_ok());
    }
}
