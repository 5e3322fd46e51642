//! Who is assigned to a device, or why nobody is.

use std::collections::{HashMap, HashSet};

use repilot_domain::{Action, Device, JobId, check_user_principal_name, folded, is_same_user};

use crate::key::shown_user;
use crate::plan::{NewUser, RefusalReason};
use crate::resolver::Refusal;
use crate::{Inventory, Row};

/// What the tenant's directory says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// There is one.
    Known(NewUser),
    /// There is none.
    Unknown,
    /// The directory does not take the name for one, and says this.
    Refused(String),
    /// There is one that may not sign in.
    Disabled,
}

/// A job that the campaign has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promised {
    /// Its number.
    pub job: JobId,
    /// Whom it assigns.
    pub user_principal_name: String,
}

/// What is known of users and devices before a list is planned.
#[derive(Debug, Clone, Default)]
pub struct Foreknowledge {
    /// What the directory says of those users who were looked up, by their folded names.
    pub accounts: HashMap<String, Account>,
    /// What the campaign does already, by the devices' ids.
    pub promised: HashMap<String, Promised>,
    /// Devices with an open job in another campaign, by their ids, and that campaign's name.
    pub busy: HashMap<String, String>,
    /// Whether such a device waits for that job's end, instead of being refused.
    pub after_others: bool,
}

/// Who is assigned to whom, by the lists as a whole.
#[derive(Default)]
pub(crate) struct Assigning<'a> {
    pub(crate) action: Action,
    pub(crate) known: Option<&'a Foreknowledge>,
    /// Who was first said for each device, and where.
    first: HashMap<usize, (String, String)>,
    /// Devices for which lists say two users, and the same in words.
    contradicted: HashMap<usize, String>,
    /// Display names that the inventory has of users, by their folded names.
    names: HashMap<String, &'a str>,
    /// Folded names of the users of the plan.
    users: HashSet<String>,
}

impl<'a> Assigning<'a> {
    pub(crate) fn new(action: Action, inventory: &'a Inventory) -> Self {
        let mut names = HashMap::new();
        if action.needs_user() {
            let devices = inventory.devices().iter();
            for device in devices.filter(|device| !device.addressable_user_name.is_empty()) {
                let user = folded(&device.user_principal_name);
                names.entry(user).or_insert(&*device.addressable_user_name);
            }
        }
        Self {
            action,
            names,
            ..Self::default()
        }
    }

    /// How many users the plan has.
    pub(crate) fn users(&self) -> u64 {
        self.users.len() as u64
    }

    /// Takes note of whom a row says for a device. Which of two users is right nobody knows, so that
    /// all rows must have been noted before the first is planned.
    pub(crate) fn note(&mut self, index: usize, row: &Row, list: &str) {
        let Some(user) = row.new_user.as_deref().filter(|user| !user.is_empty()) else {
            return;
        };
        let place = || format!("line {} of {list}", row.line);
        match self.first.get(&index) {
            None => {
                self.first.insert(index, (user.to_owned(), place()));
            }
            Some((first, there)) if !is_same_user(first, user) => {
                self.contradicted.entry(index).or_insert_with(|| {
                    format!(
                        "{there} gives this device to {}, {} to {}: which is right?",
                        shown_user(first),
                        place(),
                        shown_user(user)
                    )
                });
            }
            Some(_) => {}
        }
    }

    /// Who is to be assigned to a device that a row means; `None` where nobody is.
    pub(crate) fn new_user(
        &self,
        index: usize,
        device: &Device,
        said: Option<&str>,
    ) -> Result<Option<NewUser>, Refusal> {
        if !self.action.needs_user() {
            return Ok(None);
        }
        let said = said.unwrap_or_default();
        if said.is_empty() {
            let detail = "the row does not say who is to be assigned".to_owned();
            return Err((RefusalReason::NoNewUser, device.serial.clone(), detail));
        }
        let refused = |reason, detail: String| Err((reason, shown_user(said), detail));
        if let Err(error) = check_user_principal_name(said) {
            return refused(RefusalReason::MalformedUser, error.to_string());
        }
        if let Some(words) = self.contradicted.get(&index) {
            return refused(RefusalReason::TwoNewUsers, words.clone());
        }
        let user = match self.account(said) {
            Some(Account::Known(user)) => user.clone(),
            Some(Account::Unknown) => {
                let detail = "the tenant's directory has no such user".to_owned();
                return refused(RefusalReason::UnknownUser, detail);
            }
            Some(Account::Refused(words)) => {
                let detail = format!("the directory does not take this for a user's name: {words}");
                return refused(RefusalReason::MalformedUser, detail);
            }
            Some(Account::Disabled) => {
                let detail = "the user's account is disabled".to_owned();
                return refused(RefusalReason::DisabledUser, detail);
            }
            None => self.named(said),
        };
        if let Some(promised) = self.promised(device) {
            if is_same_user(&promised.user_principal_name, &user.user_principal_name) {
                return Ok(Some(user));
            }
            let detail = format!(
                "the campaign has job {} already, which assigns this device to {}",
                promised.job, promised.user_principal_name
            );
            return refused(RefusalReason::OtherUserInCampaign, detail);
        }
        let present = device.user_principal_name.as_str();
        if is_same_user(present, &user.user_principal_name) {
            let detail = "this user has the device already".to_owned();
            return refused(RefusalReason::AlreadyAssigned, detail);
        }
        if self.action == Action::Assign && !present.is_empty() {
            let detail =
                format!("{present} has the device; --action reassign unassigns them first");
            return refused(RefusalReason::HasUser, detail);
        }
        Ok(Some(user))
    }

    /// Takes note of a user of the plan.
    pub(crate) fn planned(&mut self, user: &NewUser) {
        self.users.insert(folded(&user.user_principal_name));
    }

    fn account(&self, user: &str) -> Option<&'a Account> {
        self.known?.accounts.get(&folded(user))
    }

    /// The other campaign that has an open job for a device.
    pub(crate) fn busy(&self, device: &Device) -> Option<&'a str> {
        let campaign = self.known?.busy.get(device.id.as_str())?;
        Some(campaign)
    }

    /// Whether devices with an open job in another campaign wait for its end.
    pub(crate) fn waits_for_others(&self) -> bool {
        self.known.is_some_and(|known| known.after_others)
    }

    fn promised(&self, device: &Device) -> Option<&'a Promised> {
        self.known?.promised.get(device.id.as_str())
    }

    /// A user as the list says it. The display name greets them at their device: the inventory may
    /// know it by another device of theirs; else the user principal name is at least true, and whether
    /// Graph takes an empty one is not known.
    fn named(&self, user: &str) -> NewUser {
        let display_name = self.names.get(&folded(user)).copied().unwrap_or(user);
        NewUser {
            user_principal_name: user.to_owned(),
            display_name: display_name.to_owned(),
        }
    }
}
