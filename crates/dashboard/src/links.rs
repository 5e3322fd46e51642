//! Links to pages: of a campaign, and of jobs as a search finds them.

use repilot_domain::{Pattern, TenantName, folded};
use repilot_ledger::JobSort;

use crate::parts::encoded;

/// Which jobs are shown, and where the page is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct JobsAt {
    /// Within this campaign.
    pub(crate) campaign: Option<String>,
    /// As it was typed.
    pub(crate) query: String,
    pub(crate) sort: Sort,
    pub(crate) descending: bool,
    pub(crate) place: Place,
}

/// What the table is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    Job,
    Serial,
    Finished,
}

/// Where the page is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Start,
    After(String),
    Before(String),
}

impl Sort {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Serial => "serial",
            Self::Finished => "finished",
        }
    }

    pub(crate) const fn as_ledger(self) -> JobSort {
        match self {
            Self::Job => JobSort::Job,
            Self::Serial => JobSort::Serial,
            Self::Finished => JobSort::Finished,
        }
    }
}

impl JobsAt {
    /// What a query of an address says.
    pub(crate) fn of(query: &str) -> Self {
        let text = |name: &str| value(query, name).filter(|text| !text.is_empty());
        Self {
            campaign: text("campaign"),
            query: text("q").unwrap_or_default(),
            sort: match text("sort").as_deref() {
                Some("serial") => Sort::Serial,
                Some("finished") => Sort::Finished,
                _ => Sort::Job,
            },
            descending: text("order").as_deref() == Some("down"),
            place: match (text("after"), text("before")) {
                (Some(cursor), _) => Place::After(cursor),
                (None, Some(cursor)) => Place::Before(cursor),
                (None, None) => Place::Start,
            },
        }
    }

    pub(crate) fn address(&self) -> String {
        let mut pairs = Vec::new();
        if let Some(campaign) = &self.campaign {
            pairs.push(("campaign", campaign.as_str()));
        }
        if !self.query.is_empty() {
            pairs.push(("q", &self.query));
        }
        if self.sort != Sort::Job {
            pairs.push(("sort", self.sort.word()));
        }
        if self.descending {
            pairs.push(("order", "down"));
        }
        match &self.place {
            Place::Start => {}
            Place::After(cursor) => pairs.push(("after", cursor)),
            Place::Before(cursor) => pairs.push(("before", cursor)),
        }
        let query = serde_html_form::to_string(pairs).unwrap_or_default();
        match query.as_str() {
            "" => "/jobs".to_owned(),
            query => format!("/jobs?{query}"),
        }
    }

    pub(crate) fn at(&self, place: Place) -> String {
        let moved = Self {
            place,
            ..self.clone()
        };
        moved.address()
    }

    pub(crate) fn asking(&self, query: &str) -> String {
        let asking = Self {
            query: query.to_owned(),
            place: Place::Start,
            ..self.clone()
        };
        asking.address()
    }

    /// Sorted by something, and by the same again the other way round.
    pub(crate) fn sorted(&self, sort: Sort) -> String {
        let sorted = Self {
            sort,
            descending: self.sort == sort && !self.descending,
            place: Place::Start,
            ..self.clone()
        };
        sorted.address()
    }
}

/// Which campaigns are shown, in which order, and from which one on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CampaignsAt {
    /// A part of their name, or a pattern.
    pub(crate) name: String,
    /// Their tenant.
    pub(crate) tenant: String,
    /// Which of them.
    pub(crate) which: Which,
    pub(crate) sort: CampaignSort,
    /// How many are left out that come before.
    pub(crate) from: usize,
}

/// Which campaigns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those under way, and below them those that ended of late.
    #[default]
    Current,
    /// Those that wait for somebody.
    Needs,
    /// Those that are paused.
    Paused,
    /// Those whose jobs go out.
    Running,
    /// All that have ended, however long ago.
    Ended,
}

impl Which {
    pub(crate) const ALL: [Self; 5] = [
        Self::Current,
        Self::Needs,
        Self::Running,
        Self::Paused,
        Self::Ended,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Needs => "needs",
            Self::Paused => "paused",
            Self::Running => "running",
            Self::Ended => "ended",
        }
    }

    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Current => "Under way and of late",
            Self::Needs => "That need somebody",
            Self::Paused => "Paused",
            Self::Running => "Running",
            Self::Ended => "Ended, also long ago",
        }
    }
}

/// What campaigns are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CampaignSort {
    /// What presses first, and the newest of equals.
    #[default]
    Pressing,
    Name,
    Left,
    Dead,
}

