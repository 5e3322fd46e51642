//! Files that only their owner can read: rows, plans and logs name people and places.
//!
//! On Windows a file inherits the permissions of its folder.

use std::fs::{File, OpenOptions};
use std::path::Path;

/// An empty file, in place of one that was there.
pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    let file = owned().write(true).create(true).truncate(true).open(path)?;
    #[cfg(unix)]
    {
        // One that was there already may be open to others.
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// A file to go on with.
pub(crate) fn append(path: &Path) -> std::io::Result<File> {
    owned().append(true).create(true).open(path)
}

#[cfg_attr(
    not(unix),
    expect(unused_mut, reason = "there is no mode to set elsewhere")
)]
fn owned() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}
