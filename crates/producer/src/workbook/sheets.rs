//! Which sheets of a workbook are read, and which are named because they are not.

use std::path::Path;

use repilot_domain::Reading;

use super::{Kind, SheetRow, Workbook, WorkbookError};
use crate::ListError;
use crate::cell::Cell;
use crate::columns::{COLUMNS_THAT_DO, Columns, header_lacking, shown};

/// Rows in which a header is looked for.
pub(crate) const HEADER_WITHIN: usize = 20;

/// A workbook's sheets, as far as they matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheets {
    pub(crate) kind: Kind,
    /// The sheets that are read, in the workbook's order.
    pub(crate) read: Vec<Sheet>,
    /// The names of sheets that name devices and are not read, and whether each is hidden.
    pub(crate) unread: Vec<(String, bool)>,
    /// The names of other visible sheets that hold anything.
    pub(crate) others: Vec<String>,
}

/// A sheet that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) name: String,
    /// Its place in the workbook.
    pub(crate) index: usize,
    pub(crate) body: Body,
}

/// Where a sheet names its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// In some of its columns, below the row with this number.
    Columns(Columns, u32),
    /// In its only column.
    Bare(usize),
}

impl Sheet {
    /// Its columns; `None` of a sheet of bare keys.
    pub(crate) fn columns(&self) -> Option<&Columns> {
        match &self.body {
            Body::Columns(columns, _) => Some(columns),
            Body::Bare(_) => None,
        }
    }

    /// For people.
    pub(crate) fn described(&self) -> String {
        match &self.body {
            Body::Columns(columns, header) => {
                let at = match header {
                    1 => String::new(),
                    row => format!(" below row {row}"),
                };
                format!(
                    "sheet `{}`{at}, devices by {}",
                    self.name,
                    columns.described()
                )
            }
            Body::Bare(_) => format!("sheet `{}`, one device a row", self.name),
        }
    }
}

/// What the first rows of a sheet say of it.
enum Look {
    /// Nothing in it.
    Empty,
    Names(Body),
    /// Several columns, none of which names devices: those of the row that may be its header.
    Unknown(Vec<String>),
}

impl Sheets {
    /// Looks at a workbook's sheets and chooses those that are read.
    pub(crate) fn recognise(
        path: &Path,
        kind: Kind,
        name: &str,
        reading: &Reading,
    ) -> Result<Self, ListError> {
        let unreadable = |error| unreadable(name, error);
        let mut workbook = Workbook::open(path, kind).map_err(unreadable)?;
        let infos = workbook.sheets();
        let names: Vec<String> = infos.iter().map(|sheet| sheet.name.clone()).collect();
        let wanted = wanted(&names, name, reading)?;
        let mut seen = Vec::new();
        for (index, info) in infos.iter().enumerate() {
            let is_wanted = wanted
                .as_ref()
                .is_some_and(|wanted| wanted.contains(&index));
            let looked = look(&mut workbook, index, reading);
            let look = match looked {
                Ok(look) => look,
                // The one that was meant may be the one that is damaged.
                Err(error) if is_wanted || wanted.is_none() && !info.hidden => {
                    return Err(unreadable(error));
                }
                Err(_) => continue,
            };
            seen.push((index, info, look));
        }
        let chosen: Vec<usize> = match wanted {
            Some(wanted) => wanted,
            None => chosen(&seen, reading),
        };
        let mut sheets = Self {
            kind,
            read: Vec::new(),
            unread: Vec::new(),
            others: Vec::new(),
        };
        let mut unknown = None;
        let mut hidden = None;
        for (index, info, look) in seen {
            let is_chosen = chosen.contains(&index);
            match look {
                Look::Names(body) if is_chosen => sheets.read.push(Sheet {
                    name: info.name.clone(),
                    index,
                    body,
                }),
                Look::Names(Body::Columns(..)) => {
                    if info.hidden {
                        hidden.get_or_insert_with(|| info.name.clone());
                    }
                    sheets.unread.push((info.name.clone(), info.hidden));
                }
                Look::Unknown(header) if is_chosen || !info.hidden && chosen.is_empty() => {
                    unknown.get_or_insert(header);
                }
                Look::Empty if is_chosen && reading.sheets.len() == 1 => {
                    return Err(ListError::Empty {
                        name: format!("{name}, sheet `{}`,", info.name),
                    });
                }
                Look::Names(Body::Bare(_)) | Look::Unknown(_) if !info.hidden => {
                    sheets.others.push(info.name.clone());
                }
                _ => {}
            }
        }
        match (unknown, hidden) {
            (Some(found), _) if !chosen.is_empty() || sheets.unread.is_empty() => {
                Err(ListError::UnknownColumns {
                    name: name.to_owned(),
                    found: shown(&found),
                    known: COLUMNS_THAT_DO,
                    header: header_lacking(&found),
                })
            }
            (_, Some(sheet)) if sheets.read.is_empty() => Err(ListError::HiddenSheet {
                name: name.to_owned(),
                sheet,
            }),
            _ if sheets.read.is_empty() => Err(ListError::Empty {
                name: name.to_owned(),
            }),
            _ => Ok(sheets),
        }
    }

