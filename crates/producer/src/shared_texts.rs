//! A workbook's table of texts, without the long ones.
//!
//! Excel keeps the texts of all cells in one table, and whoever reads a workbook holds that table
//! whole. No device has a name of a thousand characters; a hardware hash has four thousand, and an
//! export has as many of them as it has devices. So they are taken out before the table is read.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek as _, Write};
use std::path::Path;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The longest text that is kept, in bytes.
const TEXT_MAX_BYTES: usize = 1_000;

/// The table's name, in whatever folder.
const TABLE: &str = "sharedstrings.xml";

/// How many texts the table claims to have; readers make room for as many, true or not.
const CLAIMED: &[u8] = b"uniqueCount";

/// The same, as an attribute that nobody reads.
const UNCLAIMED: &[u8] = b"_unread_cnt";

/// A copy of a workbook without its long texts, in a file that only its owner can read; `None` where
/// it has no table of texts.
pub(crate) fn shortened(
    path: &Path,
    max_bytes: u64,
) -> Result<Option<tempfile::NamedTempFile>, ZipError> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let is_table = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.rsplit(['/', '\\']).next() == Some(TABLE)
    };
    let mut tables = Vec::new();
    for index in 0..archive.len() {
        if is_table(&archive.by_index_raw(index)?.name()?) {
            tables.push(index);
        }
    }
    if tables.is_empty() {
        return Ok(None);
    }
    let mut file = tempfile::NamedTempFile::new()?;
    let mut copy = ZipWriter::new(BufWriter::new(&mut file));
    let plain = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true);
    for index in 0..archive.len() {
        if !tables.contains(&index) {
            copy.raw_copy_file(archive.by_index_raw(index)?)?;
            continue;
        }
        let table = archive.by_index(index)?;
        copy.start_file(table.name()?, plain)?;
        let mut shortened = Shortened::new(&mut copy);
        std::io::copy(&mut table.take(max_bytes), &mut shortened)?;
        shortened.end()?;
    }
    copy.finish()?.flush()?;
    file.rewind()?;
    Ok(Some(file))
}

/// Passes XML on without the texts that are too long.
struct Shortened<W> {
    out: W,
    /// The piece that is being read: the text between two tags, or a tag.
    piece: Vec<u8>,
    in_tag: bool,
    too_long: bool,
}

impl<W: Write> Shortened<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            piece: Vec::new(),
            in_tag: false,
            too_long: false,
        }
    }

    /// Passes on what is complete.
    fn piece_ends(&mut self) -> std::io::Result<()> {
        if self.too_long && self.in_tag {
            let message = "the workbook's table of texts is damaged";
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                message,
            ));
        }
        if !self.too_long {
            let claim = |at: &usize| self.piece[*at..].starts_with(CLAIMED);
            if self.in_tag
                && let Some(at) = (0..self.piece.len()).find(claim)
            {
                self.piece[at..at + CLAIMED.len()].copy_from_slice(UNCLAIMED);
            }
            self.out.write_all(&self.piece)?;
        }
        self.piece.clear();
        self.too_long = false;
        Ok(())
    }

    fn end(mut self) -> std::io::Result<()> {
        self.piece_ends()
    }
}

impl<W: Write> Write for Shortened<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte == b'<' && !self.in_tag {
                self.piece_ends()?;
                self.in_tag = true;
            }
            if self.piece.len() < TEXT_MAX_BYTES {
                self.piece.push(*byte);
            } else {
                self.too_long = true;
            }
            if *byte == b'>' && self.in_tag {
                self.piece_ends()?;
                self.in_tag = false;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortened(xml: &str) -> std::io::Result<String> {
        let mut out = Vec::new();
        let mut writer = Shortened::new(&mut out);
        for chunk in xml.as_bytes().chunks(7) {
            writer.write_all(chunk)?;
        }
        writer.end()?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn long_texts_are_left_out_and_all_else_stays() {
        let hash = "A".repeat(4_000);
        let table = |text: &str| {
            format!(
                r#"<sst count="2" _unread_cnt="2"><si><t>PF1</t></si><si><t>{text}</t></si></sst>"#
            )
        };
        let came = table(&hash).replace("_unread_cnt", "uniqueCount");
        assert_eq!(shortened(&came).unwrap(), table(""));
    }

    #[test]
    fn a_tag_without_an_end_is_an_error() {
        assert!(shortened(&format!("<sst {}", "x".repeat(4_000))).is_err());
    }
}
