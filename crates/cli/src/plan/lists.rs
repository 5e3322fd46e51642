//! Opening device lists.

use std::path::Path;

use repilot_domain::Reading;
use repilot_producer::DeviceList;

pub(crate) fn open_list(path: &Path, reading: &Reading) -> anyhow::Result<DeviceList> {
    if path.as_os_str() == "-" {
        return Ok(DeviceList::spool_as(
            std::io::stdin().lock(),
            "stdin",
            reading,
        )?);
    }
    Ok(DeviceList::open_as(path, reading)?)
}
