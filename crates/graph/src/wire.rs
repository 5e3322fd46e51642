//! Graph's wire types, as far as they are read.

use repilot_domain::{Device, DeviceId, EnrollmentState, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::one_line;
use crate::{BrokenItem, User};

/// A page, its items yet to be read: one that is broken is not the others' fault.
#[derive(Debug, Deserialize)]
pub(crate) struct Collection {
    pub(crate) value: Vec<Value>,
    #[serde(default, rename = "@odata.nextLink")]
    pub(crate) next_link: Option<String>,
    /// Whatever it is: only a number says anything.
    #[serde(default, rename = "@odata.count")]
    pub(crate) count: Option<Value>,
}

impl Collection {
    /// Its items as devices, and those that are none; the number of their page is the listing's to say.
    pub(crate) fn items(value: Vec<Value>) -> (Vec<Device>, Vec<BrokenItem>) {
        let (mut devices, mut broken) = (Vec::with_capacity(value.len()), Vec::new());
        for (item, value) in value.into_iter().enumerate() {
            let said = |key: &str| value.get(key).and_then(Value::as_str).map(one_line);
            let (id, serial) = (said("id"), said("serialNumber"));
            let why = match serde_json::from_value::<Identity>(value) {
                Ok(identity) if !identity.id.trim().is_empty() => {
                    devices.push(Device::from(identity));
                    continue;
                }
                Ok(_) => "its id is empty".to_owned(),
                Err(error) => one_line(&error.to_string()),
            };
            broken.push(BrokenItem {
                page: 0,
                item: item as u64 + 1,
                id: id.unwrap_or_default(),
                serial: serial.unwrap_or_default(),
                why,
            });
        }
        (devices, broken)
    }
}

/// What `assignUserToDevice` asks for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assignment<'a> {
    pub(crate) user_principal_name: &'a str,
    pub(crate) addressable_user_name: &'a str,
}

/// `user`, as far as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DirectoryUser {
    user_principal_name: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    account_enabled: Option<bool>,
}

impl From<DirectoryUser> for User {
    fn from(user: DirectoryUser) -> Self {
        Self {
            user_principal_name: user.user_principal_name,
            display_name: user.display_name.unwrap_or_default().trim().to_owned(),
            is_enabled: user.account_enabled,
        }
    }
}

/// `windowsAutopilotDeviceIdentity`; what is missing or null is empty.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    id: String,
    #[serde(default)]
    serial_number: Option<String>,
    #[serde(default)]
    user_principal_name: Option<String>,
    #[serde(default)]
    addressable_user_name: Option<String>,
    #[serde(default)]
    group_tag: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    manufacturer: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    enrollment_state: Option<String>,
    #[serde(default)]
    last_contacted_date_time: Option<String>,
    #[serde(default)]
    managed_device_id: Option<String>,
    #[serde(default)]
    azure_active_directory_device_id: Option<String>,
}

impl From<Identity> for Device {
    fn from(identity: Identity) -> Self {
        let text =
            |value: Option<String>| value.map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            id: DeviceId(identity.id),
            serial: text(identity.serial_number),
            user_principal_name: text(identity.user_principal_name),
            addressable_user_name: text(identity.addressable_user_name),
            group_tag: text(identity.group_tag),
            manufacturer: text(identity.manufacturer),
            model: text(identity.model),
            display_name: text(identity.display_name),
            managed_device_id: text(identity.managed_device_id),
            entra_device_id: text(identity.azure_active_directory_device_id),
            enrollment_state: enrollment(identity.enrollment_state.as_deref()),
            last_contacted: identity
                .last_contacted_date_time
                .as_deref()
                .and_then(instant),
        }
    }
}

fn enrollment(word: Option<&str>) -> EnrollmentState {
    match word {
        Some("enrolled") => EnrollmentState::Enrolled,
        Some("pendingReset") => EnrollmentState::PendingReset,
        Some("failed") => EnrollmentState::Failed,
        Some("notContacted") => EnrollmentState::NotContacted,
        _ => EnrollmentState::Unknown,
    }
}

/// Graph writes `0001-01-01T00:00:00Z` for never.
fn instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    let millis = instant.as_millisecond();
    (millis > 0).then(|| Timestamp::from_millis(millis))
}
