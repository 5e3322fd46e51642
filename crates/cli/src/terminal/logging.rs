//! Where log events go: stderr, or a file beside a progress bar.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::settings::{LogFormat, LogSettings};
use crate::terminal::private;

/// Directives for the log, as in `debug` or `warn,repilot=debug`.
const VARIABLE: &str = "REPILOT_LOG";

/// Starts logging; with `file`, there rather than to stderr.
pub(crate) fn start(settings: &LogSettings, file: Option<&Path>) -> anyhow::Result<()> {
    let directives = std::env::var(VARIABLE).unwrap_or_else(|_| settings.level.clone());
    let filter = EnvFilter::builder()
        .parse(&directives)
        .with_context(|| {
            format!(
                "`{directives}` is no log level (of {VARIABLE} or `[log] level`); write info, debug or warn,repilot=debug"
            )
        })?;
    let terminal = file.is_none() && std::io::stderr().is_terminal();
    let json = match settings.format {
        LogFormat::Auto => !terminal && file.is_none(),
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let writer = match file {
        Some(path) => BoxMakeWriter::new(Arc::new(log_file(path)?)),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        // It would say them on stderr, and panic where that is closed.
        .log_internal_errors(false)
        .with_writer(writer);
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    // A panic belongs into the log like everything else; whoever caught it says what became of it.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "a part of the program failed: please report this");
    }));
    Ok(())
}

fn log_file(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder of the log {}", path.display()))?;
    }
    private::append(path).with_context(|| format!("cannot write the log {}", path.display()))
}
