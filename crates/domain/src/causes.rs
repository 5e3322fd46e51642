//! An error with its causes, for a line of a log.

use std::error::Error;
use std::fmt;

/// An error and its causes on one line; a cause that was said already is not said again.
#[derive(Debug)]
pub struct WithCauses<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for WithCauses<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        formatter.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let word = cause.to_string();
            if !said.contains(&word) {
                write!(formatter, ": {word}")?;
                said = word;
            }
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Link(&'static str, #[source] Option<Box<Link>>);

    #[test]
    fn each_cause_is_said_once() {
        let root = Link("no such host", None);
        let same = Link("cannot connect", Some(Box::new(root)));
        let error = Link("the ledger: cannot connect", Some(Box::new(same)));
        let said = WithCauses(&error).to_string();
        assert_eq!(said, "the ledger: cannot connect: no such host");
    }
}
