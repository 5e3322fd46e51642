//! Files that the real OpenSSL makes, as administrators have them.

use std::process::Command;
use std::time::Duration;

use repilot_domain::{Clock as _, SystemClock, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use secrecy::SecretString;

use super::{AppCertificate, CertificateError, thumbprint_of};

/// A password as people make them: with a blank and letters of other alphabets.
const PASSWORD: &str = "häm mer$1";

/// A folder in which OpenSSL has made a key, a certificate of its own, and another's.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.certificate("app", "rsa:2048");
        files.certificate("other", "rsa:2048");
        files
    }

    /// Runs OpenSSL in the folder, which knows the password as `env:PASSWORD`.
    fn openssl(&self, arguments: &str) {
        let ran = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .env("PASSWORD", PASSWORD)
            .output()
            .unwrap();
        let says = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "openssl {arguments}: {says}");
    }

    fn certificate(&self, name: &str, kind: &str) {
        self.openssl(&format!(
            "req -x509 -newkey {kind} -noenc -days 30 -subj /CN={name} -keyout {name}.key -out {name}.crt"
        ));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    /// Several files, one after the other.
    fn together(&self, names: &[&str]) -> Vec<u8> {
        names.iter().flat_map(|name| self.read(name)).collect()
    }

    /// A certificate that signs what the public key of `app.crt` verifies.
    fn assert_signs(&self, content: &[u8], password: Option<&str>, what: &str) {
        let certificate = load(content, password).unwrap_or_else(|error| panic!("{what}: {error}"));
        let signature = certificate.sign(b"message").unwrap();
        let der = rustls_pki_types::CertificateDer::from_pem_slice(&self.read("app.crt")).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let public = &parsed.public_key().subject_public_key.data;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        assert!(public.verify(b"message", &signature).is_ok(), "{what}");
        assert_eq!(certificate.subject(), "CN=app", "{what}");
    }
}

fn load(content: &[u8], password: Option<&str>) -> Result<AppCertificate, CertificateError> {
    load_at(content, password, SystemClock.now())
}

fn load_at(
    content: &[u8],
    password: Option<&str>,
    now: Timestamp,
) -> Result<AppCertificate, CertificateError> {
    let password = password.map(SecretString::from);
    AppCertificate::from_file(content, password.as_ref(), now)
}

fn refused(content: &[u8], password: Option<&str>) -> CertificateError {
    load(content, password).unwrap_err()
}

const EXPORT: &str =
    "pkcs12 -export -inkey app.key -in app.crt -certfile other.crt -passout env:PASSWORD -out";

#[test]
fn pfx_files_open_with_their_password() {
    let files = Files::new();
    for how in [
        // AES-256 and SHA-256, as OpenSSL 3 and `AES256_SHA256` of Windows.
        "modern.pfx",
        // The key by 3DES, certificates by RC2 with 40 bits: older Windows and macOS.
        "legacy.pfx -legacy",
        // Both by 3DES: what Windows exports by default.
        "windows.pfx -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
        // Windows marks a key with the use it has.
        "marked.pfx -keysig -CSP Microsoft",
        "many-rounds.pfx -iter 20000",
        "no-mac.pfx -nomac",
    ] {
        files.openssl(&format!("{EXPORT} {how}"));
        let name = how.split(' ').next().unwrap();
        files.assert_signs(&files.read(name), Some(PASSWORD), how);
        let wrong = refused(&files.read(name), Some("hammer"));
        assert_eq!(wrong, CertificateError::WrongPassword, "{how}");
        let none = refused(&files.read(name), None);
        assert_eq!(none, CertificateError::NoPassword, "{how}");
    }
    files.openssl("pkcs12 -export -inkey app.key -in app.crt -passout pass: -out open.pfx");
    files.assert_signs(&files.read("open.pfx"), None, "without a password");
}

#[test]
fn pfx_files_of_other_ciphers_are_refused_by_name() {
    let files = Files::new();
    for cipher in ["PBE-SHA1-RC2-128", "PBE-SHA1-RC4-128", "camellia-256-cbc"] {
        files.openssl(&format!(
            "{EXPORT} {cipher}.pfx -keypbe {cipher} -certpbe {cipher} -provider legacy -provider default"
        ));
        let error = refused(&files.read(&format!("{cipher}.pfx")), Some(PASSWORD));
        assert_eq!(error, CertificateError::Encryption, "{cipher}");
        assert!(error.hint().contains("AES256_SHA256"), "{}", error.hint());
    }
}

