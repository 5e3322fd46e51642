//! A device list: opened, recognised, and read as often as needed without growing.

use std::io::Read;
use std::path::Path;

use repilot_domain::{Action, HiddenRows, Reading};

use crate::ListError;
use crate::columns::shown;
use crate::encoding::Encoding;
use crate::foreign::{COMPOUND, Compound, refuse_bytes, refuse_text};
use crate::format::{Format, recognise};
use crate::reader::LineEnds;
use crate::rows::Rows;
use crate::source::Source;
use crate::twins::Kept;
use crate::user_column;
use crate::workbook::{Kind, Package, Sheets, UNPACKED_MAX_BYTES, WorkbookError, unreadable};

/// What is looked at to recognise a list.
const START_BYTES: u64 = 64 * 1024;

/// Who is to be assigned, in the header that fits JSON items.
const NEW_USER_PROPERTY: &str = "newUser";

/// How zip archives begin, one without any file among them.
const ZIP: [[u8; 4]; 2] = [*b"PK\x03\x04", *b"PK\x05\x06"];

/// A list that was recognised.
#[derive(Debug)]
pub struct DeviceList {
    /// What was given.
    original: Source,
    /// What is read, where that is another: what was packed, without its packing.
    unpacked: Option<Source>,
    name: String,
    /// The file in a zip archive that is read.
    within: Option<String>,
    sha256: String,
    encoding: Encoding,
    format: Format,
    reading: Reading,
}

/// What the bytes of a list are.
struct Understood {
    /// The SHA-256 of what was given, where it had to be read whole.
    sha256: Option<String>,
    /// What is read, where that is not what was given.
    unpacked: Option<Source>,
    /// The file in a zip archive that is read.
    within: Option<String>,
    encoding: Encoding,
    format: Format,
}

impl DeviceList {
    /// Opens a file. What can be read only once, as a pipe, is spooled.
    pub fn open(path: &Path) -> Result<Self, ListError> {
        Self::open_as(path, &Reading::default())
    }

    /// The same, read as its author says.
    pub fn open_as(path: &Path, reading: &Reading) -> Result<Self, ListError> {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let source = Source::open(path).map_err(|source| ListError::Read {
            name: name.clone(),
            source,
        })?;
        Self::recognised(source, name, reading)
    }

    /// Spools what comes, for a list is read twice; in a file that only its owner can read. `name`
    /// is what people call it.
    pub fn spool(input: impl Read, name: &str) -> Result<Self, ListError> {
        Self::spool_as(input, name, &Reading::default())
    }

    /// The same, read as its author says.
    pub fn spool_as(input: impl Read, name: &str, reading: &Reading) -> Result<Self, ListError> {
        let name = name.to_owned();
        let source = Source::spool(input).map_err(|source| ListError::Read {
            name: name.clone(),
            source,
        })?;
        Self::recognised(source, name, reading)
    }

    fn recognised(original: Source, name: String, reading: &Reading) -> Result<Self, ListError> {
        let mut understood = Self::understand(&original, &name, reading, false)?;
        let sha256 = match understood.sha256.take() {
            Some(sha256) => sha256,
            None => original.sha256().map_err(|source| ListError::Read {
                name: name.clone(),
                source,
            })?,
        };
        Ok(Self {
            original,
            unpacked: understood.unpacked,
            name,
            within: understood.within,
            sha256,
            encoding: understood.encoding,
            format: understood.format,
            reading: reading.clone(),
        })
    }

