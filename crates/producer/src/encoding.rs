//! Which encoding a list is in, by its bytes.

use encoding_rs::Encoding as Decoder;
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use std::io::Read;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    /// What Windows' older programs write in Western Europe; any bytes are text in it.
    Windows1252,
}

/// Of a text in UTF-16 without a byte order mark, this share of every other byte is zero.
const ZEROES_MIN: f64 = 0.4;

impl Encoding {
    /// By a byte order mark or by zeroes; `None` where it takes the whole text to tell.
    pub(crate) fn of_start(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"\xef\xbb\xbf") {
            return Some(Self::Utf8);
        }
        if start.starts_with(b"\xff\xfe") {
            return Some(Self::Utf16Le);
        }
        if start.starts_with(b"\xfe\xff") {
            return Some(Self::Utf16Be);
        }
        let zeroes = |parity: usize| {
            let at_parity = start.iter().skip(parity).step_by(2);
            at_parity.filter(|byte| **byte == 0).count() as f64
        };
        let half = (start.len() / 2).max(1) as f64;
        let (even, odd) = (zeroes(0) / half, zeroes(1) / half);
        if odd >= ZEROES_MIN && even < 0.1 {
            return Some(Self::Utf16Le);
        }
        if even >= ZEROES_MIN && odd < 0.1 {
            return Some(Self::Utf16Be);
        }
        None
    }

    /// For people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }

    /// The text as UTF-8, without a byte order mark; what is broken in it becomes U+FFFD.
    pub(crate) fn decode<R: Read>(self, bytes: R) -> DecodeReaderBytes<R, Vec<u8>> {
        let decoder: &'static Decoder = match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        };
        DecodeReaderBytesBuilder::new()
            .encoding(Some(decoder))
            .strip_bom(true)
            .bom_override(true)
            .build(bytes)
    }
}

/// Whether all that was written to it is UTF-8, a character that is cut by a chunk's end included.
#[derive(Default)]
pub(crate) struct Utf8Check {
    /// The beginning of a character that the last chunk ended in.
    cut: Vec<u8>,
    broken: bool,
}

impl Utf8Check {
    pub(crate) fn is_utf8(&self) -> bool {
        !self.broken && self.cut.is_empty()
    }
}

impl std::io::Write for Utf8Check {
    fn write(&mut self, chunk: &[u8]) -> std::io::Result<usize> {
        if self.broken {
            return Ok(chunk.len());
        }
        let joined;
        let bytes = if self.cut.is_empty() {
            chunk
        } else {
            joined = [self.cut.as_slice(), chunk].concat();
            &joined
        };
        let cut = match std::str::from_utf8(bytes) {
            Ok(_) => Vec::new(),
            Err(error) => {
                self.broken = error.error_len().is_some();
                bytes[error.valid_up_to()..].to_vec()
            }
        };
        self.cut = if self.broken { Vec::new() } else { cut };
        Ok(chunk.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn utf_16_is_told_without_a_mark_and_binary_is_not_taken_for_it() {
        let le: Vec<u8> = "Serial number;Ä\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let be: Vec<u8> = "Serial number;Ä\r\n"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(Encoding::of_start(&le), Some(Encoding::Utf16Le));
        assert_eq!(Encoding::of_start(&be), Some(Encoding::Utf16Be));
        assert_eq!(Encoding::of_start(b"plain"), None);
        assert_eq!(Encoding::of_start(&[0; 64]), None);
    }

    #[test]
    fn a_character_that_a_chunk_cuts_is_no_fault_and_one_that_never_ends_is() {
        let text = "Müller€".as_bytes();
        for at in 0..=text.len() {
            let mut check = Utf8Check::default();
            check.write_all(&text[..at]).unwrap();
            check.write_all(&text[at..]).unwrap();
            assert!(check.is_utf8(), "cut at {at}");
        }
        let mut check = Utf8Check::default();
        check.write_all(b"M\xfcller").unwrap();
        assert!(!check.is_utf8());
        let mut check = Utf8Check::default();
        check.write_all(&text[..text.len() - 1]).unwrap();
        assert!(!check.is_utf8());
    }
}
