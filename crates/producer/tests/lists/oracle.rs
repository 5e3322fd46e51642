//! Whatever a workbook holds: reading ends, rows add up, and no device is planned whose serial the
//! workbook does not show.

use std::collections::BTreeSet;

use proptest::prelude::*;
use repilot_domain::{HiddenRows, Reading};
use repilot_producer::{DeviceList, ListError};

use crate::sheets::{fleet, of, planned};
use crate::support::list;
use crate::workbook::{Cell, Sheet, number, raw, text, workbook, workbook_of, zipped};

/// Serials that spreadsheets make of each other.
const FLEET: [&str; 12] = [
    "12345",
    "0012345",
    "00012345",
    "1",
    "001",
    "45293",
    "70000000000",
    "123456789012345",
    "1234567890123460",
    "12-345",
    "012-345",
    "PC1",
];

/// A cell, and what a spreadsheet shows of it: written down here beside the cell, by hand, so that
/// the reader is not held against itself.
fn cells() -> Vec<(Cell, &'static str)> {
    vec![
        (text("12345"), "12345"),
        (text("0012345"), "0012345"),
        (text("PC1"), "PC1"),
        (text("12-345"), "12-345"),
        (number("12345", "General"), "12345"),
        (number("12345", "0"), "12345"),
        (number("12345.0", "General"), "12345"),
        (number("12345", "0000000"), "0012345"),
        (number("12345", "00000000"), "00012345"),
        (number("12345", "000-000"), "012-345"),
        (number("12345", "00-000"), "12-345"),
        (number("12345", "#,##0"), "12,345"),
        (number("12345", "0.00"), "12345.00"),
        (number("1", "General"), "1"),
        (number("1", "000"), "001"),
        (number("1", "0%"), "100%"),
        (number("1", "yyyy-mm-dd"), "1900-01-01"),
        (number("45293", "General"), "45293"),
        (number("45293", "yyyy-mm-dd"), "2024-01-02"),
        (number("7E10", "General"), "70000000000"),
        (number("7E10", "0.00E+00"), "7.00E+10"),
        (number("123456789012345", "0"), "123456789012345"),
        (number("1234567890123460", "0.00E+00"), "1.23E+15"),
        (raw(r#"<c r="{r}" t="s"><v>-1</v></c>"#), ""),
        (raw(r#"<c r="{r}" t="s"><v> 0 </v></c>"#), ""),
        (raw(r#"<c r="{r}" t="b"><v>1</v></c>"#), "TRUE"),
        (raw(r#"<c r="{r}" t="e"><v>#N/A</v></c>"#), "#N/A"),
        (raw(r#"<c r="{r}"><f>B1</f></c>"#), ""),
        (
            raw(r#"<c r="{r}" t="inlineStr"><is><t>PC1</t></is></c>"#),
            "PC1",
        ),
        (raw(r#"<c r="{r}" t="str"><f>B1</f><v>001</v></c>"#), "001"),
        (raw("<c r=\"{r}\"/>"), ""),
        (Cell::Empty, ""),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_device_is_planned_that_the_workbook_does_not_show(
        choice in proptest::collection::vec((0..cells().len(), any::<bool>()), 1..12),
        merged in proptest::option::of((2_usize..8, 2_usize..8)),
        skip in any::<bool>(),
    ) {
        let all = cells();
        let hidden: Vec<(usize, &'static str)> = (2..)
            .zip(&choice)
            .filter(|(_, (_, hidden))| *hidden)
            .map(|(row, _)| (row, r#"hidden="1""#))
            .collect();
        let merged = merged.filter(|(first, last)| first < last);
        let range: &'static str = match merged {
            Some((first, last)) => Box::leak(format!("A{first}:A{last}").into_boxed_str()),
            None => "",
        };
        let is_covered = |row: usize| merged.is_some_and(|(first, last)| row > first && row <= last);
        let is_hidden = |row: usize| hidden.iter().any(|(hidden, _)| *hidden == row);
        let shown: BTreeSet<&str> = (2..)
            .zip(&choice)
            .filter(|(row, _)| !(is_covered(*row) || skip && is_hidden(*row)))
            .map(|(_, (index, _))| all[*index].1)
            .collect();
        let rows = choice.iter().map(|(index, _)| all[*index].0.clone()).collect();
        let bytes = workbook(Sheet {
            hidden: hidden.clone(),
            merged: if range.is_empty() { Vec::new() } else { vec![range] },
            ..Sheet::of("A", rows)
        });
        let reading = Reading {
            hidden_rows: Some(if skip { HiddenRows::Skip } else { HiddenRows::Include }),
            ..Reading::default()
        };
        let list = DeviceList::spool_as(bytes.as_slice(), "book", &reading).unwrap();
        match planned(&fleet(&FLEET), &of(vec![list])) {
            Ok((serials, _)) => {
                for serial in serials {
                    prop_assert!(shown.contains(serial.as_str()), "{serial} of {shown:?}");
                }
            }
            Err(error) => prop_assert!(matches!(error, ListError::Empty { .. }), "{error}"),
        }
    }

    #[test]
    fn damage_anywhere_in_a_workbook_ends_in_rows_or_an_error(
        part in 0_usize..3,
        at in any::<prop::sample::Index>(),
        inserted in "[<>/&;\"'a-c0-9 =]{0,12}",
        removed in 0_usize..40,
    ) {
        let sheet = r#"<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2" hidden="0"><c r="A2" s="1"><v>12345</v></c><c r="B2" t="inlineStr"><is><r><t>x&amp;y</t></r></is></c></row></sheetData><mergeCells count="1"><mergeCell ref="A3:A4"/></mergeCells></worksheet>"#;
        let texts = r#"<sst count="1" uniqueCount="1"><si><t xml:space="preserve">Serial number</t><rPh><t>y</t></rPh></si></sst>"#;
        let styles = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="0000000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#;
        let mut parts = [sheet, texts, styles].map(str::to_owned);
        let damaged = &mut parts[part];
        let start = at.index(damaged.len());
        let end = (start + removed).min(damaged.len());
        damaged.replace_range(start..end, &inserted);
        let [sheet, texts, styles] = parts;
        let relations = r#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="s.xml"/><Relationship Id="b" Type="x/sharedStrings" Target="t.xml"/><Relationship Id="c" Type="x/styles" Target="f.xml"/></Relationships>"#;
        let files = [
            ("xl/workbook.xml", r#"<workbook><sheets><sheet name="A" r:id="a"/></sheets></workbook>"#),
            ("xl/_rels/workbook.xml.rels", relations),
            ("xl/s.xml", &sheet),
            ("xl/t.xml", &texts),
            ("xl/f.xml", &styles),
        ];
        let files = files.map(|(name, content)| (name.to_owned(), content.to_owned()));
        let Ok(list) = list(&zipped(&files)) else {
            return Ok(());
        };
        // Whatever comes of it, it adds up: `planned` holds it to that.
        let _ = planned(&fleet(&FLEET), &of(vec![list]));
    }
}

#[test]
fn very_many_blank_rows_are_passed_over() {
    let blank: String = (3..200_003)
        .map(|row| format!(r#"<row r="{row}"/>"#))
        .collect();
    let sheet = format!(
        r#"<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Serial number</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>PC1</t></is></c></row>{blank}</sheetData></worksheet>"#
    );
    let relations = r#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="s.xml"/></Relationships>"#;
    let files = [
        (
            "xl/workbook.xml",
            r#"<workbook><sheets><sheet name="A" r:id="a"/></sheets></workbook>"#,
        ),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/s.xml", &sheet),
    ];
    let files = files.map(|(name, content)| (name.to_owned(), content.to_owned()));
    let list = list(&zipped(&files)).unwrap();
    assert_eq!(planned(&fleet(&FLEET), &of(vec![list])).unwrap().0, ["PC1"]);
}

#[test]
fn columns_beyond_the_last_one_are_no_columns() {
    let wide: Vec<String> = (0..100_000).map(|column| format!("c{column}")).collect();
    let csv = format!("Serial number,{}\nPC1\n", wide.join(","));
    assert_eq!(
        planned(&fleet(&FLEET), &of(vec![list(csv.as_bytes()).unwrap()]))
            .unwrap()
            .0,
        ["PC1"]
    );
    let cells: String = (0..100_000)
        .map(|_| r#"<c t="inlineStr"><is><t>x</t></is></c>"#)
        .collect();
    let sheet = format!(
        r#"<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Serial number</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>PC1</t></is></c>{cells}</row></sheetData></worksheet>"#
    );
    let relations = r#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="s.xml"/></Relationships>"#;
    let files = [
        (
            "xl/workbook.xml",
            r#"<workbook><sheets><sheet name="A" r:id="a"/></sheets></workbook>"#,
        ),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/s.xml", &sheet),
    ];
    let files = files.map(|(name, content)| (name.to_owned(), content.to_owned()));
    let list = list(&zipped(&files)).unwrap();
    let mut rows = list.rows().unwrap();
    let row = rows.next().unwrap().unwrap();
    assert_eq!(
        rows.cells(&row, repilot_domain::Action::Unassign).len(),
        16_384
    );
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let filler = " ".repeat(1024 * 1024);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default())
        .unwrap();
    for _ in 0..520 {
        std::io::Write::write_all(&mut zip, filler.as_bytes()).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 1024 * 1024);
    let error = list(&bytes).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

#[test]
fn one_text_without_an_end_is_not_held_whole() {
    let endless = "x".repeat(3 * 1024 * 1024);
    let bytes = workbook_of(&[Sheet::of("A", vec![text(&endless)])]);
    let error = list(&bytes).unwrap_err();
    assert!(
        matches!(error, ListError::DamagedWorkbook { .. }),
        "{error:?}"
    );
}
