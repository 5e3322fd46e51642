//! The table of refused rows is read again as it was written.

use repilot_domain::Action;
use repilot_producer::{DeviceList, Rejects, Resolution, Selection};

use crate::plans::NOW;
use crate::sheets::{fleet, of, planned};
use crate::support::list;
use crate::workbook::{Sheet, number, raw, text, workbook_of};

/// The refused rows of a selection, as a workbook or as CSV.
fn rejects(selection: &Selection, serials: &[&str], as_workbook: bool) -> Vec<u8> {
    let inventory = fleet(serials);
    let mut written = Vec::new();
    let mut rejects = if as_workbook {
        Rejects::workbook(&mut written, selection).unwrap()
    } else {
        Rejects::csv(&mut written, selection).unwrap()
    };
    let steps = selection.steps(&inventory, NOW).unwrap();
    for step in steps.keeping_refused_rows() {
        let step = step.unwrap();
        if let Resolution::Refused(refused) = step.resolution {
            let (list, cells) = (step.list.unwrap(), step.cells.unwrap());
            rejects.write(list, step.sheet, &cells, &refused).unwrap();
        }
    }
    rejects.finish().unwrap();
    written
}

fn cells(list: &DeviceList) -> Vec<String> {
    let mut rows = list.rows().unwrap();
    let mut cells = Vec::new();
    while let Some(row) = rows.next() {
        let row = row.unwrap();
        cells.push(rows.cells(&row, Action::Unassign)[0].clone());
    }
    cells
}

#[test]
fn refused_rows_are_read_again_as_they_were() {
    let serials = [
        "0000123",
        "=1+1",
        "+5",
        "-5CG",
        "@x",
        "a,b;c",
        "quo\"te",
        "<&>",
        "_x0041_",
        "  inner  blank",
        "Ä\u{301}",
    ];
    let json = serde_json::to_vec(&serials).unwrap();
    for as_workbook in [true, false] {
        let selection = of(vec![list(&json).unwrap()]);
        let written = rejects(&selection, &["PC1"], as_workbook);
        assert_eq!(written.starts_with(b"PK"), as_workbook);
        let again = list(&written).unwrap();
        let text: Vec<String> = serials
            .iter()
            .map(|serial| serial.trim().to_owned())
            .collect();
        let read: Vec<String> = again
            .rows()
            .unwrap()
            .map(|row| row.unwrap().keys.unwrap()[0].text.clone())
            .collect();
        assert_eq!(read, text, "{as_workbook}");
    }
}

#[test]
fn a_refused_number_means_no_device_when_it_is_read_again() {
    let fleet_of_all = ["12345", "0012345", "2024-01-02", "1234567890123460", "7E10"];
    let sheets = [
        Sheet::of(
            "A",
            vec![number("12345", "General"), number("12345", "0000000")],
        ),
        Sheet::new(
            "B",
            vec![
                vec![text("Model"), text("Serial number")],
                vec![text("x"), number("45293", "yyyy-mm-dd")],
                vec![text("y"), raw(r#"<c r="{r}"><f>A1</f></c>"#)],
                vec![text("z"), number("1234567890123460", "0")],
                vec![text("z"), number("7E10", "0.00E+00")],
            ],
        ),
    ];
    let reading = repilot_domain::Reading {
        sheets: vec!["all".to_owned()],
        ..repilot_domain::Reading::default()
    };
    let book = DeviceList::spool_as(workbook_of(&sheets).as_slice(), "book", &reading).unwrap();
    let selection = of(vec![book]);
    for as_workbook in [true, false] {
        let written = rejects(&selection, &fleet_of_all, as_workbook);
        let again = list(&written).unwrap();
        let shown = [
            "12345 or 0012345",
            "0012345 or 12345",
            "2024-01-02 (not text)",
            "=A1",
            "1234567890123460 (not text)",
            "7E10 (not text)",
        ];
        let read: Vec<String> = cells(&again)
            .iter()
            .map(|cell| cell.trim_start_matches('\'').to_owned())
            .collect();
        assert_eq!(read, shown, "{as_workbook}");
        let (serials, summary) = planned(&fleet(&fleet_of_all), &of(vec![again])).unwrap();
        assert!(serials.is_empty(), "{serials:?}");
        assert_eq!(summary.refused, 6);
    }
}
