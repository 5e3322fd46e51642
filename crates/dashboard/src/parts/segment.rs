//! Names as segments of an address.

/// A name as one segment of a path, whatever is in it.
pub(crate) fn encoded(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            // A name of dots alone would mean another folder.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// The name that stands in a segment.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_stands_in_one_segment() {
        for name in ["spring", "a/b", "..", "100 %", "Zürich", "a?b#c"] {
            let segment = encoded(name);
            assert!(!segment.contains(['/', '?', '#', '.', ' ']), "{segment}");
            assert_eq!(decoded(&segment).as_deref(), Some(name));
        }
        assert_eq!(decoded("%"), None);
        assert_eq!(decoded("%ff"), None);
    }
}
