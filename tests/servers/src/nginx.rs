//! An nginx that speaks HTTP/2 over TLS before another server.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Process, Server};
use crate::{PATIENCE, free_port};

/// A front end that passes every request on, and ends a connection after so many of them.
#[derive(Debug)]
pub struct Nginx {
    port: u16,
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts one before the server at `upstream`, as in `127.0.0.1:8080`, which ends a connection after
    /// `requests` requests.
    #[must_use]
    pub fn start(upstream: &str, requests: u32) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let mut certifying = Command::new("openssl");
        certifying
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-subj", "/CN=localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(folder.path());
        let certified = certifying.output().unwrap();
        assert!(certified.status.success(), "{certified:?}");
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, config_of(port, upstream, requests)).unwrap();
        let program = program();
        let command = [
            program.to_str().unwrap(),
            "-p",
            folder.path().to_str().unwrap(),
            "-c",
            config.to_str().unwrap(),
            "-e",
            "error.log",
        ];
        let server = Server {
            command: &command,
            end: "KILL",
            folder: folder.path(),
        };
        let process = Process::start(&server, |_| {});
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                started.elapsed() < PATIENCE,
                "nginx does not come up: is it installed?"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            port,
            process: Some(process),
            folder,
        }
    }

    /// Its root.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The file of the certificate that it shows, which is to be trusted.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Requests of this method that it has answered, by its own log; ends it, so that none is missing.
    #[must_use]
    pub fn answered(mut self, method: &str) -> usize {
        if let Some(process) = &self.process {
            process.signal("QUIT");
        }
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            assert!(started.elapsed() < PATIENCE, "nginx does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        self.process = None;
        let is_meant = |line: &&str| line.split(' ').next() == Some(method);
        log.lines().filter(is_meant).count()
    }
}

/// Debian keeps it out of the path of whoever is not root.
fn program() -> PathBuf {
    let usual = Path::new("/usr/sbin/nginx");
    if usual.exists() {
        usual.to_owned()
    } else {
        PathBuf::from("nginx")
    }
}

fn config_of(port: u16, upstream: &str, requests: u32) -> String {
    format!(
        "daemon off;
         master_process off;
         pid nginx.pid;
         error_log error.log;
         events {{ worker_connections 4096; }}
         http {{
             log_format short '$request_method $status $server_protocol';
             access_log access.log short;
             client_body_temp_path body;
             proxy_temp_path proxied;
             fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi;
             scgi_temp_path scgi;
             upstream graph {{ server {upstream}; keepalive 64; }}
             server {{
                 listen 127.0.0.1:{port} ssl http2;
                 ssl_certificate certificate.pem;
                 ssl_certificate_key key.pem;
                 keepalive_requests {requests};
                 location / {{
                     proxy_pass http://graph;
                     proxy_http_version 1.1;
                     proxy_set_header Connection '';
                 }}
             }}
         }}
        "
    )
}
