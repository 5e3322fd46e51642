//! What a spreadsheet shows is what is planned: never another device, and no row without a word.

use repilot_domain::{HiddenRows, Reading};
use repilot_producer::{
    DeviceList, Inventory, ListError, PlanSummary, RefusalReason, RefusedRow, Resolution, Selection,
};

use crate::plans::{NOW, device};
use crate::support::{found, list};
use crate::workbook::{
    Cell, Sheet, number, opendocument, raw, text, workbook, workbook_of, zipped,
};

/// The fleet of those who lost a device to a spreadsheet.
const FLEET: [&str; 9] = [
    "0012345",
    "12345",
    "004536370953",
    "1",
    "45293",
    "1234567890123460",
    "PC1",
    "PC2",
    "PC3",
];

pub(crate) fn fleet(serials: &[&str]) -> Inventory {
    let mut inventory = Inventory::default();
    for (number, serial) in (1..).zip(serials) {
        inventory.push(device(number, serial));
    }
    inventory
}

/// The serials that are planned, and what it comes to.
pub(crate) fn planned(
    inventory: &Inventory,
    selection: &Selection,
) -> Result<(Vec<String>, PlanSummary), ListError> {
    let mut planned = Vec::new();
    let mut steps = selection.steps(inventory, NOW)?.keeping_every_refusal();
    for step in steps.by_ref() {
        if let Resolution::Planned { device, .. } = step?.resolution {
            planned.push(device.serial.clone());
        }
    }
    let summary = steps.finish();
    adds_up(&summary);
    Ok((planned, summary))
}

/// Rows are planned, merged, left out or refused, in all and by sheet.
pub(crate) fn adds_up(summary: &PlanSummary) {
    let out = summary.left_out_by_condition + summary.left_out_by_exception;
    let parts = summary.planned + summary.merged + summary.refused + out;
    assert_eq!(summary.rows, parts, "{summary:?}");
    for sheet in &summary.sheets {
        let parts = sheet.planned + sheet.merged + sheet.left_out + sheet.refused;
        assert_eq!(sheet.rows, parts, "{sheet:?}");
    }
    if !summary.sheets.is_empty() {
        let rows: u64 = summary.sheets.iter().map(|sheet| sheet.rows).sum();
        assert_eq!(summary.rows, rows, "{summary:?}");
    }
}

pub(crate) fn of(lists: Vec<DeviceList>) -> Selection {
    Selection {
        lists,
        ..Selection::default()
    }
}

fn plan(bytes: &[u8]) -> (Vec<String>, PlanSummary) {
    planned(&fleet(&FLEET), &of(vec![list(bytes).unwrap()])).unwrap()
}

/// What one cell comes to: the planned serial, or the reason and its words.
fn of_cell(cell: Cell) -> Result<String, (RefusalReason, String)> {
    let (mut planned, summary) = plan(&workbook(Sheet::of("A", vec![cell])));
    planned.pop().ok_or_else(|| {
        let refused = summary.refusals.into_iter().next().unwrap();
        (refused.reason, refused.detail)
    })
}

fn read_as(bytes: &[u8], reading: &Reading) -> Result<DeviceList, ListError> {
    DeviceList::spool_as(bytes, "book.xlsx", reading)
}

fn sheets(names: &[&str]) -> Reading {
    Reading {
        sheets: names.iter().map(|&name| name.to_owned()).collect(),
        ..Reading::default()
    }
}

fn hidden(hidden_rows: HiddenRows) -> Reading {
    Reading {
        hidden_rows: Some(hidden_rows),
        ..Reading::default()
    }
}

#[test]
fn a_number_that_fits_two_serials_is_refused_with_both() {
    for format in ["General", "0000000"] {
        let (reason, detail) = of_cell(number("12345", format)).unwrap_err();
        assert_eq!(reason, RefusalReason::Uncertain, "{format}");
        assert!(
            detail.contains("0012345") && detail.contains("12345 and")
                || detail.contains("and 12345"),
            "{detail}"
        );
    }
}

