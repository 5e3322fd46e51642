//! Who is to be assigned, as lists say it, and why somebody is not.

use repilot_domain::{Action, Device, DeviceId, EnrollmentState, JobId, Timestamp};
use repilot_producer::{
    Account, Foreknowledge, Inventory, ListError, NewUser, PlanSummary, Promised, RefusalReason,
    Rejects, Resolution, Selection,
};

use crate::support::list;

const NOW: Timestamp = Timestamp::from_millis(1_772_352_930_250);

/// PF1 and PF2 have users, PF3 has none.
fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    let devices = [
        ("PF1", "ada@contoso.com", "Ada Lovelace"),
        ("PF2", "bob@contoso.com", "Bob"),
        ("PF3", "", ""),
    ];
    for (number, (serial, user, name)) in devices.into_iter().enumerate() {
        inventory.push(Device {
            id: DeviceId(format!("00000001-0000-4000-8000-{number:012}")),
            serial: serial.to_owned(),
            user_principal_name: user.to_owned(),
            addressable_user_name: name.to_owned(),
            group_tag: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            display_name: String::new(),
            managed_device_id: String::new(),
            entra_device_id: String::new(),
            enrollment_state: EnrollmentState::Enrolled,
            last_contacted: None,
        });
    }
    inventory
}

fn selection(action: Action, text: &str) -> Selection {
    Selection {
        lists: vec![list(text.as_bytes()).unwrap()],
        action,
        ..Selection::default()
    }
}

/// What is planned, as serial, user and display name; and the summary.
fn planned(selection: &Selection, known: &Foreknowledge) -> (Vec<[String; 3]>, PlanSummary) {
    let inventory = inventory();
    let mut steps = selection.steps(&inventory, NOW).unwrap().knowing(known);
    let mut found = Vec::new();
    for step in steps.by_ref().map_while(Result::ok) {
        let Resolution::Planned {
            device, new_user, ..
        } = step.resolution
        else {
            continue;
        };
        let (user, name) = new_user.map_or_else(Default::default, |user| {
            (user.user_principal_name, user.display_name)
        });
        found.push([device.serial.clone(), user, name]);
    }
    (found, steps.finish())
}

fn reassigned(text: &str) -> (Vec<[String; 3]>, PlanSummary) {
    planned(
        &selection(Action::Reassign, text),
        &Foreknowledge::default(),
    )
}

fn reasons(summary: &PlanSummary) -> Vec<(u64, RefusalReason)> {
    let refusals = summary.refusals.iter();
    refusals
        .map(|refused| (refused.line, refused.reason))
        .collect()
}

fn of(serial: &str, user: &str, name: &str) -> [String; 3] {
    [serial, user, name].map(str::to_owned)
}

#[test]
fn a_new_user_is_read_beside_the_present_one_and_greeted_by_the_name_that_is_known() {
    let text = "Serial number,User principal name,New user\n\
                PF1,ada@contoso.com, bob@contoso.com\n\
                PF2,bob@contoso.com,carl@contoso.com\n";
    let (found, summary) = reassigned(text);
    assert_eq!(
        found,
        [
            of("PF1", "bob@contoso.com", "Bob"),
            of("PF2", "carl@contoso.com", "carl@contoso.com"),
        ]
    );
    assert_eq!((summary.new_users, summary.refused), (2, 0));
    assert_eq!(summary.first[0].new_user, "bob@contoso.com");
}

#[test]
fn rows_that_cannot_be_assigned_are_refused_with_their_reason() {
    let text = "Serial number;New user\n\
                PF1;\n\
                PF1;Ada Lovelace\n\
                PF1;ADA@contoso.com\n\
                PF2\n\
                PF9;bob@contoso.com\n";
    let (found, summary) = reassigned(text);
    assert_eq!(found, Vec::<[String; 3]>::new());
    assert_eq!(
        reasons(&summary),
        [
            (2, RefusalReason::NoNewUser),
            (3, RefusalReason::MalformedUser),
            (4, RefusalReason::TwoNewUsers),
            (5, RefusalReason::NoNewUser),
            (6, RefusalReason::Unknown),
        ]
    );
    let (_, summary) = reassigned("Serial number;New user\nPF1;ADA@contoso.com\n");
    assert_eq!(reasons(&summary), [(2, RefusalReason::AlreadyAssigned)]);
}

