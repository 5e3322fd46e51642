//! What people take for a device list, by its content, and what to do with it.

use crate::ListError;
use crate::columns::by_property;

/// How old and binary files of Microsoft Office begin.
pub(crate) const COMPOUND: [u8; 8] = *b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// What a compound file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compound {
    /// A workbook.
    Workbook,
    /// Anything that is encrypted.
    Encrypted,
    /// A document of Word, a message of Outlook, and so on.
    Other,
}

impl Compound {
    /// By the names of its streams, which stand in it as UTF-16.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let has = |name: &str| {
            let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            memchr::memmem::find(bytes, &wide).is_some()
        };
        if has("EncryptedPackage") {
            Self::Encrypted
        } else if has("WordDocument") || has("PowerPoint Document") || has("__properties") {
            Self::Other
        } else if has("Workbook\0") || has("Book\0") {
            Self::Workbook
        } else {
            Self::Other
        }
    }
}

/// Names what cannot be a list, from its first bytes as they are.
pub(crate) fn refuse_bytes(name: &str, start: &[u8]) -> Result<(), ListError> {
    // The beginnings of the formats of Excel 2, 3 and 4, which had no container.
    let oldest = [
        b"\x09\x00\x04\x00".as_slice(),
        b"\x09\x00\x06\x00",
        b"\x09\x02\x06\x00",
        b"\x09\x04\x06\x00",
    ];
    if oldest.iter().any(|beginning| start.starts_with(beginning)) {
        return Err(no_list(
            name,
            "a workbook of Excel 4 or older",
            "open it in LibreOffice, save it as an Excel workbook (.xlsx) and try again",
        ));
    }
    if start.starts_with(b"%PDF") {
        return Err(no_list(
            name,
            "a PDF",
            "get the list itself, as CSV or as a workbook: what was copied out of a PDF has lost its columns",
        ));
    }
    if start.starts_with(b"{\\rtf") {
        return Err(no_list(
            name,
            "a document in rich text (RTF)",
            "save it as plain text, or get the list itself as CSV or as a workbook",
        ));
    }
    Ok(())
}

/// Names what cannot be a list, from its first decoded characters.
pub(crate) fn refuse_text(name: &str, start: &str) -> Result<(), ListError> {
    if start.contains('\0') {
        return Err(ListError::Binary {
            name: name.to_owned(),
            looks_like: "a binary file",
        });
    }
    let trimmed = start.trim_start();
    if trimmed.starts_with('<') {
        let lower = trimmed.to_lowercase();
        let is = |word: &str| lower.contains(word);
        let (what, hint) = if is("schemas-microsoft-com:office:spreadsheet") {
            (
                "a workbook of 2003 in XML, whatever its name says",
                "open it in Excel or LibreOffice, save it as an Excel workbook (.xlsx) and try again",
            )
        } else if is("<html") || is("<table") || is("<!doctype html") || is("<body") {
            (
                "a web page (HTML), whatever its name says",
                "export the list as CSV; or open it in Excel, see to it that serials are kept as text, and save it as .xlsx",
            )
        } else {
            (
                "XML",
                "export the list as CSV, as JSON or as a workbook and try again",
            )
        };
        return Err(no_list(name, what, hint));
    }
    if is_screen_text(start) {
        return Err(no_list(
            name,
            "what PowerShell shows on the screen, where long values are cut",
            "end the command with `| Export-Csv list.csv -NoTypeInformation -Encoding UTF8` instead of a redirection",
        ));
    }
    Ok(())
}

fn no_list(name: &str, what: &'static str, hint: &'static str) -> ListError {
    ListError::NoList {
        name: name.to_owned(),
        what,
        hint,
    }
}

/// Lines in which the marks of PowerShell's tables and lists are looked for.
const LINES: usize = 20;

/// Whether a text is what `Format-Table` or `Format-List` makes.
fn is_screen_text(start: &str) -> bool {
    let lines = start.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.take(LINES).collect();
    let is_rule = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let dashes = |word: &&str| word.len() >= 2 && word.bytes().all(|byte| byte == b'-');
        !words.is_empty() && words.iter().all(dashes)
    };
    // A header, and a rule as long as each of its words beneath.
    let is_table = lines.windows(2).any(|pair| {
        let (header, rule) = (pair[0], pair[1]);
        is_rule(rule)
            && !is_rule(header)
            && header.split_whitespace().count() >= rule.split_whitespace().count()
    });
    let property = |line: &&&str| {
        let named = line.split_once(" :").map(|(name, _)| name.trim());
        named.is_some_and(|name| by_property(name).is_some())
    };
    let pairs = lines.iter().filter(|line| line.contains(" :")).count();
    is_table || pairs >= 2 && pairs * 2 > lines.len() && lines.iter().any(|line| property(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powershells_tables_and_lists_are_told_from_lists() {
        let table = "\nid       serialNumber model\n--       ------------ -----\n1a2b...  PF1          Latitude\n";
        let list = "\nid           : 1\nserialNumber : PF1\nmodel        : Latitude\n\n";
        assert!(is_screen_text(table));
        assert!(is_screen_text(list));
        assert!(!is_screen_text("PF1\nPF2\n"));
        assert!(!is_screen_text(
            "Serial number,Model\nPF1,a : b\nPF2,c : d\n"
        ));
    }
}
