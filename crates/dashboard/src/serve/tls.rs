//! TLS by files, which are read again when they change: certificates are renewed while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum_server::tls_rustls::RustlsConfig;
use repilot_domain::WithCauses;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::ServeError;
use crate::options::TlsFiles;

/// How often it looks whether they have changed.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// What a server takes.
pub(crate) fn config(files: &TlsFiles) -> Result<RustlsConfig, ServeError> {
    Ok(RustlsConfig::from_config(read(files)?))
}

/// Reads the files again whenever they change. Ones that cannot be used leave all as it was.
pub(crate) async fn renew(config: RustlsConfig, files: TlsFiles) {
    let mut known = changed_at(&files);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = changed_at(&files);
        if now == known {
            continue;
        }
        known = now;
        match read(&files) {
            Ok(renewed) => {
                config.reload_from_config(renewed);
                tracing::info!("the dashboard's certificate was renewed");
            }
            Err(error) => {
                tracing::warn!(error = %WithCauses(&error), "the dashboard keeps its old certificate");
            }
        }
    }
}

fn changed_at(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
    [changed(&files.certificate), changed(&files.key)]
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServeError> {
    let of = |file: &PathBuf| {
        let file = file.clone();
        move |source: Box<dyn std::error::Error + Send + Sync>| ServeError::Tls { file, source }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| of(&files.certificate)(error.into()))?;
    if chain.is_empty() {
        return Err(of(&files.certificate)("it has no certificate".into()));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| of(&files.key)(error.into()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| of(&files.certificate)(error.into()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| of(&files.certificate)(error.into()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
