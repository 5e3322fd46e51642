//! What the plan makes of lists.

use proptest::prelude::*;
use repilot_domain::{By, Device, DeviceId, EnrollmentState, TenantName, Timestamp};
use repilot_producer::{
    DeviceList, Inventory, ListError, PlanSummary, RefusalReason, Resolution, Selection,
    campaign_name,
};

use crate::support::list;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_352_930_250);

#[test]
fn the_same_list_has_the_same_campaign_and_another_tenant_another() {
    let [contoso, fabrikam] = ["contoso", "fabrikam"].map(|name| TenantName::new(name).unwrap());
    let name = |bytes: &[u8], tenant| campaign_name(&selection(vec![list(bytes).unwrap()]), tenant);
    assert_eq!(name(b"PF1\n", &contoso), name(b"PF1\n", &contoso));
    assert_ne!(name(b"PF1\n", &contoso), name(b"PF1\n", &fabrikam));
    assert_ne!(name(b"PF1\n", &contoso), name(b"PF2\n", &contoso));
    assert!(name(b"PF1\n", &contoso).starts_with("stdin-"));
}

#[test]
fn a_device_that_is_listed_twice_is_one() {
    let mut inventory = Inventory::default();
    for _ in 0..2 {
        inventory.push(device(1, "PF1"));
    }
    assert_eq!(inventory.len(), 1);
}

