//! Every page at three sizes in both themes: nothing sticks out, nothing is too heavy, and axe-core
//! finds nothing. Pictures are left in `target/screenshots`, to be looked at.

use std::path::Path;

use crate::harness::{Browser, Served, bench};

const SIZES: [(u32, u32); 3] = [(390, 844), (1_280, 800), (2_560, 1_440)];

/// So much a page may weigh, with all that it is made with.
const HEAVIEST: u64 = 100_000;

/// Names of pages and their addresses.
const PAGES: [(&str, &str); 16] = [
    ("campaigns", "/"),
    ("campaign", "/campaigns/spring"),
    ("controls", "/campaigns/rest/controls"),
    ("cancel", "/campaigns/rest/cancel"),
    ("verify", "/campaigns/spring/verify"),
    ("rollback", "/campaigns/spring/rollback"),
    ("jobs", "/jobs?campaign=spring"),
    ("dead-jobs", "/jobs?campaign=spring&q=state%3Adead"),
    ("job", "/jobs/2"),
    ("requeue", "/jobs/requeue?campaign=spring&q=state%3Adead"),
    ("dead", "/dead"),
    ("lanes", "/lanes"),
    ("workers", "/workers"),
    ("activity", "/activity"),
    ("access", "/access"),
    ("upload", "/upload"),
];

const AXE: &str = "return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
    .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`))";

fn axe() -> String {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(file).expect("axe-core is not installed: `bash tests/run.sh` does it")
}

fn pictures() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn check(browser: &Browser, name: &str, axe: &str) {
    for size in SIZES {
        for theme in ["light", "dark"] {
            browser.look(size, theme).await;
            let sticks_out = browser
                .script("return document.documentElement.scrollWidth > innerWidth")
                .await;
            assert_eq!(sticks_out, false, "{name} at {size:?}");
            let found = browser.script(&format!("{axe};\n{AXE}")).await;
            assert_eq!(found, serde_json::json!([]), "{name} at {size:?} {theme}");
            let file = pictures().join(format!("{name}-{}-{theme}.png", size.0));
            std::fs::write(file, browser.driver.screenshot_as_png().await.unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn every_page_fits_every_screen_and_everybody() {
    let serials = ["A1", "A2-GONE", "A3", "A4-GONE", "A5", "A6", "A7", "A8"];
    let bench = bench(&serials).await;
    bench
        .run(&["run", "devices.txt", "--campaign", "spring", "--yes"])
        .await
        .expect(3);
    // One that has not ended, held back by all that can.
    let held = [
        "--canary",
        "2",
        "--window",
        "Mon-Fri 20:00-06:00",
        "--rate",
        "2/s",
    ];
    let rest = ["enqueue", "devices.txt", "--campaign", "rest", "--yes"];
    bench.run(&[&rest[..], &held].concat()).await.expect(0);
    let served = Served::over(&bench).await;
    let axe = axe();
    let stranger = Browser::open().await;
    stranger.go(&format!("{}/sign-in", served.url)).await;
    check(&stranger, "sign-in", &axe).await;
    stranger.close().await;
    let browser = Browser::signed_in(&served).await;
    for (name, address) in PAGES {
        browser.go(&format!("{}{address}", served.url)).await;
        browser.until("document.readyState === 'complete'").await;
        let weighs = browser
            .script("return performance.getEntries().reduce((sum, entry) => sum + (entry.encodedBodySize ?? 0), 0)")
            .await;
        assert!(
            weighs.as_u64().unwrap() < HEAVIEST,
            "{name} weighs {weighs}"
        );
        check(&browser, name, &axe).await;
    }
    browser.close().await;
}