impl CampaignSort {
    const fn word(self) -> &'static str {
        match self {
            Self::Pressing => "pressing",
            Self::Name => "name",
            Self::Left => "left",
            Self::Dead => "dead",
        }
    }
}

impl CampaignsAt {
    /// What a query of an address says.
    pub(crate) fn of(query: &str) -> Self {
        let text = |name: &str| value(query, name).unwrap_or_default();
        let which = text("which");
        let sort = text("sort");
        let sorts = [
            CampaignSort::Pressing,
            CampaignSort::Name,
            CampaignSort::Left,
            CampaignSort::Dead,
        ];
        let which = Which::ALL.into_iter().find(|known| known.word() == which);
        let sort = sorts.into_iter().find(|known| known.word() == sort);
        Self {
            name: text("name").trim().to_owned(),
            tenant: text("tenant"),
            which: which.unwrap_or_default(),
            sort: sort.unwrap_or_default(),
            from: text("from").parse().unwrap_or_default(),
        }
    }

    /// Those of a tenant.
    pub(crate) fn of_tenant(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn address(&self) -> String {
        let mut pairs = Vec::new();
        if !self.name.is_empty() {
            pairs.push(("name", self.name.clone()));
        }
        if !self.tenant.is_empty() {
            pairs.push(("tenant", self.tenant.clone()));
        }
        if self.which != Which::default() {
            pairs.push(("which", self.which.word().to_owned()));
        }
        if self.sort != CampaignSort::default() {
            pairs.push(("sort", self.sort.word().to_owned()));
        }
        if self.from > 0 {
            pairs.push(("from", self.from.to_string()));
        }
        let query = serde_html_form::to_string(pairs).unwrap_or_default();
        match query.as_str() {
            "" => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }

    /// Whether a campaign is among those that are asked for by name and tenant.
    pub(crate) fn names(&self, name: &str, tenant: &TenantName) -> bool {
        let fits = if self.name.contains(['*', '?']) {
            Pattern::new(&self.name).fits(name)
        } else {
            folded(name).contains(&folded(&self.name))
        };
        fits && (self.tenant.is_empty() || self.tenant == tenant.as_str())
    }

    /// The same from another one on.
    pub(crate) fn starting(&self, from: usize) -> Self {
        Self {
            from,
            ..self.clone()
        }
    }

    /// The same in another order.
    pub(crate) fn sorted(&self, sort: CampaignSort) -> Self {
        Self {
            sort,
            from: 0,
            ..self.clone()
        }
    }
}

/// What campaigns are meant together by, as a query: their name and tenant.
pub(crate) fn several(at: &CampaignsAt) -> String {
    let pairs = [("name", &at.name), ("tenant", &at.tenant)];
    let meant: Vec<_> = pairs
        .into_iter()
        .filter(|(_, said)| !said.is_empty())
        .collect();
    match serde_html_form::to_string(meant)
        .unwrap_or_default()
        .as_str()
    {
        "" => String::new(),
        query => format!("?{query}"),
    }
}

/// A campaign's address.
pub(crate) fn campaign(name: &str) -> String {
    format!("/campaigns/{}", encoded(name))
}

/// Where the jobs of a campaign are that a query finds.
pub(crate) fn jobs(campaign: &str, query: &str) -> String {
    let pairs = [("campaign", campaign), ("q", query)];
    let encoded = serde_html_form::to_string(pairs).unwrap_or_default();
    format!("/jobs?{encoded}")
}

/// Where the jobs of all campaigns are that a query finds.
pub(crate) fn jobs_found(query: &str) -> String {
    let at = JobsAt {
        query: query.to_owned(),
        ..JobsAt::default()
    };
    at.address()
}

/// A value of a query.
pub(crate) fn value(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_every_search_has_an_address() {
        let at = JobsAt {
            campaign: Some("spring & co".to_owned()),
            query: "state:dead tag:\"A B\"".to_owned(),
            sort: Sort::Finished,
            descending: true,
            place: Place::After("12".to_owned()),
        };
        let address = at.address();
        let (_, query) = address.split_once('?').unwrap();
        assert_eq!(JobsAt::of(query), at);
        assert_eq!(JobsAt::default().address(), "/jobs");
    }

    #[test]
    fn a_column_that_sorts_already_turns_round() {
        let at = JobsAt::default();
        let first = JobsAt::of(at.sorted(Sort::Serial).split_once('?').unwrap().1);
        assert!(!first.descending);
        assert!(JobsAt::of(first.sorted(Sort::Serial).split_once('?').unwrap().1).descending);
    }
}
