//! Credentials that systemd hands over: files in a folder that only this service sees, whose path is in
//! `$CREDENTIALS_DIRECTORY`. Settings name them as they are called there, whatever the folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Settings;

const FOLDER: &str = "CREDENTIALS_DIRECTORY";

/// Replaces each secret's file that is named without a folder by the credential of that name, where
/// there is one.
pub(super) fn find(settings: &mut Settings, environment: &[(OsString, OsString)]) {
    let folder = environment.iter().find(|(name, _)| name == FOLDER);
    let Some((_, folder)) = folder.filter(|(_, folder)| !folder.is_empty()) else {
        return;
    };
    for file in files(settings) {
        let alone = file.parent() == Some(Path::new(""));
        let credential = Path::new(folder).join(&*file);
        if alone && credential.is_file() {
            *file = credential;
        }
    }
}

/// The settings that name a file with a secret or a key.
fn files(settings: &mut Settings) -> impl Iterator<Item = &mut PathBuf> {
    let dashboard = &mut settings.dashboard;
    let of_tenants = settings.tenants.values_mut().flat_map(|tenant| {
        [
            &mut tenant.client_secret_file,
            &mut tenant.certificate_file,
            &mut tenant.certificate_password_file,
        ]
    });
    let of_webhooks = settings.notify.webhooks.values_mut();
    let of_webhooks = of_webhooks.flat_map(|hook| [&mut hook.url_file, &mut hook.secret_file]);
    [
        &mut settings.ledger.url_file,
        &mut settings.redis.url_file,
        &mut dashboard.certificate_file,
        &mut dashboard.key_file,
        &mut dashboard.oidc.client_secret_file,
    ]
    .into_iter()
    .chain(of_tenants)
    .chain(of_webhooks)
}