#[test]
fn a_device_with_two_new_users_gets_neither_and_one_that_is_repeated_is_one() {
    let text = "Serial number,New user\n\
                PF1,bob@contoso.com\n\
                PF2,carl@contoso.com\n\
                PF1,eve@contoso.com\n\
                PF2,Carl@contoso.com\n";
    let (found, summary) = reassigned(text);
    assert_eq!(found, [of("PF2", "carl@contoso.com", "carl@contoso.com")]);
    assert_eq!(summary.merged, 1);
    assert_eq!(
        reasons(&summary),
        [
            (2, RefusalReason::TwoNewUsers),
            (4, RefusalReason::TwoNewUsers)
        ]
    );
    let detail = &summary.refusals[0].detail;
    for part in ["line 2", "bob@contoso.com", "line 4", "eve@contoso.com"] {
        assert!(detail.contains(part), "{detail}");
    }
}

#[test]
fn a_device_that_somebody_has_is_not_assigned_over() {
    let text = "Serial number,Assign to\nPF1,carl@contoso.com\nPF3,carl@contoso.com\n";
    let (found, summary) = planned(&selection(Action::Assign, text), &Foreknowledge::default());
    assert_eq!(found, [of("PF3", "carl@contoso.com", "carl@contoso.com")]);
    assert_eq!(reasons(&summary), [(2, RefusalReason::HasUser)]);
}

#[test]
fn which_column_is_meant_is_clear_or_asked() {
    let error = |text: &str, column: Option<&str>| {
        let mut selection = selection(Action::Reassign, text);
        selection.user_column = column.map(str::to_owned);
        selection.check().unwrap_err()
    };
    let present = "Serial number,Assigned User,UPN,Model\nPF1,bob@contoso.com,x@contoso.com,m\n";
    let none = error(present, None);
    assert!(matches!(none, ListError::NoUserColumn { .. }));
    for part in ["`Assigned User`", "`UPN`", "--user-column"] {
        assert!(none.hint().contains(part), "{}", none.hint());
    }
    let two = error(
        "Serial number,New user,Target UPN\nPF1,a@b.cd,c@b.cd\n",
        None,
    );
    assert!(
        two.to_string().contains("`New user`, `Target UPN`"),
        "{two}"
    );
    let lacking = error(present, Some("Newcomer"));
    assert!(
        lacking.to_string().contains("no column `Newcomer`"),
        "{lacking}"
    );
    assert!(matches!(
        error("PF1\n", None),
        ListError::NoUserColumn { .. }
    ));
    let conditions = Selection {
        action: Action::Assign,
        conditions: vec!["tag=Sales".parse().unwrap()],
        ..Selection::default()
    };
    assert!(matches!(conditions.check(), Err(ListError::NoUsers)));
    let mut named = selection(Action::Reassign, present);
    named.user_column = Some("assigned user".to_owned());
    let (found, _) = planned(&named, &Foreknowledge::default());
    assert_eq!(found, [of("PF1", "bob@contoso.com", "Bob")]);
}

#[test]
fn json_says_new_users_too_and_two_of_one_item_are_none() {
    let text = r#"[
        {"serialNumber": "PF1", "userPrincipalName": "ada@contoso.com", "newUser": "bob@contoso.com"},
        {"serialNumber": "PF2", "newUser": "carl@contoso.com", "targetUser": "eve@contoso.com"},
        {"serialNumber": "PF3"}
    ]"#;
    let (found, summary) = reassigned(text);
    assert_eq!(found, [of("PF1", "bob@contoso.com", "Bob")]);
    assert_eq!(
        reasons(&summary),
        [
            (2, RefusalReason::MalformedUser),
            (3, RefusalReason::NoNewUser)
        ]
    );
}

#[test]
fn what_the_directory_says_is_kept_and_who_is_unknown_or_disabled_is_refused() {
    let text = "Serial number,New user\n\
                PF1,CARL@contoso.com\nPF2,ghost@contoso.com\nPF3,leaver@contoso.com\n";
    let carl = NewUser {
        user_principal_name: "carl@contoso.com".to_owned(),
        display_name: "Carl Gauss".to_owned(),
    };
    let accounts = [
        ("carl@contoso.com", Account::Known(carl)),
        ("ghost@contoso.com", Account::Unknown),
        ("leaver@contoso.com", Account::Disabled),
    ];
    let accounts = accounts.map(|(user, account)| (user.to_owned(), account));
    let known = Foreknowledge {
        accounts: accounts.into_iter().collect(),
        ..Foreknowledge::default()
    };
    let (found, summary) = planned(&selection(Action::Reassign, text), &known);
    assert_eq!(found, [of("PF1", "carl@contoso.com", "Carl Gauss")]);
    assert_eq!(
        reasons(&summary),
        [
            (3, RefusalReason::UnknownUser),
            (4, RefusalReason::DisabledUser)
        ]
    );
    assert_eq!(summary.refused_for_users(), 2);
}

