//! Tests that hold README and `docs/` against the program: links, commands, options, settings, files.
//!
//! A page is read as its reader does: lines of a `sh` block that call the program, and code within a
//! sentence. What another program takes (docker, cargo, curl) is left to that program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _};

use crate::args::Arguments;

/// How the first command of the README calls the program.
const BY_CARGO: &str = "cargo run ";

/// Words that stand for a number where a page shows how a command is called.
const NUMBERS: [&str; 2] = ["ID", "SECONDS"];

struct Page {
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pages() -> Vec<Page> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    let read = |path: PathBuf| Page {
        text: std::fs::read_to_string(&path).unwrap(),
        path,
    };
    paths.into_iter().map(read).collect()
}

impl Page {
    /// Prose without fenced blocks, and the lines of its `sh` blocks.
    fn prose_and_commands(&self) -> (String, Vec<&str>) {
        let (mut prose, mut commands) = (String::new(), Vec::new());
        let mut fence: Option<&str> = None;
        for line in self.text.lines() {
            match (line.trim_start().strip_prefix("```"), fence) {
                (Some(language), None) => fence = Some(language),
                (Some(_), Some(_)) => fence = None,
                (None, Some("sh")) => commands.push(line),
                (None, Some(_)) => {}
                (None, None) => {
                    prose.push_str(line);
                    prose.push('\n');
                }
            }
        }
        assert!(fence.is_none(), "{}: an open block", self.path.display());
        (prose, commands)
    }

    /// Code within sentences, with a line's end as a blank.
    fn code(&self) -> Vec<String> {
        let (prose, _) = self.prose_and_commands();
        let pieces = prose.split('`').skip(1).step_by(2);
        pieces.map(|code| code.replace('\n', " ")).collect()
    }

    fn links(&self) -> Vec<&str> {
        let starts = self.text.match_indices("](");
        starts
            .filter_map(|(at, _)| self.text[at + 2..].split_once(')'))
            .map(|(target, _)| target)
            .collect()
    }

    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings.map(anchor).collect()
    }
}

/// The address of a heading, as forges make it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ if letter.is_alphanumeric() => Some(letter),
        _ => None,
    });
    kept.collect()
}

/// Words of a command line, without its comment; quotes as a shell reads them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('#' | '|' | '>' | ';', None) if word.is_none() => break,
            (' ', None) => words.extend(word.take()),
            (_, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The program's arguments where a line calls it.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let called = if line.starts_with(BY_CARGO) {
        line.split_once(" -- ").map(|(_, rest)| rest)?
    } else {
        line.strip_prefix("repilot ")?
    };
    let words = words(called).into_iter();
    let meant = words.map(|word| match word.as_str() {
        placeholder if NUMBERS.contains(&placeholder) => "1".to_owned(),
        _ => word,
    });
    Some(std::iter::once("repilot".to_owned()).chain(meant).collect())
}

fn refusal(arguments: &[String]) -> Option<clap::Error> {
    let error = Arguments::try_parse_from(arguments).err()?;
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    (!is_help).then_some(error)
}

fn long_options(command: &Command, into: &mut BTreeSet<String>) {
    let options = command.get_arguments().filter_map(clap::Arg::get_long);
    into.extend(options.map(|name| format!("--{name}")));
    for subcommand in command.get_subcommands() {
        long_options(subcommand, into);
    }
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    for page in pages() {
        for link in page.links() {
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = page.path.parent().unwrap().join(file);
            let target = if file.is_empty() { &page.path } else { &target };
            assert!(target.exists(), "{}: {link}", page.path.display());
            if !heading.is_empty() {
                let text = std::fs::read_to_string(target).unwrap();
                let path = target.clone();
                let anchors = Page { path, text }.anchors();
                assert!(anchors.contains(heading), "{}: {link}", page.path.display());
            }
        }
    }
}

#[test]
fn every_command_of_the_pages_is_understood() {
    let mut count = 0;
    for page in pages() {
        let (_, commands) = page.prose_and_commands();
        for line in commands {
            let Some(arguments) = arguments(line) else {
                continue;
            };
            count += 1;
            if let Some(error) = refusal(&arguments) {
                panic!("{}: {line}\n{error}", page.path.display());
            }
        }
    }
    assert!(count > 30, "only {count} commands were found");
}

