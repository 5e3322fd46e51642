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
    /// A character that Entra allows in no user principal name.
    #[error("{}", not_allowed(*.0))]
    Character(char),
    /// A full stop at the beginning, or right before the @.
    #[error("a user principal name neither begins with a full stop nor has one right before the @")]
    FullStop,
    /// What is behind the @ is none.
    #[error("behind the @ of a user principal name is a domain, as in contoso.com")]
    Domain,
}

const LOCAL_MAX_CHARS: usize = 64;
const NAME_MAX_CHARS: usize = 113;

/// What stands in the user principal name of a guest, between the name at home and the @.
const GUEST: &str = "#ext#";

/// Whether a text has the shape of a user principal name, with characters that Entra can hold; whether
/// there is such a user, Graph knows.
pub fn check_user_principal_name(text: &str) -> Result<(), UserNameError> {
    let Some((local, domain)) = text.split_once('@') else {
        return Err(UserNameError::NoAt);
    };
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(UserNameError::NoAt);
    }
    // The name of a guest holds that at home and its domain.
    let is_guest = local.to_ascii_lowercase().ends_with(GUEST);
    let is_long = !is_guest && local.chars().count() > LOCAL_MAX_CHARS;
    if is_long || text.chars().count() > NAME_MAX_CHARS {
        return Err(UserNameError::TooLong);
    }
    if let Some(never) = local.chars().find(|letter| !is_allowed(*letter)) {
        return Err(UserNameError::Character(never));
    }
    if local.starts_with('.') || local.ends_with('.') {
        return Err(UserNameError::FullStop);
    }
    let in_domain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    if let Some(never) = domain.chars().find(|letter| !in_domain(*letter)) {
        return Err(UserNameError::Character(never));
    }
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    if !domain.contains('.') || !domain.split('.').all(label) {
        return Err(UserNameError::Domain);
    }
    Ok(())
}

/// Whether Entra allows a character before the @.
fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "'.-_!#^~".contains(letter)
}

/// Names a character, which may be one that nobody sees or that looks like another.
fn not_allowed(letter: char) -> String {
    let number = format!("U+{:04X}", u32::from(letter));
    let shown = match letter {
        ' ' => "a blank".to_owned(),
        letter if is_seen(letter) => format!("`{letter}` ({number})"),
        _ => format!("{number}, which nobody sees,"),
    };
    format!("{shown} is no letter that Entra allows in a user principal name")
}

/// Whether a character shows by itself.
fn is_seen(letter: char) -> bool {
    let is_mark = matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
    !letter.is_whitespace() && !letter.is_control() && !is_mark
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
        let guest = format!("{}_fabrikam.com#EXT#@contoso.com", "a".repeat(60));
        for good in [
            "ada@contoso.com",
            "Ada.O'Hara-2_x!^~@sub.contoso.onmicrosoft.com",
            "guest_fabrikam.com#EXT#@contoso.onmicrosoft.com",
            &guest,
        ] {
            assert_eq!(check_user_principal_name(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", UserNameError::NoAt),
            ("ada", UserNameError::NoAt),
            ("@contoso.com", UserNameError::NoAt),
            ("ada@", UserNameError::NoAt),
            ("a@b@contoso.com", UserNameError::NoAt),
            ("ada lovelace@contoso.com", UserNameError::Character(' ')),
            ("CONTOSO\\ada@contoso.com", UserNameError::Character('\\')),
            ("ada.@contoso.com", UserNameError::FullStop),
            ("ada@contoso", UserNameError::Domain),
            ("ada@contoso..com", UserNameError::Domain),
            ("ada@-contoso.com", UserNameError::Domain),
            ("ada@cont_oso.com", UserNameError::Character('_')),
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
    fn the_letter_that_entra_cannot_hold_is_named() {
        for (name, said) in [
            (
                "\u{200b}ada@contoso.com",
                "U+200B, which nobody sees, is no letter",
            ),
            (
                "ada@contoso.com\u{200e}",
                "U+200E, which nobody sees, is no letter",
            ),
            ("dé@contoso.com", "`é` (U+00E9) is no letter"),
            ("cy+x@contoso.com", "`+` (U+002B) is no letter"),
            ("\u{435}ve@contoso.com", "`\u{435}` (U+0435) is no letter"),
            ("ada@c\u{43e}ntoso.com", "`\u{43e}` (U+043E) is no letter"),
            ("ada lovelace@contoso.com", "a blank is no letter"),
        ] {
            let error = check_user_principal_name(name).unwrap_err().to_string();
            assert!(error.starts_with(said), "{name:?}: {error}");
        }
    }

    #[test]
    fn users_are_the_same_whatever_their_case() {
        assert!(is_same_user("Ada@Contoso.com ", "ada@contoso.com"));
        assert!(!is_same_user("ada@contoso.com", ""));
    }
}
