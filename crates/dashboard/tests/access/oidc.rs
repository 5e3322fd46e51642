//! Sign-in by an identity provider, and whom it does not let in.

use repilot_dashboard::{OidcOptions, ServeError, SigningAlgorithm};
use repilot_domain::{AuditEvent, Clock as _, SystemClock};
use repilot_ledger::AuditFilter;
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{Bench, Browser, location, options};
use crate::provider::{CLIENT, IdentityProvider, Key, SECRET};

fn by(provider: &IdentityProvider) -> OidcOptions {
    OidcOptions {
        issuer: provider.issuer.parse().unwrap(),
        client_id: CLIENT.to_owned(),
        client_secret: SECRET.to_owned().into(),
        operators: vec![
            "group-of-operators".to_owned(),
            "Repilot.Operate".to_owned(),
        ],
        viewers: vec!["group-of-viewers".to_owned()],
        group_claims: OidcOptions::GROUP_CLAIMS.map(str::to_owned).to_vec(),
        scopes: OidcOptions::SCOPES.map(str::to_owned).to_vec(),
        algorithms: SigningAlgorithm::ALL.to_vec(),
    }
}

/// A dashboard that can be reached from outside, and its provider.
async fn bench() -> (Bench, IdentityProvider) {
    let provider = IdentityProvider::start().await;
    let mut options = options("0.0.0.0:0");
    options.oidc = Some(by(&provider));
    (Bench::with(options, &[]).await.unwrap(), provider)
}

/// Goes to the provider, and comes back as it says.
async fn signed_in(browser: &mut Browser, next: &str) -> Response {
    let away = browser.get(&format!("/sign-in/oidc?next={next}")).await;
    assert_eq!(away.status(), 303);
    let back = browser.elsewhere(location(&away)).await;
    browser.elsewhere(location(&back)).await
}

async fn refused(claims: Value, says: &str) {
    let (bench, provider) = bench().await;
    provider.say(claims);
    is_refused(&bench, says).await;
}

async fn is_refused(bench: &Bench, says: &str) {
    let mut browser = bench.browser();
    let answer = signed_in(&mut browser, "/").await;
    assert_eq!(answer.status(), 403, "{says}");
    let page = answer.text().await.unwrap();
    assert!(page.contains(says), "{says}: {page}");
    assert_eq!(browser.get("/").await.status(), 303, "{says}");
    let all = AuditFilter::default();
    let rows = bench.ledger.newest_audit(&all, None, 1).await.unwrap();
    assert_eq!(rows[0].event, AuditEvent::SignInRefused, "{says}");
}

fn seconds_ago(seconds: i64) -> i64 {
    SystemClock.now().as_millis() / 1_000 - seconds
}

#[tokio::test]
async fn groups_and_app_roles_say_who_may_look_and_who_may_act() {
    for (claims, role) in [
        (
            json!({ "groups": ["another", "group-of-viewers"] }),
            "viewer",
        ),
        (
            json!({ "groups": ["group-of-viewers", "group-of-operators"] }),
            "operator",
        ),
        (
            json!({ "roles": ["Repilot.Operate"], "aud": [CLIENT] }),
            "operator",
        ),
    ] {
        let (bench, provider) = bench().await;
        provider.say(claims);
        let mut browser = bench.browser();
        let page = browser.get("/sign-in?next=%2Flanes").await;
        assert!(
            page.text()
                .await
                .unwrap()
                .contains("Sign in with your organisation")
        );
        let answer = signed_in(&mut browser, "%2Flanes").await;
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains("url=/lanes"));
        let page = browser.get("/lanes").await.text().await.unwrap();
        assert!(page.contains("alice@contoso.example"), "{page}");
        assert!(
            page.contains(&format!("<span class=\"role\">{role}</span>")),
            "{page}"
        );
        let all = AuditFilter::default();
        let rows = bench.ledger.newest_audit(&all, None, 1).await.unwrap();
        assert_eq!(rows[0].event, AuditEvent::SignedIn);
        assert_eq!(rows[0].detail, json!({ "role": role, "way": "oidc" }));
    }
}

