//! Text of a stranger, before it reaches a log, the audit or a terminal.

use std::fmt::Write as _;

/// Text of a stranger on one line: characters that steer a terminal or hide in a line are written out
/// (`\n`, `\u{1b}`, `\u{202e}`), and what is longer than `most` characters is cut, with its length.
#[must_use]
pub fn untrusted(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    for letter in text.chars().take(most) {
        if is_hidden(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    if text.len() > most {
        let length = text.chars().count();
        if length > most {
            // Writing to a text cannot fail.
            let _ = write!(shown, "… ({length} characters)");
        }
    }
    shown
}

/// Whether a character steers, or is not to be seen.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_or_hides_is_written_out() {
        assert_eq!(
            untrusted("F\n2026 ERROR \u{1b}[31m\u{202e}gpj", 100),
            "F\\n2026 ERROR \\u{1b}[31m\\u{202e}gpj"
        );
        assert_eq!(untrusted("Jürgen 山田", 100), "Jürgen 山田");
    }

    #[test]
    fn what_is_too_long_is_cut_with_its_length() {
        assert_eq!(untrusted("ääää", 4), "ääää");
        assert_eq!(untrusted("äääää", 4), "ääää… (5 characters)");
        assert!(untrusted(&"a".repeat(1_900_000), 64).len() < 100);
    }
}