#[test]
fn a_number_is_what_its_format_shows() {
    let inventory = fleet(&["0012345", "PC1"]);
    let bytes = workbook(Sheet::of("A", vec![number("12345", "0000000")]));
    let (serials, summary) = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap();
    assert_eq!(serials, ["0012345"]);
    assert_eq!(summary.numbers, 1);
    let bytes = workbook(Sheet::of("A", vec![number("12345", "General")]));
    let (serials, summary) = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap();
    assert!(serials.is_empty(), "{serials:?}");
    assert!(
        summary.refusals[0].detail.contains("0012345"),
        "{summary:?}"
    );
    // What some programs write for the date that they took a serial for.
    let inventory = fleet(&["42329", "11-21-2015"]);
    let bytes = workbook(Sheet::of("A", vec![number("42329", "General")]));
    let (serials, summary) = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap();
    assert!(serials.is_empty(), "{serials:?}");
    let detail = &summary.refusals[0].detail;
    assert!(detail.contains("42329 and 11-21-2015"), "{detail}");
    let inventory = fleet(&["11-21-2015"]);
    let (serials, summary) = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap();
    assert!(serials.is_empty(), "{serials:?}");
    let detail = &summary.refusals[0].detail;
    assert!(
        detail.contains("the inventory has 11-21-2015, which a spreadsheet takes"),
        "{detail}"
    );
    // Shown as 0012345, which the inventory does not have.
    let inventory = fleet(&["12345"]);
    let bytes = workbook(Sheet::of("A", vec![number("12345", "0000000")]));
    let (serials, _) = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap();
    assert!(serials.is_empty(), "{serials:?}");
}

