//! Layer over layer: a later one wins, and each is blamed for its own mistakes.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::{Table, Value};

use super::error::SettingsError;
use super::{Settings, folders, handed_over};

/// The manual and the defaults in one.
pub(crate) const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// The file that is looked for.
const FILE_NAME: &str = "repilot.toml";

const PREFIX: &str = "REPILOT_";

/// The section whose keys are the user's own names.
const TENANTS: &str = "tenants";

/// The others of that kind.
const NAMED: [&str; 3] = ["notify.webhooks", "notify.commands", "notify.mail"];

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
        let Some(key) = setting_of(name, &shape)? else {
            continue;
        };
        let value = value.to_str().ok_or_else(|| SettingsError::NotText {
            name: name.to_owned(),
        })?;
        if key == ["graph", "token"] {
            token = (!value.is_empty()).then(|| SecretString::from(value.to_owned()));
            continue;
        }
        let key = as_the_file_spells_it(key, &merged);
        apply(&mut merged, &shape, layer_of(&key, value, &shape), name)?;
    }
    for (key, value) in &places.flags {
        let key: Vec<String> = key.split('.').map(str::to_owned).collect();
        let layer = layer_of(&key, value, &shape);
        apply(&mut merged, &shape, layer, "the command line")?;
    }
    let place = file.as_ref().map_or_else(
        || "the environment".to_owned(),
        |file| file.display().to_string(),
    );
    let mut settings: Settings = deserialize(merged, &place)?;
    settings.token = token;
    handed_over::find(&mut settings, &places.environment);
    // A ledger of the command line is meant, whatever file the settings name.
    if !places.flags.iter().any(|(key, _)| *key == "ledger.url") {
        settings.ledger.url = settings.ledger.url.or_of(&settings.ledger.url_file)?;
    }
    settings.redis.url = settings.redis.url.or_of(&settings.redis.url_file)?;
    if let Some((key, allowed)) = settings.nonsense() {
        return Err(SettingsError::Nonsense { key, allowed });
    }
    Ok(Loaded { settings, file })
}

/// `./repilot.toml`, or the one in the platform's configuration folder.
fn found_file() -> Option<PathBuf> {
    let here = PathBuf::from(FILE_NAME);
    if here.is_file() {
        return Some(here);
    }
    let file = folders::settings()?.join(FILE_NAME);
    file.is_file().then_some(file)
}

fn read_file(path: &Path) -> Result<Table, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        path: path.to_owned(),
        source,
    })?;
    // PowerShell's UTF-8 begins with a byte order mark.
    let text = text.trim_start_matches('\u{feff}');
    text.parse().map_err(|source| SettingsError::Syntax {
        place: path.display().to_string(),
        source: Box::new(source),
    })
}

/// `REPILOT_GRAPH__ROOT` is `graph.root`; what names no section is not ours, unless it would with
/// one underscore more.
fn setting_of(name: &str, shape: &Table) -> Result<Option<Vec<String>>, SettingsError> {
    let Some(rest) = name.strip_prefix(PREFIX).map(str::to_lowercase) else {
        return Ok(None);
    };
    if rest.contains("__") {
        return Ok(Some(rest.split("__").map(str::to_owned).collect()));
    }
    let meant = rest.split_once('_').filter(|(section, key)| {
        let section = shape.get(*section).and_then(Value::as_table);
        section.is_some_and(|section| section.contains_key(*key))
    });
    match meant {
        Some((section, key)) => Err(SettingsError::OneUnderscore {
            name: name.to_owned(),
            meant: format!("{PREFIX}{section}__{key}").to_uppercase(),
        }),
        None => Ok(None),
    }
}

/// A tenant's name in the environment has neither lower case nor `-` and `.`: what the file calls
/// `con-eu`, it calls `CON_EU`.
fn as_the_file_spells_it(mut key: Vec<String>, merged: &Table) -> Vec<String> {
    if let [section, name, ..] = key.as_mut_slice()
        && section == TENANTS
        && let Some(tenants) = merged.get(TENANTS).and_then(Value::as_table)
    {
        let plain = |known: &&String| known.to_lowercase().replace(['-', '.'], "_") == *name;
        if let Some(known) = tenants.keys().find(plain) {
            name.clone_from(known);
        }
    }
    key
}

