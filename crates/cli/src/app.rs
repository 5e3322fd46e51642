//! What every command shares: settings, ledger, clock.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use repilot_domain::{Actor, Clock, Shell, SyncedClock, TenantName, Timestamp};
use repilot_ledger::{Campaign, Ledger, LedgerLocation};

use crate::actor;
use crate::args::Global;
use crate::settings::{Loaded, Places, Settings, folders, load};
use crate::tenant::{sign_ins, tenants};
use crate::terminal::failure::Failure;
use crate::terminal::output;

/// The file of a rehearsal's ledger, beside the real one.
const SIMULATION_FILE: &str = "simulation.db";

/// A command's surroundings.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    /// The settings file that was read.
    pub(crate) settings_file: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) clock: Arc<dyn Clock>,
    /// Who the audit says it was.
    pub(crate) actor: Actor,
    /// Where the settings came from, to read them again.
    pub(crate) places: Arc<Places>,
    simulated: bool,
    /// `--config`, as the person gave it.
    config_given: Option<PathBuf>,
    ledger_given: bool,
}

impl App {
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        output::go_by(global.utc);
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
            clock: Arc::new(SyncedClock::default()),
            actor: actor::here(),
            places: Arc::new(places),
            simulated: false,
            config_given: global.config.clone(),
            ledger_given: global.ledger.is_some(),
        })
    }

    /// From here on, the rehearsal's own ledger is meant.
    pub(crate) fn simulate(&mut self) {
        self.simulated = true;
    }

    /// Whether this is a rehearsal.
    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// Who the audit says does something to a tenant's devices: the person who signed in to it, or
    /// else whoever is at the command line.
    pub(crate) fn actor(&self, tenant: &TenantName) -> Actor {
        match sign_ins::person(&self.settings, tenant) {
            Some(person) if !self.simulated => actor::signed_in(&self.actor, &person),
            _ => self.actor.clone(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn ledger_location(&self) -> anyhow::Result<LedgerLocation> {
        let url = &self.settings.ledger.url;
        let location = if url.is_empty() {
            let folder = folders::ledger()
                .context("cannot find the home folder; give the ledger with --ledger FILE")?;
            LedgerLocation::File(folder.join("ledger.db"))
        } else {
            LedgerLocation::parse(url.as_given())?
        };
        // A ledger that was named on the command line is meant, rehearsal or not.
        if self.simulated && !self.ledger_given {
            return Ok(LedgerLocation::File(beside(&location, SIMULATION_FILE)?));
        }
        Ok(location)
    }

    pub(crate) async fn open_ledger(&self) -> anyhow::Result<Ledger> {
        let ledger = Ledger::open(&self.ledger_location()?).await?;
        if let Some(shared) = ledger.time().await? {
            self.clock.agree(shared);
        }
        Ok(ledger)
    }

    /// For a command that only looks: a ledger that was named and is not there is a slip of the
    /// keyboard, and no reason to make one.
    pub(crate) async fn open_ledger_to_look(&self) -> anyhow::Result<Ledger> {
        let location = self.ledger_location()?;
        let is_missing = location.path().is_some_and(|path| !path.exists());
        if self.ledger_given && is_missing {
            return Err(Failure::error(
                format!("there is no ledger {location}"),
                "check the path; `repilot run LIST` and `repilot enqueue LIST` make ledgers",
            ));
        }
        self.open_ledger().await
    }

    /// Where the log goes beside a progress bar.
    pub(crate) fn log_file(&self) -> anyhow::Result<PathBuf> {
        let file = &self.settings.log.file;
        if file.as_os_str().is_empty() {
            return beside(&self.ledger_location()?, "repilot.log");
        }
        Ok(file.clone())
    }

    /// How the person calls the program to look at this ledger: as they called it now, so that a
    /// line can be copied and run.
    pub(crate) fn command(&self) -> anyhow::Result<String> {
        let called = std::env::args().next().unwrap_or_default();
        let by_path = called.contains(std::path::is_separator);
        let mut words = vec![if by_path {
            called
        } else {
            "repilot".to_owned()
        }];
        if let Some(config) = &self.config_given {
            words.push("--config".to_owned());
            words.push(config.display().to_string());
        }
        if self.simulated || self.ledger_given {
            words.push("--ledger".to_owned());
            words.push(self.ledger_location()?.to_string());
        }
        let quoted = words.iter().map(|word| quoted(word));
        Ok(quoted.collect::<Vec<_>>().join(" "))
    }

    /// How the person gets a campaign moving.
    pub(crate) fn how_to_drain(&self, campaign: &Campaign) -> anyhow::Result<String> {
        if campaign.tenant.as_str() == tenants::SIMULATED {
            return Ok("run its list again with --simulate".to_owned());
        }
        Ok(format!("`{} worker --until-empty`", self.command()?))
    }
}

/// A file beside the ledger; where that is no file, in the folder where it would be.
fn beside(ledger: &LedgerLocation, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = ledger.path() {
        return Ok(path.with_file_name(name));
    }
    let folder =
        folders::ledger().context("cannot find the home folder; give `[log] file` or --ledger")?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder.join(name))
}

/// A word of a command line as the shell of this machine reads it.
pub(crate) fn quoted(word: &str) -> String {
    Shell::HERE.quoted(word)
}

/// The campaign of that name, or an error that names those there are.
pub(crate) async fn campaign(ledger: &Ledger, name: &str) -> anyhow::Result<Campaign> {
    match ledger.campaign(name).await? {
        Some(campaign) => Ok(campaign),
        None => Err(no_campaign(ledger, name).await?),
    }
}

/// The same as it is now: what a worker holds whose lease has run out, nobody holds.
pub(crate) async fn campaign_now(
    app: &App,
    ledger: &Ledger,
    name: &str,
) -> anyhow::Result<Campaign> {
    match ledger.campaign_at(name, app.now()).await? {
        Some(campaign) => Ok(campaign),
        None => Err(no_campaign(ledger, name).await?),
    }
}

async fn no_campaign(ledger: &Ledger, name: &str) -> anyhow::Result<anyhow::Error> {
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
    Ok(Failure::error(
        format!("there is no campaign `{name}`"),
        hint,
    ))
}
