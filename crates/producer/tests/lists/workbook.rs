//! Workbooks, written cell by cell as spreadsheets and scripts write them.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A cell.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    /// A number as it is written, and its number format.
    Number(String, String),
    /// Its XML, as in `<c r="{r}" t="e"><v>#N/A</v></c>`; `{r}` is its place.
    Raw(String),
}

pub(crate) fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

pub(crate) fn number(written: &str, format: &str) -> Cell {
    Cell::Number(written.to_owned(), format.to_owned())
}

pub(crate) fn raw(xml: &str) -> Cell {
    Cell::Raw(xml.to_owned())
}

/// A sheet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sheet {
    pub(crate) name: String,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Rows that are hidden, from 1, and how that is written.
    pub(crate) hidden: Vec<(usize, &'static str)>,
    pub(crate) merged: Vec<&'static str>,
    pub(crate) state: &'static str,
    /// What stands before its rows.
    pub(crate) preamble: &'static str,
}

impl Sheet {
    pub(crate) fn new(name: &str, rows: Vec<Vec<Cell>>) -> Self {
        Self {
            name: name.to_owned(),
            rows,
            ..Self::default()
        }
    }

    /// A column of serials below its header.
    pub(crate) fn of(name: &str, cells: Vec<Cell>) -> Self {
        let rows = cells.into_iter().map(|cell| vec![cell]);
        let header = vec![text("Serial number")];
        Self::new(name, std::iter::once(header).chain(rows).collect())
    }
}

/// One sheet as a workbook.
pub(crate) fn workbook(sheet: Sheet) -> Vec<u8> {
    workbook_of(&[sheet])
}

/// A workbook as Excel writes it (`.xlsx`).
pub(crate) fn workbook_of(sheets: &[Sheet]) -> Vec<u8> {
    let mut formats: Vec<String> = Vec::new();
    let mut texts: Vec<String> = vec!["never meant".to_owned()];
    let mut parts = Vec::new();
    for sheet in sheets {
        parts.push(sheet_xml(sheet, &mut formats, &mut texts));
    }
    let mut listed = String::new();
    let mut relations = String::new();
    for (number, sheet) in (1..).zip(sheets) {
        let state = match sheet.state {
            "" => String::new(),
            state => format!(r#" state="{state}""#),
        };
        write!(
            listed,
            r#"<sheet name="{}" sheetId="{number}"{state} r:id="rId{number}"/>"#,
            escaped(&sheet.name)
        )
        .unwrap();
        write!(relations, r#"<Relationship Id="rId{number}" Type="http://x/relationships/worksheet" Target="worksheets/sheet{number}.xml"/>"#).unwrap();
    }
    relations.push_str(r#"<Relationship Id="rIdS" Type="http://x/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rIdF" Type="http://x/relationships/styles" Target="styles.xml"/>"#);
    let shared: String = texts
        .iter()
        .map(|text| format!(r#"<si><t xml:space="preserve">{}</t></si>"#, escaped(text)))
        .collect();
    let own: String = (164..)
        .zip(&formats)
        .map(|(id, code)| {
            format!(
                r#"<numFmt numFmtId="{id}" formatCode="{}"/>"#,
                escaped(code)
            )
        })
        .collect();
    let styles: String = (164..)
        .zip(&formats)
        .map(|(id, _)| format!(r#"<xf numFmtId="{id}" xfId="0"/>"#))
        .collect();
    let mut files = vec![
        ("[Content_Types].xml".to_owned(), "<Types/>".to_owned()),
        ("_rels/.rels".to_owned(), r#"<Relationships><Relationship Id="r" Type="http://x/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#.to_owned()),
        ("xl/workbook.xml".to_owned(), format!("<workbook><sheets>{listed}</sheets></workbook>")),
        ("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{relations}</Relationships>")),
        ("xl/sharedStrings.xml".to_owned(), format!(r#"<sst uniqueCount="4000000000">{shared}</sst>"#)),
        ("xl/styles.xml".to_owned(), format!(r#"<styleSheet><numFmts>{own}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>"#)),
    ];
    for (number, part) in (1..).zip(parts) {
        files.push((format!("xl/worksheets/sheet{number}.xml"), part));
    }
    zipped(&files)
}

/// Files in a zip archive.
pub(crate) fn zipped(files: &[(String, String)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn sheet_xml(sheet: &Sheet, formats: &mut Vec<String>, texts: &mut Vec<String>) -> String {
    let mut rows = String::new();
    for (number, cells) in (1..).zip(&sheet.rows) {
        let hidden = sheet.hidden.iter().find(|(row, _)| *row == number);
        let hidden = hidden.map_or("", |(_, how)| how);
        write!(rows, r#"<row r="{number}" {hidden}>"#).unwrap();
        for (column, cell) in ('A'..).zip(cells) {
            let place = format!("{column}{number}");
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => {
                    texts.push(text.clone());
                    let index = texts.len() - 1;
                    write!(rows, r#"<c r="{place}" t="s"><v>{index}</v></c>"#).unwrap();
                }
                Cell::Number(written, code) => {
                    let style = match formats.iter().position(|known| known == code) {
                        _ if code == "General" => 0,
                        Some(at) => at + 1,
                        None => {
                            formats.push(code.clone());
                            formats.len()
                        }
                    };
                    write!(rows, r#"<c r="{place}" s="{style}"><v>{written}</v></c>"#).unwrap();
                }
                Cell::Raw(xml) => rows.push_str(&xml.replace("{r}", &place)),
            }
        }
        rows.push_str("</row>");
    }
    let merged: String = sheet
        .merged
        .iter()
        .map(|range| format!(r#"<mergeCell ref="{range}"/>"#))
        .collect();
    let merged = match merged.as_str() {
        "" => String::new(),
        merged => format!("<mergeCells>{merged}</mergeCells>"),
    };
    format!(
        "<worksheet>{}<sheetData>{rows}</sheetData>{merged}</worksheet>",
        sheet.preamble
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// An `OpenDocument` spreadsheet with these tables.
pub(crate) fn opendocument(tables: &str) -> Vec<u8> {
    let content = format!(
        r#"<office:document-content xmlns:office="o" xmlns:table="t" xmlns:style="s" xmlns:text="x" xmlns:calcext="c"><office:automatic-styles><style:style style:name="hidden" style:family="table"><style:table-properties table:display="false"/></style:style><style:style style:name="flat" style:family="table-row"><style:table-row-properties style:row-height="0cm"/></style:style></office:automatic-styles><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"#
    );
    zipped(&[
        (
            "mimetype".to_owned(),
            "application/vnd.oasis.opendocument.spreadsheet".to_owned(),
        ),
        ("content.xml".to_owned(), content),
        ("META-INF/manifest.xml".to_owned(), "<m/>".to_owned()),
    ])
}
