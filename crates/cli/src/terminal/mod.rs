//! What a person or a script sees of the program: output, failures, exit codes, logs, private files, a browser.

pub(crate) mod progress;

pub(crate) mod audit_detail;
pub(crate) mod browser;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod logging;
pub(crate) mod output;
pub(crate) mod private;
