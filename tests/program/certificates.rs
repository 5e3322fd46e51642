//! An app signs in by a certificate as administrators have them, at an Entra that verifies what it signs.

use std::process::Command;

use e2e::{Bench, Entra, Ran, ended};
use repilot_graph_sim::Scenario;

use crate::PROGRAM;

const PASSWORD: &str = "s3cret häm mer";

/// A tenant, an Entra that knows the app's certificate, and files that OpenSSL made of it.
struct App {
    bench: Bench,
    entra: Entra,
}

impl App {
    async fn new() -> Self {
        let scenario = Scenario {
            any_token: true,
            ..Scenario::default()
        };
        let app = Self {
            bench: Bench::new(PROGRAM, scenario, 3).await,
            entra: Entra::start().await,
        };
        app.openssl(
            "req -x509 -newkey rsa:2048 -noenc -days 20 -subj /CN=app -keyout app.key -out app.crt",
        );
        app.openssl("x509 -in app.crt -outform DER -out app.cer");
        let der = std::fs::read(app.bench.path("app.cer")).unwrap();
        app.entra.says().certificates.push(der);
        app
    }

    fn openssl(&self, arguments: &str) {
        let ran = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.bench.folder.path())
            .env("PASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
    }

    /// Runs the program with a tenant's section that ends like this.
    async fn run(&self, section: &str, arguments: &[&str]) -> Ran {
        let file = format!(
            "[tenants.contoso]\ntenant_id = \"contoso.example\"\nclient_id = \"app-1\"\n\
             credential = \"certificate\"\n{section}\n"
        );
        self.bench.write("repilot.toml", file);
        let mut command = self.bench.command(arguments);
        self.entra.tell(&mut command);
        command
            .env("APP_PASSWORD", PASSWORD)
            .env("REPILOT_LOG", "trace");
        ended(command.spawn().unwrap()).await
    }

    /// A campaign under its own name runs to its end, and nothing that is said shows the password.
    async fn assert_runs(&self, section: &str, campaign: &str) {
        let arguments = ["run", "devices.txt", "--campaign", campaign, "--yes"];
        let ran = self.run(section, &arguments).await.expect(0);
        assert!(!format!("{ran:?}").contains(PASSWORD), "{ran:?}");
    }
}

#[tokio::test]
async fn a_pfx_with_a_password_gets_tokens_and_never_shows_it() {
    let app = App::new().await;
    let export = "pkcs12 -export -inkey app.key -in app.crt -passout env:PASSWORD -out";
    app.openssl(&format!("{export} app.pfx"));
    app.openssl(&format!("{export} legacy.pfx -legacy"));
    let by_variable = "certificate_file = \"app.pfx\"\ncertificate_password_env = \"APP_PASSWORD\"";
    app.assert_runs(by_variable, "modern").await;
    app.bench
        .write("password", format!("\u{feff}{PASSWORD}\r\n"));
    let by_file = "certificate_file = \"legacy.pfx\"\ncertificate_password_file = \"password\"";
    app.assert_runs(by_file, "legacy").await;
    let forms = app.entra.says().forms.clone();
    let asked = |form: &&std::collections::HashMap<String, String>| {
        form["grant_type"] == "client_credentials" && form["client_id"] == "app-1"
    };
    assert_eq!(forms.iter().filter(asked).count(), 2, "{forms:?}");
    assert_eq!(app.bench.counters().applied, 6);
    let check = app.run(by_file, &["check"]).await.expect(0);
    assert!(check.stdout.contains("CN=app, thumbprint "), "{check:?}");
    assert!(check.stdout.contains("make a new certificate"), "{check:?}");
    let shown = app.run(by_file, &["config", "show"]).await.expect(0);
    for ran in [check, shown] {
        assert!(!format!("{ran:?}").contains(PASSWORD), "{ran:?}");
    }
}

#[tokio::test]
async fn an_encrypted_pem_of_windows_gets_tokens() {
    let app = App::new().await;
    app.openssl("pkcs8 -topk8 -in app.key -passout env:PASSWORD -out locked.key");
    let read = |name: &str| std::fs::read_to_string(app.bench.path(name)).unwrap();
    let pem = format!("\u{feff}{}{}", read("locked.key"), read("app.crt"));
    app.bench.write("app.pem", pem.replace('\n', "\r\n"));
    let section = "certificate_file = \"app.pem\"\ncertificate_password_env = \"APP_PASSWORD\"";
    app.assert_runs(section, "c").await;
    assert_eq!(app.bench.counters().applied, 3);
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_before_entra_is_asked() {
    let app = App::new().await;
    app.openssl("pkcs12 -export -inkey app.key -in app.crt -passout env:PASSWORD -out app.pfx");
    app.bench.write("other", "another password");
    for (section, words, hint) in [
        (
            "certificate_file = \"app.pfx\"",
            "app.pfx, cannot be used: it is locked by a password",
            "certificate_password_env",
        ),
        (
            "certificate_file = \"app.pfx\"\ncertificate_password_file = \"other\"",
            "the password does not open it",
            "check certificate_password_env",
        ),
        (
            "certificate_file = \"app.pfx\"\ncertificate_password_env = \"NOT_SET\"",
            "is not in the environment variable NOT_SET",
            "certificate_password_file",
        ),
        (
            "certificate_file = \"app.crt\"",
            "it holds no private key",
            "Export-PfxCertificate",
        ),
        ("", "has no certificate", "certificate_thumbprint"),
        (
            "certificate_file = \"app.pfx\"\ncertificate_thumbprint = \"ab\"",
            "has both",
            "leave one",
        ),
        #[cfg(not(windows))]
        (
            "certificate_thumbprint = \"0123456789012345678901234567890123456789\"",
            "only Windows has a certificate store",
            "certificate_file",
        ),
    ] {
        let ran = app.run(section, &["plan", "devices.txt"]).await.expect(1);
        assert!(ran.stderr.contains(words), "{section}: {ran:?}");
        assert!(ran.stderr.contains(hint), "{section}: {ran:?}");
        assert!(!format!("{ran:?}").contains("another password"), "{ran:?}");
    }
    assert!(app.entra.says().forms.is_empty());
    // The stand-in does verify: a certificate that it does not know is refused.
    app.entra.says().certificates.clear();
    let section = "certificate_file = \"app.pfx\"\ncertificate_password_env = \"APP_PASSWORD\"";
    let ran = app.run(section, &["plan", "devices.txt"]).await.expect(1);
    assert!(ran.stderr.contains("AADSTS700027"), "{ran:?}");
}
