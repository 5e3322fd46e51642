//! A call and what is kept of its answer.

use crate::GraphError;

/// What Microsoft's support asks for, and what explains an attempt afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallRecord {
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Graph's `error.code`.
    pub code: Option<String>,
    /// The innermost message; of a call without an answer, what went wrong.
    pub message: Option<String>,
    /// What to do about a call without an answer, where its cause says so.
    pub hint: Option<String>,
    /// Graph's `request-id`.
    pub request_id: Option<String>,
    /// What was sent as `client-request-id`.
    pub client_request_id: String,
    /// The answer's `Date` header, as it came.
    pub date: Option<String>,
    /// The answer's `x-ms-ags-diagnostic` header, as it came.
    pub diagnostic: Option<String>,
}

/// A call's outcome with its record.
#[derive(Debug)]
pub struct Call<T> {
    /// What is kept of it.
    pub record: CallRecord,
    /// What came of it.
    pub result: Result<T, GraphError>,
}
