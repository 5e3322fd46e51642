//! Packed workbooks (`.xlsb`), written record by record as Excel and as scripts write them.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use repilot_domain::{HiddenRows, Reading};
use repilot_producer::{DeviceList, ListError, RefusalReason};
use zip::write::SimpleFileOptions;

use crate::sheets::{fleet, of, planned};
use crate::support::list;

const FLEET: [&str; 8] = [
    "PC1",
    "PC2",
    "0012345",
    "12345",
    "45293",
    "2024-01-02",
    "70000000000",
    "1234567890123456",
];

/// A record: what it is, and its bytes.
fn record(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    let varying = |record: &mut Vec<u8>, mut number: usize| {
        while number >= 0x80 {
            record.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        record.push(u8::try_from(number).unwrap());
    };
    varying(&mut record, kind as usize);
    varying(&mut record, bytes.len());
    record.extend_from_slice(bytes);
    record
}

fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let length = u32::try_from(units.len()).unwrap().to_le_bytes();
    let units = units.into_iter().flat_map(u16::to_le_bytes);
    length.into_iter().chain(units).collect()
}

fn row(number: u32, is_hidden: bool) -> Vec<u8> {
    let mut bytes = vec![0; 17];
    bytes[..4].copy_from_slice(&(number - 1).to_le_bytes());
    bytes[11] = if is_hidden { 0x10 } else { 0 };
    record(0, &bytes)
}

/// A cell with its column.
fn cell(kind: u32, column: u32, style: u32, value: &[u8]) -> Vec<u8> {
    let head = [column.to_le_bytes(), style.to_le_bytes()].concat();
    record(kind, &[&head, value].concat())
}

/// A cell behind the one before it, as `SheetJS` writes them.
fn short(kind: u32, style: u32, value: &[u8]) -> Vec<u8> {
    record(kind, &[&style.to_le_bytes(), value].concat())
}

fn real(value: f64) -> [u8; 8] {
    value.to_le_bytes()
}

fn shared(place: u32) -> [u8; 4] {
    place.to_le_bytes()
}

/// The whole number as the four bytes that Excel keeps of it.
fn whole(number: u32) -> [u8; 4] {
    (number << 2 | 2).to_le_bytes()
}

/// The styles of the workbooks here: General, `0000000`, a date, `0.00E+00`.
const STYLES: [u16; 4] = [0, 164, 14, 11];

fn styles() -> Vec<u8> {
    let format = [&164_u16.to_le_bytes()[..], &wide("0000000")].concat();
    let mut part = [record(44, &format), record(617, &[4, 0, 0, 0])].concat();
    for id in STYLES {
        let parent = [0xff, 0xff];
        part.extend(record(
            47,
            &[&parent[..], &id.to_le_bytes(), &[0; 12]].concat(),
        ));
    }
    part.extend(record(618, &[]));
    part
}

fn texts(texts: &[&str]) -> Vec<u8> {
    let item = |text: &&str| record(19, &[&[0][..], &wide(text)].concat());
    texts.iter().flat_map(item).collect()
}

/// A workbook whose sheet `A` has these records between the beginning and the end of its rows, and
/// these behind them.
fn packed(rows: &[Vec<u8>], behind: &[u8]) -> Vec<u8> {
    let sheet = [
        record(145, &[]),
        rows.concat(),
        record(146, &[]),
        behind.to_vec(),
    ];
    packed_of(
        &sheet.concat(),
        &texts(&["Model", "Serial number", "PC1", "x"]),
        &styles(),
    )
}

