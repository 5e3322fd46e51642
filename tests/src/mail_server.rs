//! A real mail server: `PyPI`'s aiosmtpd, as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A mail server that demands STARTTLS and a password.
pub struct MailServer {
    /// Port on `localhost`.
    pub port: u16,
    /// File with the certificate that vouches for it.
    pub certificate: PathBuf,
    _process: Child,
    letters: Lines<BufReader<ChildStdout>>,
}

impl MailServer {
    /// User name that it knows.
    pub const USER: &'static str = "repilot";
    /// Password that goes with it.
    pub const PASSWORD: &'static str = "only b\u{e9}tween us";

    /// Starts one with a certificate of its own in that folder.
    pub async fn start(folder: &Path) -> Self {
        let (certificate, key) = (folder.join("mail.pem"), folder.join("mail.key"));
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let missing = "aiosmtpd is not installed: `bash tests/run.sh` does it";
        let mut process = Command::new(crate::python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/mail_server.py"))
            .args([&certificate, &key])
            .args([Self::USER, Self::PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect(missing);
        let mut letters = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = letters.next_line().await.unwrap().expect(missing);
        Self {
            port: port.parse().unwrap(),
            certificate,
            _process: process,
            letters,
        }
    }

    /// Waits for the next letter.
    pub async fn letter(&mut self) -> Value {
        let line = self.letters.next_line().await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}