    /// For people.
    pub(crate) fn described(&self) -> String {
        let read: Vec<String> = self.read.iter().map(Sheet::described).collect();
        format!("{}, {}", self.kind.words(), read.join("; "))
    }

    /// What somebody may have meant otherwise.
    pub(crate) fn hints(&self, name: &str) -> Vec<String> {
        let mut hints = Vec::new();
        for (sheet, hidden) in &self.unread {
            let which = if *hidden {
                "the hidden sheet"
            } else {
                "the sheet"
            };
            hints.push(format!(
                "{name}: {which} `{sheet}` names devices, too, and is not read: --sheet NAME reads it, once for each sheet, and --sheet all reads every visible one"
            ));
        }
        if !self.others.is_empty() {
            let names: Vec<String> = self.others.iter().map(|name| format!("`{name}`")).collect();
            let (sheets, have) = match names.len() {
                1 => ("sheet", "has"),
                _ => ("sheets", "have"),
            };
            hints.push(format!(
                "{name}: the {sheets} {} {have} no column that names devices, and {have} not been read",
                names.join(", ")
            ));
        }
        if !self.kind.shows_hidden_rows() {
            hints.push(format!(
                "{name}: which rows are hidden or filtered is not read of this kind of file, and all are read; nor how its numbers are shown, and rows with one are refused: saved as .xlsx, both are"
            ));
        }
        hints
    }
}

/// A workbook that cannot be read, as an error of its list.
pub(crate) fn unreadable(name: &str, error: WorkbookError) -> ListError {
    let name = name.to_owned();
    match error {
        WorkbookError::Password => ListError::Password { name },
        WorkbookError::TooLarge => ListError::Binary {
            name,
            looks_like: "a workbook that is too large, of more than 512 MB unpacked, or of 64 MB as .xls",
        },
        WorkbookError::Read(source) if source.kind() == std::io::ErrorKind::NotFound => {
            ListError::Read { name, source }
        }
        error => ListError::DamagedWorkbook {
            name,
            source: error.into(),
        },
    }
}

/// The sheets that were asked for by name.
fn wanted(
    names: &[String],
    list: &str,
    reading: &Reading,
) -> Result<Option<Vec<usize>>, ListError> {
    let has_all = names.iter().any(|name| name == Reading::ALL_SHEETS);
    if reading.sheets.is_empty() || reading.all_sheets() && !has_all {
        return Ok(None);
    }
    let mut wanted = Vec::new();
    for sheet in &reading.sheets {
        let exact = names.iter().position(|name| name == sheet);
        let alike = |name: &String| name.trim().to_lowercase() == sheet.trim().to_lowercase();
        let found = exact.or_else(|| names.iter().position(alike));
        let index = found.ok_or_else(|| ListError::NoSuchSheet {
            name: list.to_owned(),
            wanted: sheet.clone(),
            found: shown(names),
        })?;
        wanted.push(index);
    }
    Ok(Some(wanted))
}

