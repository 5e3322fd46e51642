//! A device list: opened, recognised, and read as often as needed without growing.

use std::io::Read;
use std::path::Path;

use repilot_domain::Action;

use crate::ListError;
use crate::columns::shown;
use crate::encoding::Encoding;
use crate::format::{Format, recognise, refuse_binary};
use crate::reader::LineEnds;
use crate::rows::Rows;
use crate::source::Source;
use crate::user_column;
use crate::workbook::{self, UNPACKED_MAX_BYTES};

/// What is looked at to recognise a list.
const START_BYTES: u64 = 64 * 1024;

/// Who is to be assigned, in the header that fits JSON items.
const NEW_USER_PROPERTY: &str = "newUser";

const ZIP: [u8; 4] = *b"PK\x03\x04";

/// A list that was recognised.
#[derive(Debug)]
pub struct DeviceList {
    /// What was given.
    original: Source,
    /// What is read, where that is another: a workbook, unpacked and without its long texts.
    unpacked: Option<Source>,
    name: String,
    sha256: String,
    encoding: Encoding,
    format: Format,
}

impl DeviceList {
    /// Opens a file. What can be read only once, as a pipe, is spooled.
    pub fn open(path: &Path) -> Result<Self, ListError> {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let source = Source::open(path).map_err(|source| ListError::Read {
            name: name.clone(),
            source,
        })?;
        Self::recognised(source, name)
    }

    /// Spools what comes, for a list is read twice; in a file that only its owner can read. `name`
    /// is what people call it.
    pub fn spool(input: impl Read, name: &str) -> Result<Self, ListError> {
        let name = name.to_owned();
        let source = Source::spool(input).map_err(|source| ListError::Read {
            name: name.clone(),
            source,
        })?;
        Self::recognised(source, name)
    }

    fn recognised(original: Source, name: String) -> Result<Self, ListError> {
        let failed = |source| {
            let name = name.clone();
            if original.is_packed() {
                ListError::Packed { name, source }
            } else {
                ListError::Read { name, source }
            }
        };
        let start = original.start(START_BYTES).map_err(failed)?;
        if start.starts_with(&ZIP) {
            let sha256 = original.sha256().map_err(failed)?;
            let unpacked = if original.is_packed() {
                let again = Source::open(original.path()).map_err(failed)?;
                let unpacked = again.seekable(UNPACKED_MAX_BYTES).map_err(failed)?;
                Some(unpacked)
            } else {
                None
            };
            let unpacked =
                workbook::bounded(unpacked.as_ref().unwrap_or(&original), &name)?.or(unpacked);
            let path = unpacked.as_ref().unwrap_or(&original).path();
            let format = workbook::recognise(path, &name)?;
            return Ok(Self {
                original,
                unpacked,
                name,
                sha256,
                encoding: Encoding::Utf8,
                format,
            });
        }
        let surveyed = original.survey().map_err(failed)?;
        let encoding = Source::encoding(&start, &surveyed);
        let mut decoded = Vec::new();
        LineEnds::new(encoding.decode(start.as_slice()))
            .read_to_end(&mut decoded)
            .map_err(failed)?;
        refuse_binary(&name, &decoded)?;
        let format = recognise(&name, &String::from_utf8_lossy(&decoded))?;
        Ok(Self {
            original,
            unpacked: None,
            name,
            sha256: surveyed.sha256,
            encoding,
            format,
        })
    }

    /// That nothing is in it.
    pub(crate) fn empty(&self) -> ListError {
        ListError::Empty {
            name: self.name.clone(),
        }
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

    /// What it was understood to be, for people.
    #[must_use]
    pub fn described(&self) -> String {
        let mut words = vec![self.format.described()];
        if !matches!(self.format, Format::Workbook(_)) {
            words.push(self.encoding.words().to_owned());
        }
        if self.original.is_packed() {
            words.push("gzip".to_owned());
        }
        words.join(", ")
    }

    /// The header that fits the cells of its rows.
    pub(crate) fn header(&self, action: Action) -> Vec<String> {
        let mut header = self.format.header();
        if self.format == Format::Json && action.needs_user() {
            header.push(NEW_USER_PROPERTY.to_owned());
        }
        header
    }

    /// How many bytes it has, as far as [`Rows::bytes_read`] counts them.
    pub(crate) fn length(&self) -> u64 {
        // Whoever cannot tell shows no progress.
        let source = self.unpacked.as_ref().unwrap_or(&self.original);
        source.length().unwrap_or(0)
    }

    /// Reads it from the start.
    pub fn rows(&self) -> Result<Rows, ListError> {
        self.rows_naming(None)
    }

    /// Reads it from the start; the column of that name says who is to be assigned, or else the one
    /// whose name can mean nothing else.
    pub(crate) fn rows_naming(&self, user_column: Option<&str>) -> Result<Rows, ListError> {
        let source = self.unpacked.as_ref().unwrap_or(&self.original);
        let name = self.name.clone();
        Rows::new(source, self.encoding, &self.format, name, user_column)
    }

    /// The column that says who is to be assigned, as its header calls it; that there is none, or
    /// that several might, is an error. Of JSON, which has no header, each item is looked at.
    pub(crate) fn user_column(&self, named: Option<&str>) -> Result<String, ListError> {
        let name = || self.name.clone();
        let header = match &self.format {
            Format::Json => return Ok(named.unwrap_or(NEW_USER_PROPERTY).to_owned()),
            Format::Plain => Vec::new(),
            Format::Table(..) | Format::Workbook(_) => self.format.header(),
        };
        let found = self.format.new_users(named);
        match (found.as_slice(), named) {
            ([column], _) => Ok(header[*column].trim().to_owned()),
            ([], Some(wanted)) => Err(ListError::NoSuchUserColumn {
                name: name(),
                wanted: wanted.to_owned(),
                found: shown(&header),
            }),
            ([], None) => {
                let may = |column: &&String| user_column::may_be_meant(column);
                let perhaps: Vec<String> = header.iter().filter(may).cloned().collect();
                Err(ListError::NoUserColumn {
                    name: name(),
                    perhaps: shown(&perhaps),
                })
            }
            (several, _) => {
                let columns: Vec<String> = several
                    .iter()
                    .map(|column| header[*column].clone())
                    .collect();
                Err(ListError::SeveralUserColumns {
                    name: name(),
                    columns: shown(&columns),
                })
            }
        }
    }

    /// Whether the bytes are still what they were when the list was opened.
    pub fn verify(&self) -> Result<(), ListError> {
        let sha256 = self.original.sha256().map_err(|source| ListError::Read {
            name: self.name.clone(),
            source,
        })?;
        if sha256 == self.sha256 {
            Ok(())
        } else {
            Err(ListError::Changed {
                name: self.name.clone(),
            })
        }
    }
}
