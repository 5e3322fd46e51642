//! What every command shares: settings, ledger, clock.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use etcetera::BaseStrategy as _;
use repilot_domain::{Clock, SystemClock, Timestamp};
use repilot_ledger::{Campaign, Ledger, LedgerLocation};

use crate::args::Global;
use crate::failure::Failure;
use crate::settings::{Loaded, Places, Settings, load};

/// The file of a rehearsal's ledger, beside the real one.
const SIMULATION_FILE: &str = "simulation.db";

/// A command's surroundings.
pub(crate) struct App {
    pub(crate) settings: Settings,
    /// The settings file that was read.
    pub(crate) settings_file: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) clock: Arc<dyn Clock>,
    simulated: bool,
    ledger_given: bool,
}

impl App {
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        let mut flags = Vec::new();
        if let Some(ledger) = &global.ledger {
            flags.push(("ledger.url", ledger.clone()));
        }
        let places = Places {
            file: global.config.clone(),
            environment: std::env::vars_os().collect(),
            flags,
        };
        let Loaded { settings, file } = load(&places)?;
        Ok(Self {
            settings,
            settings_file: file,
            json: global.json,
            clock: Arc::new(SystemClock),
            simulated: false,
            ledger_given: global.ledger.is_some(),
        })
    }

    /// From here on, the rehearsal's own ledger is meant.
    pub(crate) fn simulate(&mut self) {
        self.simulated = true;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn ledger_location(&self) -> anyhow::Result<LedgerLocation> {
        let url = &self.settings.ledger.url;
        let location = if url.is_empty() {
            let folders = etcetera::choose_base_strategy()
                .context("cannot find the home folder; give the ledger with --ledger FILE")?;
            let folder = folders.data_dir().join("repilot");
            LedgerLocation::parse(&folder.join("ledger.db").to_string_lossy())?
        } else {
            LedgerLocation::parse(url)?
        };
        // A ledger that was named on the command line is meant, rehearsal or not.
        if self.simulated && !self.ledger_given {
            let beside = location.path().with_file_name(SIMULATION_FILE);
            return Ok(LedgerLocation::parse(&beside.to_string_lossy())?);
        }
        Ok(location)
    }

    pub(crate) async fn open_ledger(&self) -> anyhow::Result<Ledger> {
        Ok(Ledger::open(&self.ledger_location()?).await?)
    }

    /// Where the log goes beside a progress bar.
    pub(crate) fn log_file(&self) -> anyhow::Result<PathBuf> {
        let file = &self.settings.log.file;
        if file.as_os_str().is_empty() {
            return Ok(self.ledger_location()?.path().with_file_name("repilot.log"));
        }
        Ok(file.clone())
    }

    /// How the person calls the program to look at this ledger.
    pub(crate) fn command(&self) -> anyhow::Result<String> {
        if !self.simulated && !self.ledger_given {
            return Ok("repilot".to_owned());
        }
        let location = self.ledger_location()?.to_string();
        let quoted = if location.contains(' ') {
            format!("\"{location}\"")
        } else {
            location
        };
        Ok(format!("repilot --ledger {quoted}"))
    }
}

/// The campaign of that name, or an error that names those there are.
pub(crate) async fn campaign(ledger: &Ledger, name: &str) -> anyhow::Result<Campaign> {
    if let Some(campaign) = ledger.campaign(name).await? {
        return Ok(campaign);
    }
    let campaigns = ledger.campaigns().await?;
    let known: Vec<&str> = campaigns
        .iter()
        .take(5)
        .map(|known| known.name.as_str())
        .collect();
    let hint = if known.is_empty() {
        "this ledger has no campaigns yet; `repilot run LIST` makes one".to_owned()
    } else {
        format!("the newest are {}", known.join(", "))
    };
    Err(Failure::error(
        format!("there is no campaign `{name}`"),
        hint,
    ))
}