    fn understand(
        source: &Source,
        name: &str,
        reading: &Reading,
        is_within: bool,
    ) -> Result<Understood, ListError> {
        let failed = |error| {
            let name = name.to_owned();
            if source.is_packed() {
                ListError::Packed {
                    name,
                    source: error,
                }
            } else {
                ListError::Read {
                    name,
                    source: error,
                }
            }
        };
        let start = source.start(START_BYTES).map_err(failed)?;
        let is_zip = ZIP.iter().any(|zip| start.starts_with(zip));
        if is_zip || start.starts_with(&COMPOUND) {
            // It is read from here and there, and not as a stream.
            let unpacked = if source.is_packed() {
                Some(source.seekable(UNPACKED_MAX_BYTES).map_err(failed)?)
            } else {
                None
            };
            let path = unpacked.as_ref().unwrap_or(source).path();
            let kind = if is_zip {
                let package = package(path, name)?;
                match Kind::of_package(&package) {
                    Some(kind) => kind,
                    None if is_within => return Err(no_list(name)),
                    None => return Self::within(&package, name, reading),
                }
            } else {
                compound(path, name)?
            };
            let sheets = Sheets::recognise(path, kind, name, reading)?;
            return Ok(Understood {
                sha256: None,
                unpacked,
                within: None,
                encoding: Encoding::Utf8,
                format: Format::Workbook(sheets),
            });
        }
        refuse_bytes(name, &start)?;
        let surveyed = source.survey().map_err(failed)?;
        let encoding = Source::encoding(&start, &surveyed);
        let mut decoded = Vec::new();
        LineEnds::new(encoding.decode(start.as_slice()))
            .read_to_end(&mut decoded)
            .map_err(failed)?;
        let decoded = String::from_utf8_lossy(&decoded);
        refuse_text(name, &decoded)?;
        Ok(Understood {
            sha256: Some(surveyed.sha256),
            unpacked: None,
            within: None,
            encoding,
            format: recognise(name, &decoded, reading)?,
        })
    }

    /// The only file of a zip archive.
    fn within(package: &Package, name: &str, reading: &Reading) -> Result<Understood, ListError> {
        let lists = package.lists();
        let file = match lists.as_slice() {
            [] => return Err(no_list(name)),
            [file] => *file,
            several => {
                let files: Vec<String> = several.iter().map(|&file| file.to_owned()).collect();
                return Err(ListError::SeveralLists {
                    name: name.to_owned(),
                    files: shown(&files),
                });
            }
        };
        let damaged = |error| unreadable(name, error);
        let bytes = package.read(file).map_err(damaged)?;
        let bytes = bytes.ok_or_else(|| no_list(name))?;
        let copy = Source::copied(bytes, UNPACKED_MAX_BYTES);
        let copy = copy.map_err(|source| ListError::Packed {
            name: name.to_owned(),
            source,
        })?;
        let inner = format!("{file} in {name}");
        let understood = Self::understand(&copy, &inner, reading, true)?;
        Ok(Understood {
            sha256: None,
            unpacked: Some(understood.unpacked.unwrap_or(copy)),
            within: Some(file.to_owned()),
            ..understood
        })
    }

    /// That nothing is in it.
    pub(crate) fn empty(&self) -> ListError {
        ListError::Empty {
            name: self.name.clone(),
        }
    }

    /// What its keys show to have been kept of serials that spreadsheets change; `None` where its texts
    /// are certain, as those of a workbook or of JSON are.
    pub(crate) fn kept(&self) -> Result<Option<Kept>, ListError> {
        if !matches!(self.format, Format::Plain | Format::Table(_)) {
            return Ok(None);
        }
        let mut kept = Kept::default();
        for row in self.rows()? {
            for key in row?.keys.iter().flatten() {
                kept.note(&key.text);
            }
        }
        Ok(Some(kept))
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
        if let Some(within) = &self.within {
            words.insert(0, format!("`{within}` in a zip archive"));
        }
        if !matches!(self.format, Format::Workbook(_)) {
            words.push(self.encoding.words().to_owned());
        }
        if self.original.is_packed() {
            words.push("gzip".to_owned());
        }
        if let (Format::Workbook(_), Some(hidden_rows)) = (&self.format, self.reading.hidden_rows) {
            words.push(match hidden_rows {
                HiddenRows::Skip => "without hidden rows".to_owned(),
                HiddenRows::Include => "with hidden rows".to_owned(),
            });
        }
        words.join(", ")
    }

