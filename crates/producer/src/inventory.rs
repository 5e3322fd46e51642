//! The tenant's inventory in memory: one device, found by any of its names.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::OnceLock;

use hashbrown::HashTable;

use repilot_domain::{By, Device, Repairs};

use crate::alike::Alike;
use crate::fingerprint::Fingerprint;
use crate::key::as_guid;
use crate::twins::{Kept, Twins, is_digits};

/// More zeros than any vendor writes before a serial.
const ZEROS_MAX: usize = 20;

/// The ids by which a device is found, in the order of their numbers in the index.
const IDS: [By; 3] = [By::Id, By::ManagedDeviceId, By::EntraDeviceId];

/// A name of a device.
type OfDevice = fn(&Device) -> &String;

/// The tenant's devices.
///
/// The indexes hold places alone, four bytes each, and look a name up in its device: 200,000 devices
/// with five names each are indexed in less than ten megabytes.
#[derive(Debug, Default)]
pub struct Inventory {
    devices: Vec<Device>,
    hasher: RandomState,
    /// Places of GUIDs: the device's place times [`IDS`], and which of them it is. An Autopilot id
    /// belongs to one device, the others may be shared.
    by_guid: HashTable<u32>,
    by_serial: HashTable<u32>,
    by_name: HashTable<u32>,
    /// Made when it is first asked for.
    alike: OnceLock<Alike>,
    /// The most zeros that any serial begins with.
    zeros_max: usize,
    twins: Twins,
}

impl Inventory {
    /// Adds a device, unless it is there: a list that shifts while it is paged through shows some
    /// of them twice.
    pub fn push(&mut self, mut device: Device) {
        let known = as_guid(&device.id.0).is_some_and(|guid| {
            let named = self.by_guid(guid);
            named.iter().any(|(_, by)| *by == By::Id)
        });
        // Of more devices than there are machines the index could not hold the places.
        let place = u32::try_from(self.devices.len())
            .ok()
            .filter(|place| *place < u32::MAX / 4);
        let (false, Some(place)) = (known, place) else {
            return;
        };
        shrink(&mut device);
        let serial = device.serial.trim();
        let zeros = serial.len() - serial.trim_start_matches('0').len();
        self.zeros_max = self.zeros_max.max(zeros.min(ZEROS_MAX));
        self.twins.push(&device.serial, place as usize);
        self.alike.take();
        self.devices.push(device);
        let Self {
            devices,
            hasher,
            by_guid,
            by_serial,
            by_name,
            ..
        } = self;
        let device = &devices[place as usize];
        for (kind, by) in (0..).zip(IDS) {
            // Graph writes the nil GUID for "none".
            if let Some(guid) = as_guid(id(device, by)).filter(|guid| *guid != 0) {
                let hash = hasher.hash_one(guid);
                by_guid.insert_unique(hash, place * 3 + kind, |known| {
                    hasher.hash_one(guid_at(devices, *known))
                });
            }
        }
        if !device.serial.is_empty() {
            let hash = folded_hash(hasher, &device.serial);
            by_serial.insert_unique(hash, place, |known| {
                folded_hash(hasher, &devices[*known as usize].serial)
            });
        }
        if !device.display_name.is_empty() {
            let hash = folded_hash(hasher, &device.display_name);
            by_name.insert_unique(hash, place, |known| {
                folded_hash(hasher, &devices[*known as usize].display_name)
            });
        }
    }

