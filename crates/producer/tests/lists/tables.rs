//! Tables and plain lists: which lines are rows, and what is no list.

use repilot_domain::By;
use repilot_producer::{DeviceList, Key, ListError};

use crate::support::{found, list};

fn keys(bytes: &[u8]) -> Vec<(u64, String)> {
    found(&list(bytes).unwrap())
}

fn utf16le(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

fn serials(found: &[(u64, String)]) -> Vec<&str> {
    found.iter().map(|(_, key)| key.as_str()).collect()
}

#[test]
fn a_plain_list_has_one_key_a_line_with_comments_and_blanks_between() {
    let found = keys(b"# spring\n\nPF3ABC\n  VMware-56 4d 1f \r\n\"5CG123\"\r6f9619ff-8B86-D011-B42D-00C04FC964FF");
    let expected = [
        (3, "PF3ABC"),
        (4, "VMware-56 4d 1f"),
        (5, "5CG123"),
        (6, "6f9619ff-8B86-D011-B42D-00C04FC964FF"),
    ];
    assert_eq!(found, expected.map(|(line, key)| (line, key.to_owned())));
}

#[test]
fn the_portals_export_is_read_by_its_header() {
    let text = "\u{feff}Serial number,Manufacturer,Model,Group tag\r\n\"0924-3584\",\"HP\",\"a, b\",\"\"\r\n\"PF1\",\"L\",\"x\ny\",\"\"\r\n\"PF2\",,,\r\n";
    let expected = [(2, "0924-3584"), (3, "PF1"), (5, "PF2")];
    assert_eq!(
        keys(text.as_bytes()),
        expected.map(|(line, key)| (line, key.to_owned()))
    );
}

#[test]
fn the_import_file_is_read_in_utf_16_and_its_hardware_hash_is_never_kept() {
    let hash = "T0FBQUFIQU".repeat(400);
    let text = format!(
        "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User\r\nPF9,,{hash},Sales,\r\n,,{hash},,\r\n"
    );
    let rows: Vec<_> = list(&utf16le(&text))
        .unwrap()
        .rows()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let serial = Key::new(Some(By::Serial), "PF9");
    assert_eq!(rows[0].keys, Ok(vec![serial]));
    assert!(!format!("{rows:?}").contains("T0FB"));
}

#[test]
fn a_powershell_export_is_read_with_its_type_line_and_any_separator() {
    for separator in [",", ";", "\t"] {
        let header = ["Id", "SerialNumber", "userPrincipalName"].join(separator);
        let with_id = ["6f9619ff-8b86-d011-b42d-00c04fc964ff", "PF1", "a@b"].join(separator);
        let without_id = ["", "PF2", "a@b"].join(separator);
        let text = format!("#TYPE Selected.Object\r\n{header}\r\n{with_id}\r\n{without_id}\r\n");
        let found = keys(text.as_bytes());
        assert_eq!(
            serials(&found),
            ["6f9619ff-8b86-d011-b42d-00c04fc964ff", "PF2"]
        );
    }
}

#[test]
fn headers_match_without_regard_to_case_spaces_and_hyphens() {
    for header in [
        "SERIAL_NUMBER",
        "serial-number",
        "Device  Serial Number",
        "serialNumber",
    ] {
        let found = keys(format!("Model,{header}\nx,PF1\n").as_bytes());
        assert_eq!(serials(&found), ["PF1"], "{header}");
    }
}

#[test]
fn rows_without_a_usable_key_are_told_apart() {
    let long = "x".repeat(129);
    let text = format!("Serial number,Model\n,m\n{long},m\n\"a\u{7}b\",m\n");
    let found = keys(text.as_bytes());
    assert_eq!(serials(&found), ["Empty", "TooLong", "ControlCharacters"]);
}

#[test]
fn a_row_is_where_an_editor_shows_it_whatever_comes_before_it() {
    let text = "# made on Monday\r\n\r\nSerial number;Note\r\n\r\nA1;x\r\n\r\n\r\nA2;\"two\r\nlines\"\r\nA3;y";
    let expected = [(5, "A1"), (8, "A2"), (10, "A3")];
    assert_eq!(
        keys(text.as_bytes()),
        expected.map(|(line, key)| (line, key.to_owned()))
    );
}

#[test]
fn below_the_header_a_hash_is_no_comment() {
    let found = keys(b"Serial number,Model\n#N/A,x\nA1,y\n");
    assert_eq!(serials(&found), ["#N/A", "A1"]);
}

#[test]
fn a_quote_that_is_not_closed_refuses_the_lines_that_it_swallows() {
    for (rows, expected) in [
        // To the end.
        ("A1,\"x\nA2\nA3", vec![(2, "Quotes")]),
        ("A0,x\nA1,\"x\nA2,y\nA3,z\n", vec![(2, "A0"), (3, "Quotes")]),
        // To the next quote.
        ("A1,\"x\nA2,\"y\n", vec![(2, "Quotes")]),
        (
            "\"A1\",\"x\n\"A2\",\"y\"\n\"A3\",\"z\"\n",
            vec![(2, "Quotes"), (4, "A3")],
        ),
        ("\"A1,x\nA2,y\"\nA3,z\n", vec![(2, "Quotes"), (4, "A3")]),
        (
            "A1,\"x\nA2,y\nA3,z\"\nA4,z\n",
            vec![(2, "Quotes"), (5, "A4")],
        ),
    ] {
        let found = keys(format!("Serial number,Model\n{rows}").as_bytes());
        let expected: Vec<(u64, String)> = expected
            .into_iter()
            .map(|(line, key)| (line, key.to_owned()))
            .collect();
        assert_eq!(found, expected, "{rows}");
    }
}

#[test]
fn what_is_no_list_is_named_with_what_to_do() {
    let hashes = "4000,MBA,x\n1,2,3\n".to_owned();
    let cases: [(&[u8], &str, &str); 5] = [
        (b"", "has no rows", "one serial"),
        (b"\n# only comments\n", "has no rows", "one serial"),
        (b"PK\x03\x04rest", "not copied to its end", "save it as CSV"),
        (b"MZ\0\0\x01", "binary", "save it as CSV"),
        (
            hashes.as_bytes(),
            "it has `4000`, `MBA`, `x`",
            "`Serial number`",
        ),
    ];
    for (bytes, error, hint) in cases {
        let found = list(bytes).unwrap_err();
        assert!(found.to_string().contains(error), "{found}");
        assert!(found.hint().contains(hint), "{}", found.hint());
    }
}

#[test]
fn a_row_without_an_end_is_refused_before_it_fills_the_memory() {
    let text = format!("Serial number\n\"{}", "x\n".repeat(2_000_000));
    let error = list(text.as_bytes())
        .unwrap()
        .rows()
        .unwrap()
        .find_map(Result::err);
    assert!(matches!(error, Some(ListError::Broken { .. })), "{error:?}");
}

#[test]
fn a_list_that_changed_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devices.txt");
    std::fs::write(&path, "PF1\n").unwrap();
    let list = DeviceList::open(&path).unwrap();
    list.verify().unwrap();
    std::fs::write(&path, "PF2\n").unwrap();
    assert!(matches!(list.verify(), Err(ListError::Changed { .. })));
}

#[test]
fn a_line_that_names_the_separator_comes_before_the_header() {
    for line in ["sep=|", "SEP=|", "\"sep=|\""] {
        let text = format!("{line}\r\nModel|Serial number\r\nx,y|PF1\r\n");
        assert_eq!(keys(text.as_bytes()), [(3, "PF1".to_owned())]);
    }
    let text = "sep=;\nSerial number;Model\nPF1;a,b\n";
    assert_eq!(keys(text.as_bytes()), [(3, "PF1".to_owned())]);
}
