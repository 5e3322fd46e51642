//! Layer over layer: a later one wins, and each is blamed for its own mistakes.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use secrecy::SecretString;
use toml::{Table, Value};

use super::Settings;

/// The manual and the defaults in one.
pub(crate) const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// The file that is looked for.
const FILE_NAME: &str = "repilot.toml";

const PREFIX: &str = "REPILOT_";

/// Names of the environment that are no settings.
const OTHER_NAMES: [&str; 2] = ["REPILOT_LOG", "REPILOT_CONFIG"];

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read the settings file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{place} is not TOML")]
    Syntax {
        place: String,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("{place} sets `{key}`, which is no setting; known here: {known}")]
    UnknownKey {
        place: String,
        key: String,
        known: String,
    },
    #[error("{place} sets `graph.token`; a token belongs into REPILOT_GRAPH__TOKEN alone")]
    TokenInFile { place: String },
    #[error("{place} has a setting that cannot be")]
    Value {
        place: String,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("the environment variable {name} is not UTF-8")]
    NotText { name: String },
}

/// Where settings may come from.
pub(crate) struct Places {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    /// What the command line says: key (`ledger.url`) and value.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// The settings, and where they came from.
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// The file that was read, if any.
    pub(crate) file: Option<PathBuf>,
}

/// Reads every layer.
pub(crate) fn load(places: &Places) -> Result<Loaded, SettingsError> {
    let mut merged: Table = DEFAULTS.parse().map_err(|source| SettingsError::Syntax {
        place: "config/default.toml".to_owned(),
        source: Box::new(source),
    })?;
    let shape = merged.clone();
    let file = places.file.clone().or_else(found_file);
    if let Some(path) = &file {
        let layer = read_file(path)?;
        apply(&mut merged, &shape, layer, &path.display().to_string())?;
    }
    let mut token = None;
    for (name, value) in &places.environment {
        let Some(name) = name.to_str() else { continue };
        let Some(key) = setting_of(name) else {
            continue;
        };
        let value = value.to_str().ok_or_else(|| SettingsError::NotText {
            name: name.to_owned(),
        })?;
        if key == "graph.token" {
            token = (!value.is_empty()).then(|| SecretString::from(value.to_owned()));
            continue;
        }
        apply(&mut merged, &shape, layer_of(&key, value, &shape), name)?;
    }
    for (key, value) in &places.flags {
        let layer = layer_of(key, value, &shape);
        apply(&mut merged, &shape, layer, "the command line")?;
    }
    let mut settings = deserialize(merged, "the settings")?;
    settings.token = token;
    Ok(Loaded { settings, file })
}

/// `./repilot.toml`, or the one in the platform's configuration folder.
fn found_file() -> Option<PathBuf> {
    let here = PathBuf::from(FILE_NAME);
    if here.is_file() {
        return Some(here);
    }
    let folder = etcetera::choose_base_strategy().ok()?.config_dir();
    let file = folder.join("repilot").join(FILE_NAME);
    file.is_file().then_some(file)
}

fn read_file(path: &Path) -> Result<Table, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        path: path.to_owned(),
        source,
    })?;
    text.parse().map_err(|source| SettingsError::Syntax {
        place: path.display().to_string(),
        source: Box::new(source),
    })
}

/// `REPILOT_GRAPH__ROOT` is `graph.root`; what has no section is not ours.
fn setting_of(name: &str) -> Option<String> {
    if OTHER_NAMES.contains(&name) {
        return None;
    }
    let rest = name.strip_prefix(PREFIX)?;
    rest.contains("__")
        .then(|| rest.to_lowercase().replace("__", "."))
}

/// A table with one value, of the type that the default has.
fn layer_of(key: &str, text: &str, shape: &Table) -> Table {
    let mut default: Option<&Value> = None;
    let mut table = Some(shape);
    for part in key.split('.') {
        default = table.and_then(|table| table.get(part));
        table = default.and_then(Value::as_table);
    }
    let number = text.parse::<i64>().ok().map(Value::Integer);
    let value = match default {
        Some(Value::Integer(_)) => number.unwrap_or_else(|| Value::String(text.to_owned())),
        _ => Value::String(text.to_owned()),
    };
    key.rsplit('.')
        .fold(value, |inner, part| {
            Value::Table(Table::from_iter([(part.to_owned(), inner)]))
        })
        .as_table()
        .cloned()
        .unwrap_or_default()
}

fn apply(
    merged: &mut Table,
    shape: &Table,
    layer: Table,
    place: &str,
) -> Result<(), SettingsError> {
    check_keys(&layer, shape, "", place)?;
    merge(merged, layer);
    deserialize(merged.clone(), place).map(drop)
}

