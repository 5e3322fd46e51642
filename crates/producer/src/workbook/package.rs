//! The parts of a workbook that is a zip archive, each read as a stream.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::WorkbookError;
use super::xml::Xml;

/// A million rows with a hardware hash each are no list for a workbook.
pub(crate) const UNPACKED_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A workbook's zip archive.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    path: PathBuf,
    /// By their names, in lower case and with plain slashes.
    parts: HashMap<String, Part>,
    /// The names of its files as they are, in order.
    names: Vec<String>,
}

/// Where a part is.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: u64,
    compressed: u64,
    size: u64,
    method: CompressionMethod,
}

impl Package {
    /// Reads the archive's directory.
    pub(crate) fn open(path: &Path) -> Result<Self, WorkbookError> {
        let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
        let mut parts = HashMap::new();
        let mut names = Vec::new();
        let mut unpacked = 0_u64;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index)?;
            unpacked = unpacked.saturating_add(entry.size());
            let Some(start) = entry.data_start() else {
                continue;
            };
            let part = Part {
                start,
                compressed: entry.compressed_size(),
                size: entry.size(),
                method: entry.compression(),
            };
            let name = entry.name()?.into_owned();
            parts.insert(normalised(&name), part);
            if !name.ends_with('/') {
                names.push(name);
            }
        }
        // Together with each part's own size, which is kept below, this bounds all that is read.
        if unpacked > UNPACKED_MAX_BYTES {
            return Err(WorkbookError::TooLarge);
        }
        Ok(Self {
            path: path.to_owned(),
            parts,
            names,
        })
    }

    /// The files in it that may be lists: not what systems put beside them.
    pub(crate) fn lists(&self) -> Vec<&str> {
        let is_own = |name: &&str| {
            let mut steps = name.split(['/', '\\']);
            steps.all(|step| !step.starts_with('.') && step != "__MACOSX")
        };
        self.names
            .iter()
            .map(String::as_str)
            .filter(is_own)
            .collect()
    }

    /// Whether there is a part of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(&normalised(name))
    }

    /// A part's bytes; `None` where there is no such part.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, WorkbookError> {
        let Some(part) = self.parts.get(&normalised(name)) else {
            return Ok(None);
        };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(part.start))?;
        let packed = BufReader::new(file.take(part.compressed));
        // What is longer than it claims to be is damaged, and its XML ends too early.
        Ok(Some(match part.method {
            CompressionMethod::Stored => Box::new(packed.take(part.size)),
            CompressionMethod::Deflated => Box::new(DeflateDecoder::new(packed).take(part.size)),
            _ => return Err(WorkbookError::Damaged("it is packed in an unknown way")),
        }))
    }

    /// A part's XML; that it is missing is an error.
    pub(crate) fn xml(&self, name: &str) -> Result<Xml, WorkbookError> {
        let part = self.read(name)?;
        part.map(Xml::new)
            .ok_or_else(|| WorkbookError::Missing(name.to_owned()))
    }
}

fn normalised(name: &str) -> String {
    name.replace('\\', "/")
        .trim_start_matches('/')
        .to_lowercase()
}