/// A table with one value, of the type that the default has.
fn layer_of(key: &[String], text: &str, shape: &Table) -> Table {
    let mut default: Option<&Value> = None;
    let mut table = Some(shape);
    for part in key {
        default = table.and_then(|table| table.get(part));
        table = default.and_then(Value::as_table);
    }
    let number = text.parse::<i64>().ok().map(Value::Integer);
    let value = match default {
        Some(Value::Integer(_)) => number.unwrap_or_else(|| Value::String(text.to_owned())),
        _ => Value::String(text.to_owned()),
    };
    key.iter()
        .rev()
        .fold(value, |inner, part| {
            Value::Table(Table::from_iter([(part.clone(), inner)]))
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
    // Tenants may be put together from several places, and are whole at the end alone.
    let mut so_far = merged.clone();
    so_far.insert(TENANTS.to_owned(), Value::Table(Table::new()));
    deserialize(so_far, place).map(drop)
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
        if key == TENANTS || NAMED.contains(&key.as_str()) {
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
    fn a_tenant_is_read_from_the_environment_alone_and_found_under_its_spelling_in_the_file() {
        let variables = [
            ("REPILOT_TENANTS__FABRIKAM__CLIENT_ID", "c"),
            ("REPILOT_TENANTS__FABRIKAM__CREDENTIAL", "azure-cli"),
        ];
        let settings = loaded(None, &variables).unwrap();
        let (name, tenant) = settings.tenants.first_key_value().unwrap();
        assert_eq!(
            (name.as_str(), tenant.client_id.as_str()),
            ("fabrikam", "c")
        );
        let file = "[tenants.Con-EU]\ncredential = \"azure-cli\"\n";
        let variable = ("REPILOT_TENANTS__CON_EU__TENANT_ID", "t");
        let settings = loaded(Some(file), &[variable]).unwrap();
        assert_eq!(settings.tenants.len(), 1);
        let (name, tenant) = settings.tenants.first_key_value().unwrap();
        assert_eq!((name.as_str(), tenant.tenant_id.as_str()), ("Con-EU", "t"));
    }

    #[test]
    fn a_variable_with_one_underscore_too_few_is_named_with_what_was_meant() {
        let error = loaded(None, &[("REPILOT_THROTTLE_WRITES", "5")]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("write REPILOT_THROTTLE__WRITES"), "{text}");
        // A secret may be called anything.
        assert!(loaded(None, &[("REPILOT_CONTOSO_SECRET", "x")]).is_ok());
    }

    #[test]
    fn a_windows_path_in_double_quotes_is_told_how_to_be_written() {
        for path in [
            r"C:\Users\ada\l.db",
            r"C:\ledgers\l.db",
            r"\\server\xyz\l.db",
        ] {
            let error = loaded(Some(&format!("[ledger]\nurl = \"{path}\"\n")), &[]).unwrap_err();
            assert!(error.hint().contains("single quotes"), "{error:?}");
            let settings = loaded(Some(&format!("[ledger]\nurl = '{path}'\n")), &[]).unwrap();
            assert_eq!(settings.ledger.url.as_given(), path);
        }
    }

    #[test]
    fn a_file_named_alone_is_looked_for_among_the_credentials_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["graph_secret", "ledger_url", "contoso.pfx"] {
            std::fs::write(folder.path().join(name), "sqlite.db").unwrap();
        }
        let file = "[ledger]\nurl_file = \"ledger_url\"\n\
                    [tenants.contoso]\ncredential = \"client-secret\"\n\
                    client_secret_file = \"graph_secret\"\n\
                    certificate_file = \"sub/contoso.pfx\"\n\
                    certificate_password_file = \"absent\"\n";
        let path = folder.path().to_str().unwrap();
        let settings = loaded(Some(file), &[("CREDENTIALS_DIRECTORY", path)]).unwrap();
        let tenant = settings.tenants.values().next().unwrap();
        assert_eq!(
            tenant.client_secret_file,
            folder.path().join("graph_secret")
        );
        assert_eq!(settings.ledger.url.as_given(), "sqlite.db");
        // A path of more parts, and what was not handed over, is a file like any other.
        assert_eq!(tenant.certificate_file, Path::new("sub/contoso.pfx"));
        assert_eq!(tenant.certificate_password_file, Path::new("absent"));
        let error = loaded(Some(file), &[]).unwrap_err();
        assert!(error.to_string().contains("ledger_url"), "{error}");
    }

    #[test]
    fn an_empty_address_file_leaves_the_address() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, full) = (folder.path().join("empty"), folder.path().join("full"));
        std::fs::write(&empty, "\n").unwrap();
        std::fs::write(&full, "full.db\n").unwrap();
        for (path, address) in [(empty, "own.db"), (full, "full.db")] {
            let variable = ("REPILOT_LEDGER__URL_FILE", path.to_str().unwrap());
            let settings = loaded(Some("[ledger]\nurl = \"own.db\"\n"), &[variable]).unwrap();
            assert_eq!(settings.ledger.url.as_given(), address);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named_with_what_would() {
        for (variable, key) in [
            (("REPILOT_THROTTLE__WINDOW", "0s"), "`throttle.window`"),
            (("REPILOT_WORKER__CONCURRENCY", "0"), "`worker.concurrency`"),
        ] {
            let error = loaded(None, &[variable]).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
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
