//! Conditions over the inventory: which devices are meant, without a list or of a list.

use std::str::FromStr;

use repilot_domain::{Device, EnrollmentState, Timestamp};
use wildmatch::WildMatch;

/// What is asked of a device.
#[derive(Debug, Clone)]
pub struct Condition {
    /// As it was written.
    text: String,
    test: Test,
    negated: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Text(Property, Vec<WildMatch>),
    Enrollment(Vec<EnrollmentState>),
    /// Not heard of for so many days, or never.
    SilentForDays(u64),
    HasUser,
}

#[derive(Debug, Clone, Copy)]
enum Property {
    GroupTag,
    Model,
    Manufacturer,
    User,
    Serial,
    Name,
}

/// A condition that is none.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no condition: {why}")]
pub struct ConditionError {
    text: String,
    why: &'static str,
}

/// Stands for an empty text.
const NONE: &str = "(none)";

const FORMS: &str = "it is tag=, model=, manufacturer=, user=, serial= or name= with a pattern (`*` and `?`, several with commas), enrolment= with a state, silent>DAYS, or has-user; != and `not has-user` turn it round";

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let bad = |why| ConditionError {
            text: text.to_owned(),
            why,
        };
        let trimmed = text.trim();
        let plain = |test| Self {
            text: trimmed.to_owned(),
            test,
            negated: false,
        };
        match trimmed.to_lowercase().as_str() {
            "has-user" => return Ok(plain(Test::HasUser)),
            "not has-user" => {
                return Ok(Self {
                    negated: true,
                    ..plain(Test::HasUser)
                });
            }
            _ => {}
        }
        if let Some((name, days)) = trimmed.split_once('>') {
            if normalised(name) != "silent" {
                return Err(bad(FORMS));
            }
            let days = days.trim().trim_end_matches(['d', 'D']);
            let days = days
                .parse()
                .map_err(|_not_a_number| bad("after `silent>` comes a number of days"))?;
            return Ok(plain(Test::SilentForDays(days)));
        }
        let Some((name, value)) = trimmed.split_once('=') else {
            return Err(bad(FORMS));
        };
        let (name, negated) = match name.strip_suffix('!') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let values = value.split(',').map(str::trim);
        // An empty pattern would mean every device that has none: a stray comma, an unset variable.
        if values.clone().any(str::is_empty) {
            return Err(bad(
                "a pattern is empty; (none) stands for devices that have none",
            ));
        }
        let property = match normalised(name).as_str() {
            "tag" | "grouptag" => Property::GroupTag,
            "model" => Property::Model,
            "manufacturer" | "vendor" => Property::Manufacturer,
            "user" | "upn" | "userprincipalname" => Property::User,
            "serial" | "serialnumber" => Property::Serial,
            "name" | "displayname" | "devicename" => Property::Name,
            "enrolment" | "enrollment" | "enrollmentstate" | "enrolmentstate" => {
                let states: Result<Vec<EnrollmentState>, ConditionError> = values
                    .map(|word| {
                        state(word).ok_or_else(|| {
                            bad("a state is enrolled, not-contacted, pending-reset, failed or unknown")
                        })
                    })
                    .collect();
                return Ok(Self {
                    negated,
                    ..plain(Test::Enrollment(states?))
                });
            }
            _ => return Err(bad(FORMS)),
        };
        let patterns = values
            .map(|pattern| match (property, pattern) {
                (_, NONE) => String::new(),
                // A domain: everybody in it.
                (Property::User, domain) if domain.starts_with('@') => format!("*{domain}"),
                (_, pattern) => pattern.to_owned(),
            })
            .map(|pattern| WildMatch::new_case_insensitive(&pattern))
            .collect();
        Ok(Self {
            negated,
            ..plain(Test::Text(property, patterns))
        })
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Condition {
    /// Whether a device meets all of them.
    #[must_use]
    pub fn all_hold(conditions: &[Self], device: &Device, now: Timestamp) -> bool {
        conditions
            .iter()
            .all(|condition| condition.holds(device, now))
    }

    /// Whether a device is meant.
    #[must_use]
    pub fn holds(&self, device: &Device, now: Timestamp) -> bool {
        let holds = match &self.test {
            Test::Text(property, patterns) => {
                let text = property.of(device);
                patterns.iter().any(|pattern| pattern.matches(text))
            }
            Test::Enrollment(states) => states.contains(&device.enrollment_state),
            Test::SilentForDays(days) => device
                .last_contacted
                .is_none_or(|contacted| now.since(contacted).as_secs() / (24 * 60 * 60) >= *days),
            Test::HasUser => !device.user_principal_name.is_empty(),
        };
        holds != self.negated
    }
}

impl Property {
    fn of(self, device: &Device) -> &str {
        match self {
            Self::GroupTag => &device.group_tag,
            Self::Model => &device.model,
            Self::Manufacturer => &device.manufacturer,
            Self::User => &device.user_principal_name,
            Self::Serial => &device.serial,
            Self::Name => &device.display_name,
        }
    }
}

fn state(word: &str) -> Option<EnrollmentState> {
    let word = normalised(word);
    let fits = |state: &&EnrollmentState| normalised(state.as_str()) == word;
    EnrollmentState::ALL.iter().find(fits).copied()
}

fn normalised(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use repilot_domain::DeviceId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_352_930_250);

    fn device() -> Device {
        Device {
            id: DeviceId("6f9619ff-8b86-d011-b42d-00c04fc964ff".to_owned()),
            serial: "PF1".to_owned(),
            user_principal_name: "Ada@Contoso.com".to_owned(),
            addressable_user_name: "Ada".to_owned(),
            group_tag: "STORE-12".to_owned(),
            manufacturer: "LENOVO".to_owned(),
            model: "ThinkPad T14".to_owned(),
            display_name: "DESKTOP-1".to_owned(),
            managed_device_id: String::new(),
            entra_device_id: String::new(),
            enrollment_state: EnrollmentState::NotContacted,
            last_contacted: Some(NOW.before(Duration::from_hours(24 * 40))),
        }
    }

    fn holds(condition: &str) -> bool {
        condition
            .parse::<Condition>()
            .unwrap()
            .holds(&device(), NOW)
    }

    #[test]
    fn each_condition_holds_for_what_it_says_and_for_nothing_else() {
        for yes in [
            "tag=store-*",
            "group tag = KIOSK, STORE-1?",
            "model=*t14",
            "manufacturer!=Dell*",
            "user=@contoso.com",
            "user=ada@*",
            "enrolment=not-contacted",
            "enrollmentState=notContacted,failed",
            "silent>30d",
            "silent>40",
            "has-user",
            "name=desktop-*",
            "tag!=(none)",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            "tag=STORE",
            "model=T14",
            "user=@fabrikam.com",
            "user!=@contoso.com",
            "enrolment=enrolled",
            "silent>41",
            "not has-user",
        ] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn a_device_that_was_never_heard_of_is_silent_for_ever() {
        let never = Device {
            last_contacted: None,
            ..device()
        };
        let condition: Condition = "silent>9999".parse().unwrap();
        assert!(condition.holds(&never, NOW));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for bad in [
            "tag",
            "tag=",
            "tag=A,",
            "colour=red",
            "silent>soon",
            "enrolment=maybe",
            "last>3",
            "",
        ] {
            assert!(bad.parse::<Condition>().is_err(), "{bad}");
        }
    }
}
