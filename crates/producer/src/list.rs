//! A device list: opened, recognised, and read as often as needed without growing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use encoding_rs_io::DecodeReaderBytes;

use crate::format::{Format, recognise, refuse_binary};
use crate::reader::{Capped, Hashing, LineEnds, RowEnd, decoding};
use crate::row::{Key, Malformed, Row, key_of};

/// A list that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file is not there, or not ours to read.
    #[error("cannot read the device list {name}")]
    Read {
        /// The list.
        name: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Nothing in it but blank lines and comments.
    #[error("the device list {name} is empty")]
    Empty {
        /// The list.
        name: String,
    },
    /// No text.
    #[error("the device list {name} looks like {looks_like}")]
    Binary {
        /// The list.
        name: String,
        /// What it looks like.
        looks_like: &'static str,
    },
    /// JSON.
    #[error("the device list {name} looks like JSON")]
    Json {
        /// The list.
        name: String,
    },
    /// Several columns, none of which names devices.
    #[error("the device list {name} has no column that names devices; it has {found}")]
    UnknownColumns {
        /// The list.
        name: String,
        /// Its columns.
        found: String,
        /// Those that would do.
        known: &'static str,
    },
    /// A row that is too long, or a quote that never ends.
    #[error("the device list {name} breaks off near line {line}")]
    Broken {
        /// The list.
        name: String,
        /// Where.
        line: u64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is not what it was when the plan was made.
    #[error("the device list {name} has changed while it was being read")]
    Changed {
        /// The list.
        name: String,
    },
}

impl ListError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "check the path; `-` reads standard input".to_owned(),
            Self::Empty { .. } => {
                "one serial or GUID a line, or a CSV with a header and at least one row".to_owned()
            }
            Self::Binary { .. } => "save it as CSV (UTF-8) and try again".to_owned(),
            Self::Json { .. } => {
                "export it as CSV with a column `id` or `serialNumber` and try again".to_owned()
            }
            Self::UnknownColumns { known, .. } => format!("name one of the columns {known}"),
            Self::Broken { .. } => "look at the quotes near that line".to_owned(),
            Self::Changed { .. } => "run the command again; nothing is enqueued twice".to_owned(),
        }
    }
}

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
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, ListError> {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        Self::recognised(path.to_owned(), name, None)
    }

    /// Spools what comes, for a list is read twice; in a file that only its owner can read.
    pub fn spool(mut input: impl Read) -> Result<Self, ListError> {
        let name = "stdin".to_owned();
        let failed = |source| ListError::Read {
            name: "stdin".to_owned(),
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
        decoding(start.as_slice())
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
        let (capped, row_end) = Capped::new(LineEnds::new(decoding(file)));
        let body = match &self.format {
            Format::Plain => Body::Plain {
                reader: BufReader::new(capped),
                line: 0,
                buffer: Vec::new(),
            },
            Format::Table {
                separator,
                id,
                serial,
            } => Body::Table {
                reader: csv::ReaderBuilder::new()
                    .delimiter(*separator)
                    .flexible(true)
                    .comment(Some(b'#'))
                    .from_reader(capped),
                record: csv::ByteRecord::new(),
                id: *id,
                serial: *serial,
            },
        };
        Ok(Rows {
            body,
            row_end,
            name: self.name.clone(),
            done: false,
        })
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

type Bytes = Capped<LineEnds<DecodeReaderBytes<File, Vec<u8>>>>;

enum Body {
    Plain {
        reader: BufReader<Bytes>,
        line: u64,
        buffer: Vec<u8>,
    },
    Table {
        reader: csv::Reader<Bytes>,
        record: csv::ByteRecord,
        id: Option<usize>,
        serial: Option<usize>,
    },
}

/// The rows of a list, one by one.
pub struct Rows {
    body: Body,
    row_end: RowEnd,
    name: String,
    done: bool,
}

impl Iterator for Rows {
    type Item = Result<Row, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.row_end.reached();
        let next = match &mut self.body {
            Body::Plain {
                reader,
                line,
                buffer,
            } => next_plain(reader, line, buffer, &self.row_end),
            Body::Table {
                reader,
                record,
                id,
                serial,
            } => next_record(reader, record, *id, *serial),
        };
        let next = next.map_err(|(line, source)| ListError::Broken {
            name: self.name.clone(),
            line,
            source,
        });
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

type Broken = (u64, Box<dyn std::error::Error + Send + Sync>);

fn next_plain(
    reader: &mut BufReader<Bytes>,
    line: &mut u64,
    buffer: &mut Vec<u8>,
    row_end: &RowEnd,
) -> Result<Option<Row>, Broken> {
    loop {
        row_end.reached();
        buffer.clear();
        let read = reader
            .read_until(b'\n', buffer)
            .map_err(|error| (*line + 1, error.into()))?;
        if read == 0 {
            return Ok(None);
        }
        *line += 1;
        let text = buffer.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let unquoted = text
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .unwrap_or(text);
        return Ok(Some(Row {
            line: *line,
            key: key_of(unquoted),
        }));
    }
}

fn next_record(
    reader: &mut csv::Reader<Bytes>,
    record: &mut csv::ByteRecord,
    id: Option<usize>,
    serial: Option<usize>,
) -> Result<Option<Row>, Broken> {
    loop {
        let line = reader.position().line();
        if !reader
            .read_byte_record(record)
            .map_err(|error| (line, error.into()))?
        {
            return Ok(None);
        }
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) && record.len() <= 1 {
            continue;
        }
        let line = record.position().map_or(line, csv::Position::line);
        let cell = |column: Option<usize>| column.and_then(|column| record.get(column));
        // The id is exact where it is one; the serial is what people know.
        if let Some(Ok(key @ Key::Guid(_))) = cell(id).map(key_of) {
            return Ok(Some(Row { line, key: Ok(key) }));
        }
        let key = match (cell(serial), cell(id)) {
            (Some(serial), _) if !serial.trim_ascii().is_empty() => key_of(serial),
            (_, Some(id)) => key_of(id),
            _ => Err((Malformed::Empty, String::new())),
        };
        return Ok(Some(Row { line, key }));
    }
}
