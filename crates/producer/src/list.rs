//! A device list: opened, recognised, and read as often as needed without growing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::ListError;
use crate::format::{Format, recognise, refuse_binary};
use crate::reader::{Hashing, LineEnds, decoding};
use crate::rows::Rows;

/// What is looked at to recognise a list.
const START_BYTES: u64 = 64 * 1024;

/// A list that was recognised.
#[derive(Debug)]
pub struct DeviceList {
    path: PathBuf,
    name: String,
    sha256: String,
    format: Format,
    /// Standard input, spooled; removed with the list.
    _spool: Option<tempfile::NamedTempFile>,
}

impl DeviceList {
    /// Opens a file. What can be read only once, as a pipe, is spooled.
    pub fn open(path: &Path) -> Result<Self, ListError> {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let failed = |source| ListError::Read {
            name: name.clone(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let kind = file.metadata().map_err(failed)?;
        if kind.is_dir() {
            let is_folder = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(failed(is_folder));
        }
        if !kind.is_file() {
            return Self::spool(file, &name);
        }
        Self::recognised(path.to_owned(), name, None)
    }

    /// Spools what comes, for a list is read twice; in a file that only its owner can read. `name`
    /// is what people call it.
    pub fn spool(mut input: impl Read, name: &str) -> Result<Self, ListError> {
        let name = name.to_owned();
        let failed = |source| ListError::Read {
            name: name.clone(),
            source,
        };
        let mut spool = tempfile::NamedTempFile::new().map_err(failed)?;
        std::io::copy(&mut input, &mut spool).map_err(failed)?;
        Self::recognised(spool.path().to_owned(), name, Some(spool))
    }

    fn recognised(
        path: PathBuf,
        name: String,
        spool: Option<tempfile::NamedTempFile>,
    ) -> Result<Self, ListError> {
        let failed = |source| ListError::Read {
            name: name.clone(),
            source,
        };
        let mut start = Vec::new();
        let file = File::open(&path).map_err(failed)?;
        file.take(START_BYTES)
            .read_to_end(&mut start)
            .map_err(failed)?;
        refuse_binary(&name, &start)?;
        let mut decoded = Vec::new();
        LineEnds::new(decoding(start.as_slice()))
            .read_to_end(&mut decoded)
            .map_err(failed)?;
        let format = recognise(&name, &String::from_utf8_lossy(&decoded))?;
        let mut hashing = Hashing::new(File::open(&path).map_err(failed)?);
        std::io::copy(&mut hashing, &mut std::io::sink()).map_err(failed)?;
        Ok(Self {
            path,
            sha256: hashing.finish(),
            name,
            format,
            _spool: spool,
        })
    }

    /// What people call it: the file's name, or `stdin`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of its bytes, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Reads it from the start.
    pub fn rows(&self) -> Result<Rows, ListError> {
        let failed = |source| ListError::Read {
            name: self.name.clone(),
            source,
        };
        let file = File::open(&self.path).map_err(failed)?;
        Rows::new(file, &self.format, self.name.clone())
    }

    /// Whether the bytes are still what they were when the list was opened.
    pub fn verify(&self) -> Result<(), ListError> {
        let failed = |source| ListError::Read {
            name: self.name.clone(),
            source,
        };
        let mut hashing = Hashing::new(File::open(&self.path).map_err(failed)?);
        std::io::copy(&mut hashing, &mut std::io::sink()).map_err(failed)?;
        if hashing.finish() == self.sha256 {
            Ok(())
        } else {
            Err(ListError::Changed {
                name: self.name.clone(),
            })
        }
    }
}
