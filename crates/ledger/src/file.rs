//! The file that a `SQLite` ledger is, before the database opens it.

use std::fs::File;
use std::path::Path;

/// Held while a ledger is opened: two processes that make one would trip over each other's
/// migrations, which wait for no lock in `SQLite`. Given back by whoever holds it, or by the
/// system when they die.
pub(crate) struct Opening {
    _lock: File,
}

/// Makes the folder and an empty file that only its owner can read, before the database does
/// (`SQLite` gives its journal the permissions of the file itself), and waits until no other
/// process is opening it.
pub(crate) async fn prepare(path: &Path) -> std::io::Result<Opening> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)?;
    }
    private_file(path)?;
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let lock = private_file(Path::new(&name))?;
    // Whoever holds it may be another task of this very thread.
    let locking = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
    Ok(Opening {
        _lock: locking.await.map_err(std::io::Error::other)??,
    })
}

/// The path as a `sqlite:` URL: what would end the path in a URL is escaped.
pub(crate) fn url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => url.push_str("%25"),
            '?' => url.push_str("%3f"),
            '#' => url.push_str("%23"),
            c => url.push(c),
        }
    }
    url
}

/// Opens or makes a file that only its owner can read.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    // On Windows the file inherits the permissions of its folder, which the default location's
    // profile folder keeps to its owner.
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
