//! What is done to devices, in words.

use repilot_domain::{Action, TenantName};
use repilot_producer::PlanSummary;

/// As a plan says it.
pub(crate) fn planned(summary: &PlanSummary) -> String {
    let devices = summary.planned;
    match summary.action {
        Action::Unassign => format!("unassign the user of {devices} devices"),
        Action::Assign => format!("assign {devices} devices to {}", users(summary)),
        Action::Reassign => format!(
            "unassign and then assign {devices} devices to {}",
            users(summary)
        ),
    }
}

/// As it is asked before it is done; so many devices of earlier lists wait.
pub(crate) fn question(summary: &PlanSummary, waiting: i64, tenant: &TenantName) -> String {
    let earlier = if waiting > 0 {
        format!(" and of up to {waiting} from earlier lists")
    } else {
        String::new()
    };
    let devices = summary.planned;
    match summary.action {
        Action::Unassign => {
            format!("Unassign the users of {devices} devices{earlier} in tenant {tenant}?")
        }
        Action::Assign => format!(
            "Assign {devices} devices to {}{} in tenant {tenant}?",
            users(summary),
            earlier.replace(" of up", " up")
        ),
        Action::Reassign => format!(
            "Unassign and then assign {devices} devices to {}{} in tenant {tenant}?",
            users(summary),
            earlier.replace(" of up", " up")
        ),
    }
}

/// What devices are enqueued for.
pub(crate) fn fate(summary: &PlanSummary) -> String {
    match summary.action {
        Action::Unassign => "to have their users unassigned".to_owned(),
        Action::Assign => format!("to be assigned to {}", users(summary)),
        Action::Reassign => format!("to be unassigned and then assigned to {}", users(summary)),
    }
}

fn users(summary: &PlanSummary) -> String {
    match summary.new_users {
        1 => "1 user".to_owned(),
        users => format!("{users} users"),
    }
}
