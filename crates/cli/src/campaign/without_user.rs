//! The alarm of devices without a user: what stands first wherever a campaign is shown.

use repilot_domain::CampaignStatus;
use repilot_ledger::Campaign;

use crate::app::quoted;

/// What is said first of a campaign that left devices without a user, with the two ways out; nothing
/// of any other. `command` is how the person calls the program.
pub(crate) fn alarm(campaign: &Campaign, command: &str) -> Vec<String> {
    let counts = &campaign.counts;
    let Some(words) = counts.without_user_in_words() else {
        return Vec::new();
    };
    let name = quoted(&campaign.name);
    let mut lines = vec![format!(
        "{words}: unassigned by campaign {}, and not assigned to anybody",
        campaign.name
    )];
    if counts.left_without_user() > 0 {
        lines.push(format!("  give back  {command} dead give-back {name}"));
        lines.push(format!(
            "  try again  {command} dead requeue {name} --without-user"
        ));
    }
    if counts.without_user_open > 0 {
        let open = counts.without_user_open;
        let waiting = match campaign.status {
            CampaignStatus::Paused => format!(
                "{open} wait for their assignment, and the campaign is paused: {command} campaign resume {name}"
            ),
            CampaignStatus::Active | CampaignStatus::Cancelled => {
                format!("{open} wait for their assignment, before all others of the campaign")
            }
        };
        lines.push(format!("  waiting    {waiting}"));
    }
    lines.push(format!("  which      {command} jobs {name} without:user"));
    lines
}
