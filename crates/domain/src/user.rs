//! Users, as Entra names them.

/// A text that is no user principal name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Nothing before, between or behind.
    #[error("a user principal name has one @, with a name before and a domain behind it")]
    NoAt,
    /// Entra allows 64 characters before the @ and 113 in all.
    #[error("this is longer than a user principal name may be")]
    TooLong,
    /// Blanks, quotes, brackets and the like.
    #[error("this holds a character that no user principal name has")]
    Character,
    /// What is behind the @ is none.
    #[error("behind the @ of a user principal name is a domain, as in contoso.com")]
    Domain,
}

const LOCAL_MAX_CHARS: usize = 64;
const NAME_MAX_CHARS: usize = 113;

/// Whether a text has the shape of a user principal name; whether there is such a user, Graph
/// knows.
pub fn check_user_principal_name(text: &str) -> Result<(), UserNameError> {
    let Some((local, domain)) = text.split_once('@') else {
        return Err(UserNameError::NoAt);
    };
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(UserNameError::NoAt);
    }
    if local.chars().count() > LOCAL_MAX_CHARS || text.chars().count() > NAME_MAX_CHARS {
        return Err(UserNameError::TooLong);
    }
    let never = |c: char| c.is_whitespace() || c.is_control() || "\"(),:;<>[]\\/|=?*%".contains(c);
    if text.contains(never) || local.starts_with('.') || local.ends_with('.') {
        return Err(UserNameError::Character);
    }
    let label = |label: &str| {
        let plain = |c: char| c.is_alphanumeric() || c == '-';
        !label.is_empty()
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !domain.contains('.') || !domain.split('.').all(label) {
        return Err(UserNameError::Domain);
    }
    Ok(())
}

/// Whether two texts name the same user: Entra knows no case.
#[must_use]
pub fn is_same_user(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_users_are_told_from_what_is_none() {
        for good in [
            "ada@contoso.com",
            "Ada.O'Hara-2_x@sub.contoso.onmicrosoft.com",
            "guest_fabrikam.com#EXT#@contoso.com",
        ] {
            assert_eq!(check_user_principal_name(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", UserNameError::NoAt),
            ("ada", UserNameError::NoAt),
            ("@contoso.com", UserNameError::NoAt),
            ("ada@", UserNameError::NoAt),
            ("a@b@contoso.com", UserNameError::NoAt),
            ("ada lovelace@contoso.com", UserNameError::Character),
            ("CONTOSO\\ada@contoso.com", UserNameError::Character),
            ("ada.@contoso.com", UserNameError::Character),
            ("ada@contoso", UserNameError::Domain),
            ("ada@contoso..com", UserNameError::Domain),
            ("ada@-contoso.com", UserNameError::Domain),
        ] {
            assert_eq!(check_user_principal_name(bad), Err(why), "{bad}");
        }
        let long = format!("{}@contoso.com", "a".repeat(65));
        assert_eq!(
            check_user_principal_name(&long),
            Err(UserNameError::TooLong)
        );
    }

    #[test]
    fn users_are_the_same_whatever_their_case() {
        assert!(is_same_user("Ada@Contoso.com ", "ada@contoso.com"));
        assert!(!is_same_user("ada@contoso.com", ""));
    }
}