#[tokio::test]
async fn whoever_has_no_role_here_is_not_let_in() {
    refused(json!({}), "is in none of the groups and roles").await;
    refused(
        json!({ "groups": ["another"] }),
        "is in none of the groups and roles",
    )
    .await;
    // As Entra says it of somebody in more than 200 groups.
    let many = json!({ "_claim_names": { "groups": "src1" } });
    refused(many, "is in so many groups").await;
}

#[tokio::test]
async fn a_token_of_another_sign_in_program_issuer_or_time_is_not_believed() {
    let of = |name: &str, value: Value| json!({ "groups": ["group-of-operators"], name: value });
    refused(
        of("nonce", json!("another")),
        "it belongs to another sign-in",
    )
    .await;
    refused(of("aud", json!("another")), "it is for another program").await;
    refused(
        of("aud", json!([CLIENT, "another"])),
        "it is for another program",
    )
    .await;
    refused(of("azp", json!("another")), "it is for another program").await;
    refused(
        of("iss", json!("http://127.0.0.1/other")),
        "it is of issuer http://127.0.0.1/other, and http://127.0.0.1:",
    )
    .await;
    refused(of("exp", json!(seconds_ago(61))), "it has expired").await;
    refused(of("nbf", json!(seconds_ago(-120))), "it is not valid yet").await;
}

