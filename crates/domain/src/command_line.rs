//! Words of a command that a person copies into a shell.

/// Family of shells with its own rules for quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// sh, bash, zsh, dash.
    Posix,
    /// Windows PowerShell and PowerShell.
    PowerShell,
}

impl Shell {
    /// The shell in which people of this operating system run a copied command.
    pub const HERE: Self = if cfg!(windows) {
        Self::PowerShell
    } else {
        Self::Posix
    };

    /// Quotes `word` where this shell would read anything but itself in it, so that nothing that a
    /// name says is run.
    #[must_use]
    pub fn quoted(self, word: &str) -> String {
        if !word.is_empty() && word.chars().all(|letter| self.is_plain(letter)) {
            return word.to_owned();
        }
        let mut quoted = String::with_capacity(word.len() + 2);
        quoted.push('\'');
        for letter in word.chars() {
            match (self, letter) {
                // A single quote ends the text: it stands outside, escaped.
                (Self::Posix, '\'') => quoted.push_str("'\\''"),
                // PowerShell takes typographic single quotes as single quotes; two stand for one.
                (Self::PowerShell, '\'' | '\u{2018}'..='\u{201b}') => {
                    quoted.extend([letter, letter]);
                }
                _ => quoted.push(letter),
            }
        }
        quoted.push('\'');
        quoted
    }

    /// Whether `letter` means itself wherever it stands in a word.
    fn is_plain(self, letter: char) -> bool {
        letter.is_alphanumeric()
            || "-_./:".contains(letter)
            || (self == Self::PowerShell && letter == '\\')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as operators choose them, and as somebody might who means harm.
    const NAMES: [&str; 16] = [
        "spring",
        "C:\\lists\\a b.csv",
        "y $(id >&2)",
        "`id`",
        "it's",
        "\"both\" 'kinds'",
        "a;b|c&d",
        "$HOME %PATH% !!",
        "~",
        "=ls",
        "*?[a]",
        "#1",
        "a\\b\\",
        "",
        "M\u{fc}nchen \u{2019}26\u{2018}",
        "(x) {y,z} @w",
    ];

    /// Runs `shell` on a command of quoted names, and gives back the words that it saw.
    #[cfg(unix)]
    fn words_seen(shell: &str) -> Option<Vec<String>> {
        let words = NAMES.map(|name| Shell::Posix.quoted(name)).join(" ");
        let run = std::process::Command::new(shell)
            .args(["-c", &format!("printf '%s\\0' {words}")])
            .output();
        let output = match run {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => panic!("{shell}: {error}"),
        };
        assert!(output.stderr.is_empty(), "{shell}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let seen = text.strip_suffix('\0').unwrap().split('\0');
        Some(seen.map(str::to_owned).collect())
    }

    #[cfg(unix)]
    #[test]
    fn shells_read_a_quoted_name_as_itself() {
        assert_eq!(
            words_seen("sh").as_deref(),
            Some(&NAMES.map(str::to_owned)[..])
        );
        for shell in ["bash", "zsh", "dash"] {
            if let Some(seen) = words_seen(shell) {
                assert_eq!(seen, NAMES, "{shell}");
            }
        }
    }

    #[test]
    fn powershell_gets_single_quotes_with_each_inner_one_twice() {
        for (name, quoted) in [
            ("spring", "spring"),
            ("C:\\lists\\a.csv", "C:\\lists\\a.csv"),
            ("y $(id)", "'y $(id)'"),
            ("it's", "'it''s'"),
            ("\u{2019}26", "'\u{2019}\u{2019}26'"),
            ("a,b", "'a,b'"),
            ("@a", "'@a'"),
            ("", "''"),
        ] {
            assert_eq!(Shell::PowerShell.quoted(name), quoted);
        }
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(
            Shell::Posix.quoted("/srv/lists/q4-2026_b.csv"),
            "/srv/lists/q4-2026_b.csv"
        );
    }
}
