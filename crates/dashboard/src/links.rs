//! Links to pages: of a campaign, and of jobs as a search finds them.

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