/// The sheets that are read where none was named.
fn chosen(seen: &[(usize, &super::SheetInfo, Look)], reading: &Reading) -> Vec<usize> {
    let visible = || seen.iter().filter(|(_, info, _)| !info.hidden);
    let with_columns = visible()
        .filter(|(.., look)| matches!(look, Look::Names(Body::Columns(..))))
        .map(|(index, ..)| *index);
    let with_columns: Vec<usize> = with_columns.collect();
    let bare = visible().filter(|(.., look)| matches!(look, Look::Names(Body::Bare(_))));
    let bare: Vec<usize> = bare.map(|(index, ..)| *index).collect();
    let first_filled = visible().find(|(.., look)| !matches!(look, Look::Empty));
    let fitting = match first_filled {
        _ if !with_columns.is_empty() => with_columns,
        // The sheet that comes first may be the one that was meant.
        Some((.., Look::Unknown(_))) | None => return Vec::new(),
        Some(_) => bare,
    };
    if reading.all_sheets() {
        fitting
    } else {
        fitting.into_iter().take(1).collect()
    }
}

/// What the first rows of a sheet say of it.
fn look(workbook: &mut Workbook, index: usize, reading: &Reading) -> Result<Look, WorkbookError> {
    let mut rows = workbook.rows(index)?;
    let mut first = Vec::new();
    while let Some(row) = rows.next_filled()? {
        first.push(row);
        if first.len() == HEADER_WITHIN {
            break;
        }
    }
    let texts = |row: &SheetRow| -> Vec<String> {
        row.cells
            .iter()
            .map(|cell| cell.shown().to_owned())
            .collect()
    };
    for row in &first {
        if let Some(columns) = Columns::of(texts(row), reading.column.as_deref()) {
            return Ok(Look::Names(Body::Columns(columns, row.number)));
        }
    }
    let Some(row) = first.first() else {
        return Ok(Look::Empty);
    };
    let only = |row: &SheetRow| -> Option<usize> {
        let mut filled = (0..row.cells.len()).filter(|column| !row.cells[*column].is_blank());
        filled.next().filter(|_| filled.next().is_none())
    };
    let bare = only(row).filter(|column| first.iter().all(|row| only(row) == Some(*column)));
    Ok(match bare {
        Some(column) if reading.column.is_none() => Look::Names(Body::Bare(column)),
        _ => {
            // A title has one cell, a header has several.
            let header = first.iter().find(|row| only(row).is_none());
            let cells = texts(header.unwrap_or(row));
            let filled = cells.into_iter().filter(|cell| !cell.trim().is_empty());
            Look::Unknown(filled.collect())
        }
    })
}

/// The rows of all sheets that are read, one after the other.
pub(crate) struct ReadRows {
    workbook: Workbook,
    sheets: Vec<Sheet>,
    rows: Option<super::SheetRows>,
    /// The sheet that is being read.
    current: usize,
    last: u32,
}

impl ReadRows {
    pub(crate) fn new(path: &Path, sheets: &Sheets) -> Result<Self, WorkbookError> {
        Ok(Self {
            workbook: Workbook::open(path, sheets.kind)?,
            sheets: sheets.read.clone(),
            rows: None,
            current: 0,
            last: 0,
        })
    }

    /// The sheets that are read.
    pub(crate) fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// The number of the last row, from 1.
    pub(crate) const fn last(&self) -> u32 {
        self.last
    }

    /// The next row that shows anything, and its sheet's place among those that are read.
    pub(crate) fn next_row(&mut self) -> Result<Option<(usize, SheetRow)>, WorkbookError> {
        while let Some(sheet) = self.sheets.get(self.current) {
            let rows = match &mut self.rows {
                Some(rows) => rows,
                none => none.insert(self.workbook.rows(sheet.index)?),
            };
            while let Some(row) = rows.next_filled()? {
                self.last = row.number;
                let is_body = match sheet.body {
                    Body::Columns(_, header) => row.number > header,
                    Body::Bare(_) => true,
                };
                if is_body {
                    return Ok(Some((self.current, row)));
                }
            }
            self.rows = None;
            self.current += 1;
        }
        Ok(None)
    }
}

/// The cell of a sheet of bare keys that names a row's device; a row with others beside it does not
/// say which.
pub(crate) fn bare_cell(row: &[Cell], column: usize) -> Cell {
    let beside = row
        .iter()
        .enumerate()
        .any(|(at, cell)| at != column && !cell.is_blank());
    match row.get(column) {
        Some(cell) if !beside => cell.clone(),
        _ => {
            let cells = row.iter().filter(|cell| !cell.is_blank());
            let first = cells.map(Cell::shown).next().unwrap_or_default();
            Cell::Unreadable(crate::key::Malformed::SeveralCells, first.to_owned())
        }
    }
}
