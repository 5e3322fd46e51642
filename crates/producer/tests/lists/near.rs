//! Keys that are nearly a device's, that are read as they are seen, or that are no key at all.

use repilot_domain::{By, Device, DeviceId, EnrollmentState, Repairs, Timestamp};
use repilot_producer::{Inventory, ListError, PlanSummary, RefusalReason, Resolution, Selection};

use crate::support::list;

const NOW: Timestamp = Timestamp::from_millis(1_772_352_930_250);

/// The fleet of which most of these faults were reported.
const FLEET: [&str; 14] = [
    "0012345",
    "12345",
    "004536370953",
    "1",
    "45293",
    "1234567890123460",
    "1234567890123456",
    "PC1",
    "PC2",
    "PC3",
    "0924-3584-5488",
    "PF0I7",
    "PFOI9",
    "PF019",
];

fn device(number: usize, serial: &str, name: &str) -> Device {
    Device {
        id: DeviceId(format!("00000001-0000-4000-8000-{number:012}")),
        serial: serial.to_owned(),
        user_principal_name: String::new(),
        addressable_user_name: String::new(),
        group_tag: String::new(),
        manufacturer: String::new(),
        model: String::new(),
        display_name: name.to_owned(),
        managed_device_id: format!("00000002-0000-4000-8000-{number:012}"),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}

fn fleet() -> Inventory {
    let mut inventory = Inventory::default();
    for (number, serial) in FLEET.into_iter().enumerate() {
        inventory.push(device(number, serial, &format!("DESKTOP-{number}")));
    }
    inventory
}

fn planned_of(inventory: &Inventory, text: &str, repairs: &str) -> (Vec<String>, PlanSummary) {
    let selection = Selection {
        lists: vec![list(text.as_bytes()).unwrap()],
        repairs: if repairs.is_empty() {
            Repairs::NONE
        } else {
            repairs.parse().unwrap()
        },
        ..Selection::default()
    };
    let mut steps = selection.steps(inventory, NOW).unwrap();
    let mut serials = Vec::new();
    for step in steps.by_ref() {
        if let Resolution::Planned { device, .. } = step.unwrap().resolution {
            serials.push(device.serial.clone());
        }
    }
    (serials, steps.finish())
}

fn planned(text: &str, repairs: &str) -> (Vec<String>, PlanSummary) {
    planned_of(&fleet(), text, repairs)
}

/// Why a key alone is refused.
fn refusal(key: &str, repairs: &str) -> (RefusalReason, String) {
    let (serials, summary) = planned(&format!("Serial number;Note\n{key};x\n"), repairs);
    assert_eq!(serials, Vec::<String>::new(), "{key}");
    let refused = &summary.refusals[0];
    (refused.reason, refused.detail.clone())
}

#[test]
fn an_unknown_key_names_what_is_near_and_its_repair() {
    for (key, detail) in [
        (
            "4536370953",
            "the inventory has 004536370953; a spreadsheet took its zeros away. Format the column as text, or `--repair zeros`",
        ),
        (
            "00PC1",
            "the inventory has PC1, without the zeros before it. Correct the list, or `--repair zeros`",
        ),
        (
            "092435845488",
            "the inventory has 0924-3584-5488, with other hyphens or blanks. Correct the list, or `--repair hyphens`",
        ),
        (
            "PC 2",
            "the inventory has PC2, with other hyphens or blanks. Correct the list, or `--repair hyphens`",
        ),
        (
            "PFOI7",
            "the inventory has PF0I7, where this has O for 0. Correct the list, or `--repair letters`",
        ),
        (
            "\u{420}C3",
            "the inventory has PC3, where this has `\u{420}` (U+0420) for P. Correct the list, or `--repair letters`",
        ),
        (
            "924-3584 5488",
            "the inventory has 0924-3584-5488, which has other zeros and hyphens. Correct the list, or `--repair zeros,hyphens`",
        ),
        (
            "PFO19",
            "the inventory has several that are near, PFOI9, PF019: which one is meant?",
        ),
        (
            "45293.0",
            "a program wrote a number with decimals: format the column as text where the list comes from. The inventory has 45293",
        ),
        (
            "PC\u{200b}9",
            "the inventory has no such device (read without U+200B)",
        ),
    ] {
        assert_eq!(
            refusal(key, ""),
            (RefusalReason::Unknown, detail.to_owned()),
            "{key}"
        );
    }
}

#[test]
fn a_repair_is_done_where_asked_for_and_one_device_fits() {
    let text = "Serial number;Note\n4536370953;\n092435845488;\nPFOI7;\nPC1;\n";
    let (serials, summary) = planned(text, "");
    assert_eq!(serials, ["PC1"]);
    let near: Vec<String> = summary
        .near_misses
        .iter()
        .map(|(repairs, count)| format!("{repairs} {count}"))
        .collect();
    assert_eq!(near, ["zeros 1", "hyphens 1", "letters 1"]);

    let (serials, summary) = planned(text, "zeros");
    assert_eq!(serials, ["004536370953", "PC1"]);
    assert_eq!(summary.refused, 2);
    let repaired: Vec<u64> = summary.repaired.values().copied().collect();
    assert_eq!(repaired, [1]);
    let first = &summary.first_repaired[0];
    assert_eq!(
        (first.line, first.value.as_str(), first.serial.as_str()),
        (2, "4536370953", "004536370953")
    );

    let (serials, summary) = planned(text, "zeros,hyphens,letters");
    assert_eq!(serials, ["004536370953", "0924-3584-5488", "PF0I7", "PC1"]);
    assert_eq!(summary.repaired.values().sum::<u64>(), 3);
}

#[test]
fn a_known_key_is_ambiguous_where_lost_zeros_may_make_it_another() {
    // As it stands it is exactly one device.
    assert_eq!(planned("[\"12345\"]", "").0, ["12345"]);
    assert_eq!(planned("[\"12345\"]", "letters").0, ["12345"]);
    // Who says that zeros were lost cannot mean one of the two.
    let (reason, detail) = refusal("12345", "zeros");
    assert_eq!(reason, RefusalReason::Ambiguous);
    assert_eq!(
        detail,
        "with `--repair zeros` several serials of the inventory fit: 12345, 0012345"
    );
    let (reason, _) = refusal("PFO19", "letters");
    assert_eq!(reason, RefusalReason::Ambiguous);
}

#[test]
fn digits_of_a_text_file_are_refused_where_they_may_be_left_of_another_serial() {
    let mut inventory = fleet();
    for (number, serial) in [
        "7E10",
        "70000000000",
        "12345678901234567",
        "12345678901234570",
        "11-21-2015",
        "42329",
        "2024-01-02",
    ]
    .into_iter()
    .enumerate()
    {
        inventory.push(device(100 + number, serial, ""));
    }
    for (key, twin) in [
        ("12345", "0012345"),
        ("70000000000", "7E10"),
        ("12345678901234570", "12345678901234567"),
        ("1234567890123460", "1234567890123456"),
        ("42329", "11-21-2015"),
    ] {
        for text in [format!("{key}\n"), format!("Serial number,Note\n{key},x\n")] {
            let (serials, summary) = planned_of(&inventory, &text, "");
            assert!(serials.is_empty(), "{text}");
            assert_eq!(summary.refusals[0].reason, RefusalReason::Uncertain);
            let detail = &summary.refusals[0].detail;
            assert!(
                detail.contains(twin) && detail.contains("--by serial"),
                "{detail}"
            );
            let exact = Selection {
                lists: vec![list(text.as_bytes()).unwrap()],
                by: Some(By::Serial),
                ..Selection::default()
            };
            let mut steps = exact.steps(&inventory, NOW).unwrap();
            assert!(steps.by_ref().all(|step| step.is_ok()));
            assert_eq!(steps.finish().planned, 1, "{text}");
            let except = Selection {
                lists: vec![list(b"PC1\n").unwrap()],
                except: vec![list(text.as_bytes()).unwrap()],
                ..Selection::default()
            };
            let error = except.steps(&inventory, NOW).err();
            assert!(
                matches!(error, Some(ListError::NearException { .. })),
                "{text}"
            );
        }
        // An id settles it, and the texts of JSON are certain.
        let json = format!("[\"{key}\"]");
        assert_eq!(planned_of(&inventory, &json, "").0, [key]);
    }
    let by_id = "id,Serial number\n00000001-0000-4000-8000-000000000001,12345\n";
    assert_eq!(planned(by_id, "").0, ["12345"]);
    // A list that holds the others, too, has lost nothing.
    let whole: Vec<&str> = inventory
        .devices()
        .iter()
        .map(|device| &*device.serial)
        .collect();
    let (serials, summary) = planned_of(&inventory, &whole.join("\n"), "");
    assert_eq!(
        (serials.len(), summary.refused),
        (whole.len(), 0),
        "{:?}",
        summary.refusals
    );
}

#[test]
fn a_crowd_of_nearly_equal_serials_never_leaves_one_for_the_only_one() {
    let mut inventory = Inventory::default();
    inventory.push(device(0, "0O77", ""));
    for number in 1..3_000 {
        inventory.push(device(number, "0077", ""));
    }
    // Without its bound the one behind the crowd would be found alone, or late.
    let (serials, summary) = planned_of(&inventory, "O77\n", "zeros");
    assert!(serials.is_empty(), "{serials:?}");
    assert_eq!(summary.refusals[0].reason, RefusalReason::Ambiguous);
}

#[test]
fn several_near_serials_are_named_and_no_more_than_three() {
    let mut inventory = Inventory::default();
    for number in 0..150 {
        let serial = format!("{}77", "0".repeat(number % 60 + 1));
        inventory.push(device(number, &serial, ""));
    }
    let (serials, summary) = planned_of(&inventory, "77\n", "");
    assert!(serials.is_empty());
    let detail = &summary.refusals[0].detail;
    assert!(detail.contains("and many more"), "{detail}");
    assert!(detail.len() < 400, "{detail}");
    let mut twins = Inventory::default();
    twins.push(device(1, "0077", ""));
    twins.push(device(2, "0077", ""));
    let (_, summary) = planned_of(&twins, "77\n", "zeros");
    assert_eq!(summary.refusals[0].reason, RefusalReason::Ambiguous);
    let (_, summary) = planned_of(&twins, "77\n", "");
    let detail = &summary.refusals[0].detail;
    assert_eq!(detail, "2 devices of the inventory have 0077");
}

#[test]
fn an_exception_that_nearly_names_a_device_stops_the_plan() {
    let selection = |repairs| Selection {
        lists: vec![list(b"PC1\nPC2\n004536370953\n").unwrap()],
        except: vec![list(b"4536370953\n").unwrap()],
        repairs,
        ..Selection::default()
    };
    let inventory = fleet();
    let strict = selection(Repairs::NONE);
    let error = strict.steps(&inventory, NOW).err().unwrap();
    assert!(matches!(error, ListError::NearException { line: 1, .. }));
    let said = error.to_string();
    assert!(said.contains("the inventory has 004536370953"), "{said}");
    // With the repair each device that may be meant is taken out.
    let mended = selection("zeros".parse().unwrap());
    let mut steps = mended.steps(&inventory, NOW).unwrap();
    assert_eq!(steps.by_ref().count(), 3);
    let summary = steps.finish();
    assert_eq!((summary.planned, summary.left_out_by_exception), (2, 1));
}

#[test]
fn keys_are_read_as_they_are_seen_and_it_is_said_once() {
    for (key, serial) in [
        ("=\"0012345\"", "0012345"),
        ("'0012345", "0012345"),
        ("\u{200b}PC1", "PC1"),
        ("PC1\u{200e}", "PC1"),
        ("P\u{ad}C1", "PC1"),
        ("\u{feff}PC1", "PC1"),
        ("\u{202a}PC1\u{202c}", "PC1"),
        ("0924\u{2011}3584\u{2013}5488", "0924-3584-5488"),
    ] {
        let (serials, _) = planned(&format!("Serial number;Note\n{key};x\n"), "");
        assert_eq!(serials, [serial], "{key:?}");
        let (serials, _) = planned(&format!("{key}\n"), "");
        assert_eq!(serials, [serial], "{key:?}");
    }
    let (_, summary) = planned("\u{200b}PC1\u{200b}\n\u{200b}PC2\nPC\u{2011}9\nPC3\n", "");
    let plain: Vec<(&str, u64)> = summary
        .made_plain
        .iter()
        .map(|(character, count)| (character.as_str(), *count))
        .collect();
    assert_eq!(plain, [("U+200B", 2), ("U+2011", 1)]);
    let (reason, detail) = refusal("PC\u{202e}1", "");
    assert_eq!(reason, RefusalReason::Malformed);
    assert!(detail.contains("U+202E"), "{detail}");
}

#[test]
fn an_id_without_its_hyphens_is_named() {
    let (reason, detail) = refusal("00000002000040008000000000000003", "");
    assert_eq!(reason, RefusalReason::Unknown);
    assert_eq!(
        detail,
        "the inventory has the id 00000002-0000-4000-8000-000000000003: write it with its hyphens"
    );
}

#[test]
fn a_placeholder_is_never_a_key_by_itself() {
    let mut inventory = Inventory::default();
    inventory.push(device(1, "Default string", "KIOSK-1"));
    inventory.push(device(2, "0", "KIOSK-2"));
    inventory.push(device(3, "PC3", "KIOSK-3"));
    inventory.push(device(4, "XXXXXXXX", ""));
    let text = "Serial number;Device ID;Device name\n\
        Default string;;\n\
        0;;\n\
        To be filled by O.E.M.;;\n\
        None;;\n\
        XXXXXXXX;;\n\
        Default string;00000002-0000-4000-8000-000000000001;\n\
        0;;KIOSK-2\n\
        Default string;;KIOSK-3\n";
    let (serials, summary) = planned_of(&inventory, text, "zeros,letters");
    assert_eq!(serials, ["Default string", "0"]);
    let reasons: Vec<RefusalReason> = summary.refusals.iter().map(|row| row.reason).collect();
    let placeholder = RefusalReason::Placeholder;
    let other = RefusalReason::Contradictory;
    assert_eq!(
        reasons,
        [
            placeholder,
            placeholder,
            placeholder,
            placeholder,
            placeholder,
            other
        ]
    );
    let detail = &summary.refusals[0].detail;
    assert!(detail.contains("Autopilot id"), "{detail}");
    assert!(planned_of(&inventory, "Default string\n", "").0.is_empty());
}

#[test]
fn rows_of_one_serial_and_two_device_names_are_said() {
    let text = "Serial number;Device name\nPC1;ROME-1\nPC2;ROME-2\nPC1;rome-1\nPC1;BERLIN-1\n";
    let (serials, summary) = planned(text, "");
    assert_eq!(serials, ["PC1", "PC2"]);
    assert_eq!((summary.merged, summary.renamed), (2, 1));
    let said = &summary.first_renamed;
    assert!(
        said.starts_with("line 5 of stdin calls PC1 `BERLIN-1`"),
        "{said}"
    );
}

#[test]
fn devices_found_by_name_are_counted_and_shared_names_refused() {
    let mut inventory = Inventory::default();
    inventory.push(device(1, "PC1", "KIOSK-1"));
    inventory.push(device(2, "PC2", "KIOSK-2"));
    inventory.push(device(3, "PC3", "kiosk-2"));
    let text = "Device name;Note\nKIOSK-1;\nKIOSK-2;\nKIOSK-9;\n";
    let (serials, summary) = planned_of(&inventory, text, "");
    assert_eq!((serials, summary.by_name), (vec!["PC1".to_owned()], 1));
    let reasons: Vec<RefusalReason> = summary.refusals.iter().map(|row| row.reason).collect();
    assert_eq!(reasons, [RefusalReason::Ambiguous, RefusalReason::Unknown]);
}
