//! Each kind of list that administrators have is read the same, whatever it is written in.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use repilot_domain::Action;
use repilot_producer::{DeviceList, ListError};

use crate::support::{found, list};

fn keys(bytes: &[u8]) -> Vec<String> {
    found(&list(bytes).unwrap())
        .into_iter()
        .map(|(_, key)| key)
        .collect()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const TEXT: &str = "Serial number;Model;User\r\nPF1;Größe;müller@contoso.com\r\n\"PF-Ü\";;\r\n";

fn encoded() -> Vec<(&'static str, Vec<u8>)> {
    let le: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let windows = TEXT.chars().map(|c| u8::try_from(u32::from(c)).unwrap());
    vec![
        ("UTF-8", TEXT.as_bytes().to_vec()),
        ("UTF-8", [b"\xef\xbb\xbf", TEXT.as_bytes()].concat()),
        ("UTF-16LE", [b"\xff\xfe", le.as_slice()].concat()),
        ("UTF-16LE", le),
        ("UTF-16BE", [b"\xfe\xff", be.as_slice()].concat()),
        ("UTF-16BE", be),
        ("Windows-1252", windows.collect()),
    ]
}

#[test]
fn every_encoding_gives_the_same_rows_and_is_named() {
    for (name, bytes) in encoded() {
        for (packed, bytes) in [(false, bytes.clone()), (true, gzip(&bytes))] {
            let list = list(&bytes).unwrap();
            let expected = [(2, "PF1".to_owned()), (3, "PF-Ü".to_owned())];
            assert_eq!(found(&list), expected, "{name}");
            let described = list.described();
            assert!(described.contains(name), "{described}");
            assert_eq!(described.contains("gzip"), packed, "{described}");
            assert!(described.contains("semicolons"), "{described}");
        }
    }
}

#[test]
fn graphs_pages_arrays_and_lines_are_read_item_by_item() {
    let device =
        |serial: &str| format!(r#"{{"id":"","serialNumber":"{serial}","x":{{"value":[1]}}}}"#);
    let (a, b, c) = (device("PF1"), device("PF2"), device("PF3"));
    let page =
        |items: &str| format!(r#"{{"@odata.context":"https://x/[","value":[{items}],"x":[]}}"#);
    for text in [
        page(&format!("{a},{b},{c}")),
        format!("{}\n{}", page(&format!("{a},\n{b}")), page(&c)),
        format!("[{},{}]", page(&a), page(&format!("{b},{c}"))),
        format!("[{a},{b},\n {c}]"),
        format!("{a}\n{b}\r\n{c}\n"),
        format!("  {a} {b} {c}"),
        r#"["PF1","PF2","PF3"]"#.to_owned(),
        r#"[{"SerialNumber":"PF1"},{"serial_number":"PF2"},{"Device Serial Number":"PF3"}]"#
            .to_owned(),
    ] {
        assert_eq!(keys(text.as_bytes()), ["PF1", "PF2", "PF3"], "{text}");
    }
}

#[test]
fn items_that_name_nothing_are_told_apart_and_a_torn_text_is_an_error() {
    let text = r#"[{"model":"x"},7,null,{"serialNumber":null},{"serialNumber":12},{"a" "b"}]"#;
    assert_eq!(
        keys(text.as_bytes()),
        ["Nameless", "7", "Json", "Empty", "12", "Json"]
    );
    for torn in [
        r#"{"value":[{"serialNumber":"PF1"},{"ser"#,
        r#"{"value":[{"serialNumber":"PF1"}"#,
        r#"[{"serialNumber":"PF1"}"#,
    ] {
        let list = list(torn.as_bytes()).unwrap();
        let error = list.rows().unwrap().find_map(Result::err);
        assert!(matches!(error, Some(ListError::Broken { .. })), "{torn}");
    }
}

#[test]
fn a_workbook_is_read_by_the_sheet_that_names_devices() {
    let workbook = DeviceList::open(&fixture("fleet.xlsx")).unwrap();
    let expected = [
        (3, "PF1"),
        (4, "5023456789"),
        (6, "0924-3584-5488-9044-8423-3149-46"),
    ];
    let expected = expected.map(|(line, key)| (line, key.to_owned()));
    assert_eq!(found(&workbook), expected);
    let described = workbook.described();
    assert!(described.contains("sheet `Geräte`"), "{described}");
    let packed = gzip(&std::fs::read(fixture("fleet.xlsx")).unwrap());
    assert_eq!(found(&list(&packed).unwrap()), expected);
}

#[test]
fn a_damaged_sheet_is_an_error_though_another_would_do() {
    let error = DeviceList::open(&fixture("damaged.xlsx"));
    assert!(
        matches!(error, Err(ListError::DamagedWorkbook { .. })),
        "{error:?}"
    );
}

#[test]
fn a_page_whose_next_page_is_missing_is_no_whole_list() {
    let page = |next: &str| format!(r#"{{{next}"value":[{{"serialNumber":"PF1"}}]}}"#);
    let first = page(r#""@odata.nextLink":"y","#);
    let last = r#"{"value":[{"serialNumber":"PF2"}],"@odata.count":1}"#;
    let after = r#"{"value":[{"serialNumber":"PF1"}],"@odata.nextLink":"y"}"#;
    for torn in [first.as_str(), after] {
        let error = list(torn.as_bytes())
            .unwrap()
            .rows()
            .unwrap()
            .find_map(Result::err);
        assert!(matches!(error, Some(ListError::Broken { .. })), "{torn}");
        let whole = format!("{torn}\n{last}");
        assert_eq!(keys(whole.as_bytes()), ["PF1", "PF2"]);
    }
}

#[test]
fn an_item_that_names_its_device_is_no_page() {
    let text = r#"[{"serialNumber":"PF1","value":["x"]}]"#;
    assert_eq!(keys(text.as_bytes()), ["PF1"]);
}

#[test]
fn the_shape_of_every_documented_list_is_recognised() {
    for (name, by) in [
        ("portal-export.csv", "`Serial number` (serial number)"),
        (
            "autopilot-import.csv",
            "`Device Serial Number` (serial number)",
        ),
        ("get-autopilotdevice.csv", "`id` (Autopilot id)"),
        ("get-mg.csv", "`Id` (Autopilot id)"),
        (
            "devices-export.csv",
            "`Device ID` (Intune managedDevice id)",
        ),
        ("plain.txt", "one device a line"),
        ("graph-page.json", "JSON"),
        ("array.json", "JSON"),
        ("lines.jsonl", "JSON"),
    ] {
        let list = DeviceList::open(&fixture(name)).unwrap();
        let described = list.described();
        assert!(described.contains(by), "{name}: {described}");
        let rows = found(&list);
        assert_eq!(rows.len(), 3, "{name}: {rows:?}");
        assert!(
            rows.iter().all(|(_, key)| key.len() > 5),
            "{name}: {rows:?}"
        );
    }
}

/// Every list either opens and gives rows until its end or an error, or says why it does not.
fn is_read_to_its_end(bytes: &[u8]) -> usize {
    let Ok(list) = list(bytes) else {
        return 0;
    };
    list.rows().unwrap().take_while(Result::is_ok).count()
}

proptest! {
    #[test]
    fn whatever_bytes_come_reading_ends(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        is_read_to_its_end(&bytes);
        is_read_to_its_end(&gzip(&bytes));
    }

    #[test]
    fn whatever_stands_behind_a_known_beginning_reading_ends(
        start in prop::sample::select(vec![
            &b"Serial number,Model\n"[..], b"{\"value\":[", b"[{", b"\xff\xfeS\0", b"PK\x03\x04", b"\x1f\x8b\x08\0",
        ]),
        rest in "[\\[\\]{}\",:\\\\\n a-c0-9]{0,200}",
    ) {
        is_read_to_its_end(&[start, rest.as_bytes()].concat());
    }

    #[test]
    fn json_that_was_written_by_a_program_is_read_whole(serials in proptest::collection::vec("[A-Za-z0-9\"\\\\{}\\[\\], :]{1,20}", 1..20)) {
        let items: Vec<_> = serials.iter().map(|serial| serde_json::json!({"serialNumber": serial})).collect();
        let page = serde_json::json!({"value": items}).to_string();
        let rows = is_read_to_its_end(page.as_bytes());
        prop_assert_eq!(rows, serials.len());
    }
}

#[test]
fn a_workbook_is_opened_without_its_hardware_hashes() {
    let list = DeviceList::open(&fixture("import.xlsx")).unwrap();
    let mut rows = list.rows().unwrap();
    let mut serials = Vec::new();
    while let Some(row) = rows.next() {
        let row = row.unwrap();
        assert_eq!(rows.cells(&row, Action::Unassign)[2..], ["", "Sales"]);
        serials.push(row.keys.unwrap()[0].text.clone());
    }
    assert_eq!(serials, ["PF1", "PF2", "PF3"]);
}

#[test]
fn a_file_that_was_not_copied_to_its_end_is_told_as_such() {
    let csv = "Serial number\nPF1\n".repeat(2_000);
    let packed = gzip(csv.as_bytes());
    let error = list(&packed[..packed.len() - 20]);
    assert!(matches!(error, Err(ListError::Packed { .. })), "{error:?}");
    let workbook = std::fs::read(fixture("fleet.xlsx")).unwrap();
    let error = list(&workbook[..workbook.len() / 2]).unwrap_err();
    assert!(
        error.to_string().contains("not copied to its end"),
        "{error}"
    );
}

#[test]
fn an_answer_of_graphs_that_is_no_list_is_told_as_such() {
    let text = r#"{"error":{"code":"Forbidden","message":"no"}}"#;
    assert_eq!(keys(text.as_bytes()), ["ErrorAnswer"]);
    let text = r#"{"devices":{"list":[{"serialNumber":"PF1"}]}}"#;
    assert_eq!(keys(text.as_bytes()), ["Nameless"]);
}

#[test]
fn data_without_a_header_is_told_which_line_it_lacks() {
    let rows = b"RE-00000,new0@contoso.example\r\nRE-00001,new1@contoso.example\r\n";
    let error = list(rows).unwrap_err();
    assert!(
        matches!(error, ListError::UnknownColumns { .. }),
        "{error:?}"
    );
    let hint = error.hint();
    assert!(hint.contains("`Serial number,New user`"), "{hint}");
    // What may well be headers is no data.
    let headers = b"Site,Owner\r\nBerlin,new0@contoso.example\r\n";
    let hint = list(headers).unwrap_err().hint();
    assert!(hint.contains("--column"), "{hint}");
}
