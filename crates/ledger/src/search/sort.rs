//! What found jobs are sorted by.

/// What jobs are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JobSort {
    /// Their number: the order in which they were enqueued.
    #[default]
    Job,
    /// Their device's serial number; within one campaign, or where few jobs fit.
    Serial,
    /// When they ended, those that have not first; where few jobs fit.
    Finished,
}
