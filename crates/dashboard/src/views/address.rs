//! Addresses: one for every view, so that it can be sent to a colleague.

use repilot_domain::JobId;

use crate::links::{self, CampaignsAt, JobsAt, value};
use crate::live::Overview;
use crate::pages::Here;
use crate::parts::decoded;

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// Campaigns.
    Campaigns(Box<CampaignsAt>),
    /// One, by its name.
    Campaign(String),
    /// Jobs that a search finds.
    Jobs(Box<JobsAt>),
    /// One job.
    Job(JobId),
    /// Every tenant's budgets.
    Lanes,
    /// Every worker.
    Workers,
    /// Dead letters of all campaigns.
    Dead,
    /// Who did what, before that row.
    Activity(Option<i64>),
}

impl View {
    /// What stands at an address.
    pub(crate) fn of(path: &str, query: &str) -> Option<Self> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        Some(match segments.as_slice() {
            [""] => Self::Campaigns(Box::new(CampaignsAt::of(query))),
            ["campaigns", name] => Self::Campaign(decoded(name)?),
            ["jobs"] => Self::Jobs(Box::new(JobsAt::of(query))),
            ["jobs", id] => Self::Job(JobId(id.parse().ok()?)),
            ["lanes"] => Self::Lanes,
            ["workers"] => Self::Workers,
            ["dead"] => Self::Dead,
            ["activity"] => Self::Activity(value(query, "before").and_then(|seq| seq.parse().ok())),
            _ => return None,
        })
    }

    /// Where it stands.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Campaigns(at) => at.address(),
            Self::Campaign(name) => links::campaign(name),
            Self::Jobs(at) => at.address(),
            Self::Job(id) => format!("/jobs/{id}"),
            Self::Lanes => "/lanes".to_owned(),
            Self::Workers => "/workers".to_owned(),
            Self::Dead => "/dead".to_owned(),
            Self::Activity(None) => "/activity".to_owned(),
            Self::Activity(Some(before)) => format!("/activity?before={before}"),
        }
    }

    pub(crate) fn title(&self) -> String {
        match self {
            Self::Campaigns(at) if !at.tenant.is_empty() => format!("Tenant {}", at.tenant),
            Self::Campaigns(_) => "Campaigns".to_owned(),
            Self::Campaign(name) => name.clone(),
            Self::Jobs(_) => "Jobs".to_owned(),
            Self::Job(id) => format!("Job {id}"),
            Self::Lanes => "Lanes".to_owned(),
            Self::Workers => "Workers".to_owned(),
            Self::Dead => "Dead letters".to_owned(),
            Self::Activity(_) => "Activity".to_owned(),
        }
    }

    pub(crate) const fn here(&self) -> Here {
        match self {
            Self::Campaigns(_) | Self::Campaign(_) => Here::Campaigns,
            Self::Jobs(_) | Self::Job(_) => Here::Jobs,
            Self::Lanes => Here::Lanes,
            Self::Workers => Here::Workers,
            Self::Dead => Here::Dead,
            Self::Activity(_) => Here::Activity,
        }
    }

    /// A number that changes whenever what it shows beyond the overview may have.
    pub(crate) fn stamp(&self, overview: &Overview) -> u64 {
        match self {
            Self::Campaigns(_) | Self::Lanes | Self::Workers | Self::Dead => 0,
            Self::Campaign(name) => overview.stamp(overview.campaign(name)),
            Self::Jobs(at) => {
                let campaign = at.campaign.as_deref();
                overview.stamp(campaign.and_then(|name| overview.campaign(name)))
            }
            Self::Job(_) => overview.stamp(None),
            Self::Activity(_) => overview.at.as_millis().unsigned_abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::{CampaignSort, Which};

    #[test]
    fn every_view_is_found_again_at_its_address() {
        for view in [
            View::Campaigns(Box::default()),
            View::Campaigns(Box::new(CampaignsAt {
                name: "q4-* 100 %".to_owned(),
                tenant: "contoso".to_owned(),
                which: Which::Needs,
                sort: CampaignSort::Left,
                from: 200,
            })),
            View::Campaign("spring / 2026 100 %?".to_owned()),
            View::Jobs(Box::default()),
            View::Job(JobId(4_711)),
            View::Lanes,
            View::Workers,
            View::Dead,
            View::Activity(None),
            View::Activity(Some(12)),
        ] {
            let address = view.address();
            let (path, query) = address.split_once('?').unwrap_or((&address, ""));
            assert_eq!(View::of(path, query), Some(view), "{address}");
        }
        assert_eq!(View::of("/jobs/none", ""), None);
        assert_eq!(View::of("/nothing", ""), None);
    }
}
