//! A device as the inventory lists it.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Timestamp, words};

/// A Windows Autopilot device identity, as far as a campaign needs it.
///
/// Texts are as Graph gave them, trimmed; what Graph left out or sent as `null` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The Autopilot identity's id.
    pub id: DeviceId,
    /// The serial number; not always unique, not always there.
    pub serial: String,
    /// Who is assigned; empty where nobody is (and, at some tenants, always).
    pub user_principal_name: String,
    /// The assigned user's display name.
    pub addressable_user_name: String,
    /// The Autopilot group tag.
    pub group_tag: String,
    /// As the vendor wrote it.
    pub manufacturer: String,
    /// As the vendor wrote it.
    pub model: String,
    /// The device's display name.
    pub display_name: String,
    /// The Intune managedDevice's id: another GUID than `id`.
    pub managed_device_id: String,
    /// The Entra device's id: yet another.
    pub entra_device_id: String,
    /// Whether the device is enrolled.
    pub enrollment_state: EnrollmentState,
    /// When Intune last heard of the device.
    pub last_contacted: Option<Timestamp>,
}

/// Graph's `enrollmentState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EnrollmentState {
    /// Not known, or a word that Graph has learnt since.
    #[default]
    Unknown,
    /// Enrolled.
    Enrolled,
    /// Enrolled by another profile than the assigned one.
    PendingReset,
    /// Not enrolled, and there is a record of a failure.
    Failed,
    /// Imported, never enrolled.
    NotContacted,
}

words!(EnrollmentState, "enrolment state", {
    Unknown => "unknown",
    Enrolled => "enrolled",
    PendingReset => "pending-reset",
    Failed => "failed",
    NotContacted => "not-contacted",
});
