//! `config`: the settings in force, and the manual.

use crate::app::App;
use crate::settings::DEFAULTS;
use crate::terminal::exit::Exit;
use crate::terminal::output::{print, print_json, say};

/// Every setting with its default and its comment.
pub(crate) fn default() -> Exit {
    print(DEFAULTS.trim_end());
    Exit::Done
}

/// The settings in force; secrets are not among them.
pub(crate) fn show(app: &App) -> anyhow::Result<Exit> {
    if app.json {
        print_json(&app.settings)?;
        return Ok(Exit::Done);
    }
    say(&match &app.settings_file {
        Some(file) => format!("# defaults, {}, environment, command line", file.display()),
        None => "# defaults, environment, command line (no settings file was found)".to_owned(),
    });
    if app.settings.token.is_some() {
        say("# a fixed token is set by REPILOT_GRAPH__TOKEN");
    }
    print(toml::to_string(&app.settings)?.trim_end());
    Ok(Exit::Done)
}
