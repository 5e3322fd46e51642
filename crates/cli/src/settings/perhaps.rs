//! A setting that may be empty.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that is read from text; none where that is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Perhaps<T>(pub(crate) Option<T>);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Perhaps<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim() {
            "" => Ok(Self(None)),
            text => text
                .parse()
                .map(|value| Self(Some(value)))
                .map_err(serde::de::Error::custom),
        }
    }
}

impl<T: Display> Serialize for Perhaps<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_str(""),
        }
    }
}