    /// The headers that fit the cells of its rows; of a workbook, one for each sheet that is read.
    pub(crate) fn headers(&self, action: Action) -> Vec<Vec<String>> {
        let mut headers = self.format.headers();
        if matches!(self.format, Format::Json(_)) && action.needs_user() {
            for header in &mut headers {
                header.push(NEW_USER_PROPERTY.to_owned());
            }
        }
        headers
    }

    /// What somebody may have meant otherwise.
    pub(crate) fn hints(&self) -> Vec<String> {
        match &self.format {
            Format::Workbook(sheets) => sheets.hints(&self.name),
            Format::Plain | Format::Table(_) | Format::Json(_) => Vec::new(),
        }
    }

    /// The names of the sheets that are read; none of what has no sheets.
    pub(crate) fn sheets(&self) -> Vec<&str> {
        match &self.format {
            Format::Workbook(sheets) => sheets
                .read
                .iter()
                .map(|sheet| sheet.name.as_str())
                .collect(),
            Format::Plain | Format::Table(_) | Format::Json(_) => Vec::new(),
        }
    }

    /// A sheet that names devices, too, and is not read.
    pub(crate) fn unread_sheet(&self) -> Option<&str> {
        match &self.format {
            Format::Workbook(sheets) => sheets.unread.first().map(|(sheet, _)| sheet.as_str()),
            Format::Plain | Format::Table(_) | Format::Json(_) => None,
        }
    }

    /// What its author said of how it is to be read.
    pub(crate) const fn reading(&self) -> &Reading {
        &self.reading
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
        Rows::new(
            source,
            self.encoding,
            &self.format,
            name,
            user_column,
            self.reading.hidden_rows,
        )
    }

    /// The column that says who is to be assigned, as its header calls it; that there is none, or
    /// that several might, is an error. Of JSON, which has no header, each item is looked at.
    pub(crate) fn user_column(&self, named: Option<&str>) -> Result<String, ListError> {
        let headers = match &self.format {
            Format::Json(_) => return Ok(named.unwrap_or(NEW_USER_PROPERTY).to_owned()),
            Format::Plain => vec![Vec::new()],
            Format::Table(..) | Format::Workbook(_) => self.format.headers(),
        };
        let found = self.format.new_users(named);
        let mut first = None;
        for (header, found) in headers.iter().zip(&found) {
            let column = self.only_user_column(header, found, named)?;
            first.get_or_insert(column);
        }
        Ok(first.unwrap_or_default())
    }

    /// The one column of a header that says who is to be assigned.
    fn only_user_column(
        &self,
        header: &[String],
        found: &[usize],
        named: Option<&str>,
    ) -> Result<String, ListError> {
        let name = || self.name.clone();
        match (found, named) {
            ([column], _) => Ok(header[*column].trim().to_owned()),
            ([], Some(wanted)) => Err(ListError::NoSuchUserColumn {
                name: name(),
                wanted: wanted.to_owned(),
                found: shown(header),
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

/// Opens a zip archive.
fn package(path: &Path, name: &str) -> Result<Package, ListError> {
    Package::open(path).map_err(|error| match error {
        WorkbookError::Zip(_) => ListError::Binary {
            name: name.to_owned(),
            looks_like: "a zip archive or a workbook that is damaged or was not copied to its end",
        },
        error => unreadable(name, error),
    })
}

/// That a zip archive holds no list.
fn no_list(name: &str) -> ListError {
    ListError::Binary {
        name: name.to_owned(),
        looks_like: "a zip archive without a list",
    }
}

/// The largest compound file that is looked through.
const COMPOUND_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Tells the workbook in an old file of Microsoft Office from what is none.
fn compound(path: &Path, name: &str) -> Result<Kind, ListError> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(COMPOUND_MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| ListError::Read {
        name: name.to_owned(),
        source,
    })?;
    match Compound::of(&bytes) {
        Compound::Workbook => Ok(Kind::Xls),
        Compound::Encrypted => Err(ListError::Password {
            name: name.to_owned(),
        }),
        Compound::Other => Err(ListError::Binary {
            name: name.to_owned(),
            looks_like: "an old file of Microsoft Office that is no workbook",
        }),
    }
}
