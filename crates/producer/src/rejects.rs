//! Refused rows, as they came, with the reason, ready to be mended and read again.

use std::io::Write;

use crate::columns::same;
use crate::text_workbook::TextWorkbook;
use crate::{RefusedRow, Selection, defused};

/// A table of refused rows.
pub struct Rejects<W: Write> {
    writer: Writer<W>,
    /// Of each list, of each of its sheets, where its columns went.
    places: Vec<Vec<Vec<usize>>>,
    width: usize,
}

enum Writer<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Workbook(Box<TextWorkbook<W>>),
}

/// What follows a row's own cells.
const REASONS: [&str; 5] = ["Refused because", "Details", "List", "Sheet", "Line"];

impl<W: Write> Rejects<W> {
    /// Begins the table for a selection's lists, as CSV. Its header holds every column of every list
    /// once; columns that mean the same are one.
    pub fn csv(writer: W, selection: &Selection) -> std::io::Result<Self> {
        // A row may have more cells than its list's header.
        let mut builder = csv::WriterBuilder::new();
        let writer = builder.flexible(true).from_writer(writer);
        Self::begin(Writer::Csv(Box::new(writer)), selection)
    }

    /// The same as a workbook (`.xlsx`) of text: a spreadsheet changes none of its cells.
    pub fn workbook(writer: W, selection: &Selection) -> std::io::Result<Self> {
        let workbook = TextWorkbook::begin(writer)?;
        Self::begin(Writer::Workbook(Box::new(workbook)), selection)
    }

    fn begin(mut writer: Writer<W>, selection: &Selection) -> std::io::Result<Self> {
        let mut header: Vec<String> = Vec::new();
        let mut places = Vec::new();
        for list in &selection.lists {
            let mut of_list = Vec::new();
            for names in list.headers(selection.action) {
                let mut own = Vec::new();
                for name in names {
                    // Two columns of one list may have one name.
                    let free = |place: &usize| same(&header[*place], &name) && !own.contains(place);
                    let place = (0..header.len()).find(free).unwrap_or_else(|| {
                        header.push(name);
                        header.len() - 1
                    });
                    own.push(place);
                }
                of_list.push(own);
            }
            places.push(of_list);
        }
        let names = header.iter().map(String::as_str).chain(REASONS);
        writer.write(&names.collect::<Vec<_>>())?;
        Ok(Self {
            writer,
            places,
            width: header.len(),
        })
    }

    /// Writes a refused row of one of the lists, and of one of its sheets.
    pub fn write(
        &mut self,
        list: usize,
        sheet: Option<usize>,
        cells: &[String],
        refused: &RefusedRow,
    ) -> std::io::Result<()> {
        let mut record = vec![""; self.width];
        let places = &self.places[list][sheet.unwrap_or_default()];
        for (place, cell) in places.iter().zip(cells) {
            record[*place] = cell;
        }
        let line = refused.line.to_string();
        record.extend([
            refused.reason.as_str(),
            &refused.detail,
            &refused.list,
            refused.sheet.as_deref().unwrap_or_default(),
            &line,
        ]);
        record.extend(cells.iter().skip(places.len()).map(String::as_str));
        self.writer.write(&record)
    }

    /// Ends the table.
    pub fn finish(self) -> std::io::Result<()> {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush(),
            Writer::Workbook(workbook) => workbook.finish(),
        }
    }
}

impl<W: Write> Writer<W> {
    fn write(&mut self, cells: &[&str]) -> std::io::Result<()> {
        match self {
            // In a CSV a spreadsheet runs what looks like a formula; a cell of text it leaves alone.
            Self::Csv(writer) => {
                let defused = cells.iter().map(|cell| defused(cell));
                Ok(writer.write_record(defused)?)
            }
            Self::Workbook(workbook) => workbook.write(cells.iter().copied()),
        }
    }
}
