//! Numbers where serials should be text: the number 12345 may be the serial 12345, or 0012345 whose
//! zeros a spreadsheet took away. It names a device only where it can mean no other.

use repilot_domain::By;

use crate::Key;
use crate::mangled::mangled;
use crate::plan::RefusalReason;
use crate::resolver::{Refusal, Resolver};

/// Serials that are named at once.
const NAMED: usize = 3;

impl Resolver<'_> {
    /// The devices that a number may mean: by what it shows, by its digits with zeros before them, or
    /// as a serial that a spreadsheet makes this number of.
    pub(crate) fn fitting(&self, key: &Key, digits: &str) -> Vec<(usize, By)> {
        let mut fitting = self.named_by(key);
        if matches!(self.by.or(key.by), None | Some(By::Serial)) {
            let with_zeros = self.inventory.with_zeros(digits);
            for index in with_zeros
                .into_iter()
                .chain(self.inventory.taken_for(digits))
            {
                if !fitting.iter().any(|(known, _)| *known == index) {
                    fitting.push((index, By::Serial));
                }
            }
        }
        fitting
    }

    /// Whether one of the keys names a device by what it shows.
    pub(crate) fn is_shown(&self, keys: &[&Key], index: usize) -> bool {
        keys.iter().any(|key| {
            let named = self.named_by(key);
            named.iter().any(|(known, _)| *known == index)
        })
    }

    /// That a number fits several serials, all of them named; `None` where it is one serial of
    /// several devices.
    pub(crate) fn fits_several(&self, key: &Key, several: &[(usize, By)]) -> Option<Refusal> {
        key.digits.as_ref()?;
        let mut serials: Vec<&str> = Vec::new();
        for (index, _) in several {
            let serial = self.inventory.device(*index).serial.as_str();
            if !serials.contains(&serial) {
                serials.push(serial);
            }
        }
        if serials.len() < 2 {
            return None;
        }
        serials.truncate(NAMED);
        let named = serials.join(" and ");
        let detail = format!(
            "this is a number and not text, and a spreadsheet makes it of several serials: the inventory has {named}. Format the column as text and enter the serial again"
        );
        Some((RefusalReason::Uncertain, serials.join(" or "), detail))
    }

    /// Why a key that the inventory does not know cannot be read for certain, if a spreadsheet wrote
    /// it.
    pub(crate) fn mangled(key: &Key) -> Option<Refusal> {
        let why = mangled(&key.text)?;
        let detail = why.words().to_owned();
        Some((RefusalReason::Uncertain, key.text.clone(), detail))
    }

    /// What a row of exceptions says that may mean other devices than it names, and why; `None` where
    /// each of its names can be read for certain, or one of them is enough.
    pub(crate) fn uncertain_exception(&self, keys: &[Key]) -> Option<(String, String)> {
        let mut uncertain = None;
        for key in keys {
            let named = self.candidates(key);
            let Some(digits) = &key.digits else {
                if !named.is_empty() {
                    return None;
                }
                if let Some((_, value, why)) = Self::mangled(key) {
                    uncertain.get_or_insert((value, why));
                }
                continue;
            };
            let fitting = self.fitting(key, digits);
            let by_zeros = fitting.iter().find(|device| !named.contains(device));
            if let Some((index, _)) = by_zeros {
                let serial = &self.inventory.device(*index).serial;
                let why = format!(
                    "this is a number and not text, and may mean {serial}, of which a spreadsheet makes it"
                );
                uncertain.get_or_insert((key.text.clone(), why));
            } else if !named.is_empty() {
                return None;
            }
        }
        uncertain
    }
}
