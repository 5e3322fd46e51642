//! A list's bytes: a file that can be read again, unpacked where it is packed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::encoding::{Encoding, Utf8Check};
use crate::reader::Hashing;

/// Bytes to read again and again.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    packed: bool,
    /// Standard input, spooled; removed with the list.
    _spool: Option<tempfile::NamedTempFile>,
}

/// Counts what is read.
struct Watched {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What one pass over all bytes tells.
pub(crate) struct Surveyed {
    /// Of the bytes as they are in the file, in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) is_utf8: bool,
}

const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Source {
    /// A file. What can be read only once, as a pipe, is spooled.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let kind = file.metadata()?;
        if kind.is_dir() {
            return Err(std::io::ErrorKind::IsADirectory.into());
        }
        if !kind.is_file() {
            return Self::spool(file);
        }
        Self::of(path.to_owned(), None)
    }

    /// Spools what comes, in a file that only its owner can read.
    pub(crate) fn spool(mut input: impl Read) -> std::io::Result<Self> {
        let mut spool = tempfile::NamedTempFile::new()?;
        std::io::copy(&mut input, &mut spool)?;
        Self::of(spool.path().to_owned(), Some(spool))
    }

    fn of(path: PathBuf, spool: Option<tempfile::NamedTempFile>) -> std::io::Result<Self> {
        let mut source = Self {
            path,
            packed: false,
            _spool: spool,
        };
        source.packed = source.start(2)? == GZIP;
        Ok(source)
    }

    pub(crate) const fn is_packed(&self) -> bool {
        self.packed
    }

    /// From the start, unpacked, and how many bytes of the file were read so far.
    pub(crate) fn read(&self) -> std::io::Result<(Box<dyn Read + Send>, Arc<AtomicU64>)> {
        let watched = Watched {
            file: File::open(&self.path)?,
            read: Arc::default(),
        };
        let read = Arc::clone(&watched.read);
        Ok((self.unpack(watched), read))
    }

    /// Its bytes, from wherever they come, unpacked.
    fn unpack<'a>(&self, bytes: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
        let bytes = BufReader::new(bytes);
        if self.packed {
            Box::new(MultiGzDecoder::new(bytes))
        } else {
            Box::new(bytes)
        }
    }

    /// The file's length.
    pub(crate) fn length(&self) -> std::io::Result<u64> {
        Ok(std::fs::metadata(&self.path)?.len())
    }

    /// The first bytes, unpacked.
    pub(crate) fn start(&self, length: u64) -> std::io::Result<Vec<u8>> {
        let mut start = Vec::new();
        self.read()?.0.take(length).read_to_end(&mut start)?;
        Ok(start)
    }

    /// Reads all of it once.
    pub(crate) fn survey(&self) -> std::io::Result<Surveyed> {
        let mut utf8 = Utf8Check::default();
        let mut hashing = Hashing::new(File::open(&self.path)?);
        std::io::copy(&mut self.unpack(&mut hashing), &mut utf8)?;
        // What the packed part does not need belongs to the file, too.
        std::io::copy(&mut hashing, &mut std::io::sink())?;
        Ok(Surveyed {
            sha256: hashing.finish(),
            is_utf8: utf8.is_utf8(),
        })
    }

    /// The SHA-256 of the bytes as they are in the file, in hexadecimal.
    pub(crate) fn sha256(&self) -> std::io::Result<String> {
        let mut hashing = Hashing::new(File::open(&self.path)?);
        std::io::copy(&mut hashing, &mut std::io::sink())?;
        Ok(hashing.finish())
    }

    /// The encoding of its text.
    pub(crate) fn encoding(start: &[u8], surveyed: &Surveyed) -> Encoding {
        Encoding::of_start(start).unwrap_or(if surveyed.is_utf8 {
            Encoding::Utf8
        } else {
            Encoding::Windows1252
        })
    }

    /// An unpacked copy, for what cannot be read as a stream.
    pub(crate) fn seekable(&self, max_bytes: u64) -> std::io::Result<Self> {
        let copy = Self::copied(self.read()?.0, max_bytes)?;
        // What was packed twice is not unpacked twice.
        Ok(Self {
            packed: false,
            ..copy
        })
    }

    /// At most so many of the bytes, in a copy that is removed with the list; more are an error.
    pub(crate) fn copied(bytes: impl Read, max_bytes: u64) -> std::io::Result<Self> {
        let mut spool = tempfile::NamedTempFile::new()?;
        if std::io::copy(&mut bytes.take(max_bytes + 1), &mut spool)? > max_bytes {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        Self::of(spool.path().to_owned(), Some(spool))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
