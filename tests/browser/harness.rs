//! A dashboard as a process of its own, and a browser.

use std::process::Stdio;

use e2e::Bench;
use repilot_graph_sim::{Fault, Fleet, Scenario};
use serde_json::{Value, json};
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_repilot-under-test");

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Chromium by itself calls for many things of the outside world.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A tenant in which the devices whose serials end in `-GONE` are unknown to Graph.
pub(crate) async fn bench(serials: &[&str]) -> Bench {
    let gone = Fault {
        serial: Some("*-GONE".to_owned()),
        share: None,
        ..Fault::status(404, 1.0)
    };
    let scenario = Scenario {
        faults: vec![gone],
        ..Scenario::default()
    };
    let fleet = Fleet::for_keys(serials.iter().copied(), &Scenario::default());
    Bench::with_fleet(PROGRAM, scenario, fleet).await
}

/// A dashboard that serves.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) link: String,
    _process: Child,
}

impl Served {
    pub(crate) async fn over(bench: &Bench) -> Self {
        Self::by(bench.command(&Self::ARGUMENTS)).await
    }

    const ARGUMENTS: [&str; 4] = ["dashboard", "--listen", "127.0.0.1:0", "--json"];

    /// By a process that knows no tenant.
    pub(crate) async fn without_tenants(bench: &Bench) -> Self {
        let mut command = bench.command(&Self::ARGUMENTS);
        command.env_remove("REPILOT_GRAPH__TOKEN");
        Self::by(command).await
    }

    async fn by(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let of = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        Self {
            url: of("url"),
            link: of("sign_in_link"),
            _process: process,
        }
    }
}

/// A browser with one page.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    _process: Child,
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    pub(crate) async fn open() -> Self {
        // The driver's client wants one, and a second installation changes nothing.
        let _ = e2e::http();
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is not installed: `bash tests/run.sh` does it");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            capabilities.add_arg(argument).unwrap();
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities);
        Self {
            driver: driver.await.unwrap(),
            _process: process,
            _lines: lines,
        }
    }

    /// Opens the link that the dashboard printed.
    pub(crate) async fn signed_in(served: &Served) -> Self {
        let browser = Self::open().await;
        browser.go(&served.link).await;
        browser
            .until("document.querySelector('h1')?.textContent === 'Campaigns'")
            .await;
        browser
    }

    pub(crate) async fn go(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// What a script gives, or what its promise holds.
    pub(crate) async fn script(&self, script: &str) -> Value {
        let done = self.driver.execute(script, Vec::new()).await.unwrap();
        done.json().clone()
    }

    /// Waits until an expression is true of the page; one that is on its way lacks what is asked about.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!(
            "try {{ return Boolean({expression}) }} catch (error) {{ if (error instanceof TypeError) return false; throw error }}"
        );
        let began = tokio::time::Instant::now();
        while self.script(&script).await != true {
            // So that what never comes is said with what is there instead.
            if began.elapsed().as_secs() > 60 {
                let shown = self.script("return document.body.innerText").await;
                assert_eq!(Value::String(expression.to_owned()), shown);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let field = self.driver.find(By::Css(selector)).await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Follows the link or presses the button within the page's content that says so.
    pub(crate) async fn press(&self, says: &str) {
        let of = |tag: &str| format!("//main//{tag}[normalize-space()='{says}']");
        let path = format!("{} | {}", of("a"), of("button"));
        let found = self.driver.find(By::XPath(path)).await.unwrap();
        found.click().await.unwrap();
    }

    /// The size of the window, and whether it is dark around.
    pub(crate) async fn look(&self, (width, height): (u32, u32), theme: &str) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        let cdp = self.driver.cdp();
        cdp.send_raw("Emulation.setDeviceMetricsOverride", metrics)
            .await
            .unwrap();
        cdp.send_raw("Emulation.setEmulatedMedia", media)
            .await
            .unwrap();
    }

    pub(crate) async fn close(self) {
        self.driver.quit().await.unwrap();
    }
}
