//! Whether a listing can be believed: what came, held against what Graph says of it.
//!
//! A listing that ends early looks like a smaller fleet, and one that leads on for ever never ends. So
//! each page that leads on must bring a new device, and at the end no fewer may have come than
//! `@odata.count` promised. A device that two pages show, because the list shifted meanwhile, counts
//! once. Single items that cannot be read are named and left out; many of them are no accident.

use std::collections::HashSet;

use repilot_domain::DeviceId;

use crate::InventoryPage;

/// Largest number of broken items in a listing that is still believed.
const BROKEN_MAX: usize = 100;

/// What a listing has brought so far.
#[derive(Debug, Default)]
pub struct ListingCheck {
    /// Ids, folded.
    seen: HashSet<String>,
    pages: u64,
    promised: Option<u64>,
    /// In words.
    broken: Vec<String>,
}

/// Why a listing cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingFault {
    /// A page that leads on and shows no device that was not there before.
    #[error(
        "page {page} of Graph's listing leads on and has no device that the pages before it do not have: it would never end"
    )]
    NothingNew {
        /// Number of the page, from 1.
        page: u64,
    },
    /// Fewer came than Graph counts.
    #[error("Graph counts {promised} devices and listed {listed}, and names no further page")]
    FewerThanPromised {
        /// `@odata.count`.
        promised: u64,
        /// Devices that came, and items that cannot be read.
        listed: u64,
    },
    /// More than single items cannot be read.
    #[error(
        "more than {BROKEN_MAX} items of Graph's listing cannot be read, the first of them {0}"
    )]
    TooManyBroken(String),
}

impl ListingCheck {
    /// Goes on with a listing that was broken off after so many pages, of which `@odata.count` and the
    /// broken items, in words, are known.
    #[must_use]
    pub fn resumed(pages: u64, promised: Option<u64>, broken: Vec<String>) -> Self {
        Self {
            seen: HashSet::new(),
            pages,
            promised,
            broken,
        }
    }

    /// Takes note of a device of the pages before.
    pub fn know(&mut self, device: &DeviceId) {
        self.seen.insert(folded(device));
    }

    /// Takes a page in: of its devices those stay that are new, and its broken items get the number of
    /// their page.
    pub fn take(&mut self, page: &mut InventoryPage) -> Result<(), ListingFault> {
        self.pages += 1;
        let seen = &mut self.seen;
        page.devices
            .retain(|device| seen.insert(folded(&device.id)));
        for item in &mut page.broken {
            item.page = self.pages;
            if self.broken.len() == BROKEN_MAX {
                return Err(ListingFault::TooManyBroken(self.broken[0].clone()));
            }
            self.broken.push(item.to_string());
        }
        self.promised = page.count.or(self.promised);
        let is_new = !page.devices.is_empty() || !page.broken.is_empty();
        match (&page.next, self.promised) {
            (Some(_), _) if !is_new => Err(ListingFault::NothingNew { page: self.pages }),
            (None, Some(promised)) if promised > self.listed() => {
                Err(ListingFault::FewerThanPromised {
                    promised,
                    listed: self.listed(),
                })
            }
            _ => Ok(()),
        }
    }

    /// The last `@odata.count` that a page had.
    #[must_use]
    pub const fn promised(&self) -> Option<u64> {
        self.promised
    }

    /// Items that cannot be read, as far as the listing has come, in words.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    fn listed(&self) -> u64 {
        (self.seen.len() + self.broken.len()) as u64
    }
}

fn folded(device: &DeviceId) -> String {
    device.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use repilot_domain::{Device, EnrollmentState};

    use super::*;
    use crate::{BrokenItem, NextLink};

    fn page(ids: &[&str], leads_on: bool, count: Option<u64>) -> InventoryPage {
        let device = |id: &&str| Device {
            id: DeviceId((*id).to_owned()),
            serial: String::new(),
            user_principal_name: String::new(),
            addressable_user_name: String::new(),
            group_tag: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            display_name: String::new(),
            managed_device_id: String::new(),
            entra_device_id: String::new(),
            enrollment_state: EnrollmentState::Unknown,
            last_contacted: None,
        };
        InventoryPage {
            devices: ids.iter().map(device).collect(),
            broken: Vec::new(),
            count,
            next: leads_on.then(|| NextLink("https://graph.microsoft.com/next".to_owned())),
        }
    }

    fn broken(item: u64) -> BrokenItem {
        BrokenItem {
            page: 0,
            item,
            id: String::new(),
            serial: "SN".to_owned(),
            why: "missing field `id`".to_owned(),
        }
    }

    #[test]
    fn a_page_that_leads_on_without_a_new_device_ends_the_listing() {
        let mut check = ListingCheck::default();
        check.take(&mut page(&["a", "b"], true, None)).unwrap();
        let mut again = page(&["B", "a"], true, None);
        let fault = check.take(&mut again).unwrap_err();
        assert_eq!(fault, ListingFault::NothingNew { page: 2 });
        let mut check = ListingCheck::default();
        assert!(check.take(&mut page(&[], true, None)).is_err());
        assert!(
            ListingCheck::default()
                .take(&mut page(&[], false, None))
                .is_ok()
        );
    }

    #[test]
    fn a_device_on_two_pages_counts_once() {
        let mut check = ListingCheck::default();
        check.take(&mut page(&["a", "b"], true, None)).unwrap();
        let mut second = page(&["b", "c"], false, Some(3));
        check.take(&mut second).unwrap();
        assert_eq!(second.devices.len(), 1);
        assert_eq!(second.devices[0].id.as_str(), "c");
    }

    #[test]
    fn a_listing_with_fewer_devices_than_it_counts_is_not_believed() {
        let mut check = ListingCheck::default();
        check.take(&mut page(&["a"], true, Some(3))).unwrap();
        let fault = check.take(&mut page(&["b"], false, None)).unwrap_err();
        let (promised, listed) = (3, 2);
        assert_eq!(fault, ListingFault::FewerThanPromised { promised, listed });
        let words = fault.to_string();
        assert!(
            words.contains("counts 3") && words.contains("listed 2"),
            "{words}"
        );
    }

    #[test]
    fn a_resumed_listing_is_held_against_what_it_was_promised() {
        let mut check = ListingCheck::resumed(1, Some(3), vec![broken(2).to_string()]);
        check.know(&DeviceId("A".to_owned()));
        check.take(&mut page(&["a", "c"], false, None)).unwrap();
        let mut check = ListingCheck::resumed(1, Some(4), Vec::new());
        check.know(&DeviceId("A".to_owned()));
        assert!(check.take(&mut page(&["a", "c"], false, None)).is_err());
    }

    #[test]
    fn single_broken_items_are_named_and_many_are_no_accident() {
        let mut check = ListingCheck::default();
        let mut first = page(&["a"], true, Some(102));
        first.broken = vec![broken(2)];
        check.take(&mut first).unwrap();
        assert_eq!(
            check.broken(),
            ["item 2 of page 1, serial SN: missing field `id`"]
        );
        let mut second = page(&["c"], false, None);
        second.broken = (1..=99).map(broken).collect();
        check.take(&mut second).unwrap();
        let mut check = ListingCheck::default();
        let mut only = page(&["c"], false, None);
        only.broken = (1..=101).map(broken).collect();
        let fault = check.take(&mut only).unwrap_err();
        assert!(matches!(fault, ListingFault::TooManyBroken(_)), "{fault}");
    }
}
