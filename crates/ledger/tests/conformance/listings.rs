//! Inventories that are listed.

use repilot_domain::Device;
use repilot_ledger::{Ledger, LedgerError, Listing};

use crate::bench::{Bench, Database, START, device, tenant};

const SOURCE: &str = "https://graph.example contoso";

async fn begun(ledger: &Ledger) -> Listing {
    ledger
        .begin_listing(&tenant(), SOURCE, START)
        .await
        .unwrap()
}

async fn a_listing_is_handed_on_as_it_was_kept_and_its_predecessor_forgotten(database: Database) {
    let bench = Bench::new(database).await;
    for round in 0..2 {
        let mut listing = begun(&bench.ledger).await;
        for (page, next) in [(0, Some("next")), (1, None)] {
            let number = round * 10 + page;
            bench
                .ledger
                .keep_page(&mut listing, &[device(number)], next, (START, START))
                .await
                .unwrap();
        }
    }
    let found = bench.ledger.listing(&tenant(), SOURCE, true).await;
    let listing = found.unwrap().unwrap();
    assert_eq!((listing.number, listing.devices), (2, 2));
    let mut devices: Vec<Device> = Vec::new();
    let handed_on = bench
        .ledger
        .listed_devices(&listing, |device| devices.push(device));
    handed_on.await.unwrap();
    assert_eq!(devices, [device(10), device(11)]);
}

async fn a_listing_that_goes_on_knows_what_it_was_held_against(database: Database) {
    let bench = Bench::new(database).await;
    let mut listing = begun(&bench.ledger).await;
    listing.promised = Some(3);
    listing.unreadable = vec!["item 2 of page 1: its id is empty".to_owned()];
    bench
        .ledger
        .keep_page(&mut listing, &[device(0)], Some("next"), (START, START))
        .await
        .unwrap();
    let found = bench.ledger.listing(&tenant(), SOURCE, false).await;
    let mut found = found.unwrap().unwrap();
    assert_eq!(found, listing);
    assert_eq!(found.pages, 1);
    bench
        .ledger
        .keep_page(&mut found, &[device(1)], None, (START, START))
        .await
        .unwrap();
    let whole = bench.ledger.listing(&tenant(), SOURCE, true).await;
    let whole = whole.unwrap().unwrap();
    assert_eq!((whole.pages, whole.promised), (2, Some(3)));
    assert_eq!(whole.unreadable, listing.unreadable);
}

async fn of_listings_begun_at_once_the_last_goes_on(database: Database) {
    let bench = Bench::new(database).await;
    let mut beginning = Vec::new();
    for _ in 0..4 {
        let ledger = bench.place.open().await;
        beginning.push(tokio::spawn(async move { begun(&ledger).await }));
    }
    let mut listings = Vec::new();
    for task in beginning {
        listings.push(task.await.unwrap());
    }
    listings.sort_by_key(|listing| listing.number);
    let mut last = listings.pop().unwrap();
    assert_eq!(last.number, 4);
    for mut listing in listings {
        let kept = bench
            .ledger
            .keep_page(&mut listing, &[device(1)], None, (START, START))
            .await;
        assert!(matches!(kept, Err(LedgerError::Contended)), "{kept:?}");
    }
    bench
        .ledger
        .keep_page(&mut last, &[device(1)], None, (START, START))
        .await
        .unwrap();
}

on_every_database! {
    a_listing_is_handed_on_as_it_was_kept_and_its_predecessor_forgotten,
    a_listing_that_goes_on_knows_what_it_was_held_against,
    of_listings_begun_at_once_the_last_goes_on,
}