fn packed_of(sheet: &[u8], texts: &[u8], styles: &[u8]) -> Vec<u8> {
    let book = [&[0; 8][..], &wide("rId1"), &wide("A")].concat();
    let relations = r#"<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="worksheets/sheet1.bin"/><Relationship Id="b" Type="x/sharedStrings" Target="sharedStrings.bin"/><Relationship Id="c" Type="x/styles" Target="styles.bin"/></Relationships>"#;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, part) in [
        ("xl/workbook.bin", record(156, &book).as_slice()),
        ("xl/_rels/workbook.bin.rels", relations.as_bytes()),
        ("xl/worksheets/sheet1.bin", sheet),
        ("xl/sharedStrings.bin", texts),
        ("xl/styles.bin", styles),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(part).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn header() -> Vec<u8> {
    [
        row(1, false),
        cell(7, 0, 0, &shared(0)),
        short(18, 0, &shared(1)),
    ]
    .concat()
}

#[test]
fn cells_without_a_column_stand_behind_the_cell_before_them() {
    // `x` and a serial in each row, the second cell without its column.
    let mut rows = vec![header()];
    for (number, serial) in (2..).zip([
        short(18, 0, &shared(2)),
        short(17, 0, &wide("PC2")),
        short(16, 1, &real(12_345.0)),
        short(13, 0, &whole(45_293)),
        short(16, 2, &real(45_293.0)),
        short(16, 3, &real(7e10)),
        short(16, 0, &real(1_234_567_890_123_456.0)),
        short(15, 0, &[1]),
        short(14, 0, &[0x2a]),
        short(12, 0, &[]),
        short(18, 0, &shared(u32::MAX)),
        short(18, 0, &shared(99)),
    ]) {
        rows.push([row(number, false), cell(7, 0, 0, &shared(3)), serial].concat());
    }
    let fleet_without_twins = ["PC1", "PC2", "0012345", "45293", "70000000000", "1"];
    let list = list(&packed(&rows, &[])).unwrap();
    let (serials, summary) = planned(&fleet(&fleet_without_twins), &of(vec![list])).unwrap();
    assert_eq!(serials, ["PC1", "PC2", "0012345", "45293"]);
    let lines: Vec<(u64, &str)> = summary
        .refusals
        .iter()
        .map(|row| (row.line, row.value.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (6, "2024-01-02"),
            (7, "70000000000"),
            (8, "1234567890123456"),
            (9, "TRUE"),
            (10, "an error"),
            (11, ""),
            (12, ""),
            (13, "99"),
        ]
    );
}

#[test]
fn a_packed_workbook_means_what_it_shows() {
    let serial = |number, is_hidden, cell: Vec<u8>| [row(number, is_hidden), cell].concat();
    let rows = [
        [row(1, false), cell(7, 0, 0, &shared(1))].concat(),
        serial(2, false, cell(62, 0, 0, &[&[0][..], &wide("PC1")].concat())),
        serial(3, true, cell(6, 0, 0, &wide("PC2"))),
        // 12345 and 0012345 are in the fleet.
        serial(4, false, cell(2, 0, 0, &whole(12_345))),
        // A formula whose result was never calculated, one with a result, and a covered cell.
        serial(5, false, cell(9, 0, 0, &[&real(0.0)[..], &[0; 8]].concat())),
        serial(6, false, cell(8, 0, 0, &wide("0012345"))),
        serial(7, false, cell(6, 0, 0, &wide("12345"))),
    ];
    let merged: Vec<u8> = [5_u32, 6, 0, 0]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let bytes = packed(&rows, &record(176, &merged));
    let undecided = planned(&fleet(&FLEET), &of(vec![list(&bytes).unwrap()]));
    assert!(
        matches!(undecided, Err(ListError::HiddenRows { hidden: 1, .. })),
        "{undecided:?}"
    );
    let reading = Reading {
        hidden_rows: Some(HiddenRows::Skip),
        ..Reading::default()
    };
    let list = DeviceList::spool_as(bytes.as_slice(), "book", &reading).unwrap();
    let (serials, summary) = planned(&fleet(&FLEET), &of(vec![list])).unwrap();
    assert_eq!(serials, ["PC1", "0012345"]);
    let reasons: Vec<(u64, RefusalReason)> = summary
        .refusals
        .iter()
        .map(|row| (row.line, row.reason))
        .collect();
    let uncertain = RefusalReason::Uncertain;
    assert_eq!(reasons, [(4, uncertain), (5, uncertain)], "{summary:?}");
}

#[test]
fn very_many_blank_rows_and_a_record_without_end_are_passed_over() {
    let mut rows = vec![
        [row(1, false), cell(7, 0, 0, &shared(1))].concat(),
        [row(2, false), cell(7, 0, 0, &shared(2))].concat(),
    ];
    rows.extend((3..=200_000).map(|number| row(number, false)));
    let found = list(&packed(&rows, &[])).unwrap();
    assert_eq!(
        planned(&fleet(&FLEET), &of(vec![found])).unwrap().0,
        ["PC1"]
    );
    // Behind the last row there is none.
    rows.push(row(1_048_577, false));
    let error = list(&packed(&rows, &[])).unwrap_err();
    assert!(
        matches!(error, ListError::DamagedWorkbook { .. }),
        "{error:?}"
    );
    let long = "x".repeat(3 * 1024 * 1024);
    rows.truncate(1);
    rows.push([row(2, false), cell(6, 0, 0, &wide(&long))].concat());
    let found = list(&packed(&rows, &[])).unwrap();
    let (serials, summary) = planned(&fleet(&FLEET), &of(vec![found])).unwrap();
    assert!(serials.is_empty());
    assert_eq!(summary.refusals[0].value, "xxxxxxxx…");
}

/// A cell's record in both forms, its value, and what a spreadsheet shows of it.
fn shown() -> Vec<([u32; 2], u32, Vec<u8>, &'static str)> {
    vec![
        ([7, 18], 0, shared(2).to_vec(), "PC1"),
        ([6, 17], 0, wide("12345"), "12345"),
        ([6, 17], 0, wide("2024-01-02"), "2024-01-02"),
        ([2, 13], 0, whole(12_345).to_vec(), "12345"),
        ([2, 13], 1, whole(12_345).to_vec(), "0012345"),
        ([5, 16], 1, real(12_345.0).to_vec(), "0012345"),
        ([5, 16], 2, real(45_293.0).to_vec(), "1/2/2024"),
        ([5, 16], 0, real(45_293.0).to_vec(), "45293"),
        ([5, 16], 3, real(7e10).to_vec(), "7.00E+10"),
        (
            [5, 16],
            0,
            real(1_234_567_890_123_456.0).to_vec(),
            "1.23457E+15",
        ),
        ([4, 15], 0, vec![1], "TRUE"),
        ([3, 14], 0, vec![0x2a], "#N/A"),
        ([1, 12], 0, Vec::new(), ""),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_device_is_planned_that_a_packed_workbook_does_not_show(
        choice in proptest::collection::vec((0..shown().len(), any::<bool>()), 1..12),
    ) {
        let all = shown();
        let mut rows = vec![header()];
        for (number, (index, is_short)) in (2..).zip(&choice) {
            let ([long, brief], style, value, _) = &all[*index];
            let serial = if *is_short {
                short(*brief, *style, value)
            } else {
                cell(*long, 1, *style, value)
            };
            rows.push([row(number, false), cell(7, 0, 0, &shared(3)), serial].concat());
        }
        let list = list(&packed(&rows, &[])).unwrap();
        let (serials, summary) = planned(&fleet(&FLEET), &of(vec![list])).unwrap();
        prop_assert_eq!(summary.rows, choice.len() as u64);
        for serial in serials {
            prop_assert!(choice.iter().any(|(index, _)| all[*index].3 == serial), "{}", serial);
        }
    }

    #[test]
    fn damage_anywhere_in_a_packed_workbook_ends_in_rows_or_an_error(
        part in 0_usize..3,
        at in any::<prop::sample::Index>(),
        inserted in proptest::collection::vec(any::<u8>(), 0..12),
        removed in 0_usize..24,
    ) {
        let rows = [
            header(),
            [row(2, false), cell(7, 0, 0, &shared(3)), short(18, 0, &shared(2))].concat(),
            [row(3, false), cell(2, 1, 1, &whole(12_345))].concat(),
        ];
        let sheet = [record(145, &[]), rows.concat(), record(146, &[])].concat();
        let mut parts = [sheet, texts(&["Model", "Serial number", "PC1", "x"]), styles()];
        let damaged = &mut parts[part];
        let start = at.index(damaged.len());
        let end = (start + removed).min(damaged.len());
        damaged.splice(start..end, inserted);
        let [sheet, texts, styles] = parts;
        if let Ok(list) = list(&packed_of(&sheet, &texts, &styles)) {
            // Whatever comes of it, it adds up: `planned` holds it to that.
            let _ = planned(&fleet(&FLEET), &of(vec![list]));
        }
    }
}
