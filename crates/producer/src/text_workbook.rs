//! A workbook whose every cell is text, written as a stream.
//!
//! It has one sheet, no formulas and one style, so five short parts are all that there is to it; a
//! library that writes every feature of Excel would cost the first build more than this does, and
//! most of them hold all rows at once.

use std::fmt::Write as _;
use std::io::Write;

use zip::ZipWriter;
use zip::write::{SimpleFileOptions, StreamWriter};

/// The last row that Excel has.
const ROWS_MAX: u32 = 1_048_576;

/// The longest text that Excel takes in a cell.
const CELL_MAX_CHARS: usize = 32_767;

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#;

const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

const WORKBOOK: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Refused" sheetId="1" r:id="rId1"/></sheets></workbook>"#;

const WORKBOOK_RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;

/// The second style is text, by Excel's own number 49.
const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>"#;

/// Every column is text, so that what is corrected by hand stays text, too.
const SHEET_BEGINS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cols><col min="1" max="16384" width="20" style="1"/></cols><sheetData>"#;

const SHEET_ENDS: &str = "</sheetData></worksheet>";

/// A workbook in the making.
pub(crate) struct TextWorkbook<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    rows: u32,
    row: String,
}

impl<W: Write> TextWorkbook<W> {
    pub(crate) fn begin(writer: W) -> std::io::Result<Self> {
        let mut zip = ZipWriter::new_stream(writer);
        for (name, part) in [
            ("[Content_Types].xml", TYPES),
            ("_rels/.rels", RELATIONS),
            ("xl/workbook.xml", WORKBOOK),
            ("xl/_rels/workbook.xml.rels", WORKBOOK_RELATIONS),
            ("xl/styles.xml", STYLES),
            ("xl/worksheets/sheet1.xml", SHEET_BEGINS),
        ] {
            zip.start_file(name, SimpleFileOptions::default().large_file(false))
                .map_err(std::io::Error::other)?;
            zip.write_all(part.as_bytes())?;
        }
        Ok(Self {
            zip,
            rows: 0,
            row: String::new(),
        })
    }

    pub(crate) fn write<'a>(
        &mut self,
        cells: impl IntoIterator<Item = &'a str>,
    ) -> std::io::Result<()> {
        if self.rows == ROWS_MAX {
            return Err(std::io::Error::other(
                "a workbook has room for 1,048,576 rows: give the file a name that ends in .csv",
            ));
        }
        self.rows += 1;
        self.row.clear();
        self.row.push_str("<row>");
        for cell in cells {
            self.row
                .push_str(r#"<c s="1" t="inlineStr"><is><t xml:space="preserve">"#);
            escape(cell, &mut self.row);
            self.row.push_str("</t></is></c>");
        }
        self.row.push_str("</row>");
        self.zip.write_all(self.row.as_bytes())
    }

    pub(crate) fn finish(mut self) -> std::io::Result<()> {
        self.zip.write_all(SHEET_ENDS.as_bytes())?;
        let writer = self.zip.finish().map_err(std::io::Error::other)?;
        writer.into_inner().flush()
    }
}

/// Adds a text as XML; what XML cannot hold, and what looks like an escape for it, is escaped as
/// Excel does.
fn escape(text: &str, xml: &mut String) {
    for (at, character) in text.char_indices().take(CELL_MAX_CHARS) {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '_' if text[at..].starts_with("_x") => xml.push_str("_x005F_"),
            '\t' | '\n' => xml.push(character),
            '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            character if character < ' ' => {
                // Writing to a String does not fail.
                let _ = write!(xml, "_x{:04X}_", u32::from(character));
            }
            character => xml.push(character),
        }
    }
}
