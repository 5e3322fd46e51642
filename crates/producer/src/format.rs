//! What a list is, by its content: names of files prove nothing.

use crate::ListError;
use crate::columns::{COLUMNS_THAT_DO, Columns, shown};
use crate::rows::Broken;
use crate::workbook::Sheet;

/// How a list is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// One key a line.
    Plain,
    /// Separated values with a header.
    Table(u8, Columns),
    /// Graph's pages, an array, or objects one after the other.
    Json,
    /// Excel.
    Workbook(Sheet),
}

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Names what cannot be a list, from its first bytes.
pub(crate) fn refuse_binary(name: &str, start: &[u8]) -> Result<(), ListError> {
    let looks_like = if start.starts_with(b"\xd0\xcf\x11\xe0") {
        "an old Excel workbook (.xls)"
    } else if start.starts_with(b"%PDF") {
        "a PDF"
    } else if start.contains(&0) {
        "a binary file"
    } else {
        return Ok(());
    };
    Err(ListError::Binary {
        name: name.to_owned(),
        looks_like,
    })
}

/// Recognises a text by its first decoded bytes.
pub(crate) fn recognise(name: &str, start: &str) -> Result<Format, ListError> {
    let mut separators = SEPARATORS.to_vec();
    let mut first = None;
    for line in start.lines() {
        if let Some(separator) = separator_line(line.as_bytes()) {
            separators = vec![separator];
        } else if !(line.trim().is_empty() || line.trim().starts_with('#')) {
            first = Some(line.trim());
            break;
        }
    }
    let Some(first) = first else {
        return Err(ListError::Empty {
            name: name.to_owned(),
        });
    };
    // A GUID may stand in braces.
    let braced = first.starts_with('{') && first.ends_with('}') && !first.contains('"');
    if first.starts_with('[') || first.starts_with('{') && !braced {
        return Ok(Format::Json);
    }
    let mut widest: Vec<String> = Vec::new();
    for separator in separators {
        let header = cells(first, separator);
        if header.len() > widest.len() {
            widest.clone_from(&header);
        }
        if let Some(columns) = Columns::of(header) {
            return Ok(Format::Table(separator, columns));
        }
    }
    if widest.len() > 1 {
        return Err(ListError::UnknownColumns {
            name: name.to_owned(),
            found: shown(&widest),
            known: COLUMNS_THAT_DO,
        });
    }
    Ok(Format::Plain)
}

/// The separator that a line such as `sep=;` names, which Excel writes and reads before a header.
pub(crate) fn separator_line(line: &[u8]) -> Option<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let bare = line.strip_prefix(b"\"").unwrap_or(line);
    let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
    let (word, separator) = bare.split_at_checked(4)?;
    match separator {
        [separator] if word.eq_ignore_ascii_case(b"sep=") => Some(*separator),
        _ => None,
    }
}

/// The header of JSON items, in the order of `By::ALL`.
const JSON_HEADER: [&str; 5] = [
    "id",
    "serialNumber",
    "managedDeviceId",
    "azureActiveDirectoryDeviceId",
    "displayName",
];

/// The header of rows that have none of their own.
const PLAIN_HEADER: &str = "serialNumber";

impl Format {
    /// The header that fits its rows' cells.
    pub(crate) fn header(&self) -> Vec<String> {
        let columns = match self {
            Self::Table(_, columns) => Some(columns),
            Self::Workbook(sheet) => sheet.columns.as_ref(),
            Self::Json => return JSON_HEADER.map(str::to_owned).to_vec(),
            Self::Plain => None,
        };
        columns.map_or_else(
            || vec![PLAIN_HEADER.to_owned()],
            |columns| columns.header.clone(),
        )
    }

    /// The columns that say who is to be assigned.
    pub(crate) fn new_users(&self, named: Option<&str>) -> Vec<usize> {
        let columns = match self {
            Self::Table(_, columns) => Some(columns),
            Self::Workbook(sheet) => sheet.columns.as_ref(),
            Self::Json | Self::Plain => None,
        };
        columns.map_or_else(Vec::new, |columns| columns.new_users(named))
    }

    /// That a list of this format breaks off, where, and what to do about it.
    pub(crate) fn broken(&self, name: &str, (number, source): Broken) -> ListError {
        let (unit, hint) = match self {
            Self::Plain => (
                "line",
                "a list has one serial or GUID a line: is it one at all?",
            ),
            Self::Table(..) => ("line", "look at the quotes near that line"),
            Self::Json => (
                "item",
                "the JSON is damaged there or was not copied to its end: mend it or get it again",
            ),
            Self::Workbook(_) => (
                "row",
                "open it in Excel and save it again, or save it as CSV",
            ),
        };
        ListError::Broken {
            name: name.to_owned(),
            place: format!("{unit} {number}"),
            hint,
            source,
        }
    }

    /// For people.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Plain => "one device a line".to_owned(),
            Self::Table(separator, columns) => {
                let separator = match separator {
                    b';' => "semicolons",
                    b'\t' => "tabs",
                    b',' => "commas",
                    _ => "separators of its own",
                };
                format!("CSV with {separator}, devices by {}", columns.described())
            }
            Self::Json => "JSON".to_owned(),
            Self::Workbook(sheet) => match &sheet.columns {
                Some(columns) => format!(
                    "Excel, sheet `{}`, devices by {}",
                    sheet.name,
                    columns.described()
                ),
                None => format!("Excel, sheet `{}`, one device a row", sheet.name),
            },
        }
    }
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
