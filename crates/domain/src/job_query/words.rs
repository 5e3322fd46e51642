//! Writing a search as text, so that it reads back as what it is.

use std::fmt::{self, Display, Formatter, Write as _};

use super::parse::NONE;
use super::pattern::Piece;
use super::{JobCondition, JobQuery, JobTerm, JobText, Pattern};

impl JobText {
    /// Its qualifier.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::User => "user",
            Self::Tag => "tag",
            Self::Model => "model",
        }
    }
}

impl Display for JobQuery {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            write!(formatter, "{blank}{term}")?;
        }
        Ok(())
    }
}

impl Display for JobTerm {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.negated {
            formatter.write_char('-')?;
        }
        match &self.condition {
            JobCondition::State(states) => list(formatter, "state", states),
            JobCondition::Reason(reasons) => list(
                formatter,
                "reason",
                reasons.iter().map(|reason| quoted(reason)),
            ),
            JobCondition::Verification(said) => list(formatter, "verification", said),
            JobCondition::WithoutUser => formatter.write_str("without:user"),
            JobCondition::Text(text, patterns) => list(formatter, text.as_str(), patterns),
            JobCondition::Campaign(patterns) => list(formatter, "campaign", patterns),
            JobCondition::Tenant(patterns) => list(formatter, "tenant", patterns),
            JobCondition::Device(device) => write!(formatter, "device:{}", quoted(device)),
            JobCondition::Job(job) => write!(formatter, "job:{job}"),
            JobCondition::Free(text) => write!(formatter, "{}", quoted(text)),
        }
    }
}

impl Display for Pattern {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.as_exact() {
            return match text {
                "" => formatter.write_str(NONE),
                text => formatter.write_str(&quoted(text)),
            };
        }
        for piece in self.pieces() {
            match piece {
                Piece::Anything => formatter.write_char('*')?,
                Piece::Character => formatter.write_char('?')?,
                Piece::Text(text) => formatter.write_str(&quoted(text))?,
            }
        }
        Ok(())
    }
}

fn list<T: Display>(
    formatter: &mut Formatter<'_>,
    qualifier: &str,
    values: impl IntoIterator<Item = T>,
) -> fmt::Result {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    write!(formatter, "{qualifier}:{}", values.join(","))
}

/// In quotes where anything in it would mean something.
fn quoted(text: &str) -> String {
    let means_itself =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '/' | '+');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(means_itself) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