pub(crate) fn device(number: u32, serial: &str) -> Device {
    let guid = |kind: u32| format!("{kind:08x}-0000-4000-8000-{number:012}");
    Device {
        id: DeviceId(guid(1)),
        serial: serial.to_owned(),
        user_principal_name: String::new(),
        addressable_user_name: String::new(),
        group_tag: "Sales".to_owned(),
        manufacturer: String::new(),
        model: String::new(),
        display_name: format!("DESKTOP-{number}"),
        managed_device_id: guid(2),
        entra_device_id: guid(3),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for (number, serial) in ["PF1", "PF2", "TWIN", "twin", "FILLED"]
        .into_iter()
        .enumerate()
    {
        inventory.push(device(u32::try_from(number).unwrap(), serial));
    }
    inventory
}

fn selection(lists: Vec<DeviceList>) -> Selection {
    Selection {
        lists,
        ..Selection::default()
    }
}

fn plan_of(selection: &Selection, inventory: &Inventory) -> (Vec<String>, PlanSummary) {
    let mut steps = selection.steps(inventory, NOW).unwrap();
    let mut serials = Vec::new();
    for step in steps.by_ref().map_while(Result::ok) {
        if let Resolution::Planned { device, .. } = step.resolution {
            serials.push(device.serial.clone());
        }
    }
    (serials, steps.finish())
}

fn planned(bytes: &[u8]) -> (Vec<String>, PlanSummary) {
    match list(bytes) {
        Ok(list) => plan_of(&selection(vec![list]), &inventory()),
        Err(_) => (Vec::new(), PlanSummary::default()),
    }
}

fn refusals(summary: &PlanSummary) -> Vec<(u64, RefusalReason)> {
    let refused = summary.refusals.iter();
    refused.map(|row| (row.line, row.reason)).collect()
}

#[test]
fn each_device_is_planned_once_and_each_other_row_says_why_not() {
    let text = b"pf1\n PF2 \nPF1\nstranger\nTWIN\n00000001-0000-4000-8000-000000000004\n00000002-0000-4000-8000-000000000000\n";
    let (serials, summary) = planned(text);
    assert_eq!(serials, ["PF1", "PF2", "FILLED"]);
    let counts = (
        summary.rows,
        summary.planned,
        summary.merged,
        summary.refused,
    );
    assert_eq!(counts, (7, 3, 2, 2));
    let expected = [(4, RefusalReason::Unknown), (5, RefusalReason::Ambiguous)];
    assert_eq!(refusals(&summary), expected);
    let detail = &summary.refusals[1].detail;
    assert!(
        detail.contains("00000001-0000-4000-8000-000000000002"),
        "{detail}"
    );
    assert!(
        detail.contains("00000001-0000-4000-8000-000000000003"),
        "{detail}"
    );
}

#[test]
fn an_id_of_another_kind_is_mapped_and_said_or_refused_when_the_kind_is_forced() {
    let text = b"00000002-0000-4000-8000-000000000000\n00000003-0000-4000-8000-000000000001\n00000001-0000-4000-8000-000000000004\n";
    let (serials, summary) = planned(text);
    assert_eq!(serials, ["PF1", "PF2", "FILLED"]);
    let mapped = [(By::ManagedDeviceId, 1), (By::EntraDeviceId, 1)];
    assert_eq!(summary.mapped, mapped.into_iter().collect());
    let forced = Selection {
        by: Some(By::Id),
        ..selection(vec![list(text).unwrap()])
    };
    let (serials, summary) = plan_of(&forced, &inventory());
    assert_eq!(serials, ["FILLED"]);
    let wrong = RefusalReason::WrongIdKind;
    assert_eq!(refusals(&summary), [(1, wrong), (2, wrong)]);
    let detail = &summary.refusals[0].detail;
    assert!(detail.contains("Intune managedDevice id"), "{detail}");
}

#[test]
fn columns_that_name_different_devices_are_refused_and_an_old_id_is_no_objection() {
    let text = "Device ID,Serial number,id\n\
        00000002-0000-4000-8000-000000000000,PF2,\n\
        00000002-0000-4000-8000-000000000001,PF2,\n\
        ,PF1,99999999-0000-4000-8000-000000000000\n\
        00000002-0000-4000-8000-000000000003,TWIN,\n";
    let (serials, summary) = planned(text.as_bytes());
    assert_eq!(serials, ["PF2", "PF1", "twin"]);
    assert_eq!(refusals(&summary), [(2, RefusalReason::Contradictory)]);
}

#[test]
fn a_row_that_gives_a_device_another_intune_id_means_another_device() {
    let text = "Device ID,Serial number\n99999999-0000-4000-8000-000000000000,FILLED\n";
    let (serials, summary) = planned(text.as_bytes());
    assert!(serials.is_empty());
    assert_eq!(refusals(&summary), [(2, RefusalReason::Contradictory)]);
}

#[test]
fn a_number_in_a_column_of_ids_is_no_serial() {
    let mut inventory = inventory();
    inventory.push(device(9, "7"));
    let list = list(b"id,Note\n7,seventh\n").unwrap();
    let (serials, summary) = plan_of(&selection(vec![list]), &inventory);
    assert!(serials.is_empty());
    assert_eq!(refusals(&summary), [(2, RefusalReason::WrongIdKind)]);
    let detail = &summary.refusals[0].detail;
    assert!(detail.contains("--by serial"), "{detail}");
}

#[test]
fn what_is_too_long_is_shown_by_its_beginning_alone() {
    let text = format!("Serial number,Model\n{},x\n", "T0FBQUFIQU".repeat(40));
    let (_, summary) = planned(text.as_bytes());
    assert_eq!(summary.refusals[0].value, "T0FBQUFI…");
}

#[test]
fn a_display_name_counts_where_nothing_better_is_known() {
    let (serials, _) = planned(b"Device name,Model\nDESKTOP-1,x\n");
    assert_eq!(serials, ["PF2"]);
    let (serials, summary) = planned(b"Device name,Serial number\nDESKTOP-1,stranger\n");
    assert!(serials.is_empty());
    assert_eq!(refusals(&summary), [(2, RefusalReason::Unknown)]);
    // Bare, it is recognised, and not taken.
    let (serials, summary) = planned(b"DESKTOP-1\n");
    assert!(serials.is_empty());
    let detail = &summary.refusals[0].detail;
    assert!(detail.contains("--by name"), "{detail}");
}

#[test]
fn conditions_and_exceptions_take_devices_out_of_lists_and_of_the_inventory() {
    let lists = || vec![list(b"PF1\nPF2\nnone\n").unwrap()];
    let except = || vec![list(b"pf2\nTWIN\nstranger\n").unwrap()];
    let sales = || vec!["tag=sales".parse().unwrap()];
    let both = Selection {
        lists: lists(),
        conditions: sales(),
        except: except(),
        ..Selection::default()
    };
    let (serials, summary) = plan_of(&both, &inventory());
    assert_eq!(serials, ["PF1"]);
    let out = (summary.left_out_by_condition, summary.left_out_by_exception);
    assert_eq!((out, summary.refused), ((0, 1), 1));
    assert_eq!((summary.excepted, summary.unknown_exceptions), (3, 1));
    let whole = Selection {
        conditions: sales(),
        except: except(),
        ..Selection::default()
    };
    // Both of an ambiguous serial are taken out.
    let (serials, _) = plan_of(&whole, &inventory());
    assert_eq!(serials, ["PF1", "FILLED"]);
    let none = Selection {
        lists: lists(),
        conditions: vec!["tag=other".parse().unwrap()],
        ..Selection::default()
    };
    let (serials, summary) = plan_of(&none, &inventory());
    assert!(serials.is_empty());
    assert_eq!(summary.left_out_by_condition, 2);
}

#[test]
fn an_exception_that_cannot_be_read_is_an_error() {
    let torn = Selection {
        lists: vec![list(b"PF1\nPF2\n").unwrap()],
        except: vec![list(b"Serial number,Notes\nPF1,\"note\nPF2,\"other\n").unwrap()],
        ..Selection::default()
    };
    let inventory = inventory();
    let error = torn.steps(&inventory, NOW).err();
    assert!(
        matches!(error, Some(ListError::BadException { line: 2, .. })),
        "{error:?}"
    );
}

#[test]
fn one_selection_reads_several_lists_of_any_kind() {
    let several = selection(vec![
        list(b"PF1\n").unwrap(),
        list(b"Serial number;x\nPF2;\nPF1;\n").unwrap(),
        list(b"[\"filled\"]").unwrap(),
    ]);
    let (serials, summary) = plan_of(&several, &inventory());
    assert_eq!(serials, ["PF1", "PF2", "FILLED"]);
    assert_eq!(summary.merged, 1);
    assert_ne!(several.sha256(), several.lists[0].sha256());
}

proptest! {
    #[test]
    fn whatever_bytes_come_the_counts_add_up(bytes: Vec<u8>) {
        let (serials, summary) = planned(&bytes);
        prop_assert_eq!(serials.len() as u64, summary.planned);
        prop_assert_eq!(summary.rows, summary.planned + summary.merged + summary.refused);
    }

    #[test]
    fn whatever_lines_come_the_counts_add_up(lines in proptest::collection::vec("(PF[12]|TWIN|[ -~]{0,20})", 0..40)) {
        let (serials, summary) = planned(lines.join("\n").as_bytes());
        prop_assert_eq!(serials.len() as u64, summary.planned);
        prop_assert_eq!(summary.rows, summary.planned + summary.merged + summary.refused);
        prop_assert_eq!(summary.refused_by_reason.values().sum::<u64>(), summary.refused);
    }
}

#[test]
fn names_that_stand_twice_must_agree() {
    let (serials, summary) = planned(b"Serial number,serialNumber\nPF1,pf1\nPF1,PF2\n,PF2\n");
    assert_eq!(serials, ["PF1", "PF2"]);
    assert_eq!(refusals(&summary), [(3, RefusalReason::Contradictory)]);
    let json = br#"[{"serialNumber":"PF1","serialNumber":"PF2"},{"serialNumber":"PF1","Serial Number":"PF1"}]"#;
    let (serials, summary) = planned(json);
    assert_eq!(serials, ["PF1"]);
    assert_eq!(refusals(&summary), [(1, RefusalReason::Contradictory)]);
}

#[test]
fn a_name_that_is_not_known_beside_one_that_is_counts_as_such() {
    let text = b"id,Serial number,azureActiveDirectoryDeviceId
99999999-0000-4000-8000-000000000000,PF1,00000000-0000-0000-0000-000000000000
00000001-0000-4000-8000-000000000001,PF2,00000000-0000-0000-0000-000000000000
";
    let (serials, summary) = planned(text);
    assert_eq!(serials, ["PF1", "PF2"]);
    assert_eq!(summary.partly_unknown, 1);
}

#[test]
fn a_forced_kind_is_taken_from_the_column_that_has_it() {
    let text = b"id,Serial number\n00000001-0000-4000-8000-000000000001,PF1\n";
    let forced = Selection {
        by: Some(By::Serial),
        ..selection(vec![list(text).unwrap()])
    };
    assert_eq!(plan_of(&forced, &inventory()).0, ["PF1"]);
    let (serials, summary) = planned(text);
    assert!(serials.is_empty());
    assert_eq!(refusals(&summary), [(2, RefusalReason::Contradictory)]);
}

#[test]
fn a_list_without_rows_is_no_list_and_no_exception() {
    for empty in ["Serial number,Model\n", "[]", r#"{"value":[]}"#] {
        let lists = selection(vec![
            list(b"PF1\n").unwrap(),
            list(empty.as_bytes()).unwrap(),
        ]);
        let inventory = inventory();
        let error = lists.steps(&inventory, NOW).unwrap().find_map(Result::err);
        assert!(matches!(error, Some(ListError::Empty { .. })), "{empty}");
        let except = Selection {
            except: vec![list(empty.as_bytes()).unwrap()],
            ..selection(vec![list(b"PF1\n").unwrap()])
        };
        let error = except.steps(&inventory, NOW).err();
        assert!(matches!(error, Some(ListError::Empty { .. })), "{empty}");
    }
}
