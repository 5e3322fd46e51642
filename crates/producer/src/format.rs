//! What a list is, by its content: names of files prove nothing.

use crate::ListError;

/// How a list is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// One key a line.
    Plain,
    /// Separated values with a header.
    Table(Columns),
}

/// Where a table names its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) separator: u8,
    /// The column of Autopilot ids.
    pub(crate) id: Option<usize>,
    /// The column of serials.
    pub(crate) serial: Option<usize>,
}

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Header names of the Autopilot identity's id, normalised.
const ID_COLUMNS: [&str; 1] = ["id"];

/// Header names of the serial number, normalised.
const SERIAL_COLUMNS: [&str; 3] = ["serialnumber", "deviceserialnumber", "serial"];

/// What administrators may call the columns that would do.
const COLUMNS_THAT_DO: &str = "`Serial number`, `Device Serial Number`, `serialNumber` or `id`";

/// Names what cannot be a list, from its first bytes as they are on disk.
pub(crate) fn refuse_binary(name: &str, start: &[u8]) -> Result<(), ListError> {
    let looks_like = if start.starts_with(b"PK\x03\x04") {
        Some("an Excel workbook or a zip archive")
    } else if start.starts_with(b"\xd0\xcf\x11\xe0") {
        Some("an old Excel workbook")
    } else if start.starts_with(b"\x1f\x8b") {
        Some("a gzip archive")
    } else if start.starts_with(b"%PDF") {
        Some("a PDF")
    } else if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        None
    } else if start.contains(&0) {
        Some("a binary file, or UTF-16 without a byte order mark")
    } else {
        None
    };
    match looks_like {
        Some(looks_like) => Err(ListError::Binary {
            name: name.to_owned(),
            looks_like,
        }),
        None => Ok(()),
    }
}

/// Recognises a list by its first decoded bytes.
pub(crate) fn recognise(name: &str, start: &str) -> Result<Format, ListError> {
    let first = start
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(first) = first else {
        return Err(ListError::Empty {
            name: name.to_owned(),
        });
    };
    if first.starts_with('{') && !first.ends_with('}')
        || first.starts_with('[')
        || first.starts_with("{\"")
    {
        return Err(ListError::Json {
            name: name.to_owned(),
        });
    }
    let mut widest: Vec<String> = Vec::new();
    for separator in SEPARATORS {
        let header = cells(first, separator);
        let column = |known: &[&str]| {
            let fits = |cell: &String| known.contains(&normalised(cell).as_str());
            header.iter().position(fits)
        };
        let (id, serial) = (column(&ID_COLUMNS), column(&SERIAL_COLUMNS));
        if id.is_some() || serial.is_some() {
            return Ok(Format::Table(Columns {
                separator,
                id,
                serial,
            }));
        }
        if header.len() > widest.len() {
            widest = header;
        }
    }
    if widest.len() > 1 {
        let found = widest
            .iter()
            .map(|cell| shown(cell))
            .collect::<Vec<_>>()
            .join(", ");
        return Err(ListError::UnknownColumns {
            name: name.to_owned(),
            found,
            known: COLUMNS_THAT_DO,
        });
    }
    Ok(Format::Plain)
}

fn cells(line: &str, separator: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(line.as_bytes());
    let record = reader
        .records()
        .next()
        .and_then(Result::ok)
        .unwrap_or_default();
    record.iter().map(str::to_owned).collect()
}

/// Without regard to case, spaces, `_` and `-`.
fn normalised(cell: &str) -> String {
    cell.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A column's name as it is shown: a list without a header may begin with a hardware hash.
fn shown(cell: &str) -> String {
    let plain = |c: &char| !c.is_control();
    let short: String = cell.trim().chars().filter(plain).take(24).collect();
    if short.len() < cell.trim().len() {
        format!("`{short}…`")
    } else {
        format!("`{short}`")
    }
}
