//! Refused rows, as they came, with the reason, ready to be mended and read again.

use std::io::Write;

use crate::columns::same;
use crate::{RefusedRow, Selection, defused};

/// A table of refused rows.
pub struct Rejects<W: Write> {
    writer: csv::Writer<W>,
    /// Of each list, where its columns went.
    places: Vec<Vec<usize>>,
    width: usize,
}

/// What follows a row's own cells.
const REASONS: [&str; 4] = ["Refused because", "Details", "List", "Line"];

impl<W: Write> Rejects<W> {
    /// Begins the table for a selection's lists. Its header holds every column of every list once; columns that mean the
    /// same are one.
    pub fn new(writer: W, selection: &Selection) -> csv::Result<Self> {
        // A row may have more cells than its list's header.
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(writer);
        let mut header: Vec<String> = Vec::new();
        let mut places = Vec::new();
        for list in &selection.lists {
            let mut own = Vec::new();
            for name in list.header(selection.action) {
                // Two columns of one list may have one name.
                let free = |place: &usize| same(&header[*place], &name) && !own.contains(place);
                let place = (0..header.len()).find(free).unwrap_or_else(|| {
                    header.push(name);
                    header.len() - 1
                });
                own.push(place);
            }
            places.push(own);
        }
        let names = header.iter().map(String::as_str).chain(REASONS);
        writer.write_record(names)?;
        Ok(Self {
            writer,
            places,
            width: header.len(),
        })
    }

    /// Writes a refused row of one of the lists.
    pub fn write(
        &mut self,
        list: usize,
        cells: &[String],
        refused: &RefusedRow,
    ) -> csv::Result<()> {
        let mut record = vec![String::new(); self.width];
        let places = &self.places[list];
        for (place, cell) in places.iter().zip(cells) {
            record[*place] = defused(cell);
        }
        let line = refused.line.to_string();
        let reasons = [
            refused.reason.as_str(),
            &refused.detail,
            &refused.list,
            &line,
        ];
        record.extend(reasons.map(defused));
        let beyond = cells.iter().skip(places.len());
        record.extend(beyond.map(|cell| defused(cell)));
        self.writer.write_record(&record)
    }

    /// Ends the table.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}
