//! Why the inventory does not know a key, and what it has that is near.

use repilot_domain::{By, Repair, Repairs};

use crate::alike::{MOST, differences};
use crate::key::as_guid;
use crate::{Inventory, Key};

/// Serials that are named at once.
const NAMED: usize = 3;

/// A key that is nearly a device's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NearMiss {
    /// What it is and is not, and what to do.
    pub(crate) detail: String,
    /// The repairs with which exactly one device fits.
    pub(crate) repairs: Option<Repairs>,
}

/// What the inventory has that is near an unknown serial, if anything.
pub(crate) fn near_miss(inventory: &Inventory, key: &Key, by: Option<By>) -> Option<NearMiss> {
    if let Some(id) = unhyphenated(inventory, key, by) {
        let detail = format!("the inventory has the id {id}: write it with its hyphens");
        return Some(NearMiss {
            detail,
            repairs: None,
        });
    }
    if !matches!(by, None | Some(By::Serial)) {
        return None;
    }
    let digits = key.digits.as_deref().unwrap_or(&key.text);
    let mut taken = inventory.taken_for(digits);
    if !taken.is_empty() {
        taken.extend(inventory.alike(&key.text, Repairs::NONE.with(Repair::Zeros)));
        let serials: Vec<&str> = taken
            .iter()
            .map(|index| inventory.device(*index).serial.as_str())
            .collect();
        let serial = listed(&serials);
        return Some(NearMiss {
            detail: format!(
                "the inventory has {serial}, which a spreadsheet takes for this number: format the column as text where the list comes from"
            ),
            repairs: None,
        });
    }
    let near = inventory.alike(&key.text, Repairs::ALL);
    if near.is_empty() {
        return decimals(inventory, &key.text);
    }
    let serials: Vec<&str> = near
        .iter()
        .map(|index| inventory.device(*index).serial.as_str())
        .collect();
    let [serial] = distinct(&serials)[..] else {
        let detail = format!(
            "the inventory has several that are near, {}: which one is meant?",
            listed(&serials)
        );
        // Fewer differences overlooked may leave one of them.
        let one = Repairs::SETS
            .into_iter()
            .find(|set| inventory.alike(&key.text, *set).len() == 1);
        return Some(NearMiss {
            detail,
            repairs: one,
        });
    };
    if near.len() > 1 {
        let detail = format!("{} devices of the inventory have {serial}", near.len());
        return Some(NearMiss {
            detail,
            repairs: None,
        });
    }
    let repairs = differences(&key.text, serial)?;
    Some(NearMiss {
        detail: explained(&key.text, serial, repairs),
        repairs: Some(repairs),
    })
}

/// What became of one device's serial.
fn explained(text: &str, serial: &str, repairs: Repairs) -> String {
    let has = format!("the inventory has {serial}");
    let mut several = repairs.iter();
    match (several.next(), several.next()) {
        (Some(Repair::Zeros), None) if text.len() < serial.len() => format!(
            "{has}; a spreadsheet took its zeros away. Format the column as text, or `--repair zeros`"
        ),
        (Some(Repair::Zeros), None) => {
            format!("{has}, without the zeros before it. Correct the list, or `--repair zeros`")
        }
        (Some(Repair::Hyphens), None) => {
            format!("{has}, with other hyphens or blanks. Correct the list, or `--repair hyphens`")
        }
        (Some(Repair::Letters), None) => format!(
            "{has}, where this has {}. Correct the list, or `--repair letters`",
            mistaken(text, serial)
        ),
        _ => format!(
            "{has}, which has other {}. Correct the list, or `--repair {repairs}`",
            repairs.to_string().replace(',', " and ")
        ),
    }
}

/// The first letter that stands for another one.
fn mistaken(text: &str, serial: &str) -> String {
    let mut pairs = text.chars().zip(serial.chars());
    let differs = |(one, other): &(char, char)| !one.to_lowercase().eq(other.to_lowercase());
    match pairs.find(differs) {
        Some((one, other)) if one.is_ascii() => format!("{one} for {other}"),
        Some((one, other)) => format!("`{one}` ({}) for {other}", crate::plain::named(one)),
        None => "other letters".to_owned(),
    }
}

/// A number that a program wrote with decimals, and what the inventory has without.
fn decimals(inventory: &Inventory, text: &str) -> Option<NearMiss> {
    let whole = whole_part(text)?;
    let zeros = Repairs::NONE.with(Repair::Zeros);
    let near = inventory.alike(whole, zeros);
    if near.is_empty() {
        return None;
    }
    let serials: Vec<&str> = near
        .iter()
        .map(|index| inventory.device(*index).serial.as_str())
        .collect();
    Some(NearMiss {
        detail: format!(
            "a program wrote a number with decimals: format the column as text where the list comes from. The inventory has {}",
            listed(&serials)
        ),
        repairs: None,
    })
}

/// The digits before a decimal part of zeros, as in `12345.0`.
fn whole_part(text: &str) -> Option<&str> {
    let (whole, part) = text.split_once(['.', ','])?;
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    let is_zero = !part.is_empty() && part.bytes().all(|byte| byte == b'0');
    (is_number && is_zero).then_some(whole)
}

/// The id of a device that a key names without its hyphens.
fn unhyphenated<'a>(inventory: &'a Inventory, key: &Key, by: Option<By>) -> Option<&'a str> {
    let is_id = by.is_none_or(|by| !matches!(by, By::Name));
    if !is_id || key.text.len() != 32 || as_guid(&key.text).is_some() {
        return None;
    }
    let guid = uuid::Uuid::try_parse(&key.text).ok()?.as_u128();
    let (index, kind) = inventory.by_guid(guid).into_iter().next()?;
    let device = inventory.device(index);
    Some(match kind {
        By::ManagedDeviceId => &device.managed_device_id,
        By::EntraDeviceId => &device.entra_device_id,
        By::Id | By::Serial | By::Name => device.id.as_str(),
    })
}

fn distinct<'a>(serials: &[&'a str]) -> Vec<&'a str> {
    let mut distinct: Vec<&str> = Vec::new();
    for serial in serials {
        if !distinct.contains(serial) {
            distinct.push(serial);
        }
    }
    distinct
}

/// The first few serials, and how many there are besides.
pub(crate) fn listed(serials: &[&str]) -> String {
    let distinct = distinct(serials);
    let mut words = distinct[..distinct.len().min(NAMED)].join(", ");
    let more = distinct.len().saturating_sub(NAMED);
    if serials.len() >= MOST {
        words.push_str(" and many more");
    } else if more > 0 {
        words = format!("{words} and {more} more");
    }
    words
}