    /// What it says of its devices, in hexadecimal; the same whatever the order of its pages, and
    /// whenever they were last heard of.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut devices: Vec<&Device> = self.devices.iter().collect();
        devices.sort_by(|a, b| a.id.0.cmp(&b.id.0));
        let mut fingerprint = Fingerprint::default();
        for device in devices {
            for text in [
                &device.id.0,
                &device.serial,
                &device.user_principal_name,
                &device.addressable_user_name,
                &device.group_tag,
                &device.manufacturer,
                &device.model,
                &device.display_name,
                &device.managed_device_id,
                &device.entra_device_id,
            ] {
                fingerprint.part(text);
            }
        }
        fingerprint.finish()
    }

    /// How many devices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Whether there are devices, and none of them shows a user.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let shows_nobody = |device: &Device| device.user_principal_name.trim().is_empty();
        !self.devices.is_empty() && self.devices.iter().all(shows_nobody)
    }

    /// All of them, in the order in which they were listed.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Device> {
        self.devices.get(index)
    }

    pub(crate) fn device(&self, index: usize) -> &Device {
        &self.devices[index]
    }

    /// The devices that have this GUID, and as which of their ids.
    pub(crate) fn by_guid(&self, guid: u128) -> Vec<(usize, By)> {
        let hash = self.hasher.hash_one(guid);
        let places = self.by_guid.iter_hash(hash).copied();
        let mut places: Vec<u32> = places
            .filter(|place| guid_at(&self.devices, *place) == guid)
            .collect();
        places.sort_unstable();
        let named = |place: u32| ((place / 3) as usize, IDS[(place % 3) as usize]);
        places.into_iter().map(named).collect()
    }

    /// The devices with this serial, in the order in which they were listed.
    pub(crate) fn by_serial(&self, serial: &str) -> Vec<usize> {
        let mut found = Vec::new();
        self.named(serial, &mut found, &mut Vec::new());
        found.into_iter().map(|(place, _)| place).collect()
    }

    /// Adds the devices with this serial, then those with this display name, each in the order in which
    /// they were listed. One hash serves both: a list may have a million rows.
    pub(crate) fn named(
        &self,
        text: &str,
        serials: &mut Vec<(usize, By)>,
        names: &mut Vec<(usize, By)>,
    ) {
        let hash = folded_hash(&self.hasher, text);
        let (serial, name): (OfDevice, OfDevice) =
            (|device| &device.serial, |device| &device.display_name);
        for (index, of, by, found) in [
            (&self.by_serial, serial, By::Serial, serials),
            (&self.by_name, name, By::Name, names),
        ] {
            let begun = found.len();
            let places = index.iter_hash(hash).map(|place| *place as usize);
            let places = places.filter(|place| is_same(of(&self.devices[*place]), text));
            found.extend(places.map(|place| (place, by)));
            found[begun..].sort_unstable_by_key(|(place, _)| *place);
        }
    }

    /// Devices whose serial is the text when these differences are overlooked, in the order in which
    /// they were listed; of very many, the last.
    pub(crate) fn alike(&self, serial: &str, overlooked: Repairs) -> Vec<usize> {
        let alike = self.alike.get_or_init(|| Alike::new(&self.devices));
        alike.find(&self.devices, serial, overlooked)
    }

    /// The devices whose serial is these digits, with zeros before them or without.
    pub(crate) fn with_zeros(&self, digits: &str) -> Vec<usize> {
        let significant = digits.trim_start_matches('0');
        let mut serial = significant.to_owned();
        let mut found = self.by_serial(&serial);
        for _ in 0..self.zeros_max {
            serial.insert(0, '0');
            found.extend(self.by_serial(&serial));
        }
        found.extend_from_slice(self.twins.by_exponent(digits));
        found
    }

    /// Devices with other serials of which a spreadsheet may have made this text, in a list that
    /// shows to have kept some things.
    pub(crate) fn twins(&self, text: &str, kept: Kept) -> Vec<usize> {
        if !is_digits(text) {
            return Vec::new();
        }
        let mut found = Vec::new();
        if !kept.zeros && !text.starts_with('0') {
            found = self.with_zeros(text);
            // Those of an exponent have a reason of their own.
            found.retain(|index| is_digits(&self.devices[*index].serial));
        }
        if !kept.exponents {
            found.extend_from_slice(self.twins.by_exponent(text));
        }
        found.extend(self.twins.by_digits(text, kept));
        if !kept.dates {
            found.extend(self.twins.by_date(text));
        }
        found.retain(|index| self.devices[*index].serial.trim() != text);
        found
    }

    /// Devices whose serial, such as `7E10` or `11-21-2015`, a spreadsheet takes for this number.
    pub(crate) fn taken_for(&self, digits: &str) -> Vec<usize> {
        let mut found = self.twins.by_exponent(digits).to_vec();
        found.extend(self.twins.by_date(digits));
        found
    }
}

/// An id of a device.
fn id(device: &Device, by: By) -> &str {
    match by {
        By::ManagedDeviceId => &device.managed_device_id,
        By::EntraDeviceId => &device.entra_device_id,
        By::Id | By::Serial | By::Name => &device.id.0,
    }
}

/// The GUID at a place of the index.
fn guid_at(devices: &[Device], place: u32) -> u128 {
    let by = IDS[(place % 3) as usize];
    as_guid(id(&devices[(place / 3) as usize], by)).unwrap_or_default()
}

/// Longest text that is folded without taking memory: longer than nearly every serial and name.
const FOLDED_AT_ONCE: usize = 64;

/// A text without blanks around it; one of ASCII letters and digits, as nearly all are, is so already.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [only] if only.is_ascii_graphic() => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Serials and names are compared trimmed and without regard to case.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.trim().chars().flat_map(char::to_lowercase)
}

/// Whether two texts are the same, folded. Nearly all are of ASCII, and told apart byte by byte.
fn is_same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return trimmed(one).eq_ignore_ascii_case(trimmed(other));
    }
    folded(one).eq(folded(other))
}

/// A hash of the bytes of the folded text: a text of ASCII has the same as one that folds to it.
fn folded_hash(hasher: &RandomState, text: &str) -> u64 {
    let mut state = hasher.build_hasher();
    let trimmed = trimmed(text);
    let mut room = [0; FOLDED_AT_ONCE];
    match room.get_mut(..trimmed.len()) {
        Some(bytes) if trimmed.is_ascii() => {
            bytes.copy_from_slice(trimmed.as_bytes());
            bytes.make_ascii_lowercase();
            state.write(bytes);
        }
        _ => state.write(folded(trimmed).collect::<String>().as_bytes()),
    }
    state.finish()
}

/// Gives back the room that its texts do not need.
fn shrink(device: &mut Device) {
    for text in [
        &mut device.id.0,
        &mut device.serial,
        &mut device.user_principal_name,
        &mut device.addressable_user_name,
        &mut device.group_tag,
        &mut device.manufacturer,
        &mut device.model,
        &mut device.display_name,
        &mut device.managed_device_id,
        &mut device.entra_device_id,
    ] {
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told apart byte by byte, and what is folded letter by letter, has one hash where it is one
    /// name: the sign for Kelvin is a small k without regard to case.
    #[test]
    fn texts_of_ascii_and_others_fold_alike() {
        let hasher = RandomState::new();
        let long = "K".repeat(FOLDED_AT_ONCE + 1);
        for (one, other) in [
            ("KELVIN-7", "\u{212a}elvin-7"),
            ("  ab-1 ", "AB-1"),
            ("\u{b}ab-1", "AB-1"),
            ("Ä-1", "ä-1"),
            (&long, &long.to_lowercase()),
            ("", "  "),
        ] {
            assert!(is_same(one, other), "{one} {other}");
            let hash = |text| folded_hash(&hasher, text);
            assert_eq!(hash(one), hash(other), "{one} {other}");
        }
        assert!(!is_same("AB-1", "AB-2"));
    }
}
