//! What an audit row's detail says, for people.

use serde_json::Value;

/// A row's detail for people: `jobs 12, reason not-found`.
pub(crate) fn in_words(detail: &Value) -> String {
    let Value::Object(fields) = detail else {
        return detail.to_string();
    };
    let said: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| match value {
            // Enough of a fingerprint to know it by.
            Value::String(text) if name == "sha256" => {
                format!("{name} {}", text.chars().take(12).collect::<String>())
            }
            Value::String(text) => format!("{name} {text}"),
            value => format!("{name} {value}"),
        })
        .collect();
    said.join(", ")
}
