//! What a text must look like.

use super::folded;

/// What a text must look like, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Folded; never empty pieces beside each other.
    pieces: Vec<Piece>,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// This text.
    Text(String),
    /// Anything, or nothing.
    Anything,
    /// One character.
    Character,
}

/// A sign of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    This(char),
    Anything,
    Character,
}

impl Piece {
    fn signs(&self) -> Vec<Sign> {
        match self {
            Self::Text(text) => text.chars().map(Sign::This).collect(),
            Self::Anything => vec![Sign::Anything],
            Self::Character => vec![Sign::Character],
        }
    }
}

impl Pattern {
    /// `*` stands for anything, `?` for any character.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for character in folded(pattern).chars() {
            match (character, pieces.last_mut()) {
                ('*', Some(Piece::Anything)) => {}
                ('*', _) => pieces.push(Piece::Anything),
                ('?', _) => pieces.push(Piece::Character),
                (other, Some(Piece::Text(text))) => text.push(other),
                (other, _) => pieces.push(Piece::Text(other.to_string())),
            }
        }
        Self { pieces }
    }

    /// This very text, whatever stands in it.
    #[must_use]
    pub fn exactly(text: &str) -> Self {
        let text = folded(text);
        let pieces = if text.is_empty() {
            Vec::new()
        } else {
            vec![Piece::Text(text)]
        };
        Self { pieces }
    }

    /// The one text that it stands for, if there is only one.
    #[must_use]
    pub fn as_exact(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What every text that fits begins with; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// The domain, with its `@`, if it stands for everybody of one.
    #[must_use]
    pub fn as_domain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Anything, Piece::Text(text)]
                if text.starts_with('@') && !text[1..].contains('@') =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    /// For SQL's `LIKE … ESCAPE '\'`, over folded texts.
    #[must_use]
    pub fn as_like(&self) -> String {
        let mut like = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Anything => like.push('%'),
                Piece::Character => like.push('_'),
                Piece::Text(text) => escape_into(&mut like, text),
            }
        }
        like
    }

    /// Whether a text fits.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = folded(text).chars().collect();
        let pattern: Vec<Sign> = self.pieces.iter().flat_map(Piece::signs).collect();
        let (mut at, mut of) = (0, 0);
        // Behind the last star, and what that star has taken: it takes one more where it must.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match pattern.get(of) {
                Some(Sign::Anything) => {
                    star = Some((of + 1, at));
                    of += 1;
                }
                Some(sign) if *sign == Sign::Character || *sign == Sign::This(text[at]) => {
                    (at, of) = (at + 1, of + 1);
                }
                _ => {
                    let Some((behind, taken)) = star else {
                        return false;
                    };
                    star = Some((behind, taken + 1));
                    (at, of) = (taken + 1, behind);
                }
            }
        }
        pattern[of..].iter().all(|sign| *sign == Sign::Anything)
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

fn escape_into(like: &mut String, text: &str) {
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            like.push('\\');
        }
        like.push(character);
    }
}
