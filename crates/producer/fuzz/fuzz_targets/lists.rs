//! Whatever bytes come as a list: no panic, no hang, no memory beyond a row's, and each row is
//! planned, merged, left out or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repilot_domain::Timestamp;
use repilot_producer::{DeviceList, Inventory, Selection};

/// The reader turns a panic of the workbook parser into an error; all others are faults.
fn on_panic(info: &std::panic::PanicHookInfo<'_>) {
    let file = info.location().map_or("", |location| location.file());
    let of_parser = ["/calamine-", "/quick-xml-", "/zip-"];
    if !of_parser.iter().any(|name| file.contains(name)) {
        eprintln!("{info}");
        std::process::abort();
    }
}

fuzz_target!(init: std::panic::set_hook(Box::new(on_panic)), |bytes: &[u8]| {
    let Ok(list) = DeviceList::spool(bytes, "fuzz") else {
        return;
    };
    let selection = Selection {
        lists: vec![list],
        ..Selection::default()
    };
    let inventory = Inventory::default();
    let Ok(steps) = selection.steps(&inventory, Timestamp::from_millis(0)) else {
        return;
    };
    let mut steps = steps.keeping_refused_rows();
    let rows = steps.by_ref().map_while(Result::ok).count() as u64;
    let summary = steps.finish();
    let out = summary.left_out_by_condition + summary.left_out_by_exception;
    assert_eq!(rows, summary.rows);
    assert_eq!(
        summary.rows,
        summary.planned + summary.merged + summary.refused + out
    );
});
