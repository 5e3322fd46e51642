//! Real identity providers for the dashboard, each a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A program that people sign in at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityProduct {
    /// npm's `oidc-provider`: a client with a secret, PKCE demanded, an issuer with a slash at its
    /// end, groups in userinfo alone.
    OidcProvider,
    /// npm's `oauth2-mock-server`: ES256, app roles, any secret.
    MockServer,
    /// `PyPI`'s `oidc-provider-mock`, of Authlib: tokens without a key's name.
    Authlib,
}

/// A provider that serves.
pub struct IdentityProvider {
    /// The issuer as it spells it.
    pub issuer: String,
    _process: Child,
    /// It says more, and would end if nobody heard it.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl IdentityProvider {
    /// Client id that a dashboard has there.
    pub const CLIENT: &'static str = "repilot-at-contoso";
    /// Client secret that goes with it.
    pub const SECRET: &'static str = "only between us";

    /// Starts one that sends people back to that address.
    pub async fn start(product: IdentityProduct, redirect_uri: &str) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (program, script) = match product {
            IdentityProduct::OidcProvider => (PathBuf::from("node"), "sign-in/strict.mjs"),
            IdentityProduct::MockServer => (PathBuf::from("node"), "sign-in/mock.mjs"),
            IdentityProduct::Authlib => (crate::python(), "python/identity_provider.py"),
        };
        let missing = "a provider is not installed: `bash tests/run.sh` does it";
        let mut process = Command::new(program)
            .arg(script)
            .current_dir(tests)
            .env("CLIENT_ID", Self::CLIENT)
            .env("CLIENT_SECRET", Self::SECRET)
            .env("REDIRECT_URI", redirect_uri)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect(missing);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let issuer = lines.next_line().await.unwrap().expect(missing);
        Self {
            issuer,
            _process: process,
            _lines: lines,
        }
    }
}
