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

/// Longest path, in UTF-16 units, that Windows' older calls take for a file beside which `SQLite` keeps
/// others with longer names (`-journal`).
#[cfg(any(windows, test))]
const WINDOWS_PATH_MAX: usize = 240;

/// Returns what `sqlx::Any` is told to open this file. It takes a URL and nothing else, and a URL reads
/// meanings into `:`, `\`, `?`, `#`, `%` and a leading `//`; so every sign but letters and digits is
/// escaped, and the path comes back out as it went in.
///
/// The path is made absolute, since `SQLite` takes `:memory:` and `file:…` for something else than files.
pub(crate) fn url(path: &Path) -> std::io::Result<String> {
    let path = std::path::absolute(path)?;
    let text = path.to_str().ok_or_else(|| {
        std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "the path is not valid Unicode",
        )
    })?;
    #[cfg(windows)]
    let text = &*verbatim_where_long(text);
    Ok(escaped(text))
}

fn escaped(path: &str) -> String {
    use std::fmt::Write as _;
    let mut url = String::from("sqlite:");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() {
            url.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

/// Returns the form of an absolute Windows path that has no limit of 260 characters, where the path is
/// long. Rust's own calls do the same; `SQLite` does not.
#[cfg(any(windows, test))]
fn verbatim_where_long(path: &str) -> std::borrow::Cow<'_, str> {
    if path.encode_utf16().count() <= WINDOWS_PATH_MAX || path.starts_with(r"\\?\") {
        return path.into();
    }
    match path.strip_prefix(r"\\") {
        Some(share) => format!(r"\\?\UNC\{share}").into(),
        None => format!(r"\\?\{path}").into(),
    }
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

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use sqlx::any::AnyConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    #[test]
    fn every_path_comes_out_of_the_url_unchanged() {
        for path in [
            r"C:\Users\ada\AppData\Local\repilot\ledger.db",
            "C:/Users/ada/ledger.db",
            r"C:ledger.db",
            r"\\server\share\l.db",
            "//server/share/l.db",
            r"\\?\C:\ledgers\l.db",
            r"\\?\UNC\server\share\l.db",
            r"D:\two words\l.db",
            "/srv/a#b/100%/50%41?mode=memory&vfs=x/l.db",
            "/srv/sqlite://sqlite:/l.db",
            "/srv/käse/帳簿.db",
            ":memory:",
            "file:l.db?mode=memory",
        ] {
            let options = AnyConnectOptions::from_str(&escaped(path)).unwrap();
            let options = SqliteConnectOptions::try_from(&options).unwrap();
            assert_eq!(options.get_filename(), Path::new(path));
        }
    }

    #[test]
    fn only_long_windows_paths_become_verbatim() {
        let deep = r"deep\".repeat(60);
        for (path, opened) in [
            (r"C:\l.db".to_owned(), r"C:\l.db".to_owned()),
            (format!(r"C:\{deep}l.db"), format!(r"\\?\C:\{deep}l.db")),
            (
                format!(r"\\server\share\{deep}l.db"),
                format!(r"\\?\UNC\server\share\{deep}l.db"),
            ),
            (format!(r"\\?\C:\{deep}l.db"), format!(r"\\?\C:\{deep}l.db")),
        ] {
            assert_eq!(verbatim_where_long(&path), opened);
        }
    }

    #[test]
    fn a_relative_path_is_opened_where_it_stands() {
        let here = std::env::current_dir().unwrap();
        let url = url(Path::new(":memory:")).unwrap();
        let options = AnyConnectOptions::from_str(&url).unwrap();
        let options = SqliteConnectOptions::try_from(&options).unwrap();
        assert_eq!(options.get_filename(), here.join(":memory:"));
    }
}
