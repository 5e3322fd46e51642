//! What a list is, by its content: names of files prove nothing.

use repilot_domain::Reading;

use crate::ListError;
use crate::columns::{COLUMNS_THAT_DO, Columns, header_lacking, shown};
use crate::rows::Broken;
use crate::workbook::{HEADER_WITHIN, Sheets};

/// How a list is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// One key a line.
    Plain,
    /// Separated values with a header.
    Table(Layout),
    /// Graph's pages, an array, or objects one after the other; the property that names devices,
    /// where it was asked for.
    Json(Option<String>),
    /// A workbook.
    Workbook(Sheets),
}

/// Where the values of a table are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) separator: u8,
    pub(crate) columns: Columns,
    /// The header's line, from 1.
    pub(crate) header_line: u64,
    /// Whether lines above the header hold anything but comments.
    titled: bool,
}

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Recognises a text by its first decoded bytes.
pub(crate) fn recognise(name: &str, start: &str, reading: &Reading) -> Result<Format, ListError> {
    let mut separators = SEPARATORS.to_vec();
    let mut first: Option<&str> = None;
    let mut looked_at = 0;
    // Of each separator, lines that it splits, and the first of them.
    let mut widest: Vec<String> = Vec::new();
    let mut split_lines = 0;
    for (line_number, line) in (1_u64..).zip(start.lines()) {
        let trimmed = line.trim();
        if let Some(separator) = separator_line(line.as_bytes()) {
            separators = vec![separator];
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        let is_comment = trimmed.starts_with('#');
        if first.is_none() && !is_comment && is_json(trimmed) {
            return Ok(Format::Json(reading.column.clone()));
        }
        let mut is_split = false;
        for separator in &separators {
            let header = cells(trimmed, *separator);
            // A column that numbers the rows may be called `#`.
            if is_comment && header.first().is_none_or(|cell| cell.trim() != "#") {
                continue;
            }
            is_split |= header.len() > 1;
            if header.len() > widest.len() {
                widest.clone_from(&header);
            }
            if let Some(columns) = Columns::of(header, reading.column.as_deref()) {
                return Ok(Format::Table(Layout {
                    separator: *separator,
                    columns,
                    header_line: line_number,
                    titled: first.is_some(),
                }));
            }
        }
        if is_comment {
            continue;
        }
        split_lines += usize::from(is_split);
        first.get_or_insert(trimmed);
        looked_at += 1;
        if looked_at == HEADER_WITHIN {
            break;
        }
    }
    let Some(first) = first else {
        return Err(ListError::Empty {
            name: name.to_owned(),
        });
    };
    let mut separators = separators.into_iter();
    let first_is_split = separators.any(|separator| cells(first, separator).len() > 1);
    let is_table = first_is_split || split_lines >= 2;
    if let Some(wanted) = &reading.column {
        return Err(ListError::NoSuchColumn {
            name: name.to_owned(),
            wanted: wanted.clone(),
            found: if is_table {
                shown(&widest)
            } else {
                String::new()
            },
        });
    }
    if is_table {
        return Err(ListError::UnknownColumns {
            name: name.to_owned(),
            found: shown(&widest),
            known: COLUMNS_THAT_DO,
            header: header_lacking(&widest),
        });
    }
    Ok(Format::Plain)
}

/// Whether a list's first line begins JSON; a GUID may stand in braces.
fn is_json(first: &str) -> bool {
    let braced = first.starts_with('{') && first.ends_with('}') && !first.contains('"');
    first.starts_with('[') || first.starts_with('{') && !braced
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
    /// The headers that fit its rows' cells; of a workbook, one for each sheet.
    pub(crate) fn headers(&self) -> Vec<Vec<String>> {
        let of = |columns: Option<&Columns>| {
            columns.map_or_else(
                || vec![PLAIN_HEADER.to_owned()],
                |columns| columns.header.clone(),
            )
        };
        match self {
            Self::Plain => vec![of(None)],
            Self::Table(layout) => vec![of(Some(&layout.columns))],
            Self::Json(_) => vec![JSON_HEADER.map(str::to_owned).to_vec()],
            Self::Workbook(sheets) => {
                let sheets = sheets.read.iter();
                sheets.map(|sheet| of(sheet.columns())).collect()
            }
        }
    }

    /// The columns that say who is to be assigned; of a workbook, those of each sheet.
    pub(crate) fn new_users(&self, named: Option<&str>) -> Vec<Vec<usize>> {
        let of = |columns: Option<&Columns>| {
            columns.map_or_else(Vec::new, |columns| columns.new_users(named))
        };
        match self {
            Self::Json(_) | Self::Plain => vec![Vec::new()],
            Self::Table(layout) => vec![of(Some(&layout.columns))],
            Self::Workbook(sheets) => {
                let sheets = sheets.read.iter();
                sheets.map(|sheet| of(sheet.columns())).collect()
            }
        }
    }

    /// That a list of this format breaks off, where, and what to do about it.
    pub(crate) fn broken(&self, name: &str, (number, source): Broken) -> ListError {
        let (unit, hint) = match self {
            Self::Plain => (
                "line",
                "a list has one serial or GUID a line: is it one at all?",
            ),
            Self::Table(..) => ("line", "look at the quotes near that line"),
            Self::Json(_) => (
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
            Self::Table(layout) => {
                let separator = match layout.separator {
                    b';' => "semicolons",
                    b'\t' => "tabs",
                    b',' => "commas",
                    _ => "separators of its own",
                };
                let below = if layout.titled {
                    format!(" below line {}", layout.header_line)
                } else {
                    String::new()
                };
                let columns = layout.columns.described();
                format!("CSV with {separator}{below}, devices by {columns}")
            }
            Self::Json(None) => "JSON".to_owned(),
            Self::Json(Some(property)) => format!("JSON, devices by `{property}`"),
            Self::Workbook(sheets) => sheets.described(),
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
