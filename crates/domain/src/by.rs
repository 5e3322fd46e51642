//! What a device goes by.

use crate::words;

/// Which of a device's names a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The Autopilot identity's id.
    Id,
    /// The serial number.
    Serial,
    /// The Intune managedDevice's id.
    ManagedDeviceId,
    /// The Entra device's id.
    EntraDeviceId,
    /// The display name.
    Name,
}

// The most exact first.
words!(By, "name of a device", {
    Id => "id",
    Serial => "serial",
    ManagedDeviceId => "managed-device-id",
    EntraDeviceId => "entra-device-id",
    Name => "name",
});

impl By {
    /// The same for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Id => "Autopilot id",
            Self::Serial => "serial number",
            Self::ManagedDeviceId => "Intune managedDevice id",
            Self::EntraDeviceId => "Entra device id",
            Self::Name => "display name",
        }
    }
}
