//! Reading a search from text.

use std::str::FromStr;

use super::{JobCondition, JobQuery, JobQueryError, JobTerm, JobText, Pattern};
use crate::JobId;

/// Stands for an empty text.
pub(super) const NONE: &str = "(none)";

/// The qualifiers, in the order in which people read them.
const QUALIFIERS: [&str; 12] = [
    "state",
    "reason",
    "tag",
    "model",
    "user",
    "serial",
    "campaign",
    "tenant",
    "verification",
    "without",
    "device",
    "job",
];

/// A character, and whether quotes took its meaning from it.
type Written = (char, bool);

impl FromStr for JobQuery {
    type Err = JobQueryError;

    fn from_str(text: &str) -> Result<Self, JobQueryError> {
        let terms: Result<Vec<JobTerm>, JobQueryError> =
            words(text)?.iter().map(|word| term(word)).collect();
        Ok(Self { terms: terms? })
    }
}

/// The words of a text: what stands in quotes belongs together, and `\` takes the meaning of the
/// next character within them.
fn words(text: &str) -> Result<Vec<Vec<Written>>, JobQueryError> {
    let mut words = Vec::new();
    let mut word: Option<Vec<Written>> = None;
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => {
                let Some(next) = characters.next() else {
                    return Err(JobQueryError::OpenQuote);
                };
                word.get_or_insert_default().push((next, true));
            }
            blank if blank.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push((other, quoted)),
        }
    }
    if quoted {
        return Err(JobQueryError::OpenQuote);
    }
    words.extend(word);
    Ok(words)
}

fn term(word: &[Written]) -> Result<JobTerm, JobQueryError> {
    let (negated, word) = match word {
        [('-', false), rest @ ..] if !rest.is_empty() => (true, rest),
        word => (false, word),
    };
    let colon = word.iter().position(|written| *written == (':', false));
    let condition = match colon {
        Some(colon) => qualified(&plain(&word[..colon]), &word[colon + 1..])?,
        None => match plain(word) {
            text if text.trim().is_empty() => return Err(JobQueryError::NoText),
            text => match text.strip_prefix('#').map(str::parse) {
                Some(Ok(number)) => JobCondition::Job(JobId(number)),
                _ => JobCondition::Free(text),
            },
        },
    };
    Ok(JobTerm { negated, condition })
}

fn qualified(name: &str, value: &[Written]) -> Result<JobCondition, JobQueryError> {
    let name = name.to_lowercase();
    let Some(name) = QUALIFIERS.into_iter().find(|known| *known == name) else {
        return Err(JobQueryError::UnknownQualifier {
            name,
            known: QUALIFIERS.join(", "),
        });
    };
    let values: Vec<&[Written]> = value.split(|written| *written == (',', false)).collect();
    if values.iter().any(|value| value.is_empty()) {
        return Err(JobQueryError::NoValue(name));
    }
    let one = || match values.as_slice() {
        [one] => Ok(plain(one)),
        _ => Err(JobQueryError::OneValue(name)),
    };
    let patterns = || values.iter().map(|value| pattern(value)).collect();
    Ok(match name {
        "state" => {
            let states: Result<Vec<_>, _> = values
                .iter()
                .map(|value| plain(value).to_lowercase().parse())
                .collect();
            JobCondition::State(states?)
        }
        "reason" => {
            let reasons = values.iter().map(|value| plain(value).to_lowercase());
            JobCondition::Reason(reasons.collect())
        }
        "verification" => {
            let said: Result<Vec<_>, _> = values
                .iter()
                .map(|value| plain(value).to_lowercase().parse())
                .collect();
            JobCondition::Verification(said?)
        }
        "without" => match one()?.to_lowercase().as_str() {
            "user" => JobCondition::WithoutUser,
            other => return Err(JobQueryError::UnknownWithout(other.to_owned())),
        },
        "tag" => JobCondition::Text(JobText::Tag, patterns()),
        "model" => JobCondition::Text(JobText::Model, patterns()),
        "serial" => JobCondition::Text(JobText::Serial, patterns()),
        "user" => {
            let patterns = values.iter().map(|value| match value {
                // A domain: everybody of it.
                [('@', _), ..] => Pattern::new(&format!("*{}", plain(value))),
                value => pattern(value),
            });
            JobCondition::Text(JobText::User, patterns.collect())
        }
        "campaign" => JobCondition::Campaign(patterns()),
        "tenant" => JobCondition::Tenant(patterns()),
        "device" => JobCondition::Device(one()?.to_lowercase()),
        _ => {
            let number = one()?;
            let Ok(id) = number.trim_start_matches('#').parse() else {
                return Err(JobQueryError::NoNumber(number));
            };
            JobCondition::Job(JobId(id))
        }
    })
}

fn plain(word: &[Written]) -> String {
    word.iter().map(|(character, _)| character).collect()
}

/// In quotes `*` and `?` are themselves; so a value in which some are is taken as it stands.
fn pattern(value: &[Written]) -> Pattern {
    let text = plain(value);
    let stands_for_itself =
        |(character, quoted): &Written| matches!(character, '*' | '?') && *quoted;
    match text.as_str() {
        NONE if value.iter().all(|(_, quoted)| !quoted) => Pattern::exactly(""),
        text if value.iter().any(stands_for_itself) => Pattern::exactly(text),
        text => Pattern::new(text),
    }
}
