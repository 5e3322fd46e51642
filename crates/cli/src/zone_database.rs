//! Which time zone database is newer: the machine's or the compiled-in one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use repilot_domain::{Timestamp, Zones};
use repilot_ledger::WorkerRow;

/// Where machines keep it, if `TZDIR` does not say.
const FOLDERS: [&str; 4] = [
    "/var/db/timezone/zoneinfo",
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
];

/// Longest first line of a database that is read for its version.
const LINE_MAX_BYTES: u64 = 256;

/// Has the whole process go by the newer of the two.
pub(crate) fn install() {
    newer(machine(&folders())).install();
}

/// The machine's database where it is newer than the compiled-in one.
fn newer(machine: Option<Zones>) -> Zones {
    let compiled_in = Zones::compiled_in();
    let mut zones = machine
        .filter(|machine| machine.is_newer_than(&compiled_in))
        .unwrap_or(compiled_in);
    zones.local = TimeZone::try_system()
        .ok()
        .and_then(|zone| zone.iana_name().map(str::to_owned));
    zones
}

fn folders() -> Vec<PathBuf> {
    match std::env::var_os("TZDIR") {
        Some(folder) if !folder.is_empty() => vec![folder.into()],
        _ => FOLDERS.iter().map(PathBuf::from).collect(),
    }
}

/// The first database there is; one that does not say its version cannot be compared.
fn machine(folders: &[PathBuf]) -> Option<Zones> {
    let folder = folders.iter().find(|folder| folder.is_dir())?;
    let version = version(folder)?;
    let database = TimeZoneDatabase::from_dir(folder).ok()?;
    let source = format!("this machine's, in {}", folder.display());
    Some(Zones::of(database, version, source))
}

/// The version that a folder of zones names: `# version 2025b` begins `tzdata.zi`, and `+VERSION`
/// holds it on macOS and BSD.
fn version(folder: &Path) -> Option<String> {
    let first_line = |name: &str| {
        let file = File::open(folder.join(name)).ok()?;
        let mut line = String::new();
        BufReader::new(file.take(LINE_MAX_BYTES))
            .read_line(&mut line)
            .ok()?;
        Some(line)
    };
    let text = first_line("tzdata.zi")
        .and_then(|line| line.trim().strip_prefix("# version ").map(str::to_owned))
        .or_else(|| first_line("+VERSION").map(|line| line.trim().to_owned()))?;
    Some(text).filter(|text| !text.is_empty())
}

/// The database in words, and what to do where it is old.
pub(crate) fn described(now: Timestamp) -> (String, Option<String>) {
    let zones = Zones::current();
    let says = format!("{}, {}", zones.version, zones.source);
    match zones.months_behind(now) {
        None => (says, None),
        Some(months) => (
            format!("{says}; at least {months} months old"),
            Some(
                "update the machine's tzdata or the program: hours that a country has changed since are wrong"
                    .to_owned(),
            ),
        ),
    }
}

/// That workers go by different databases; `None` where they agree.
pub(crate) fn disagreement(workers: &[WorkerRow]) -> Option<String> {
    let versions: BTreeSet<&str> = workers
        .iter()
        .map(|worker| worker.tz_version.as_str())
        .filter(|version| !version.is_empty())
        .collect();
    if versions.len() < 2 {
        return None;
    }
    let of = |version: &str| {
        let hosts: BTreeSet<&str> = workers
            .iter()
            .filter(|worker| worker.tz_version == version)
            .map(|worker| worker.host.as_str())
            .collect();
        let hosts: Vec<&str> = hosts.into_iter().collect();
        format!("{version} on {}", hosts.join(", "))
    };
    let each: Vec<String> = versions.into_iter().map(of).collect();
    Some(format!(
        "workers go by different time zone databases, and may open windows at different hours: {}",
        each.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use repilot_domain::WorkerId;

    use super::*;

    /// A folder of zones with one zone, and what names its version.
    fn folder(file: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        // A zone without rules that calls itself so: UTC, an hour ahead.
        let mut bytes = b"TZif2".to_vec();
        bytes.extend([0; 15]);
        let counts: [u32; 6] = [0, 0, 0, 0, 1, 4];
        bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        bytes.extend([0, 0, 0, 0, 0, 0]);
        bytes.extend(b"ONE\0");
        let header = bytes[..44].to_vec();
        bytes.extend(header);
        bytes.extend(3_600_i32.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(b"ONE\0");
        bytes.extend(b"\nONE-1\n");
        std::fs::create_dir(folder.path().join("Test")).unwrap();
        std::fs::write(folder.path().join("Test/Zone"), bytes).unwrap();
        folder
    }

    fn of(folder: &tempfile::TempDir) -> Zones {
        newer(machine(&[folder.path().to_owned()]))
    }

    #[test]
    fn the_newer_database_is_used_whoever_has_it() {
        for (file, text, is_machines) in [
            ("tzdata.zi", "# version 2025b\n# This file", false),
            ("tzdata.zi", "# version 2999a\n# This file", true),
            ("+VERSION", "2999a\n", true),
            ("+VERSION", "2019a\n", false),
            ("tzdata.zi", "# some other file\n", false),
            ("zone.tab", "# version 2999a\n", false),
        ] {
            let folder = folder(file, text);
            let zones = of(&folder);
            let found = zones.source.contains(&folder.path().display().to_string());
            assert_eq!(found, is_machines, "{file}: {text}: {zones:?}");
        }
        let none = newer(machine(&[PathBuf::from("/nowhere/zoneinfo")]));
        assert_eq!(none.version, Zones::compiled_in().version);
    }

    #[test]
    fn workers_that_go_by_different_databases_are_said() {
        let worker = |host: &str, version: &str| WorkerRow {
            id: WorkerId(host.to_owned()),
            host: host.to_owned(),
            process_id: 1,
            version: String::new(),
            started_at: Timestamp::default(),
            heartbeat_at: Timestamp::default(),
            in_flight: 0,
            trouble: String::new(),
            tz_version: version.to_owned(),
        };
        let same = [worker("a", "2026f"), worker("b", "2026f"), worker("c", "")];
        assert_eq!(disagreement(&same), None);
        let other = [
            worker("a", "2026f"),
            worker("b", "2025b"),
            worker("c", "2025b"),
        ];
        let said = disagreement(&other).unwrap();
        assert!(said.ends_with("2025b on b, c; 2026f on a"), "{said}");
    }
}
