//! Users, sessions and tokens.

use std::time::Duration;

use repilot_domain::{Actor, AuditEvent, Role, Timestamp};
use repilot_ledger::{AuditFilter, Ledger, NewApiToken, Session, SignInWay};

use crate::database::{Database, Place};

const NOW: Timestamp = Timestamp::from_millis(1_772_352_930_250);

fn somebody() -> Actor {
    Actor::new("alice", "cli at desk")
}

async fn recorded(ledger: &Ledger) -> Vec<AuditEvent> {
    let rows = ledger.audit(&AuditFilter::default(), 0, 100).await.unwrap();
    rows.into_iter().map(|row| row.event).collect()
}

fn session(way: SignInWay) -> Session {
    Session {
        name: "bob".to_owned(),
        role: Role::Viewer,
        way,
        created_at: NOW,
        expires_at: NOW.after(Duration::from_hours(1)),
    }
}

async fn a_user_is_made_once_and_every_change_is_in_the_audit(database: Database) {
    let place = Place::of(database);
    let ledger = place.open().await;
    let by = somebody();
    let add = || ledger.add_user("bob", Role::Viewer, "hash", &by, NOW);
    assert!(add().await.unwrap());
    assert!(!add().await.unwrap());
    let (user, hash) = ledger.user("bob").await.unwrap().unwrap();
    assert_eq!((user.role, hash.as_str()), (Role::Viewer, "hash"));
    assert!(
        ledger
            .change_password("bob", "other", &by, NOW)
            .await
            .unwrap()
    );
    assert!(
        !ledger
            .change_password("eve", "other", &by, NOW)
            .await
            .unwrap()
    );
    assert!(ledger.remove_user("bob", &by, NOW).await.unwrap());
    assert!(!ledger.remove_user("bob", &by, NOW).await.unwrap());
    assert!(ledger.users().await.unwrap().is_empty());
    assert_eq!(
        recorded(&ledger).await,
        [
            AuditEvent::UserAdded,
            AuditEvent::UserChanged,
            AuditEvent::UserRemoved
        ]
    );
}

async fn a_session_lasts_until_its_time_or_its_end(database: Database) {
    let place = Place::of(database);
    let ledger = place.open().await;
    let by = somebody();
    let mine = session(SignInWay::Link);
    ledger.begin_session("a", &mine, &by).await.unwrap();
    assert_eq!(ledger.session("a", NOW).await.unwrap(), Some(mine.clone()));
    assert_eq!(ledger.session("b", NOW).await.unwrap(), None);
    assert_eq!(ledger.session("a", mine.expires_at).await.unwrap(), None);
    ledger.end_session("a", &by, NOW).await.unwrap();
    assert_eq!(ledger.session("a", NOW).await.unwrap(), None);
    assert_eq!(
        recorded(&ledger).await,
        [AuditEvent::SignedIn, AuditEvent::SignedOut]
    );
}

async fn another_password_ends_the_sessions_that_began_with_one(database: Database) {
    let place = Place::of(database);
    let ledger = place.open().await;
    let by = somebody();
    assert!(
        ledger
            .add_user("bob", Role::Viewer, "hash", &by, NOW)
            .await
            .unwrap()
    );
    let sessions = [("a", SignInWay::Password), ("b", SignInWay::Oidc)];
    for (token, way) in sessions {
        ledger
            .begin_session(token, &session(way), &by)
            .await
            .unwrap();
    }
    assert_eq!(ledger.users().await.unwrap()[0].signed_in_at, Some(NOW));
    assert!(
        ledger
            .change_password("bob", "other", &by, NOW)
            .await
            .unwrap()
    );
    assert_eq!(ledger.session("a", NOW).await.unwrap(), None);
    assert!(ledger.session("b", NOW).await.unwrap().is_some());
}

async fn a_token_is_good_until_it_expires_or_is_revoked(database: Database) {
    let place = Place::of(database);
    let ledger = place.open().await;
    let by = somebody();
    let new = NewApiToken {
        name: "grafana".to_owned(),
        role: Role::Viewer,
        token_sha256: "hash".to_owned(),
        expires_at: NOW.after(Duration::from_hours(1)),
    };
    let id = ledger.add_api_token(&new, &by, NOW).await.unwrap();
    let used = ledger.use_api_token("hash", NOW).await.unwrap().unwrap();
    assert_eq!((used.id, used.used_at), (id, None));
    // A use within the same minute writes nothing.
    let soon = NOW.after(Duration::from_secs(30));
    let again = ledger.use_api_token("hash", soon).await.unwrap().unwrap();
    assert_eq!(again.used_at, Some(NOW));
    assert_eq!(ledger.api_tokens().await.unwrap()[0].used_at, Some(NOW));
    assert!(ledger.use_api_token("other", NOW).await.unwrap().is_none());
    let late = ledger.use_api_token("hash", new.expires_at).await.unwrap();
    assert!(late.is_none());
    assert!(ledger.revoke_api_token(id, &by, NOW).await.unwrap());
    assert!(!ledger.revoke_api_token(id, &by, NOW).await.unwrap());
    assert!(ledger.use_api_token("hash", NOW).await.unwrap().is_none());
}

on_every_database! {
    a_user_is_made_once_and_every_change_is_in_the_audit,
    a_session_lasts_until_its_time_or_its_end,
    another_password_ends_the_sessions_that_began_with_one,
    a_token_is_good_until_it_expires_or_is_revoked,
}
