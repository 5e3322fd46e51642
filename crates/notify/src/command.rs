//! A message to a program of the user's: its JSON on standard input.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::{Message, SendError};

/// Whoever takes longer is stopped, and called again later.
const LIMIT: Duration = Duration::from_secs(30);

/// Settings in the environment, secrets among them, are none of the program's business.
const OWN_VARIABLES: &str = "REPILOT_";

/// A program and its arguments; no shell reads them.
#[derive(Debug, Clone)]
pub struct CommandLine {
    program: String,
    arguments: Vec<String>,
}

impl CommandLine {
    /// The first word is the program; `None` where there is none.
    #[must_use]
    pub fn new(words: &[String]) -> Option<Self> {
        let (program, arguments) = words.split_first()?;
        (!program.is_empty()).then(|| Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
        })
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Runs it with a message.
    pub async fn send(&self, message: &Message) -> Result<(), SendError> {
        let program = || self.program.clone();
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(OWN_VARIABLES) {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().map_err(|source| SendError::Start {
            program: program(),
            source,
        })?;
        let body = crate::Template::Json.body(message).to_string();
        let told = async {
            if let Some(mut input) = child.stdin.take() {
                // One that does not read it may succeed all the same.
                let _ = input.write_all(body.as_bytes()).await;
            }
            child.wait().await
        };
        match tokio::time::timeout(LIMIT, told).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(SendError::Failed {
                program: program(),
                status: status.to_string(),
            }),
            Ok(Err(source)) => Err(SendError::Start {
                program: program(),
                source,
            }),
            Err(_elapsed) => Err(SendError::TookTooLong {
                program: program(),
                limit: LIMIT,
            }),
        }
    }
}
