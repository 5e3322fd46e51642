//! Which device a row means: all of its names, held against the inventory.

use repilot_domain::{By, Repairs};

use crate::alike::differences;
use crate::key::as_guid;
use crate::near_miss::{NearMiss, listed, near_miss};
use crate::placeholder::is_placeholder;
use crate::plan::RefusalReason;
use crate::twins::{Kept, may_be_left_of_another};
use crate::{Inventory, Key, Malformed};

/// Why a row is refused: the reason, what it named, and the same in words.
pub(crate) type Refusal = (RefusalReason, String, String);

/// A device that a row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its place in the inventory.
    pub(crate) index: usize,
    /// By which of its names it was found.
    pub(crate) by: By,
    /// Whether the row gives it a name, too, that the inventory does not know.
    pub(crate) partly_unknown: bool,
    /// What was overlooked in the serial that it was found by.
    pub(crate) repaired: Repairs,
}

/// Resolves the keys of rows.
pub(crate) struct Resolver<'a> {
    pub(crate) inventory: &'a Inventory,
    /// What every key is, whatever the lists say.
    pub(crate) by: Option<By>,
    /// What may be overlooked in serials.
    pub(crate) repairs: Repairs,
    /// What the list that is read shows to have kept, where its texts may have come through a
    /// spreadsheet.
    pub(crate) kept: Option<Kept>,
}

