//! Characters in a key that nobody sees, or that only look like a hyphen, a blank or a letter of
//! ASCII: lists from Word, Teams and web pages are full of them.

use std::borrow::Cow;

/// What becomes of a character.
enum Fate {
    /// It stays.
    Kept,
    /// Nobody sees it: it is taken out.
    Unseen,
    /// It looks like another one: it is made that one.
    Alike(char),
    /// It shows what follows in another order than it stands: what is seen is not what is there.
    Reordering,
}

fn fate(character: char) -> Fate {
    match character {
        '\u{202d}' | '\u{202e}' => Fate::Reordering,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202c}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Fate::Unseen,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Fate::Alike('-'),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Fate::Alike(' ')
        }
        // What an East Asian keyboard writes for ASCII.
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = u32::from(character) - 0xff01 + u32::from('!');
            char::from_u32(ascii).map_or(Fate::Kept, Fate::Alike)
        }
        _ => Fate::Kept,
    }
}

/// A text without what nobody sees, and the characters, each once, that were taken out or made plain.
/// The error is a character that shows the text in another order than it stands.
pub(crate) fn plain(text: &str) -> Result<(Cow<'_, str>, Vec<char>), char> {
    if text.is_ascii() {
        return Ok((Cow::Borrowed(text), Vec::new()));
    }
    let mut changed = Vec::new();
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match fate(character) {
            Fate::Kept => {
                plain.push(character);
                continue;
            }
            Fate::Reordering => return Err(character),
            Fate::Unseen => {}
            Fate::Alike(other) => plain.push(other),
        }
        if !changed.contains(&character) {
            changed.push(character);
        }
    }
    if changed.is_empty() {
        return Ok((Cow::Borrowed(text), changed));
    }
    let trimmed = plain.trim();
    if trimmed.len() < plain.len() {
        plain = trimmed.to_owned();
    }
    Ok((Cow::Owned(plain), changed))
}

/// A character by its number, as in `U+200B`.
pub(crate) fn named(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_taken_out_and_what_looks_alike_is_made_plain() {
        for (text, seen, changed) in [
            ("PF1", "PF1", ""),
            ("\u{200b}PF1", "PF1", "\u{200b}"),
            ("PF1\u{200e}\u{200e}", "PF1", "\u{200e}"),
            ("P\u{ad}F\u{feff}1", "PF1", "\u{ad}\u{feff}"),
            (
                "\u{202a}0924\u{2011}3584\u{202c}",
                "0924-3584",
                "\u{202a}\u{2011}\u{202c}",
            ),
            ("VMware\u{2013}56\u{a0}4d", "VMware-56 4d", "\u{2013}\u{a0}"),
            (
                "\u{ff30}\u{ff26}\u{ff11}",
                "PF1",
                "\u{ff30}\u{ff26}\u{ff11}",
            ),
            ("Gerät", "Gerät", ""),
        ] {
            let (plain, found) = plain(text).unwrap();
            assert_eq!(plain, seen, "{text:?}");
            assert_eq!(found, changed.chars().collect::<Vec<_>>(), "{text:?}");
        }
        assert_eq!(plain("PF\u{202e}321"), Err('\u{202e}'));
        assert_eq!(named('\u{200b}'), "U+200B");
    }
}
