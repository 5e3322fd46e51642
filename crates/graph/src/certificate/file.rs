//! Which kind of file it is, and who reads it.

use secrecy::SecretString;

use super::contents::Contents;
use super::{CertificateError, pem, pfx};

/// The first byte of everything in DER that is meant here: a sequence.
const SEQUENCE: u8 = 0x30;

pub(super) fn read(
    content: &[u8],
    password: Option<&SecretString>,
) -> Result<Contents, CertificateError> {
    if content.first() == Some(&SEQUENCE) {
        return pfx::read(content, password);
    }
    pem::read(&text(content)?, password)
}

/// The text of a PEM file: PowerShell writes UTF-8 with a byte order mark, or UTF-16.
fn text(content: &[u8]) -> Result<String, CertificateError> {
    let unknown = || CertificateError::Unknown;
    let wide = |of_pair: fn([u8; 2]) -> u16| {
        let units = content[2..].chunks_exact(2);
        let units: Vec<u16> = units.map(|pair| of_pair([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_malformed| unknown())
    };
    match content {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = std::str::from_utf8(content).map_err(|_malformed| unknown())?;
            Ok(text.trim_start_matches('\u{feff}').to_owned())
        }
    }
}
