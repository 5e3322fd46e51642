//! A plan in a file: what was looked at is what is enqueued, or nothing.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use repilot_domain::{Action, By, Reading, Repairs, TenantName, Timestamp};
use repilot_producer::Selection;
use serde::{Deserialize, Serialize};

use crate::plan::lists::open_list;
use crate::terminal::failure::Failure;
use crate::terminal::private;

/// The shape of the file.
const FORMAT: &str = "repilot-plan/1";

/// What a plan was made of, and what it came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanFile {
    format: String,
    pub(crate) tenant: TenantName,
    lists: Vec<PathBuf>,
    #[serde(rename = "where")]
    conditions: Vec<String>,
    except: Vec<PathBuf>,
    by: Option<By>,
    /// How the lists are read, where somebody had to say it.
    #[serde(default)]
    reading: Reading,
    /// What is overlooked between serials.
    #[serde(default)]
    repair: Repairs,
    #[serde(default)]
    action: Action,
    #[serde(default)]
    user_column: Option<String>,
    /// Whether the directory was asked for the users, and is to be asked again.
    #[serde(default)]
    pub(crate) check_users: bool,
    /// Of the lists and conditions together.
    selection_sha256: String,
    /// Of what the inventory said.
    inventory_sha256: String,
    inventory_listed_at: Timestamp,
    pub(crate) made_at: Timestamp,
    devices: u64,
    /// Of the planned devices' ids and whom they are assigned to, in order.
    devices_sha256: String,
}

/// What of a plan a file holds on to.
pub(crate) struct Facts {
    pub(crate) tenant: TenantName,
    pub(crate) inventory_sha256: String,
    pub(crate) inventory_listed_at: Timestamp,
    pub(crate) made_at: Timestamp,
    pub(crate) devices: u64,
    pub(crate) devices_sha256: String,
    pub(crate) check_users: bool,
}

/// Where the parts of a selection came from.
pub(crate) struct Origins<'a> {
    pub(crate) lists: &'a [PathBuf],
    pub(crate) except: &'a [PathBuf],
    pub(crate) reading: Reading,
}

/// Writes a plan; the file names the lists from wherever it is read.
pub(crate) fn save(
    path: &Path,
    selection: &Selection,
    origins: &Origins<'_>,
    facts: Facts,
) -> anyhow::Result<()> {
    let file = PlanFile {
        format: FORMAT.to_owned(),
        tenant: facts.tenant,
        lists: found_again(origins.lists)?,
        conditions: selection
            .conditions
            .iter()
            .map(ToString::to_string)
            .collect(),
        except: found_again(origins.except)?,
        by: selection.by,
        reading: origins.reading.clone(),
        repair: selection.repairs,
        action: selection.action,
        user_column: selection.user_column.clone(),
        check_users: facts.check_users,
        selection_sha256: selection.sha256(),
        inventory_sha256: facts.inventory_sha256,
        inventory_listed_at: facts.inventory_listed_at,
        made_at: facts.made_at,
        devices: facts.devices,
        devices_sha256: facts.devices_sha256,
    };
    let text = serde_json::to_string_pretty(&file)?;
    private::create(path)
        .and_then(|mut created| created.write_all((text + "\n").as_bytes()))
        .map_err(|error| {
            Failure::error(
                format!("cannot write the plan {}: {error}", path.display()),
                "does the folder exist, and is it yours? nothing was enqueued",
            )
        })
}

fn found_again(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let absolute = |path: &PathBuf| {
        if path.as_os_str() == "-" {
            return Err(Failure::error(
                "a plan of standard input cannot be saved: nobody could read the list again",
                "save the list to a file and plan that",
            ));
        }
        std::path::absolute(path).with_context(|| format!("where is {}?", path.display()))
    };
    paths.iter().map(absolute).collect()
}

/// Reads a plan.
pub(crate) fn read(path: &Path) -> anyhow::Result<PlanFile> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the plan {}", path.display()))?;
    let no_plan = |error: serde_json::Error| {
        Failure::error(
            format!("{} is no plan of this program: {error}", path.display()),
            "make one with `repilot plan LIST --save-plan FILE`",
        )
    };
    let file: PlanFile = serde_json::from_str(&text).map_err(no_plan)?;
    if file.format != FORMAT {
        return Err(Failure::error(
            format!(
                "{} is a plan of another version ({})",
                path.display(),
                file.format
            ),
            "make it anew with `repilot plan LIST --save-plan FILE`",
        ));
    }
    Ok(file)
}

impl PlanFile {
    /// What it selects; lists that are no longer the same are an error.
    pub(crate) fn selection(&self) -> anyhow::Result<Selection> {
        let open = |paths: &[PathBuf]| -> anyhow::Result<Vec<_>> {
            paths
                .iter()
                .map(|path| open_list(path, &self.reading))
                .collect()
        };
        let conditions: Result<Vec<_>, _> =
            self.conditions.iter().map(|text| text.parse()).collect();
        let selection = Selection {
            lists: open(&self.lists)?,
            conditions: conditions?,
            except: open(&self.except)?,
            by: self.by,
            repairs: self.repair,
            action: self.action,
            user_column: self.user_column.clone(),
        };
        if selection.sha256() != self.selection_sha256 {
            return Err(self.outdated("a list has changed since the plan was made"));
        }
        Ok(selection)
    }

    /// Whether what would be done now is what was planned then.
    pub(crate) fn holds(&self, inventory_sha256: &str, devices_sha256: &str) -> anyhow::Result<()> {
        if inventory_sha256 != self.inventory_sha256 {
            return Err(self.outdated("the inventory has changed since the plan was made"));
        }
        if devices_sha256 != self.devices_sha256 {
            return Err(self.outdated("the plan would come to other devices or users now"));
        }
        Ok(())
    }

    fn outdated(&self, why: &str) -> anyhow::Error {
        Failure::error(
            format!(
                "{why} (for {} devices, on {})",
                self.devices,
                crate::terminal::output::moment(self.made_at)
            ),
            "plan again with `repilot plan` and look at it; nothing was enqueued",
        )
    }
}
