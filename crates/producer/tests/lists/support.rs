//! Lists from bytes, and their rows.

use repilot_producer::{DeviceList, ListError};

pub(crate) fn list(bytes: &[u8]) -> Result<DeviceList, ListError> {
    DeviceList::spool(bytes, "stdin")
}

/// Lines and the first key of each row; what is malformed shows as its word.
pub(crate) fn found(list: &DeviceList) -> Vec<(u64, String)> {
    let rows = list.rows().unwrap();
    rows.map(|row| {
        let row = row.unwrap();
        let text = match row.keys {
            Ok(keys) => keys[0].text.clone(),
            Err((bad, _)) => format!("{bad:?}"),
        };
        (row.line, text)
    })
    .collect()
}
