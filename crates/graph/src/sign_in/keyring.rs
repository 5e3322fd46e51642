//! The operating system's keyring: Windows' credential manager, macOS's keychain, or the Secret
//! Service of a Linux desktop. It keeps a key for each sign-in.
//!
//! Each question has an end: a machine without a desktop may have nobody who could unlock it.

use std::time::Duration;

use super::seal::Key;

/// How the keyring's entries are found again.
const SERVICE: &str = "repilot";

/// Time after which a keyring that nobody unlocks counts as absent, where a person may be asked for its
/// password meanwhile.
const WITH_A_PERSON: Duration = Duration::from_mins(1);

/// The same where nobody sees such a question.
const WITHOUT: Duration = Duration::from_secs(5);

fn patience() -> Duration {
    let is_shown = cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if is_shown { WITH_A_PERSON } else { WITHOUT }
}

/// Keeps a key under a sign-in's name; why not, where it cannot.
pub(super) async fn put(name: &str, key: &Key) -> Result<(), String> {
    within(system::put(name.to_owned(), key.clone())).await
}

/// The key that was kept under that name.
pub(super) async fn get(name: &str) -> Result<Key, String> {
    let bytes = within(system::get(name.to_owned())).await?;
    Key::from_bytes(&bytes).ok_or_else(|| "what it keeps is no key".to_owned())
}

/// Forgets the key of that name.
pub(super) async fn remove(name: &str) -> Result<(), String> {
    within(system::remove(name.to_owned())).await
}

async fn within<T>(question: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let patience = patience();
    match tokio::time::timeout(patience, question).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(format!("no answer within {} s", patience.as_secs())),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod system {
    use std::collections::HashMap;

    use secret_service::{EncryptionType, Error, SecretService};

    use super::{Key, SERVICE};

    fn attributes(name: &str) -> HashMap<&str, &str> {
        HashMap::from([("service", SERVICE), ("sign-in", name)])
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is what `map_err` hands over"
    )]
    fn words(error: Error) -> String {
        crate::body::one_line(&error.to_string())
    }

    async fn service() -> Result<SecretService<'static>, String> {
        SecretService::connect(EncryptionType::Dh)
            .await
            .map_err(words)
    }

    pub(super) async fn put(name: String, key: Key) -> Result<(), String> {
        let service = service().await?;
        // Not the session's, which is forgotten at its end.
        let collection = service.get_default_collection().await.map_err(words)?;
        collection.unlock().await.map_err(words)?;
        let label = format!("repilot sign-in {name}");
        let (secret, kind) = (key.as_bytes(), "application/octet-stream");
        let made = collection.create_item(&label, attributes(&name), secret, true, kind);
        made.await.map(drop).map_err(words)
    }

    pub(super) async fn get(name: String) -> Result<Vec<u8>, String> {
        let service = service().await?;
        let found = service
            .search_items(attributes(&name))
            .await
            .map_err(words)?;
        if let Some(item) = found.unlocked.first() {
            return item.get_secret().await.map_err(words);
        }
        let Some(item) = found.locked.first() else {
            return Err("it keeps no key of this sign-in".to_owned());
        };
        item.unlock().await.map_err(words)?;
        item.get_secret().await.map_err(words)
    }

    pub(super) async fn remove(name: String) -> Result<(), String> {
        let service = service().await?;
        let found = service
            .search_items(attributes(&name))
            .await
            .map_err(words)?;
        for item in found.unlocked.iter().chain(&found.locked) {
            item.unlock().await.map_err(words)?;
            item.delete().await.map_err(words)?;
        }
        Ok(())
    }
}

#[cfg(any(windows, target_os = "macos"))]
mod system {
    use keyring::{Entry, Error, Result};

    use super::{Key, SERVICE};

    pub(super) async fn put(name: String, key: Key) -> std::result::Result<(), String> {
        asked(move || Entry::new(SERVICE, &name)?.set_secret(key.as_bytes())).await
    }

    pub(super) async fn get(name: String) -> std::result::Result<Vec<u8>, String> {
        asked(move || Entry::new(SERVICE, &name)?.get_secret()).await
    }

    pub(super) async fn remove(name: String) -> std::result::Result<(), String> {
        asked(
            move || match Entry::new(SERVICE, &name)?.delete_credential() {
                Err(Error::NoEntry) => Ok(()),
                removed => removed,
            },
        )
        .await
    }

    /// On a thread of its own: the system may ask a person, and one that is never answered keeps no
    /// thread of the runtime.
    async fn asked<T: Send + 'static>(
        question: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, String> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _nobody_waits = answer.send(question());
        });
        match answered.await {
            Ok(answer) => answer.map_err(|error| crate::body::one_line(&error.to_string())),
            Err(_gone) => Err("the system does not answer".to_owned()),
        }
    }
}