impl Resolver<'_> {
    /// The device that all of a row's keys mean, and by which of its names it was found.
    ///
    /// A key that the inventory does not know says nothing against the others: a device that was
    /// imported anew has another id and the same serial. Display names are not unique, and change:
    /// one counts in a row that has nothing better.
    pub(crate) fn find(&self, keys: &[Key]) -> Result<Found, Refusal> {
        // Where a kind is forced and the row has a name of that kind, its others stand aside.
        let is_forced = |key: &&Key| self.by.is_some() && key.by == self.by;
        let forced: Vec<&Key> = keys.iter().filter(is_forced).collect();
        let keys: Vec<&Key> = if forced.is_empty() {
            keys.iter().collect()
        } else {
            forced
        };
        // A placeholder names no machine by itself: the row's other names must.
        let (placeholders, keys): (Vec<&Key>, Vec<&Key>) =
            keys.into_iter().partition(|key| self.is_placeholder(key));
        if let (true, [placeholder, ..]) = (keys.is_empty(), placeholders.as_slice()) {
            return Err(no_serial(placeholder));
        }
        let is_name = |key: &&Key| self.by.or(key.by) == Some(By::Name);
        let (names, exact): (Vec<&Key>, Vec<&Key>) = keys.into_iter().partition(is_name);
        let keys = if exact.is_empty() { names } else { exact };
        let mut known: Option<(&Key, Vec<(usize, By)>)> = None;
        let mut partly_unknown = false;
        for key in &keys {
            let meant = match &key.digits {
                Some(digits) => self.fitting(key, digits),
                None => self.named_by(key),
            };
            if meant.is_empty() {
                partly_unknown = true;
                continue;
            }
            let Some((first, candidates)) = &mut known else {
                known = Some((key, meant));
                continue;
            };
            let before = candidates[0];
            candidates.retain(|(index, _)| meant.iter().any(|(other, _)| other == index));
            if candidates.is_empty() {
                return Err(self.contradiction(first, before, key, meant[0]));
            }
        }
        match (known, keys.first()) {
            (Some((key, candidates)), _) => match candidates.as_slice() {
                [(index, _)] if !self.is_shown(&keys, *index) => Err(self.unknown(&[key])),
                [(index, by)] => {
                    let denied = self.denied(&keys, *index);
                    let denied = denied.or_else(|| self.other_twin(&keys, key, *index));
                    match denied.or_else(|| self.other_serial(&placeholders, *index, *by)) {
                        Some(refused) => Err(refused),
                        None => Ok(Found {
                            index: *index,
                            by: *by,
                            partly_unknown,
                            repaired: self.repaired(key, *index, *by),
                        }),
                    }
                }
                several => {
                    let numbers = self.fits_several(key, several);
                    Err(numbers.unwrap_or_else(|| self.ambiguous(key, several)))
                }
            },
            (None, Some(_)) => Err(self.unknown(&keys)),
            (None, None) => {
                let empty = Malformed::Empty.words().to_owned();
                Err((RefusalReason::Malformed, String::new(), empty))
            }
        }
    }

    /// Whether a key is a serial that many machines have.
    fn is_placeholder(&self, key: &Key) -> bool {
        let by = self.by.or(key.by);
        matches!(by, None | Some(By::Serial)) && is_placeholder(&key.text)
    }

    /// That digits in a text file may be what a spreadsheet left of another serial. Another exact name
    /// of the device settles it.
    fn other_twin(&self, keys: &[&Key], key: &Key, index: usize) -> Option<Refusal> {
        let kept = self.kept?;
        if !may_be_left_of_another(key, self.by) {
            return None;
        }
        let mut twins = self.inventory.twins(&key.text, kept);
        twins.retain(|twin| *twin != index);
        let is_other = |other: &&Key| other.text != key.text;
        let settles = |other: &Key| {
            self.named_by(other)
                .iter()
                .any(|(known, _)| *known == index)
        };
        if twins.is_empty()
            || keys
                .iter()
                .copied()
                .filter(|other| is_other(other))
                .any(settles)
        {
            return None;
        }
        let serials = twins
            .iter()
            .map(|index| self.inventory.device(*index).serial.as_str());
        let serials: Vec<&str> = serials.collect();
        let detail = format!(
            "the inventory has {}, too, of which a spreadsheet makes this: name the device by its id as well, or say --by serial, which takes each serial as it stands",
            listed(&serials)
        );
        Some((RefusalReason::Uncertain, key.text.clone(), detail))
    }

    /// Whether a row names a device by digits that may be left of another serial.
    pub(crate) fn has_twin(&self, keys: &[Key]) -> bool {
        keys.iter().any(|key| {
            may_be_left_of_another(key, self.by)
                && !self.inventory.twins(&key.text, Kept::default()).is_empty()
        })
    }

    /// What was overlooked in a serial so that it is the device's.
    fn repaired(&self, key: &Key, index: usize, by: By) -> Repairs {
        if self.repairs.is_empty() || by != By::Serial {
            return Repairs::NONE;
        }
        let serial = &self.inventory.device(index).serial;
        differences(&key.text, serial).unwrap_or_default()
    }

    /// A display name is not exact: a device that is found by it alone has the placeholder for its
    /// serial that the row says, or is another device.
    fn other_serial(&self, placeholders: &[&Key], index: usize, by: By) -> Option<Refusal> {
        let device = self.inventory.device(index);
        let [placeholder, ..] = placeholders else {
            return None;
        };
        if by != By::Name || device.serial.is_empty() || is_placeholder(&device.serial) {
            return None;
        }
        let detail = format!(
            "the device of this display name, {}, has the serial number {}",
            device.id, device.serial
        );
        let value = placeholder.text.clone();
        Some((RefusalReason::Contradictory, value, detail))
    }

    /// A row that gives a device another Intune or Entra id than it has means another device: one
    /// that is no Autopilot device may share a serial such as `Default string` with one that is.
    fn denied(&self, keys: &[&Key], index: usize) -> Option<Refusal> {
        let device = self.inventory.device(index);
        keys.iter().find_map(|key| {
            let by = key.by.filter(|_| self.by.is_none())?;
            let own = match by {
                By::ManagedDeviceId => &device.managed_device_id,
                By::EntraDeviceId => &device.entra_device_id,
                By::Id | By::Serial | By::Name => return None,
            };
            let (own, said) = (as_guid(own).filter(|own| *own != 0)?, as_guid(&key.text)?);
            if own == said || !self.named_by(key).is_empty() {
                return None;
            }
            let detail = format!("the device {} has another {}", device.id, by.words());
            Some((RefusalReason::Contradictory, key.text.clone(), detail))
        })
    }

    /// The devices that a key names as what it is said to be; an id of another kind is recognised,
    /// unless the kind was forced.
    pub(crate) fn named_by(&self, key: &Key) -> Vec<(usize, By)> {
        let candidates = self.candidates(key);
        let Some(by) = self.by.or(key.by) else {
            // A bare key is no display name unless somebody says so.
            return narrowed(candidates, |by| by != By::Name);
        };
        let exact = narrowed(candidates.clone(), |kind| kind == by);
        if !exact.is_empty() || self.by.is_some() {
            return exact;
        }
        // A number in a column of ids is no serial: lists number their rows.
        let is_id = |kind| matches!(kind, By::Id | By::ManagedDeviceId | By::EntraDeviceId);
        match by {
            By::Id | By::ManagedDeviceId | By::EntraDeviceId | By::Serial => {
                narrowed(candidates, is_id)
            }
            By::Name => Vec::new(),
        }
    }

    /// Every device that goes by this, whichever of its names it is; of one device, its most exact
    /// name alone.
    pub(crate) fn candidates(&self, key: &Key) -> Vec<(usize, By)> {
        let mut candidates = Vec::new();
        if let Some(guid) = as_guid(&key.text) {
            candidates.extend(self.inventory.by_guid(guid));
        }
        let mut names = Vec::new();
        self.inventory.named(&key.text, &mut candidates, &mut names);
        // Where a list is said to have lost zeros, one that is known may have lost some, too.
        if !self.repairs.is_empty() && matches!(self.by.or(key.by), None | Some(By::Serial)) {
            let near = self.inventory.alike(&key.text, self.repairs);
            candidates.extend(near.into_iter().map(|index| (index, By::Serial)));
        }
        candidates.append(&mut names);
        candidates
    }

    /// What is near a key that the inventory does not know.
    pub(crate) fn near_miss(&self, key: &Key) -> Option<NearMiss> {
        if self.is_placeholder(key) {
            return None;
        }
        near_miss(self.inventory, key, self.by.or(key.by))
    }

    /// Why the first of a row's keys, none of which the inventory knows, names no device; or what is
    /// near another one of them.
    fn unknown(&self, keys: &[&Key]) -> Refusal {
        let key = keys[0];
        let value = key.text.clone();
        let Some((index, by)) = self.candidates(key).first().copied() else {
            let near = keys
                .iter()
                .find_map(|key| Some((key, self.near_miss(key)?)));
            if let Some((key, near)) = near {
                let detail = format!("{}{}", near.detail, key.note());
                return (RefusalReason::Unknown, key.text.clone(), detail);
            }
            if let Some(mangled) = keys.iter().find_map(|key| Self::mangled(key)) {
                return mangled;
            }
            let detail = format!("the inventory has no such device{}", key.note());
            return (RefusalReason::Unknown, value, detail);
        };
        let device = self.inventory.device(index);
        let detail = format!(
            "this is the {} of the device with the Autopilot id {} (serial {}); --by {} takes it for that",
            by.words(),
            device.id,
            device.serial,
            by.as_str()
        );
        (RefusalReason::WrongIdKind, value, detail)
    }

    fn ambiguous(&self, key: &Key, several: &[(usize, By)]) -> Refusal {
        let serials: Vec<&str> = several
            .iter()
            .map(|(index, _)| self.inventory.device(*index).serial.as_str())
            .collect();
        let is_one = serials
            .iter()
            .all(|serial| serial.to_lowercase() == serials[0].to_lowercase());
        if several[0].1 == By::Serial && !is_one {
            let detail = format!(
                "with `--repair {}` several serials of the inventory fit: {}",
                self.repairs,
                listed(&serials)
            );
            return (RefusalReason::Ambiguous, key.text.clone(), detail);
        }
        let ids: Vec<&str> = several
            .iter()
            .take(3)
            .map(|(index, _)| self.inventory.device(*index).id.as_str())
            .collect();
        let detail = format!(
            "{} devices have this {}: {}",
            several.len(),
            several[0].1.words(),
            ids.join(", ")
        );
        (RefusalReason::Ambiguous, key.text.clone(), detail)
    }

    fn contradiction(
        &self,
        first: &Key,
        (one, by): (usize, By),
        key: &Key,
        (other, other_by): (usize, By),
    ) -> Refusal {
        let detail = format!(
            "the {} {} is the device {}, but the {} {} is the device {}",
            by.words(),
            first.text,
            self.inventory.device(one).id,
            other_by.words(),
            key.text,
            self.inventory.device(other).id
        );
        (RefusalReason::Contradictory, key.text.clone(), detail)
    }
}

fn no_serial(placeholder: &Key) -> Refusal {
    let detail = "many machines have this in place of a serial number: name the device by its Autopilot id, which `repilot inventory export` writes".to_owned();
    (RefusalReason::Placeholder, placeholder.text.clone(), detail)
}

/// Those of a kind, each device once.
fn narrowed(candidates: Vec<(usize, By)>, is_kind: impl Fn(By) -> bool) -> Vec<(usize, By)> {
    let mut narrowed: Vec<(usize, By)> = Vec::new();
    for (index, by) in candidates {
        if is_kind(by) && !narrowed.iter().any(|(known, _)| *known == index) {
            narrowed.push((index, by));
        }
    }
    narrowed
}