#[test]
fn what_the_campaign_does_already_is_done_once_and_not_otherwise() {
    let inventory = inventory();
    let promise = |index: usize, user: &str| {
        let promised = Promised {
            job: JobId(7),
            user_principal_name: user.to_owned(),
        };
        (inventory.devices()[index].id.as_str().to_owned(), promised)
    };
    // PF1 is where the campaign brought it already.
    let known = Foreknowledge {
        promised: [promise(0, "ada@contoso.com"), promise(1, "eve@contoso.com")]
            .into_iter()
            .collect(),
        ..Foreknowledge::default()
    };
    let text = "Serial number,New user\nPF1,ada@contoso.com\nPF2,carl@contoso.com\n";
    let (found, summary) = planned(&selection(Action::Reassign, text), &known);
    assert_eq!(found, [of("PF1", "ada@contoso.com", "Ada Lovelace")]);
    assert_eq!(reasons(&summary), [(3, RefusalReason::OtherUserInCampaign)]);
    assert!(summary.refusals[0].detail.contains("job 7"));
}

#[test]
fn a_new_user_that_is_not_read_is_noticed() {
    let text = "Serial number,New user\nPF1,bob@contoso.com\nPF2,\n";
    let (found, summary) = planned(
        &selection(Action::Unassign, text),
        &Foreknowledge::default(),
    );
    assert_eq!((found.len(), summary.unread_new_users), (2, 1));
}

#[test]
fn another_action_on_the_same_list_is_another_selection_and_unassigning_it_is_what_it_was() {
    let text = "Serial number,New user\nPF1,bob@contoso.com\n";
    let [unassign, assign, reassign] =
        [Action::Unassign, Action::Assign, Action::Reassign].map(|action| selection(action, text));
    assert_eq!(unassign.sha256(), unassign.lists[0].sha256());
    assert_ne!(assign.sha256(), reassign.sha256());
    assert_ne!(unassign.sha256(), reassign.sha256());
}

#[test]
fn refused_rows_of_several_lists_come_in_one_column_of_new_users_and_are_read_again() {
    let selection = Selection {
        lists: vec![
            list(b"Serial number,New user\nPF1,Ada\n").unwrap(),
            list(b"Assign to,serialNumber\nBob,PF2\n").unwrap(),
            list(br#"[{"serialNumber": "PF3", "newUser": "Carl"}]"#).unwrap(),
        ],
        action: Action::Reassign,
        ..Selection::default()
    };
    let inventory = inventory();
    let mut written = Vec::new();
    let mut rejects = Rejects::csv(&mut written, &selection).unwrap();
    for step in selection
        .steps(&inventory, NOW)
        .unwrap()
        .keeping_refused_rows()
    {
        let step = step.unwrap();
        let Resolution::Refused(refused) = step.resolution else {
            continue;
        };
        rejects
            .write(
                step.list.unwrap(),
                step.sheet,
                &step.cells.unwrap(),
                &refused,
            )
            .unwrap();
    }
    rejects.finish().unwrap();
    let text = String::from_utf8(written).unwrap();
    let (_, summary) = reassigned(&text);
    let values: Vec<&str> = summary
        .refusals
        .iter()
        .map(|row| row.value.as_str())
        .collect();
    assert_eq!(values, ["Ada", "Bob", "Carl"], "{text}");
}

#[test]
fn what_is_no_user_is_not_shown_whole_for_it_may_be_a_hardware_hash() {
    let hash = "T0HXCQEAHAAAAAoA".repeat(200);
    let text = format!("Serial number,New user\nPF1,{hash}\n");
    let (_, summary) = reassigned(&text);
    assert_eq!(reasons(&summary), [(2, RefusalReason::MalformedUser)]);
    assert_eq!(summary.refusals[0].value, "T0HXCQEA…");
}