#[test]
fn encrypted_keys_in_pem_open_with_their_password() {
    let files = Files::new();
    for how in [
        "",
        "-v2 aes-128-cbc",
        "-v2 des3",
        "-v2prf hmacWithSHA1",
        "-v2prf hmacWithSHA512",
        "-iter 20000",
        "-scrypt",
    ] {
        let convert =
            format!("pkcs8 -topk8 -in app.key -passout env:PASSWORD -out locked.key {how}");
        files.openssl(convert.trim_end());
        for order in [["app.crt", "locked.key"], ["locked.key", "app.crt"]] {
            let pem = files.together(&order);
            files.assert_signs(&pem, Some(PASSWORD), how);
            assert_eq!(refused(&pem, None), CertificateError::NoPassword, "{how}");
            assert_eq!(
                refused(&pem, Some("hammer")),
                CertificateError::WrongPassword,
                "{how}"
            );
        }
    }
    for older in [
        "pkcs8 -topk8 -in app.key -passout env:PASSWORD -out older.key -v1 PBE-SHA1-3DES",
        "rsa -traditional -aes256 -in app.key -passout env:PASSWORD -out older.key",
    ] {
        files.openssl(older);
        let error = refused(&files.together(&["app.crt", "older.key"]), Some(PASSWORD));
        assert_eq!(error, CertificateError::Encryption, "{older}");
        assert!(
            error.hint().contains("openssl pkcs8 -topk8"),
            "{}",
            error.hint()
        );
    }
}

#[test]
fn rounds_without_bound_are_not_begun() {
    let files = Files::new();
    files.openssl("pkcs8 -topk8 -in app.key -passout env:PASSWORD -outform DER -out locked.der");
    // The rounds, 2,048, become 2,147,483,647: two bytes of a number become four that end alike.
    let der = files.read("locked.der");
    let two_thousand = [0x02, 0x02, 0x08, 0x00];
    let at = der
        .windows(4)
        .position(|part| part == two_thousand)
        .unwrap();
    let mut endless = der.clone();
    endless.splice(at..at + 4, [0x02, 0x04, 0x7f, 0xff, 0xff, 0xff]);
    // Every sequence around it is two bytes longer.
    for place in 0..at {
        let (tag, length) = (endless[place], usize::from(endless[place + 1]));
        if tag == 0x30 && length < 0x80 && place + 2 + length > at {
            endless[place + 1] += 2;
        }
    }
    let outer = u16::from_be_bytes([endless[2], endless[3]]) + 2;
    endless[2..4].copy_from_slice(&outer.to_be_bytes());
    let pem = |der: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let key = format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n"
        );
        [files.read("app.crt"), key.into_bytes()].concat()
    };
    files.assert_signs(&pem(&der), Some(PASSWORD), "as it was made");
    let error = refused(&pem(&endless), Some(PASSWORD));
    assert_eq!(error, CertificateError::Encryption);
}

