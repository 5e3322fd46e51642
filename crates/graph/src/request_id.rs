//! Ids by chance.

/// A GUID for `client-request-id` and the like: support finds calls by it.
pub(crate) fn fresh() -> String {
    let bytes: [u8; 16] = rand::random();
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}