#[test]
fn commands_within_sentences_name_commands_that_exist() {
    for page in pages() {
        for code in page.code() {
            let Some(called) = code.strip_prefix("repilot ") else {
                continue;
            };
            let mut command = Arguments::command();
            for word in words(called) {
                let Some(next) = command.find_subcommand(&word).cloned() else {
                    assert!(
                        !command.has_subcommands() || word.starts_with('-'),
                        "{}: `{code}` names no command",
                        page.path.display()
                    );
                    break;
                };
                command = next;
            }
        }
    }
}

#[test]
fn every_option_within_sentences_exists() {
    let mut known = BTreeSet::new();
    long_options(&Arguments::command(), &mut known);
    known.extend(["--help".to_owned(), "--version".to_owned()]);
    for page in pages() {
        for code in page.code() {
            let is_ours = code.starts_with("--") || code.starts_with("repilot ");
            let is_named_by_command = Arguments::command()
                .get_subcommands()
                .any(|command| code.starts_with(&format!("{} ", command.get_name())));
            if !is_ours && !is_named_by_command {
                continue;
            }
            for word in words(&code) {
                let word = word.trim_matches(|letter| "[]".contains(letter));
                let name = word.split('=').next().unwrap_or_default();
                if name.starts_with("--") && name.len() > 2 {
                    assert!(
                        known.contains(name),
                        "{}: `{code}`: no command has {name}",
                        page.path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn every_setting_of_the_pages_exists() {
    let manual = include_str!("../../../config/default.toml");
    let settings: toml::Table = manual.parse().unwrap();
    for page in pages() {
        for code in page.code() {
            let Some((section, key)) = code.strip_prefix('[').and_then(|rest| rest.split_once(']'))
            else {
                continue;
            };
            let first = section.split('.').next().unwrap_or_default();
            // Each of these has names that its owner chooses.
            if first == "tenants" || section.starts_with("notify.") {
                continue;
            }
            let mut table = Some(&settings);
            for part in section.split('.') {
                table = table
                    .and_then(|table| table.get(part))
                    .and_then(toml::Value::as_table);
            }
            let key = key.split('=').next().unwrap_or_default().trim();
            let exists = table.is_some_and(|table| key.is_empty() || table.contains_key(key));
            assert!(exists, "{}: `{code}`", page.path.display());
        }
    }
}

#[test]
fn every_file_of_the_pages_exists() {
    const FOLDERS: [&str; 7] = [
        "config/",
        "crates/",
        "docs/",
        "examples/",
        "migrations/",
        "packaging/",
        "tests/",
    ];
    /// Written by people: settings, and the next migration.
    const TO_BE_MADE: [&str; 2] = ["config/repilot.toml", "migrations/NNNN_name.sql"];
    for page in pages() {
        for code in page.code() {
            let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder))
                && code
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
            if is_path && !TO_BE_MADE.contains(&code.as_str()) {
                assert!(
                    root().join(&code).exists(),
                    "{}: {code}",
                    page.path.display()
                );
            }
        }
    }
}

#[test]
fn every_test_of_the_pages_exists() {
    let mut sources = String::new();
    gather_sources(&root().join("crates"), &mut sources);
    gather_sources(&root().join("tests"), &mut sources);
    let mut count = 0;
    for page in pages() {
        for code in page.code() {
            // A sentence in small letters names a test; fewer words may be a column or a metric.
            let is_sentence = code.matches('_').count() >= 4
                && code.chars().all(|letter| {
                    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'
                });
            if is_sentence {
                count += 1;
                assert!(
                    sources.contains(&format!("fn {code}(")),
                    "{}: there is no test `{code}`",
                    page.path.display()
                );
            }
        }
    }
    assert!(count > 10, "only {count} tests were found");
}

fn gather_sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_ours = !path.ends_with("target") && !path.ends_with("node_modules");
        if path.is_dir() && is_ours {
            gather_sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