#[test]
fn a_pem_is_read_however_windows_wrote_it() {
    let files = Files::new();
    files.openssl("rsa -traditional -in app.key -out older.key");
    files.openssl(
        "pkcs12 -export -inkey app.key -in app.crt -certfile other.crt -passout pass: -out a.pfx",
    );
    files.openssl("pkcs12 -in a.pfx -noenc -passin pass: -out attributes.pem");
    let plain = files.together(&["app.crt", "app.key"]);
    let lines = String::from_utf8(plain.clone())
        .unwrap()
        .replace('\n', "\r\n");
    let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let marked = format!("\u{feff}{lines}");
        marked.encode_utf16().flat_map(bytes).collect()
    };
    for (what, content) in [
        ("as OpenSSL has it", plain),
        ("lines of Windows", lines.clone().into_bytes()),
        ("a byte order mark", format!("\u{feff}{lines}").into_bytes()),
        ("UTF-16", wide(u16::to_le_bytes)),
        ("UTF-16, the other way round", wide(u16::to_be_bytes)),
        (
            "issuers first",
            files.together(&["other.crt", "app.key", "app.crt"]),
        ),
        (
            "a key in the older format",
            files.together(&["older.key", "app.crt"]),
        ),
        ("attributes between", files.read("attributes.pem")),
    ] {
        files.assert_signs(&content, None, what);
        files.assert_signs(&content, Some("not asked for"), what);
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let files = Files::new();
    files.certificate("curve", "ec -pkeyopt ec_paramgen_curve:P-256");
    files.certificate("small", "rsa:1024");
    files.openssl("x509 -in app.crt -outform DER -out app.cer");
    files.openssl(
        &format!("{EXPORT} other-key.pfx")
            .replace("app.key -in app.crt", "other.key -in other.crt"),
    );
    files.openssl("pkcs12 -export -nokeys -in app.crt -passout env:PASSWORD -out no-key.pfx");
    files.openssl(
        "pkcs12 -export -inkey curve.key -in curve.crt -passout env:PASSWORD -out curve.pfx",
    );
    let pfx = |name: &str| refused(&files.read(name), Some(PASSWORD));
    assert_eq!(pfx("no-key.pfx"), CertificateError::NoKey);
    assert_eq!(pfx("app.cer"), CertificateError::NoKey);
    assert_eq!(pfx("curve.pfx"), CertificateError::NotRsa);
    let pem = |names: &[&str]| refused(&files.together(names), None);
    assert_eq!(pem(&["app.crt"]), CertificateError::NoKey);
    assert_eq!(pem(&["app.key"]), CertificateError::NoCertificate);
    assert_eq!(pem(&["other.crt", "app.key"]), CertificateError::OtherKey);
    assert_eq!(pem(&["curve.crt", "curve.key"]), CertificateError::NotRsa);
    assert_eq!(pem(&["small.crt", "small.key"]), CertificateError::NotRsa);
    for rubbish in [
        &b""[..],
        b"\x30",
        b"0 is no file",
        b"hello",
        b"\xff\xfe\x00",
        b"\xff\xff",
    ] {
        assert_eq!(
            refused(rubbish, None),
            CertificateError::Unknown,
            "{rubbish:?}"
        );
    }
    let whole = files.read("other-key.pfx");
    let cut = refused(&whole[..whole.len() / 2], Some(PASSWORD));
    assert_eq!(cut, CertificateError::Unknown);
}

#[test]
fn a_certificate_out_of_its_days_is_refused() {
    const A_DAY: Duration = Duration::from_hours(24);
    let files = Files::new();
    let pem = files.together(&["app.crt", "app.key"]);
    let now = SystemClock.now();
    let certificate = load_at(&pem, None, now.after(29 * A_DAY)).unwrap();
    let until = certificate.valid_until();
    let late = load_at(&pem, None, now.after(31 * A_DAY)).unwrap_err();
    assert_eq!(late, CertificateError::Expired(until));
    let early = load_at(&pem, None, now.before(A_DAY)).unwrap_err();
    assert!(matches!(early, CertificateError::NotYetValid(_)), "{early}");
}

#[test]
fn secrets_never_show() {
    let files = Files::new();
    let certificate = load(&files.together(&["app.crt", "app.key"]), None).unwrap();
    let shown = format!("{certificate:?}");
    assert!(
        shown.contains("CN=app") && !shown.contains("key"),
        "{shown}"
    );
    let hidden = SecretString::from(PASSWORD);
    assert!(!format!("{hidden:?}").contains(PASSWORD));
}

#[test]
fn a_thumbprint_is_openssls_and_read_as_it_is_copied() {
    let files = Files::new();
    files.openssl("x509 -in app.crt -noout -fingerprint -sha1 -out print.txt");
    let printed = String::from_utf8(files.read("print.txt")).unwrap();
    let (_, printed) = printed.trim().split_once('=').unwrap();
    let certificate = load(&files.together(&["app.crt", "app.key"]), None).unwrap();
    assert_eq!(certificate.thumbprint(), printed.replace(':', ""));
    let bytes = thumbprint_of(printed).unwrap();
    let copied = format!("\u{200e}{}", printed.to_lowercase().replace(':', " "));
    assert_eq!(thumbprint_of(&copied).unwrap(), bytes);
    for wrong in ["", "12", "xyz", &printed[3..], &format!("{printed}:00")] {
        let error = thumbprint_of(wrong).unwrap_err();
        assert_eq!(error, CertificateError::Thumbprint(wrong.to_owned()));
    }
}

#[cfg(not(windows))]
#[test]
fn a_store_is_refused_where_there_is_none() {
    let error = AppCertificate::from_store(&"ab".repeat(20), SystemClock.now()).unwrap_err();
    assert_eq!(error, CertificateError::NoStore);
    let unread = AppCertificate::from_store("ab", SystemClock.now()).unwrap_err();
    assert!(matches!(unread, CertificateError::Thumbprint(_)));
}
