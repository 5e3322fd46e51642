//! Where sign-ins are kept: a file each, which every process of this user on this machine reads.
//!
//! What it needs: several workers share one sign-in; a refresh token may be good for one use, so two
//! processes must not use it at once; a process that dies in between leaves a whole file.
//!
//! The design: a file is replaced and never changed, so that readers take no lock. Who refreshes,
//! signs in or signs out holds the lock file beside it, and reads again once it has it.
//!
//! The race it accepts: a process that dies after Entra has answered a refresh and before the file is
//! replaced loses the new tokens. Entra takes the old ones for a while yet; a provider that does not
//! asks for a new sign-in.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use repilot_domain::{Clock, TenantName};
use tokio::time::Instant;

use super::record::{KeptIn, Lost, OpenTokens, SignInRecord};
use super::request::SignedIn;
use super::{keyring, pkce, seal};
use crate::Cloud;

/// What a sign-in's file begins with: a tenant may be called as Windows calls a device.
const PREFIX: &str = "tenant-";

/// Time after which a lock counts as stuck: longer than Entra may take to answer.
const LOCK_WITHIN: Duration = Duration::from_secs(45);

/// The wait between two looks at a lock that another process holds.
const LOCK_LOOKS: Duration = Duration::from_millis(50);

/// A sign-in that cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error("cannot {doing} the sign-in {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("the sign-in {} cannot be read", path.display())]
    Broken {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// Another process holds the lock for too long.
    #[error("another process is busy with the sign-in {} for too long", .0.display())]
    Busy(PathBuf),
    /// The keyring has the key, and does not give it.
    #[error("the operating system's keyring does not open the sign-in: {0}")]
    Keyring(String),
    /// The keyring's key does not fit the file.
    #[error("the keyring's key does not fit the sign-in {}", .0.display())]
    Sealed(PathBuf),
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::File { .. } => "check that the folder is yours and that the disk has room",
            Self::Broken { .. } | Self::Sealed(_) => "sign in again: repilot login",
            Self::Busy(_) => "end the other process, or try again",
            Self::Keyring(_) => {
                "unlock the keyring, or sign in again with `repilot login --no-keyring`"
            }
        }
    }
}

/// The sign-ins of this user on this machine.
#[derive(Debug, Clone)]
pub struct SignInStore {
    folder: PathBuf,
}

/// Held by whoever changes a sign-in.
pub(super) struct StoreLock {
    _file: File,
}