#[tokio::test]
async fn a_token_that_the_providers_keys_have_not_signed_is_not_believed() {
    let (bench, provider) = bench().await;
    provider.say(json!({ "groups": ["group-of-operators"] }));
    provider.says.lock().unwrap().key = Key::two();
    is_refused(&bench, "it is signed by a key that is not the provider's").await;
    // Another's key under the name of its own.
    let mut forged = Key::two();
    forged.kid = Key::one().kid;
    provider.says.lock().unwrap().key = forged;
    is_refused(&bench, "its signature is wrong").await;
    {
        let mut says = provider.says.lock().unwrap();
        says.key = Key::one();
        says.alg = "none";
    }
    is_refused(&bench, "it is signed with none").await;
    provider.says.lock().unwrap().alg = "RS256";
    let answer = signed_in(&mut bench.browser(), "/").await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_provider_may_change_its_keys() {
    let (bench, provider) = bench().await;
    provider.say(json!({ "groups": ["group-of-viewers"] }));
    let answer = signed_in(&mut bench.browser(), "/").await;
    assert_eq!(answer.status(), 200);
    {
        let mut says = provider.says.lock().unwrap();
        says.key = Key::two();
        says.published = vec![Key::two()];
    }
    let answer = signed_in(&mut bench.browser(), "/").await;
    assert_eq!(answer.status(), 200);
    let answer = signed_in(&mut bench.browser(), "/").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(provider.says.lock().unwrap().keys_read, 2);
}

#[tokio::test]
async fn only_the_browser_that_began_a_sign_in_can_end_it() {
    let (bench, provider) = bench().await;
    provider.say(json!({ "groups": ["group-of-operators"] }));
    let mut alice = bench.browser();
    let away = alice.get("/sign-in/oidc?next=%2F").await;
    let cookie = away.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let back = alice.elsewhere(location(&away)).await;
    let mut mallory = bench.browser();
    assert_eq!(mallory.elsewhere(location(&back)).await.status(), 403);
    mallory.get("/sign-in/oidc?next=%2F").await;
    assert_eq!(mallory.elsewhere(location(&back)).await.status(), 403);
    assert_eq!(mallory.get("/").await.status(), 303);
    assert_eq!(alice.elsewhere(location(&back)).await.status(), 200);
    // A code is good once.
    assert_eq!(alice.elsewhere(location(&back)).await.status(), 403);
    assert_eq!(alice.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_provider_that_is_gone_or_another_is_said_to_be() {
    let provider = IdentityProvider::start().await;
    let mut oidc = by(&provider);
    oidc.issuer = format!("{}/", provider.issuer.replace("contoso", "nowhere"))
        .parse()
        .unwrap();
    let mut given = options("127.0.0.1:0");
    given.oidc = Some(oidc.clone());
    let bench = Bench::with(given.clone(), &[]).await.unwrap();
    let answer = bench.browser().get("/sign-in/oidc?next=%2F").await;
    assert_eq!(answer.status(), 502);
    // Beyond this machine somebody in between could be anybody.
    oidc.issuer = "http://login.contoso.example".parse().unwrap();
    given.oidc = Some(oidc);
    let refused = Bench::with(given, &[]).await;
    assert!(matches!(refused, Err(ServeError::Oidc(_))));
}

/// A dashboard whose settings of its provider were changed, and the provider.
async fn bench_with(change: impl FnOnce(&mut OidcOptions)) -> (Bench, IdentityProvider) {
    let provider = IdentityProvider::start().await;
    let mut oidc = by(&provider);
    change(&mut oidc);
    let mut options = options("0.0.0.0:0");
    options.oidc = Some(oidc);
    (Bench::with(options, &[]).await.unwrap(), provider)
}

async fn is_let_in(bench: &Bench, why: &str) {
    let answer = signed_in(&mut bench.browser(), "/").await;
    assert_eq!(
        answer.status(),
        200,
        "{why}: {}",
        answer.text().await.unwrap()
    );
}

#[tokio::test]
async fn issuers_with_and_without_a_slash_are_held_to_their_spelling() {
    for (spelled, set) in [("", ""), ("", "/"), ("/", ""), ("/", "/")] {
        let provider = IdentityProvider::spelled(spelled).await;
        provider.say(json!({ "groups": ["group-of-viewers"] }));
        let mut oidc = by(&provider);
        let bare = provider.issuer.trim_end_matches('/');
        oidc.issuer = format!("{bare}{set}").parse().unwrap();
        let mut options = options("0.0.0.0:0");
        options.oidc = Some(oidc);
        let bench = Bench::with(options, &[]).await.unwrap();
        is_let_in(&bench, &format!("`{spelled}` set as `{set}`")).await;
        // The other spelling is another issuer.
        let other = if spelled.is_empty() {
            format!("{bare}/")
        } else {
            bare.to_owned()
        };
        provider.say(json!({ "groups": ["group-of-viewers"], "iss": other }));
        is_refused(&bench, "it is of issuer").await;
    }
}

#[tokio::test]
async fn tokens_that_name_no_key_are_tried_with_the_keys() {
    let (bench, provider) = bench().await;
    provider.say(json!({ "groups": ["group-of-viewers"] }));
    {
        let mut says = provider.says.lock().unwrap();
        says.key = Key::one().unnamed();
        says.published = vec![Key::two(), Key::one()];
    }
    is_let_in(&bench, "one of two keys").await;
    provider.says.lock().unwrap().published = vec![Key::two()];
    is_let_in(&bench, "the keys of before are known").await;
    let bench = bench_of(&provider).await;
    is_refused(&bench, "its signature is wrong").await;
}

/// Another dashboard by the same provider, which has read nothing of it yet.
async fn bench_of(provider: &IdentityProvider) -> Bench {
    let mut options = options("0.0.0.0:0");
    options.oidc = Some(by(provider));
    Bench::with(options, &[]).await.unwrap()
}

#[tokio::test]
async fn a_key_may_change_under_its_name() {
    let (bench, provider) = bench().await;
    provider.say(json!({ "groups": ["group-of-viewers"] }));
    is_let_in(&bench, "the first key").await;
    {
        let mut says = provider.says.lock().unwrap();
        let mut renewed = Key::two();
        renewed.kid = Key::one().kid;
        says.key = renewed.clone();
        says.published = vec![renewed];
    }
    is_let_in(&bench, "another key of the same name").await;
}

#[tokio::test]
async fn claims_of_other_shapes_are_read_for_what_they_mean() {
    for (claims, why) in [
        (json!({ "groups": "group-of-viewers" }), "one text"),
        (
            json!({ "groups": null, "roles": ["Repilot.Operate"] }),
            "null",
        ),
        (
            json!({ "groups": [7, "group-of-viewers", {}] }),
            "numbers among them",
        ),
        (
            json!({ "groups": {}, "roles": "Repilot.Operate" }),
            "an object",
        ),
        (
            json!({ "roles": ["Repilot.Operate"], "exp": 4_102_444_800.5, "nbf": 1.25 }),
            "fractions of seconds",
        ),
    ] {
        let (bench, provider) = bench().await;
        provider.say(claims);
        is_let_in(&bench, why).await;
    }
}

#[tokio::test]
async fn groups_may_have_other_names_and_stand_deeper() {
    for (name, claims) in [
        (
            "cognito:groups",
            json!({ "cognito:groups": ["group-of-viewers"] }),
        ),
        (
            "realm_access.roles",
            json!({ "realm_access": { "roles": ["group-of-viewers"] } }),
        ),
        (
            "https://contoso.example/groups",
            json!({ "https://contoso.example/groups": ["group-of-viewers"] }),
        ),
    ] {
        let (bench, provider) = bench_with(|oidc| oidc.group_claims = vec![name.to_owned()]).await;
        provider.say(json!({ "groups": ["group-of-viewers"] }));
        is_refused(&bench, "is in none of the groups and roles").await;
        provider.say(claims);
        is_let_in(&bench, name).await;
    }
}

#[tokio::test]
async fn groups_that_stand_in_userinfo_alone_are_asked_for() {
    let (bench, provider) = bench().await;
    let of = |subject: &str| Some(json!({ "sub": subject, "groups": ["group-of-viewers"] }));
    provider.says.lock().unwrap().userinfo = of("somebody else");
    is_refused(&bench, "is in none of the groups and roles").await;
    provider.says.lock().unwrap().userinfo = of("4711");
    is_let_in(&bench, "userinfo").await;
}

#[tokio::test]
async fn other_algorithms_are_taken_as_far_as_the_settings_say() {
    for (alg, key) in [
        ("RS512", Key::one()),
        ("PS384", Key::one()),
        ("ES256", Key::on_a_curve()),
    ] {
        for allowed in [
            SigningAlgorithm::ALL.to_vec(),
            vec![SigningAlgorithm::RS256],
        ] {
            let is_allowed = allowed.len() > 1;
            let (bench, provider) = bench_with(|oidc| oidc.algorithms = allowed).await;
            provider.say(json!({ "groups": ["group-of-viewers"] }));
            {
                let mut says = provider.says.lock().unwrap();
                (says.alg, says.key) = (alg, key.clone());
                says.published = vec![key.clone()];
            }
            if is_allowed {
                is_let_in(&bench, alg).await;
            } else {
                is_refused(&bench, &format!("it is signed with {alg}")).await;
            }
        }
    }
}

#[tokio::test]
async fn entras_other_word_for_too_many_groups_is_known() {
    refused(json!({ "hasgroups": true }), "is in so many groups").await;
}

#[tokio::test]
async fn a_secret_that_expired_is_no_matter_of_the_person() {
    let (bench, provider) = bench().await;
    provider.says.lock().unwrap().denies = Some("invalid_client");
    is_refused(&bench, "does not accept this dashboard").await;
    let page = signed_in(&mut bench.browser(), "/")
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("tell whoever runs this dashboard"), "{page}");
}

#[tokio::test]
async fn long_names_of_people_are_cut_before_the_audit() {
    let (bench, provider) = bench().await;
    let name = format!("{}@contoso.example", "a".repeat(5_000));
    provider.say(json!({ "groups": ["group-of-viewers"], "preferred_username": name }));
    is_let_in(&bench, "a long name").await;
    let all = AuditFilter::default();
    let rows = bench.ledger.newest_audit(&all, None, 1).await.unwrap();
    assert!(rows[0].actor.len() < 200, "{}", rows[0].actor);
}
