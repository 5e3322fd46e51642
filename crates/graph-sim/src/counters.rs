//! What the server saw, so that tests assert on its side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one tenant's server saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Calls of either action.
    pub acts: u64,
    /// Of these, calls to assign.
    pub assigns: u64,
    /// Users that were asked for.
    pub users: u64,
    /// Looks at one device.
    pub looks: u64,
    /// Pages of the inventory.
    pub pages: u64,
    /// Calls by the status that they were answered with; dropped connections are 0.
    pub statuses: BTreeMap<u16, u64>,
    /// Calls refused with 429.
    pub throttled: u64,
    /// How often unassigning took effect or would have: calls that reached a device.
    pub applied: u64,
    /// Devices on which it took effect.
    pub devices_applied: u64,
    /// The most often that it took effect on one device.
    pub max_applied_per_device: u64,
    /// How often assigning took effect.
    pub assigned: u64,
    /// Of these, over a user who had not been unassigned before.
    pub assigned_over: u64,
    /// The most often that it took effect on one device.
    pub max_assigned_per_device: u64,
    /// Calls of an action that arrived while another of the same device was under way.
    pub acts_at_once: u64,
    /// Devices that still have a user.
    pub still_assigned: u64,
    /// Devices that got another user in mid-run.
    pub reassigned: u64,
    /// Times that an action reached a device which had got another user.
    pub reassigned_touched: u64,
    /// The longest time, in milliseconds, between a device's getting another user in mid-run and the
    /// first action that reached it after; none where none did.
    pub touched_after_ms: Option<u64>,
    /// Calls that arrived although an earlier 429 had said to wait, and had had time to be heard.
    pub calls_while_gate_closed: u64,
    /// The most writes that arrived in any window, refused ones among them.
    pub peak_writes_per_window: u64,
    /// The most calls of any kind that arrived in any window, refused ones among them.
    pub peak_requests_per_window: u64,
    /// When the first write arrived, in milliseconds since the server came up.
    pub first_write_ms: Option<u64>,
    /// When the last write was answered with success.
    pub last_success_ms: Option<u64>,
}