impl SignInStore {
    /// Sign-ins in a folder, which is made with the first.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every sign-in; one that cannot be read is left out and named.
    #[must_use]
    pub fn all(&self) -> (Vec<SignInRecord>, Vec<StoreError>) {
        let (mut records, mut broken) = (Vec::new(), Vec::new());
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            return (records, broken);
        };
        for file in files.flatten() {
            let path = file.path();
            let name = file.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with(PREFIX) || !name.ends_with(".json") {
                continue;
            }
            match read(&path) {
                Ok(Some(record)) => records.push(record),
                Ok(None) => {}
                Err(error) => broken.push(error),
            }
        }
        records.sort_by(|one, next| one.tenant.cmp(&next.tenant));
        (records, broken)
    }

    /// The sign-in for a tenant.
    pub fn load(&self, tenant: &TenantName) -> Result<Option<SignInRecord>, StoreError> {
        read(&self.path(tenant))
    }

    /// Keeps a new sign-in for a tenant, in place of an old one: in the keyring if that is wanted and
    /// there is one. Why not, where it was wanted and is not there.
    pub async fn keep(
        &self,
        tenant: &TenantName,
        domain: &str,
        signed_in: SignedIn,
        with_keyring: bool,
        clock: &dyn Clock,
    ) -> Result<(SignInRecord, Option<String>), StoreError> {
        let tokens = OpenTokens {
            access_token: signed_in.access_token.clone(),
            refresh_token: signed_in.refresh_token.clone(),
        };
        let mut record = SignInRecord {
            tenant: tenant.as_str().to_owned(),
            id: pkce::by_chance(),
            tenant_id: signed_in.tenant_id().to_owned(),
            domain: domain.to_owned(),
            user: signed_in.user().to_owned(),
            user_name: signed_in.identity.name.clone(),
            cloud: signed_in.request.cloud.as_str().to_owned(),
            authority: signed_in.request.authority.as_str().to_owned(),
            client_id: signed_in.request.client_id.clone(),
            asked: signed_in.request.permissions.clone(),
            permissions: signed_in.permissions.clone(),
            signed_in_at: clock.now(),
            obtained_at: signed_in.obtained_at,
            expires_at: signed_in.expires_at,
            kept_in: KeptIn::File,
            lost: None,
            tokens: None,
            sealed: None,
        };
        let mut why_not = None;
        if with_keyring {
            let key = seal::Key::by_chance();
            match keyring::put(&keyring_name(tenant), &key).await {
                Ok(()) => {
                    record.kept_in = KeptIn::Keyring;
                    record.sealed = key.seal(&tokens, &record.id);
                }
                Err(why) => why_not = Some(why),
            }
        }
        if record.sealed.is_none() {
            record.kept_in = KeptIn::File;
            record.tokens = Some(tokens);
        }
        // Not before: the keyring may ask a person, and others must refresh meanwhile.
        let _lock = self.lock(tenant).await?;
        self.save(tenant, &record)?;
        Ok((record, why_not))
    }

    /// Forgets a sign-in, and says whether there was one.
    pub async fn forget(&self, tenant: &TenantName) -> Result<Option<SignInRecord>, StoreError> {
        if !self.path(tenant).exists() {
            return Ok(None);
        }
        let _lock = self.lock(tenant).await?;
        let path = self.path(tenant);
        // What cannot be read is forgotten as well.
        let record = read(&path).ok().flatten();
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed("forget", path, source)),
        }
        if record
            .as_ref()
            .is_none_or(|record| record.kept_in == KeptIn::Keyring)
        {
            // Without the file the key opens nothing.
            if let Err(error) = keyring::remove(&keyring_name(tenant)).await {
                tracing::debug!(error, "the keyring did not forget the key of a sign-in");
            }
        }
        Ok(record)
    }

    /// The file of a tenant's sign-in.
    #[must_use]
    pub fn file(&self, tenant: &TenantName) -> PathBuf {
        self.path(tenant)
    }

    fn path(&self, tenant: &TenantName) -> PathBuf {
        self.folder.join(format!("{PREFIX}{tenant}.json"))
    }

    /// Replaces a sign-in; the lock is held.
    pub(super) fn save(
        &self,
        tenant: &TenantName,
        record: &SignInRecord,
    ) -> Result<(), StoreError> {
        let path = self.path(tenant);
        let text = serde_json::to_vec_pretty(record).map_err(|source| StoreError::Broken {
            path: path.clone(),
            source,
        })?;
        let beside = path.with_extension("new");
        let written = || {
            // One that a process left which died.
            let _absent = std::fs::remove_file(&beside);
            let mut file = private().write(true).create_new(true).open(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        written().map_err(|source| failed("write", path.clone(), source))
    }

    /// Takes the lock of a tenant's sign-in, for which it waits a while.
    pub(super) async fn lock(&self, tenant: &TenantName) -> Result<StoreLock, StoreError> {
        let path = self.path(tenant).with_extension("lock");
        let open = || {
            private_folder(&self.folder)?;
            private()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
        };
        let file = open().map_err(|source| failed("lock", path.clone(), source))?;
        let ends = Instant::now() + LOCK_WITHIN;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(StoreLock { _file: file }),
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < ends => {
                    tokio::time::sleep(LOCK_LOOKS).await;
                }
                Err(std::fs::TryLockError::WouldBlock) => return Err(StoreError::Busy(path)),
                Err(std::fs::TryLockError::Error(source)) => {
                    return Err(failed("lock", path, source));
                }
            }
        }
    }

    /// Opens a sign-in's tokens. The key is given where it is known already.
    pub(super) async fn open(
        &self,
        tenant: &TenantName,
        record: &SignInRecord,
        known: Option<seal::Key>,
    ) -> Result<(OpenTokens, Option<seal::Key>), StoreError> {
        if let Some(tokens) = &record.tokens {
            return Ok((tokens.clone(), None));
        }
        let broken = || StoreError::Sealed(self.path(tenant));
        let sealed = record.sealed.as_deref().ok_or_else(broken)?;
        let key = match known {
            Some(key) => key,
            None => keyring::get(&keyring_name(tenant))
                .await
                .map_err(StoreError::Keyring)?,
        };
        let tokens = key.open(sealed, &record.id).ok_or_else(broken)?;
        Ok((tokens, Some(key)))
    }

    /// Puts other tokens into a sign-in, sealed as they were, and keeps it; the lock is held.
    pub(super) fn renew(
        &self,
        tenant: &TenantName,
        record: &mut SignInRecord,
        tokens: OpenTokens,
        key: Option<&seal::Key>,
    ) -> Result<(), StoreError> {
        match key {
            Some(key) => {
                let sealed = key.seal(&tokens, &record.id);
                record.sealed = Some(sealed.ok_or_else(|| StoreError::Sealed(self.path(tenant)))?);
            }
            None => record.tokens = Some(tokens),
        }
        self.save(tenant, record)
    }

    /// Notes that a person has to sign in again, unless somebody has meanwhile.
    pub(super) async fn lose(
        &self,
        tenant: &TenantName,
        id: &str,
        lost: Lost,
    ) -> Result<(), StoreError> {
        let _lock = self.lock(tenant).await?;
        self.lose_locked(tenant, id, lost)
    }

    /// The same, where the lock is held.
    pub(super) fn lose_locked(
        &self,
        tenant: &TenantName,
        id: &str,
        lost: Lost,
    ) -> Result<(), StoreError> {
        match self.load(tenant)? {
            Some(mut record) if record.id == id => {
                record.lost = Some(lost);
                self.save(tenant, &record)
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl SignInRecord {
    /// The cloud that it is for; none where this program knows no such cloud.
    #[must_use]
    pub fn cloud(&self) -> Option<Cloud> {
        self.cloud.parse().ok()
    }
}

fn keyring_name(tenant: &TenantName) -> String {
    tenant.as_str().to_owned()
}

fn read(path: &Path) -> Result<Option<SignInRecord>, StoreError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("read", path.to_owned(), source)),
    };
    let record = serde_json::from_slice(&bytes).map_err(|source| StoreError::Broken {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(record))
}

fn failed(doing: &'static str, path: PathBuf, source: std::io::Error) -> StoreError {
    StoreError::File {
        doing,
        path,
        source,
    }
}

/// A file that its owner alone can read. On Windows it inherits the permissions of the user's own
/// profile.
#[cfg_attr(
    not(unix),
    expect(unused_mut, reason = "there is no mode to set elsewhere")
)]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}
