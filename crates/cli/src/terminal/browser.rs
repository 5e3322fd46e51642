//! A browser of this machine, to sign in with.

use std::time::Duration;

/// Time within which an opener that fails has said so; one that still runs has a browser.
const FAILS_WITHIN: Duration = Duration::from_secs(2);

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Whether the person sees what is opened on this machine; why not.
pub(crate) fn is_here() -> Result<(), &'static str> {
    if cfg!(any(windows, target_os = "macos")) {
        // Its desktop is another's, or nobody's.
        if is_set("SSH_CONNECTION") {
            return Err(
                "this is a session over SSH, whose browser would open on the other machine",
            );
        }
        return Ok(());
    }
    let shows = ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"];
    if shows.into_iter().any(is_set) {
        return Ok(());
    }
    Err("there is no display to open a browser on (neither DISPLAY nor WAYLAND_DISPLAY is set)")
}

/// Opens an address.
pub(crate) async fn open(url: &str) -> Result<(), String> {
    let url = url.to_owned();
    let opening =
        tokio::task::spawn_blocking(move || open::that_detached_with_timeout(url, FAILS_WITHIN));
    match opening.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("no browser can be opened ({error})")),
        Err(_panicked) => Err("no browser can be opened".to_owned()),
    }
}
