//! Workbooks: which sheets name devices, and their rows.
//!
//! Excel's and `LibreOffice`'s own formats are read here as streams, for what matters of a cell is
//! what it *shows*: its number format, whether its row is hidden, whether another cell covers it.

mod binary;
mod ods;
mod package;
mod shared_texts;
mod sheets;
mod xlsb;
mod xlsx;
mod xml;

use std::path::Path;

use crate::cell::Cell;

use binary::{Binary, BinaryRows};
use ods::{Ods, OdsRows};
pub(crate) use package::{Package, UNPACKED_MAX_BYTES};
pub(crate) use sheets::{Body, HEADER_WITHIN, ReadRows, Sheets, bare_cell, unreadable};
use xlsb::{Xlsb, XlsbRows};
use xlsx::{Xlsx, XlsxRows};

/// The last column that spreadsheets have.
const COLUMNS_MAX: usize = 16_384;

/// The last row that spreadsheets have.
const ROWS_MAX: u32 = 1_048_576;

/// Which program's format a workbook is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Xlsx,
    Xlsb,
    Xls,
    Ods,
}

impl Kind {
    /// The kind of a zip archive, if it is a workbook.
    pub(crate) fn of_package(package: &Package) -> Option<Self> {
        if package.has("xl/workbook.bin") {
            return Some(Self::Xlsb);
        }
        let excel = package.has("[Content_Types].xml") && package.has("_rels/.rels");
        if package.has("xl/workbook.xml") || excel && !package.has("word/document.xml") {
            return Some(Self::Xlsx);
        }
        (package.has("content.xml") && package.has("META-INF/manifest.xml")).then_some(Self::Ods)
    }

    /// For people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Xlsx => "Excel",
            Self::Xlsb => "Excel (.xlsb)",
            Self::Xls => "Excel (.xls)",
            Self::Ods => "OpenDocument",
        }
    }

    /// Whether the file's rows tell whether they are hidden.
    pub(crate) const fn shows_hidden_rows(self) -> bool {
        matches!(self, Self::Xlsx | Self::Xlsb | Self::Ods)
    }
}

/// A workbook that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkbookError {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    #[error(transparent)]
    Xml(#[from] quick_xml::Error),
    /// The library that reads binary workbooks says why.
    #[error("{0}")]
    Binary(String),
    #[error("its part {0} is missing")]
    Missing(String),
    #[error("{0}")]
    Damaged(&'static str),
    #[error("there is no such sheet")]
    NoSheet,
    #[error("it is protected by a password")]
    Password,
    #[error("it is too large")]
    TooLarge,
}

/// A sheet of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SheetInfo {
    pub(crate) name: String,
    pub(crate) hidden: bool,
}

/// A row of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SheetRow {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) hidden: bool,
    pub(crate) cells: Vec<Cell>,
}

/// An open workbook.
pub(crate) enum Workbook {
    Xlsx(Xlsx),
    Xlsb(Xlsb),
    Ods(Ods),
    Binary(Binary),
}

impl Workbook {
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Self, WorkbookError> {
        Ok(match kind {
            Kind::Xlsx => Self::Xlsx(Xlsx::open(Package::open(path)?)?),
            Kind::Ods => Self::Ods(Ods::open(Package::open(path)?)?),
            Kind::Xls => Self::Binary(Binary::open(path)?),
            Kind::Xlsb => Self::Xlsb(Xlsb::open(Package::open(path)?)?),
        })
    }

    /// Its sheets of cells, in order.
    pub(crate) fn sheets(&self) -> Vec<SheetInfo> {
        match self {
            Self::Xlsx(workbook) => workbook.sheets(),
            Self::Xlsb(workbook) => workbook.sheets(),
            Self::Ods(workbook) => workbook.sheets(),
            Self::Binary(workbook) => workbook.sheets(),
        }
    }

    /// The rows of a sheet, by its place.
    pub(crate) fn rows(&mut self, index: usize) -> Result<SheetRows, WorkbookError> {
        Ok(match self {
            Self::Xlsx(workbook) => SheetRows::Xlsx(Box::new(workbook.rows(index)?)),
            Self::Xlsb(workbook) => SheetRows::Xlsb(Box::new(workbook.rows(index)?)),
            Self::Ods(workbook) => SheetRows::Ods(Box::new(workbook.rows(index)?)),
            Self::Binary(workbook) => SheetRows::Binary(workbook.rows(index)?),
        })
    }
}

/// The rows of a sheet, one by one, blank ones and title lines among them.
pub(crate) enum SheetRows {
    Xlsx(Box<XlsxRows>),
    Xlsb(Box<XlsbRows>),
    Ods(Box<OdsRows>),
    Binary(BinaryRows),
}

impl SheetRows {
    pub(crate) fn next_row(&mut self) -> Result<Option<SheetRow>, WorkbookError> {
        match self {
            Self::Xlsx(rows) => rows.next_row(),
            Self::Xlsb(rows) => rows.next_row(),
            Self::Ods(rows) => rows.next_row(),
            Self::Binary(rows) => Ok(rows.next_row()),
        }
    }

    /// The next row that shows anything.
    pub(crate) fn next_filled(&mut self) -> Result<Option<SheetRow>, WorkbookError> {
        while let Some(row) = self.next_row()? {
            if !row.cells.iter().all(Cell::is_blank) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}
