//! TLS by files, shaken hands with.

use std::path::Path;

use repilot_dashboard::TlsFiles;
use repilot_domain::Role;
use reqwest::{Certificate, Client, StatusCode, Version};

use crate::harness::{Bench, csrf, options};

fn files(certificate: &str, key: &str) -> TlsFiles {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/access/keys");
    TlsFiles {
        certificate: keys.join(certificate),
        key: keys.join(key),
    }
}

#[tokio::test]
async fn whoever_trusts_its_certificate_reaches_it_and_others_do_not() {
    let mut tls = options("127.0.0.1:0");
    tls.tls = Some(files("tls.pem", "tls-key.pem"));
    let bench = Bench::with(tls, &[("alice", Role::Viewer)]).await.unwrap();
    assert!(bench.url.starts_with("https://"), "{}", bench.url);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = Certificate::from_pem(include_bytes!("keys/tls.pem")).unwrap();
    let client = |trusted: Vec<Certificate>| {
        let builder = Client::builder().tls_certs_only(trusted).no_proxy();
        builder.build().unwrap()
    };
    let page = format!("{}/sign-in", bench.url);
    let answer = client(vec![certificate]).get(&page).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().contains_key("strict-transport-security"));
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-"), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");

    let stranger = client(Vec::new()).get(&page).send().await.unwrap_err();
    assert!(stranger.is_connect(), "{stranger:?}");
    let plain = page.replace("https://", "http://");
    assert!(client(Vec::new()).get(plain).send().await.is_err());
}

#[tokio::test]
async fn forms_are_taken_over_http2_as_over_http1() {
    let mut tls = options("127.0.0.1:0");
    tls.tls = Some(files("tls.pem", "tls-key.pem"));
    let bench = Bench::with(tls, &[("alice", Role::Viewer)]).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = Certificate::from_pem(include_bytes!("keys/tls.pem")).unwrap();
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let builder = Client::builder()
            .tls_certs_only([certificate.clone()])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let client = match version {
            Version::HTTP_11 => builder.http1_only(),
            _ => builder,
        };
        let client = client.build().unwrap();
        let page = format!("{}/sign-in", bench.url);
        let form = client.get(&page).send().await.unwrap();
        assert_eq!(form.version(), version);
        let cookie = form.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let token = csrf(&form.text().await.unwrap());
        let sent = |origin: &str| {
            client
                .post(&page)
                .header("origin", origin)
                .header("cookie", &cookie)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(format!(
                    "csrf={token}&name=alice&password=correct+horse+battery"
                ))
                .send()
        };
        let foreign = sent("https://evil.example").await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "{version:?}");
        let own = sent(&bench.url).await.unwrap();
        assert_eq!(own.status(), StatusCode::SEE_OTHER, "{version:?}");
    }
}
