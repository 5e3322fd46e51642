//! Devices, made up from a seed or for the keys of a list.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use crate::Scenario;

/// A device as the simulated tenant has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceState {
    /// The Autopilot identity's id.
    pub id: String,
    /// The serial number.
    pub serial_number: String,
    /// Who is assigned; empty where nobody is.
    pub user_principal_name: String,
    /// Their display name.
    pub addressable_user_name: String,
    /// The group tag.
    pub group_tag: String,
    /// The display name.
    pub display_name: String,
    /// The vendor.
    pub manufacturer: String,
    /// The model.
    pub model: String,
    /// `enrolled` and the like.
    pub enrollment_state: String,
    /// When Intune last heard of it.
    pub last_contacted_date_time: String,
    /// The Intune managedDevice's id.
    pub managed_device_id: String,
    /// The Entra device's id.
    pub azure_active_directory_device_id: String,
    /// As bought.
    pub purchase_order_identifier: String,
    /// As bought.
    pub product_key: String,
    /// As registered.
    pub resource_name: String,
    /// As bought.
    pub sku_number: String,
    /// As bought.
    pub system_family: String,
}

/// A tenant's devices.
#[derive(Debug, Clone, Default)]
pub struct Fleet(pub Vec<DeviceState>);

const MODELS: [(&str, &str); 5] = [
    ("LENOVO", "21HES1V50B"),
    ("Microsoft Corporation", "Surface Laptop 5"),
    ("HP", "HP EliteBook 840 14 inch G10"),
    ("Dell Inc.", "Latitude 5440"),
    ("VMware, Inc.", "VMware20,1"),
];
const GROUP_TAGS: [&str; 4] = ["", "Sales", "Kiosk", "Engineering"];
const FIRST_NAMES: [&str; 6] = ["Adele", "Miriam", "Lynne", "Joni", "Nestor", "Pradeep"];
const LAST_NAMES: [&str; 6] = ["Vance", "Graham", "Robbins", "Sherman", "Wilke", "Gupta"];

/// Devices that nobody is assigned to.
const UNASSIGNED_SHARE: f64 = 0.05;

impl Fleet {
    /// So many devices with serials that look like vendors' own.
    #[must_use]
    pub fn generated(count: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let devices = (0..count)
            .map(|number| {
                let kind = rng.random_range(0..MODELS.len());
                let serial = serial(kind, number, &mut rng);
                device(None, serial, kind, &mut rng)
            })
            .collect();
        Self(devices)
    }

    /// A device for each key of a list: a GUID becomes the identity's id, anything else the serial.
    /// What the scenario calls missing is left out, and so is what came before.
    #[must_use]
    pub fn for_keys<'a>(keys: impl IntoIterator<Item = &'a str>, scenario: &Scenario) -> Self {
        let mut rng = StdRng::seed_from_u64(scenario.seed);
        let mut seen = std::collections::HashSet::new();
        let mut devices = Vec::new();
        for key in keys {
            if scenario.lacks(key) || !seen.insert(key.to_lowercase()) {
                continue;
            }
            let kind = rng.random_range(0..MODELS.len());
            let made = match uuid::Uuid::try_parse(key) {
                Ok(id) => {
                    let serial = serial(kind, devices.len(), &mut rng);
                    device(Some(id.to_string()), serial, kind, &mut rng)
                }
                Err(_) => device(None, key.to_owned(), kind, &mut rng),
            };
            devices.push(made);
        }
        Self(devices)
    }

    /// Their serials.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|device| device.serial_number.as_str())
    }
}

fn guid(rng: &mut StdRng) -> String {
    uuid::Builder::from_random_bytes(rng.random())
        .into_uuid()
        .to_string()
}

fn serial(kind: usize, number: usize, rng: &mut StdRng) -> String {
    match kind {
        0 => format!("PF{:02X}{number:06X}", rng.random_range(0..=255)),
        1 => format!("0{:08}{number:07}", rng.random_range(0..100_000_000)),
        2 => format!("5CG{:01}{number:06X}", rng.random_range(0..10)),
        3 => format!("{number:05X}{:02X}", rng.random_range(0..=255)),
        _ => {
            let part = |rng: &mut StdRng| format!("{:04}", rng.random_range(0..10_000));
            format!("{}-{}-{}-{number:08}-46", part(rng), part(rng), part(rng))
        }
    }
}

fn device(id: Option<String>, serial_number: String, kind: usize, rng: &mut StdRng) -> DeviceState {
    let (manufacturer, model) = MODELS[kind];
    let first = FIRST_NAMES.choose(rng).copied().unwrap_or_default();
    let last = LAST_NAMES.choose(rng).copied().unwrap_or_default();
    let number = rng.random_range(1..1_000);
    let assigned = rng.random::<f64>() >= UNASSIGNED_SHARE;
    let user = format!(
        "{}.{}{number}@contoso.example",
        first.to_lowercase(),
        last.to_lowercase()
    );
    DeviceState {
        id: id.unwrap_or_else(|| guid(rng)),
        serial_number,
        user_principal_name: if assigned { user } else { String::new() },
        addressable_user_name: if assigned {
            format!("{first} {last}")
        } else {
            String::new()
        },
        group_tag: GROUP_TAGS
            .choose(rng)
            .copied()
            .unwrap_or_default()
            .to_owned(),
        display_name: String::new(),
        manufacturer: manufacturer.to_owned(),
        model: model.to_owned(),
        enrollment_state: "enrolled".to_owned(),
        last_contacted_date_time: "2026-02-11T09:30:00Z".to_owned(),
        managed_device_id: guid(rng),
        azure_active_directory_device_id: guid(rng),
        purchase_order_identifier: String::new(),
        product_key: String::new(),
        resource_name: String::new(),
        sku_number: String::new(),
        system_family: String::new(),
    }
}