/// Every key must be one of the default file's; a tenant's own are checked by their type.
fn check_keys(
    layer: &Table,
    shape: &Table,
    prefix: &str,
    place: &str,
) -> Result<(), SettingsError> {
    for (name, value) in layer {
        let key = format!("{prefix}{name}");
        if key == "graph.token" {
            return Err(SettingsError::TokenInFile {
                place: place.to_owned(),
            });
        }
        let Some(known) = shape.get(name) else {
            return Err(SettingsError::UnknownKey {
                place: place.to_owned(),
                key,
                known: shape.keys().cloned().collect::<Vec<_>>().join(", "),
            });
        };
        if name == "tenants" && prefix.is_empty() {
            continue;
        }
        if let (Value::Table(layer), Value::Table(shape)) = (value, known) {
            check_keys(layer, shape, &format!("{key}."), place)?;
        }
    }
    Ok(())
}

fn merge(into: &mut Table, layer: Table) {
    for (name, value) in layer {
        match (into.get_mut(&name), value) {
            (Some(Value::Table(into)), Value::Table(layer)) => merge(into, layer),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn deserialize(table: Table, place: &str) -> Result<Settings, SettingsError> {
    table.try_into().map_err(|source| SettingsError::Value {
        place: place.to_owned(),
        source: Box::new(source),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn loaded(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("repilot.toml");
        std::fs::write(&path, file.unwrap_or_default()).unwrap();
        let places = Places {
            file: Some(path),
            environment: environment
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            flags: Vec::new(),
        };
        load(&places).map(|loaded| loaded.settings)
    }

    #[test]
    fn the_default_file_alone_is_complete() {
        let settings = loaded(None, &[]).unwrap();
        assert_eq!(settings.throttle.writes, 100);
        assert_eq!(settings.throttle.window.0, Duration::from_secs(20));
        assert!(settings.tenants.is_empty());
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = "[throttle]\nwrites = 50\nreads = 500\n";
        let settings = loaded(Some(file), &[("REPILOT_THROTTLE__WRITES", "60")]).unwrap();
        assert_eq!(
            (settings.throttle.writes, settings.throttle.reads),
            (60, 500)
        );
    }

    #[test]
    fn an_unknown_key_names_the_place_the_key_and_what_is_known() {
        let error = loaded(Some("[throttle]\nwirtes = 50\n"), &[]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("repilot.toml sets `throttle.wirtes`"),
            "{text}"
        );
        assert!(text.contains("writes"), "{text}");
        let error = loaded(None, &[("REPILOT_THROTTLE__WIRTES", "1")]).unwrap_err();
        assert!(
            error.to_string().contains("REPILOT_THROTTLE__WIRTES"),
            "{error}"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_blamed_on_its_place() {
        let error = loaded(None, &[("REPILOT_THROTTLE__WRITES", "many")]).unwrap_err();
        assert!(
            error.to_string().contains("REPILOT_THROTTLE__WRITES"),
            "{error}"
        );
        let error = loaded(Some("[throttle]\nwindow = \"soon\"\n"), &[]).unwrap_err();
        assert!(error.to_string().contains("repilot.toml"), "{error}");
    }

    #[test]
    fn a_token_comes_from_the_environment_and_never_shows() {
        let settings = loaded(None, &[("REPILOT_GRAPH__TOKEN", "abc123")]).unwrap();
        assert!(settings.token.is_some());
        assert!(!format!("{settings:?}").contains("abc123"));
        assert!(!toml::to_string(&settings).unwrap().contains("abc123"));
        let error = loaded(Some("[graph]\ntoken = \"abc123\"\n"), &[]).unwrap_err();
        assert!(
            matches!(error, SettingsError::TokenInFile { .. }),
            "{error}"
        );
        assert!(!error.to_string().contains("abc123"));
    }

    #[test]
    fn a_tenant_is_read_from_file_and_environment() {
        let file = "[tenants.contoso]\ntenant_id = \"t\"\ncredential = \"client-secret\"\n";
        let variable = ("REPILOT_TENANTS__CONTOSO__CLIENT_ID", "c");
        let settings = loaded(Some(file), &[variable]).unwrap();
        let (name, tenant) = settings.tenants.first_key_value().unwrap();
        assert_eq!(name.as_str(), "contoso");
        assert_eq!(
            (tenant.tenant_id.as_str(), tenant.client_id.as_str()),
            ("t", "c")
        );
    }
}
