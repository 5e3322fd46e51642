//! What cannot be understood of a search.

use crate::UnknownWord;

/// A search that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobQueryError {
    /// Nothing is asked by that name.
    #[error("`{name}:` is no qualifier; known are {known}. A text with a colon goes in quotes")]
    UnknownQualifier {
        /// As it came.
        name: String,
        /// Those that would have done.
        known: String,
    },
    /// A word that the qualifier does not know.
    #[error(transparent)]
    UnknownWord(#[from] UnknownWord),
    /// A job's number that is none.
    #[error("`{0}` is no job's number")]
    NoNumber(String),
    /// A qualifier without a value, or a comma without one beside it.
    #[error("after `{0}:` a value is missing; (none) stands for an empty one")]
    NoValue(&'static str),
    /// Nothing is looked for by its lack but this.
    #[error("`without:{0}` is not known; `without:user` is")]
    UnknownWithout(String),
    /// A qualifier that takes one value got several.
    #[error("`{0}:` takes one value")]
    OneValue(&'static str),
    /// A text to look for that is empty.
    #[error("a text to look for is empty")]
    NoText,
    /// A quote that does not end.
    #[error("a quotation mark has no other that ends it")]
    OpenQuote,
}
