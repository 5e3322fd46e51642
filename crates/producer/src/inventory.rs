//! The tenant's inventory in memory: one device, found by any of its names.

use std::collections::HashMap;
use std::sync::OnceLock;

use repilot_domain::{By, Device, Repairs};

use crate::alike::Alike;
use crate::fingerprint::Fingerprint;
use crate::key::as_guid;

/// More zeros than any vendor writes before a serial.
const ZEROS_MAX: usize = 20;

/// The tenant's devices.
#[derive(Debug, Default)]
pub struct Inventory {
    devices: Vec<Device>,
    /// Whose GUID it is, and of which kind; an Autopilot id belongs to one device, the others may
    /// be shared.
    by_guid: HashMap<u128, Vec<(usize, By)>>,
    by_serial: HashMap<String, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
    /// Made when it is first asked for.
    alike: OnceLock<Alike>,
    /// The most zeros that any serial begins with.
    zeros_max: usize,
}

impl Inventory {
    /// Adds a device, unless it is there: a list that shifts while it is paged through shows some
    /// of them twice.
    pub fn push(&mut self, device: Device) {
        let known = as_guid(&device.id.0).is_some_and(|guid| {
            let named = self.by_guid(guid);
            named.iter().any(|(_, by)| *by == By::Id)
        });
        if known {
            return;
        }
        let index = self.devices.len();
        let guids = [
            (&device.id.0, By::Id),
            (&device.managed_device_id, By::ManagedDeviceId),
            (&device.entra_device_id, By::EntraDeviceId),
        ];
        for (text, by) in guids {
            // Graph writes the nil GUID for "none".
            if let Some(guid) = as_guid(text).filter(|guid| *guid != 0) {
                self.by_guid.entry(guid).or_default().push((index, by));
            }
        }
        let serial = device.serial.trim();
        let zeros = serial.len() - serial.trim_start_matches('0').len();
        self.zeros_max = self.zeros_max.max(zeros.min(ZEROS_MAX));
        if !device.serial.is_empty() {
            self.by_serial
                .entry(folded(&device.serial))
                .or_default()
                .push(index);
        }
        if !device.display_name.is_empty() {
            self.by_name
                .entry(folded(&device.display_name))
                .or_default()
                .push(index);
        }
        self.alike.take();
        self.devices.push(device);
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

    pub(crate) fn by_guid(&self, guid: u128) -> &[(usize, By)] {
        self.by_guid.get(&guid).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn by_serial(&self, serial: &str) -> &[usize] {
        self.by_serial
            .get(&folded(serial))
            .map_or(&[], Vec::as_slice)
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
        let mut found = self.by_serial(&serial).to_vec();
        for _ in 0..self.zeros_max {
            serial.insert(0, '0');
            found.extend_from_slice(self.by_serial(&serial));
        }
        found
    }

    pub(crate) fn by_name(&self, name: &str) -> &[usize] {
        self.by_name.get(&folded(name)).map_or(&[], Vec::as_slice)
    }
}

/// Serials and names are compared trimmed and without regard to case.
fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}
