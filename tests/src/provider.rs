//! A real identity provider: npm's `oidc-provider`, as a process of its own.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A provider that serves.
pub struct Provider {
    /// Its address.
    pub url: String,
    _process: Child,
    /// It says more, and would end if nobody heard it.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    /// Starts one whose tokens live so long.
    pub async fn start(lives_seconds: u64) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sign-in");
        let mut process = Command::new("node")
            .arg("provider.mjs")
            .current_dir(folder)
            .env("TOKEN_LIVES_SECONDS", lives_seconds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node is not installed: `bash tests/run.sh` does it");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.next_line().await.unwrap();
        let url = url.expect("oidc-provider is not installed: `bash tests/run.sh` does it");
        Self {
            url,
            _process: process,
            _lines: lines,
        }
    }

    /// Tells a program of it, which then has no other token.
    pub fn tell(&self, command: &mut Command) {
        command
            .env_remove("REPILOT_GRAPH__TOKEN")
            .env("REPILOT_GRAPH__AUTHORITY", &self.url);
    }

    /// What it did.
    pub async fn count(&self) -> Value {
        self.control("count").await
    }

    /// Ends every sign-in.
    pub async fn revoke(&self) {
        self.control("revoke").await;
    }

    async fn control(&self, what: &str) -> Value {
        let url = format!("{}/control/{what}", self.url);
        let answer = crate::http().get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }
}
