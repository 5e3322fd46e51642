//! The platform's folders: where settings are looked for, and where the ledger is.
//!
//! | | settings | ledger |
//! |---|---|---|
//! | Linux | `$XDG_CONFIG_HOME` or `~/.config` | `$XDG_DATA_HOME` or `~/.local/share` |
//! | macOS | `~/Library/Application Support` | the same |
//! | Windows | `%APPDATA%` | `%LOCALAPPDATA%`: a profile that roams would put the ledger on a share |

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

/// The program's folder in each.
const NAME: &str = "repilot";

/// Where `repilot.toml` may be; none where there is no home.
pub(crate) fn settings() -> Option<PathBuf> {
    let folders = etcetera::base_strategy::choose_native_strategy().ok()?;
    let folder = if cfg!(target_os = "macos") {
        folders.data_dir()
    } else {
        folders.config_dir()
    };
    Some(folder.join(NAME))
}

/// Where the ledger is, unless the settings say otherwise; none where there is no home.
pub(crate) fn ledger() -> Option<PathBuf> {
    let folders = etcetera::base_strategy::choose_native_strategy().ok()?;
    let folder = if cfg!(windows) {
        folders.cache_dir()
    } else {
        folders.data_dir()
    };
    Some(folder.join(NAME))
}
