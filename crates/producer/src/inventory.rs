//! The tenant's inventory in memory: one device, found by any of its names.

use std::collections::HashMap;

use repilot_domain::Device;

/// The tenant's devices.
#[derive(Debug, Default)]
pub struct Inventory {
    devices: Vec<Device>,
    by_guid: HashMap<u128, (usize, GuidKind)>,
    by_serial: HashMap<String, Vec<usize>>,
}

/// Whose GUID it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuidKind {
    /// The Autopilot identity's: the one that the route needs.
    Autopilot,
    /// The Intune managedDevice's.
    Managed,
    /// The Entra device's.
    Entra,
}

impl GuidKind {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Autopilot => "an Autopilot identity id",
            Self::Managed => "an Intune managedDevice id",
            Self::Entra => "an Entra device id",
        }
    }
}

impl Inventory {
    /// Adds a device, unless it is there: a list that shifts while it is paged through shows some
    /// of them twice.
    pub fn push(&mut self, device: Device) {
        if let Some((_, GuidKind::Autopilot)) = self.by_guid(&device.id.0) {
            return;
        }
        let index = self.devices.len();
        let guids = [
            (&device.managed_device_id, GuidKind::Managed),
            (&device.entra_device_id, GuidKind::Entra),
            (&device.id.0, GuidKind::Autopilot),
        ];
        for (text, kind) in guids {
            // Graph writes the nil GUID for "none".
            let Some(guid) = guid(text).filter(|guid| *guid != 0) else {
                continue;
            };
            let known = self.by_guid.get(&guid).map(|(_, kind)| *kind);
            if known.is_none() || kind == GuidKind::Autopilot {
                self.by_guid.insert(guid, (index, kind));
            }
        }
        if !device.serial.is_empty() {
            self.by_serial
                .entry(folded(&device.serial))
                .or_default()
                .push(index);
        }
        self.devices.push(device);
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

    pub(crate) fn device(&self, index: usize) -> &Device {
        &self.devices[index]
    }

    pub(crate) fn by_guid(&self, text: &str) -> Option<(usize, GuidKind)> {
        self.by_guid.get(&guid(text)?).copied()
    }

    pub(crate) fn by_serial(&self, serial: &str) -> &[usize] {
        self.by_serial
            .get(&folded(serial))
            .map_or(&[], Vec::as_slice)
    }
}

fn guid(text: &str) -> Option<u128> {
    uuid::Uuid::try_parse(text).ok().map(|guid| guid.as_u128())
}

/// Serials are compared trimmed and without regard to case.
fn folded(serial: &str) -> String {
    serial.trim().to_lowercase()
}
