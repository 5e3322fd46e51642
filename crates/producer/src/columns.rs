//! Which columns of a list name its devices, by their headers.

use std::borrow::Cow;

use repilot_domain::By;

use crate::user_column;

/// Where a list names its devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// The headers as they came.
    pub(crate) header: Vec<String>,
    /// Every column that names devices, in the order of [`By::ALL`].
    named: Vec<(By, usize)>,
    /// The columns of hardware hashes: of no use here, and sensitive.
    hashes: Vec<usize>,
}

/// Headers, normalised, of each name: of Graph's own properties, the portals' exports, and what
/// scripts call them.
const KNOWN: [(By, &[&str]); By::ALL.len()] = [
    (
        By::Id,
        &[
            "id",
            "autopilotid",
            "autopilotdeviceid",
            "windowsautopilotdeviceidentityid",
            "autopilotdeviceidentityid",
            "ztdid",
            "zerotouchdeviceid",
        ],
    ),
    (
        By::Serial,
        &[
            "serialnumber",
            "deviceserialnumber",
            "serial",
            "serialno",
            "seriennummer",
            "numérodesérie",
            "númerodeserie",
            "numerodiserie",
            "serienummer",
        ],
    ),
    (
        By::ManagedDeviceId,
        &["manageddeviceid", "intunedeviceid", "deviceid"],
    ),
    (
        By::EntraDeviceId,
        &[
            "azureactivedirectorydeviceid",
            "azureaddeviceid",
            "aaddeviceid",
            "azureadregistereddeviceid",
            "entradeviceid",
            "entraiddeviceid",
            "microsoftentradeviceid",
        ],
    ),
    (
        By::Name,
        &["devicename", "displayname", "computername", "hostname"],
    ),
];

/// A longer cell is no note of a person's, but a hash in the wrong column.
const CELL_MAX_BYTES: usize = 1_000;

const HASHES: [&str; 3] = ["hardwarehash", "hardwareidentifier", "devicehardwaredata"];

/// What administrators may call the columns that would do.
pub(crate) const COLUMNS_THAT_DO: &str = "`Serial number`, `Device Serial Number`, `serialNumber`, `id`, `managedDeviceId`, `azureActiveDirectoryDeviceId` or `Device name`";

impl Columns {
    /// The columns of a header; `None` where none of them names devices.
    pub(crate) fn of(header: Vec<String>) -> Option<Self> {
        let normalised: Vec<String> = header.iter().map(|cell| normalise(cell)).collect();
        let positions = |known: &[&str]| -> Vec<usize> {
            let fits = |column: &usize| known.contains(&normalised[*column].as_str());
            (0..normalised.len()).filter(fits).collect()
        };
        let mut named = Vec::new();
        for (by, known) in KNOWN {
            named.extend(positions(known).into_iter().map(|column| (by, column)));
        }
        let hashes = positions(&HASHES);
        let any = !named.is_empty();
        any.then_some(Self {
            header,
            named,
            hashes,
        })
    }

    /// The columns that name devices, the most exact first.
    pub(crate) fn named(&self) -> impl Iterator<Item = (By, usize)> {
        self.named.iter().copied()
    }

    /// The columns that say who is to be assigned: the one of that name, or those whose names can
    /// mean nothing else.
    pub(crate) fn new_users(&self, named: Option<&str>) -> Vec<usize> {
        let fits = |column: &usize| user_column::is_meant(&self.header[*column], named);
        (0..self.header.len()).filter(fits).collect()
    }

    /// A row's cells as they came, but for a hardware hash, which never leaves it.
    pub(crate) fn kept<'a>(&self, cells: impl Iterator<Item = Cow<'a, str>>) -> Vec<String> {
        let kept = |(column, cell): (usize, Cow<'a, str>)| {
            if self.hashes.contains(&column) || cell.len() > CELL_MAX_BYTES {
                String::new()
            } else {
                cell.into_owned()
            }
        };
        cells.enumerate().map(kept).collect()
    }

    /// Which columns are read, for people.
    pub(crate) fn described(&self) -> String {
        let names: Vec<String> = self
            .named()
            .map(|(by, column)| format!("`{}` ({})", self.header[column].trim(), by.words()))
            .collect();
        names.join(", ")
    }
}

/// Whether two headers mean the same: to us, or to whoever wrote them.
pub(crate) fn same(one: &str, other: &str) -> bool {
    match (by_property(one), by_property(other)) {
        (None, None) => {
            let both_new = [one, other].map(|name| user_column::is_meant(name, None));
            both_new == [true, true] || normalise(one) == normalise(other)
        }
        (one, other) => one == other,
    }
}

/// What a JSON property names, if it names devices.
pub(crate) fn by_property(name: &str) -> Option<By> {
    let name = normalise(name);
    let fits = |(_, known): &&(By, &[&str])| known.contains(&name.as_str());
    KNOWN.iter().find(fits).map(|(by, _)| *by)
}

/// Without regard to case, spaces, `_` and `-`.
pub(crate) fn normalise(cell: &str) -> String {
    cell.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A header's names as they are shown: a list without a header may begin with a hardware hash.
pub(crate) fn shown(header: &[String]) -> String {
    let one = |cell: &String| {
        let cell = cell.trim();
        let short: String = cell.chars().filter(|c| !c.is_control()).take(24).collect();
        if short.len() < cell.len() {
            format!("`{short}…`")
        } else {
            format!("`{short}`")
        }
    };
    header.iter().map(one).collect::<Vec<_>>().join(", ")
}
