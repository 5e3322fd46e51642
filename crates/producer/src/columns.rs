//! Which columns of a list name its devices, by their headers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use repilot_domain::By;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

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

/// Headers of each name: of Graph's own properties, the portals' exports, inventory tools, vendors,
/// and what scripts and people call them in their languages. Case, blanks, accents and most signs
/// do not matter.
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
            "serial number",
            "serial",
            "serial no",
            "serial nr",
            "serial num",
            "s/n",
            "device serial number",
            "device serial",
            "serial number (BIOS)",
            "BIOS serial number",
            "BIOS serial",
            "serial number0",
            "hardware serial number",
            "hardware serial",
            "system serial number",
            "machine serial number",
            "product serial number",
            "chassis serial number",
            "computer serial number",
            "PC serial number",
            "asset serial number",
            "service tag",
            "Dell service tag",
            "Seriennummer",
            "Seriennr",
            "Serien-Nr.",
            "Numéro de série",
            "N° de série",
            "No de série",
            "Número de serie",
            "Nº de serie",
            "Núm. de serie",
            "Número de série",
            "Nº de série",
            "Numero di serie",
            "Numero seriale",
            "Serienummer",
            "Serienr",
            "Sarjanumero",
            "Raðnúmer",
            "Seerianumber",
            "Sērijas numurs",
            "Serijos numeris",
            "Numer seryjny",
            "Nr seryjny",
            "Sériové číslo",
            "Výrobní číslo",
            "Výrobné číslo",
            "Serijska številka",
            "Serijski broj",
            "Серијски број",
            "Sorozatszám",
            "Număr de serie",
            "Număr serie",
            "Сериен номер",
            "Серийный номер",
            "Серийный №",
            "Серійний номер",
            "Σειριακός αριθμός",
            "Seri numarası",
            "Seri no",
            "מספר סידורי",
            "الرقم التسلسلي",
            "หมายเลขซีเรียล",
            "Số sê-ri",
            "Nomor seri",
            "シリアル番号",
            "シリアルナンバー",
            "シリアル",
            "製造番号",
            "序列号",
            "序列號",
            "序號",
            "일련 번호",
            "시리얼 번호",
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

/// The same by what is left of each header when it is normalised.
fn known() -> &'static HashMap<String, By> {
    static KNOWN_NORMALISED: OnceLock<HashMap<String, By>> = OnceLock::new();
    KNOWN_NORMALISED.get_or_init(|| {
        let each = KNOWN.iter();
        each.flat_map(|(by, headers)| headers.iter().map(|header| (normalise(header), *by)))
            .collect()
    })
}

/// A longer cell is no note of a person's, but a hash in the wrong column.
const CELL_MAX_BYTES: usize = 1_000;

const HASHES: [&str; 3] = ["hardwarehash", "hardwareidentifier", "devicehardwaredata"];

/// What administrators may call the columns that would do.
pub(crate) const COLUMNS_THAT_DO: &str = "`Serial number`, `Device Serial Number`, `serialNumber`, `id`, `managedDeviceId`, `azureActiveDirectoryDeviceId` or `Device name`";

/// The header that cells of data lack: the first column that holds digits and is no user's is the serial
/// number's. `None` where the cells may well be headers.
pub(crate) fn header_lacking(cells: &[String]) -> Option<String> {
    let is_user = |cell: &String| cell.contains('@');
    let is_key = |cell: &String| !is_user(cell) && cell.chars().any(|c| c.is_ascii_digit());
    let user = cells.iter().position(is_user)?;
    let device = cells.iter().position(is_key)?;
    let names: Vec<String> = (0..cells.len())
        .map(|column| match column {
            column if column == device => "Serial number".to_owned(),
            column if column == user => "New user".to_owned(),
            column => format!("Column {}", column + 1),
        })
        .collect();
    Some(names.join(","))
}

impl Columns {
    /// The columns of a header; `None` where none of them names devices. A column that was asked for
    /// is the only one that does; where its header says nothing of its kind, it holds serials.
    pub(crate) fn of(header: Vec<String>, asked_for: Option<&str>) -> Option<Self> {
        let normalised: Vec<String> = header.iter().map(|cell| normalise(cell)).collect();
        let positions = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..normalised.len())
                .filter(|column| fits(&normalised[*column]))
                .collect()
        };
        let mut named = Vec::new();
        if let Some(asked_for) = asked_for.map(normalise).filter(|asked| !asked.is_empty()) {
            let by = known().get(&asked_for).copied().unwrap_or(By::Serial);
            let columns = positions(&|cell| cell == asked_for);
            named.extend(columns.into_iter().map(|column| (by, column)));
        } else {
            for by in By::ALL {
                let columns = positions(&|cell| known().get(cell) == Some(by));
                named.extend(columns.into_iter().map(|column| (*by, column)));
            }
        }
        let hashes = positions(&|cell| HASHES.contains(&cell));
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
    known().get(&normalise(name)).copied()
}

/// Without regard to case, accents, blanks and the signs that people put around a header, however
/// its accents are written.
pub(crate) fn normalise(cell: &str) -> String {
    let is_sign = |c: char| {
        matches!(
            c,
            '_' | '-' | '.' | '#' | '*' | '(' | ')' | '[' | ']' | ':' | '"' | '\'' | '°' | 'º'
                | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2010}'..='\u{2015}' | '\u{2060}' | '\u{feff}'
        )
    };
    if cell.is_ascii() {
        let kept = cell.chars().filter(|c| !c.is_whitespace() && !is_sign(*c));
        return kept.map(|c| c.to_ascii_lowercase()).collect();
    }
    cell.chars()
        .filter(|c| !c.is_whitespace() && !is_sign(*c))
        .flat_map(char::to_lowercase)
        .nfd()
        .filter(|c| !is_combining_mark(*c))
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