#[test]
fn numbers_that_spreadsheets_change_are_refused_with_their_reason() {
    for (cell, word) in [
        (number("45293", "yyyy-mm-dd"), "date"),
        (number("0.5", "hh:mm"), "time"),
        (number("1234567890123460", "General"), "15 digits"),
        (number("12345678901234568", "0"), "15 digits"),
        (number("7E10", "0.00E+00"), "decimals"),
        (number("7E10", "0E+00"), "E-notation"),
        (number("12345.5", "General"), "decimals"),
        (number("0.12", "0%"), "percentage"),
        (number("12345", "#,##0"), "separators"),
        (number("12345", "[$€-407]0"), "money"),
        (raw(r#"<c r="{r}" t="b"><v>1</v></c>"#), "true or false"),
        (raw(r#"<c r="{r}" t="e"><v>#N/A</v></c>"#), "error"),
        (raw(r#"<c r="{r}" t="e"><v>#SPILL!</v></c>"#), "error"),
        (raw(r#"<c r="{r}" t="d"><v>2024-01-02</v></c>"#), "date"),
        (raw(r#"<c r="{r}" t="s"><v> 1 </v></c>"#), "does not have"),
        (raw(r#"<c r="{r}" t="s"><v>99</v></c>"#), "does not have"),
        (
            raw(r#"<c r="{r}"><f>TRIM(" PC1 ")</f></c>"#),
            "without a saved result",
        ),
        (
            raw(r#"<c r="{r}"><f>A1</f><v>0</v></c>"#),
            "without a saved result",
        ),
    ] {
        let (reason, detail) = of_cell(cell).unwrap_err();
        assert_eq!(reason, RefusalReason::Uncertain, "{detail}");
        assert!(detail.contains(word), "{word}: {detail}");
    }
}

#[test]
fn text_that_a_spreadsheet_wrote_is_refused_unless_it_is_a_serial() {
    for (written, word) in [
        ("1.23457E+16", "E-notation"),
        ("\"1,23457E+16\"", "E-notation"),
        ("7.00E+10", "E-notation"),
        ("12345678.0", "decimals"),
        ("21-Mar", "date"),
        ("2003/01/02", "date"),
        ("########", "too narrow"),
        ("#N/A", "error"),
        ("#SPILL!", "error"),
    ] {
        let csv = format!("Serial number\n{written}\n");
        let (serials, summary) = plan(csv.as_bytes());
        assert!(serials.is_empty());
        let refused = &summary.refusals[0];
        assert_eq!(refused.reason, RefusalReason::Uncertain, "{refused:?}");
        assert!(refused.detail.contains(word), "{refused:?}");
        let serial = written.trim_matches('"');
        let inventory = fleet(&[serial]);
        let lists = of(vec![list(csv.as_bytes()).unwrap()]);
        assert_eq!(planned(&inventory, &lists).unwrap().0, [serial]);
        // A list without a header says the same of its lines.
        let bare = format!("PC1\n{serial}\n");
        assert_eq!(plan(bare.as_bytes()).1.refused, 1, "{serial}");
    }
    let json = br#"[{"serialNumber": 70000000000.0}, {"serialNumber": 12345}, {"serialNumber": true}, {"serialNumber": 12345678901234567}]"#;
    let (serials, summary) = plan(json);
    assert!(serials.is_empty(), "{serials:?}");
    assert_eq!(summary.refused_by_reason[&RefusalReason::Uncertain], 4);
}

#[test]
fn an_exception_that_may_mean_another_device_stops_the_plan() {
    let all = || list(b"12345\n0012345\nPC1\n").unwrap();
    for cell in [
        number("12345", "0000000"),
        number("12345", "General"),
        number("4536370953", "General"),
        number("45293", "yyyy-mm-dd"),
        raw(r#"<c r="{r}" t="e"><v>#N/A</v></c>"#),
        raw(r#"<c r="{r}"><f>A1</f></c>"#),
    ] {
        let except = list(&workbook(Sheet::of("VIP", vec![cell.clone()]))).unwrap();
        let selection = Selection {
            except: vec![except],
            ..of(vec![all()])
        };
        let stopped = planned(&fleet(&FLEET), &selection);
        assert!(stopped.is_err(), "{cell:?}");
    }
    for written in ["1.23457E+16", "21-Mar", "#N/A", "########"] {
        let selection = Selection {
            except: vec![list(format!("Serial number\n{written}\n").as_bytes()).unwrap()],
            ..of(vec![all()])
        };
        assert!(planned(&fleet(&FLEET), &selection).is_err(), "{written}");
    }
    let sure = workbook(Sheet::of(
        "VIP",
        vec![text("0012345"), number("45293", "General")],
    ));
    let selection = Selection {
        except: vec![list(&sure).unwrap()],
        ..of(vec![all()])
    };
    let (serials, _) = planned(&fleet(&FLEET), &selection).unwrap();
    assert_eq!(serials, ["12345", "PC1"]);
}

#[test]
fn an_index_that_is_none_is_an_empty_cell() {
    let rows = vec![
        vec![text("Serial number"), text("Model")],
        vec![raw(r#"<c r="{r}" t="s"><v>-1</v></c>"#), text("x")],
        vec![text("PC1"), raw(r#"<c r="{r}" t="s"><v>-1</v></c>"#)],
    ];
    let (serials, summary) = plan(&workbook(Sheet::new("A", rows)));
    assert_eq!(serials, ["PC1"]);
    assert_eq!(summary.refused_by_reason[&RefusalReason::Malformed], 1);
}

fn filtered(how: &'static str) -> Vec<u8> {
    workbook(Sheet {
        hidden: vec![(3, how), (4, how)],
        ..Sheet::of("Rome", vec![text("PC1"), text("PC2"), text("PC3")])
    })
}

#[test]
fn hidden_rows_stop_the_plan_until_somebody_says_which() {
    for how in [
        r#"hidden="1""#,
        r#"hidden="true""#,
        r#"ht="0" customHeight="1""#,
    ] {
        let bytes = filtered(how);
        let inventory = fleet(&FLEET);
        let error = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("2 of the 3 rows of sheet `Rome`"), "{told}");
        assert!(error.hint().contains("--hidden-rows skip"));
        let skipped = read_as(&bytes, &hidden(HiddenRows::Skip)).unwrap();
        let (serials, summary) = planned(&inventory, &of(vec![skipped])).unwrap();
        assert_eq!(serials, ["PC1"]);
        assert_eq!(summary.sheets[0].hidden_skipped, 2);
        let included = read_as(&bytes, &hidden(HiddenRows::Include)).unwrap();
        let (serials, summary) = planned(&inventory, &of(vec![included])).unwrap();
        assert_eq!(serials, ["PC1", "PC2", "PC3"]);
        assert_eq!(summary.sheets[0].hidden_included, 2);
    }
    let selection = Selection {
        except: vec![list(&filtered(r#"hidden="1""#)).unwrap()],
        ..of(vec![list(b"PC1\nPC2\n").unwrap()])
    };
    assert!(planned(&fleet(&FLEET), &selection).is_err());
}

fn two_sheets() -> Vec<u8> {
    workbook_of(&[
        Sheet::of("Rome", vec![text("PC1")]),
        Sheet::new("Notes", vec![vec![text("a"), text("b")]]),
        Sheet::of("Berlin", vec![text("PC2")]),
        Sheet {
            state: "hidden",
            ..Sheet::of("Old", vec![text("PC3")])
        },
    ])
}

#[test]
fn a_sheet_that_is_not_read_is_named() {
    let bytes = two_sheets();
    let inventory = fleet(&FLEET);
    let selection = of(vec![list(&bytes).unwrap()]);
    assert_eq!(planned(&inventory, &selection).unwrap().0, ["PC1"]);
    let hints = selection.hints().join("\n");
    for named in ["sheet `Berlin`", "hidden sheet `Old`", "`Notes`", "--sheet"] {
        assert!(hints.contains(named), "{named}: {hints}");
    }
    let selection = Selection {
        except: vec![list(&bytes).unwrap()],
        ..of(vec![list(b"PC1\nPC2\nPC3\n").unwrap()])
    };
    let error = planned(&inventory, &selection).unwrap_err().to_string();
    assert!(error.contains("`Berlin`"), "{error}");
}

#[test]
fn sheets_are_read_by_their_names_or_all() {
    let bytes = two_sheets();
    let inventory = fleet(&FLEET);
    for (names, expected) in [
        (&["all"][..], &["PC1", "PC2"][..]),
        (&["Berlin"], &["PC2"]),
        (&["berlin ", "Old"], &["PC2", "PC3"]),
    ] {
        let selection = of(vec![read_as(&bytes, &sheets(names)).unwrap()]);
        let (serials, summary) = planned(&inventory, &selection).unwrap();
        assert_eq!(serials, expected, "{names:?}");
        assert_eq!(summary.sheets.len(), expected.len());
    }
    let error = read_as(&bytes, &sheets(&["Paris"])).unwrap_err();
    assert!(matches!(error, ListError::NoSuchSheet { .. }), "{error:?}");
    assert!(error.to_string().contains("`Berlin`"), "{error}");
    let error = read_as(&bytes, &sheets(&["Notes"])).unwrap_err();
    assert!(
        matches!(error, ListError::UnknownColumns { .. }),
        "{error:?}"
    );
}

#[test]
fn a_list_on_a_hidden_sheet_alone_is_asked_for() {
    let bytes = workbook_of(&[
        Sheet::new("Front", vec![vec![text("Hello"), text("world")]]),
        Sheet {
            state: "veryHidden",
            ..Sheet::of("Old", vec![text("PC3")])
        },
    ]);
    let error = list(&bytes).unwrap_err();
    assert!(matches!(error, ListError::HiddenSheet { .. }), "{error:?}");
    let selection = of(vec![read_as(&bytes, &sheets(&["Old"])).unwrap()]);
    assert_eq!(planned(&fleet(&FLEET), &selection).unwrap().0, ["PC3"]);
}

#[test]
fn a_title_above_the_header_does_not_make_row_numbers_serials() {
    let titled = |header: &str| {
        let rows = vec![
            vec![text("Geräteliste Rom")],
            vec![],
            vec![text("Nr."), text(header)],
            vec![number("1", "General"), text("PC1")],
        ];
        workbook(Sheet::new("A", rows))
    };
    let (serials, summary) = plan(&titled("Seriennr."));
    assert_eq!((serials, summary.rows), (vec!["PC1".to_owned()], 1));
    let unknown = titled("Gerät");
    let error = list(&unknown).unwrap_err();
    assert!(
        matches!(error, ListError::UnknownColumns { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("`Nr.`, `Gerät`"), "{error}");
    let reading = Reading {
        column: Some("gerät".to_owned()),
        ..Reading::default()
    };
    let selection = of(vec![read_as(&unknown, &reading).unwrap()]);
    assert_eq!(planned(&fleet(&FLEET), &selection).unwrap().0, ["PC1"]);
}

#[test]
fn a_bare_list_may_stand_in_any_column() {
    let rows = vec![
        vec![Cell::Empty, text("PC1")],
        vec![Cell::Empty, text("PC2")],
    ];
    assert_eq!(plan(&workbook(Sheet::new("A", rows))).0, ["PC1", "PC2"]);
    let mut rows: Vec<Vec<Cell>> = (0..20).map(|_| vec![text("PC1")]).collect();
    rows.push(vec![number("1", "General"), text("PC2")]);
    let (serials, summary) = plan(&workbook(Sheet::new("A", rows)));
    assert_eq!(serials, ["PC1"]);
    assert!(summary.refusals[0].detail.contains("several cells"));
}

#[test]
fn merged_cells_are_read_by_row() {
    let rows = vec![
        vec![text("Serial number"), text("Model")],
        vec![text("PC1"), text("a")],
        vec![Cell::Empty, text("b")],
        vec![text("PC2"), text("c")],
        vec![text("PC3"), text("d")],
    ];
    let (serials, summary) = plan(&workbook(Sheet {
        merged: vec!["A2:A4"],
        ..Sheet::new("A", rows)
    }));
    assert_eq!(serials, ["PC1", "PC3"]);
    assert_eq!(summary.refused, 2);
    assert!(summary.refusals[0].detail.contains("merged"), "{summary:?}");
}

#[test]
fn errors_in_columns_that_nobody_reads_are_no_damage() {
    let mut rows = vec![vec![text("Serial number"), text("Sum")]];
    for error in ["#SPILL!", "#CALC!", "#ERROR!", "#FIELD!", "#BLOCKED!"] {
        rows.push(vec![
            text("PC1"),
            raw(&format!(r#"<c r="{{r}}" t="e"><v>{error}</v></c>"#)),
        ]);
    }
    let (serials, summary) = plan(&workbook(Sheet {
        preamble: r#"<dimension ref="A0:B3"/>"#,
        ..Sheet::new("A", rows)
    }));
    assert_eq!((serials, summary.merged), (vec!["PC1".to_owned()], 4));
}

/// The row of an `OpenDocument` spreadsheet.
fn ods_row(attributes: &str, cells: &str) -> String {
    format!("<table:table-row {attributes}>{cells}</table:table-row>")
}

fn ods_text(text: &str) -> String {
    format!(
        r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
    )
}

fn ods_number(value: &str, shown: &str) -> String {
    format!(
        r#"<table:table-cell office:value-type="float" office:value="{value}"><text:p>{shown}</text:p></table:table-cell>"#
    )
}

fn ods_sheet(name: &str, style: &str, rows: &str) -> String {
    format!(
        r#"<table:table table:name="{name}" table:style-name="{style}"><table:table-column/>{rows}</table:table>"#
    )
}

#[test]
fn opendocument_is_read_by_what_it_shows() {
    let mut rows = ods_row("", &ods_text("Serial number"));
    for cell in [
        ods_text("PC1"),
        ods_number("12345", "0012345"),
        ods_number("45293", "45293"),
        ods_number("70000000000", "7.00E+10"),
        r#"<table:table-cell office:value-type="date" office:date-value="2024-01-02"><text:p>02/01/24</text:p></table:table-cell>"#.to_owned(),
        r#"<table:table-cell office:value-type="string" calcext:value-type="error" office:string-value=""><text:p>#N/A</text:p></table:table-cell>"#.to_owned(),
        r#"<table:table-cell office:value-type="string"><office:annotation><text:p>PC3</text:p></office:annotation><text:p><text:span>PC</text:span>2</text:p></table:table-cell>"#.to_owned(),
    ] {
        rows.push_str(&ods_row("", &cell));
    }
    rows.push_str(&ods_row(
        r#"table:number-rows-repeated="1048000""#,
        r#"<table:table-cell table:number-columns-repeated="16384"/>"#,
    ));
    let bytes = opendocument(&ods_sheet("A", "", &rows));
    let inventory = fleet(&["0012345", "45293", "PC1", "PC2", "PC3", "7.00E+10"]);
    let (serials, summary) = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap();
    assert_eq!(serials, ["PC1", "0012345", "45293", "PC2"]);
    assert_eq!(summary.refused_by_reason[&RefusalReason::Uncertain], 3);
}

#[test]
fn hidden_rows_and_sheets_of_opendocument_are_told() {
    let header = ods_row("", &ods_text("Serial number"));
    let pc = |serial: &str, attributes: &str| ods_row(attributes, &ods_text(serial));
    for hides in [
        pc("PC2", r#"table:visibility="filter""#),
        pc("PC2", r#"table:visibility="collapse""#),
        pc("PC2", r#"table:style-name="flat""#),
        format!(
            r#"<table:table-row-group table:display="false">{}</table:table-row-group>"#,
            pc("PC2", "")
        ),
    ] {
        let rows = [header.clone(), pc("PC1", ""), hides.clone(), pc("PC3", "")].concat();
        let bytes = opendocument(&ods_sheet("A", "", &rows));
        let inventory = fleet(&FLEET);
        let error = planned(&inventory, &of(vec![list(&bytes).unwrap()])).unwrap_err();
        assert!(
            error.to_string().contains("1 of the 3 rows"),
            "{hides}: {error}"
        );
        let skipped = read_as(&bytes, &hidden(HiddenRows::Skip)).unwrap();
        assert_eq!(
            planned(&inventory, &of(vec![skipped])).unwrap().0,
            ["PC1", "PC3"]
        );
    }
    let rows = [header, pc("PC1", "")].concat();
    let tables = [
        ods_sheet("Old", "hidden", &rows),
        ods_sheet("New", "", &rows),
    ]
    .concat();
    let selection = of(vec![list(&opendocument(&tables)).unwrap()]);
    assert!(selection.hints()[0].contains("hidden sheet `Old`"));
}

#[test]
fn repeated_rows_and_merged_cells_of_opendocument_are_rows() {
    let rows = [
        ods_row("", &[ods_text("Serial number"), ods_text("Model")].concat()),
        ods_row(r#"table:number-rows-repeated="3""#, &ods_text("PC1")),
        ods_row("", &format!("<table:covered-table-cell/>{}", ods_text("x"))),
    ]
    .concat();
    let list = list(&opendocument(&ods_sheet("A", "", &rows))).unwrap();
    let expected = [(2, "PC1"), (3, "PC1"), (4, "PC1"), (5, "Merged")];
    assert_eq!(
        found(&list),
        expected.map(|(line, key)| (line, key.to_owned()))
    );
}

#[test]
fn a_zip_with_one_list_is_that_list() {
    let csv = (
        "DevicesWithInventory.csv".to_owned(),
        "Serial number\nPC1\n".to_owned(),
    );
    let beside = (
        "__MACOSX/._DevicesWithInventory.csv".to_owned(),
        "x".to_owned(),
    );
    let (serials, _) = plan(&zipped(&[csv.clone(), beside]));
    assert_eq!(serials, ["PC1"]);
    let second = ("second.csv".to_owned(), "Serial number\nPC2\n".to_owned());
    let error = list(&zipped(&[csv, second])).unwrap_err();
    assert!(error.to_string().contains("`second.csv`"), "{error}");
    let error = list(&zipped(&[])).unwrap_err();
    assert!(error.to_string().contains("without a list"), "{error}");
}

#[test]
fn what_is_no_list_is_named_for_what_it_is() {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let compound = |stream: &str| {
        let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        bytes.resize(1_024, 0);
        bytes.extend(wide(stream));
        bytes
    };
    for (bytes, word) in [
        (compound("EncryptedPackage"), "password"),
        (compound("WordDocument"), "no workbook"),
        (b"<html><body><table><tr><td>PC1</td></tr></table></body></html>".to_vec(), "web page"),
        (br#"<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>"#.to_vec(), "2003 in XML"),
        (b"<?xml version=\"1.0\"?><devices/>".to_vec(), "XML"),
        (b"%PDF-1.7\n".to_vec(), "a PDF"),
        (b"\x09\x00\x04\x00\x02\x00\x10\x00".to_vec(), "Excel 4"),
        (b"PC1\0PC2".to_vec(), "binary"),
        (b"\r\nid   serialNumber\r\n--   ------------\r\n1234 PC1\r\n".to_vec(), "PowerShell"),
        (b"\nid           : 1\nserialNumber : PC1\n\nid           : 2\nserialNumber : PC2\n".to_vec(), "PowerShell"),
    ] {
        let error = list(&bytes).unwrap_err();
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
}

#[test]
fn csv_may_have_titles_and_a_column_of_numbers() {
    for (csv, line) in [
        ("#,Serial number,Model\n1,PC1,x\n", 2),
        (
            "Report of devices\nMade by Ada, 2026\n\nSerial number,Model\nPC1,x\n",
            5,
        ),
        (
            "#TYPE System.Object\n\"Serial number\",\"Model\"\n\"PC1\",\"x\"\n",
            3,
        ),
        ("Devices\n\nSerial number\nPC1\n", 4),
    ] {
        let list = list(csv.as_bytes()).unwrap();
        assert_eq!(found(&list), [(line, "PC1".to_owned())], "{csv}");
    }
    let described = list(b"Report\nSerial number,Model\nPC1,x\n")
        .unwrap()
        .described();
    assert!(described.contains("below line 2"), "{described}");
}

#[test]
fn headers_of_tools_and_languages_are_known() {
    for header in [
        "Service Tag",
        "S/N",
        "Serial No.",
        "Serial #",
        "Serial Number (BIOS)",
        "SerialNumber0",
        "*Serial number",
        "BIOS Serial",
        "Seriennr.",
        "Número de série",
        "Numéro de série",
        "Nume\u{301}ro de se\u{301}rie",
        "Número de serie",
        "Numero di serie",
        "Serienummer",
        "シリアル番号",
        "Серийный номер",
        "Numer seryjny",
        "Sériové číslo",
        "Seri numarası",
        "Sarjanumero",
        "序列号",
        "일련 번호",
        "\u{feff}Serial number",
        "Sorozatszám",
    ] {
        let csv = format!("{header},Note\nPC1,x\n");
        assert_eq!(plan(csv.as_bytes()).0, ["PC1"], "{header}");
    }
    for other in ["sn", "Nr.", "Serial port", "Device", "No"] {
        let csv = format!("{other},Note\nPC1,x\n");
        assert!(list(csv.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn any_column_can_be_named() {
    let reading = |column: &str| Reading {
        column: Some(column.to_owned()),
        ..Reading::default()
    };
    for text in [
        "Gerät;Serial number\nPC1;PC2\n",
        "Title\n\nGerät;Serial number\nPC1;PC2\n",
        r#"[{"Gerät": "PC1", "serialNumber": "PC2"}]"#,
    ] {
        let list = read_as(text.as_bytes(), &reading("gerat")).unwrap();
        let (serials, _) = planned(&fleet(&FLEET), &of(vec![list])).unwrap();
        assert_eq!(serials, ["PC1"], "{text}");
    }
    let error = read_as(b"Serial number,Model\nPC1,x\n", &reading("Gerät")).unwrap_err();
    assert!(matches!(error, ListError::NoSuchColumn { .. }), "{error:?}");
}

#[test]
fn how_a_list_is_read_is_a_part_of_its_fingerprint() {
    let bytes = two_sheets();
    let as_it_is = of(vec![list(&bytes).unwrap()]).sha256();
    let mut seen = vec![as_it_is];
    for reading in [
        sheets(&["all"]),
        sheets(&["Berlin"]),
        hidden(HiddenRows::Skip),
        hidden(HiddenRows::Include),
    ] {
        seen.push(of(vec![read_as(&bytes, &reading).unwrap()]).sha256());
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

#[test]
fn every_kind_of_workbook_is_read_and_says_what_it_cannot_show() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (name, shows) in [("kinds.ods", true), ("kinds.xls", false)] {
        let reading = Reading {
            hidden_rows: Some(HiddenRows::Skip),
            ..Reading::default()
        };
        let list = DeviceList::open_as(&folder.join(name), &reading).unwrap();
        let selection = of(vec![list]);
        let (serials, summary) = planned(&fleet(&FLEET), &selection).unwrap();
        // Of an old workbook neither a number's format can be seen nor that PC2's row is hidden.
        let expected = if shows {
            ["PC1", "45293", "PC3"]
        } else {
            ["PC1", "PC2", "PC3"]
        };
        assert_eq!(serials, expected, "{name}");
        let is_unread = |row: &RefusedRow| row.detail.contains("save it as an Excel workbook");
        assert_eq!(summary.refusals.iter().any(is_unread), !shows, "{name}");
        let hints = selection.hints().join("\n");
        assert!(hints.contains("hidden sheet `Old`"), "{name}: {hints}");
        assert_eq!(
            hints.contains("is not read of this kind of file"),
            !shows,
            "{name}: {hints}"
        );
        assert!(summary.numbers >= 2, "{name}: {summary:?}");
    }
}
