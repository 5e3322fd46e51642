//! The tenants of the settings as they are now: whoever adds one need not restart the workers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use repilot_domain::{Clock, TenantName};
use repilot_worker::{Tenant, TenantDirectory};

use crate::app::App;
use crate::settings::{Places, Settings, load};
use crate::tenant::{sign_ins, tenants};
use crate::terminal::output::causes;

/// The tenants of a settings file that is read again when it changes.
pub(crate) struct LiveTenants {
    places: Arc<Places>,
    file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// When the file that was read last was changed.
    changed_at: Option<SystemTime>,
    /// Those that somebody is signed in to.
    signed_in: Vec<String>,
    /// Grows each time that the file is read.
    revision: u64,
    tenants: HashMap<TenantName, Tenant>,
}

impl LiveTenants {
    /// Every tenant that can be set up: one whose settings are wrong stops no other.
    pub(crate) fn new(app: &App) -> anyhow::Result<Self> {
        let (settings, clock) = (&app.settings, &app.clock);
        if tenants::names(settings)?.is_empty() {
            tenants::choose(settings, None)?;
        }
        let changed_at = changed_at(app.settings_file.as_ref());
        let (tenants, failed) = set_up(settings, clock, 0)?;
        if let Some(error) = failed.filter(|_| tenants.is_empty()) {
            return Err(error);
        }
        Ok(Self {
            places: Arc::clone(&app.places),
            file: app.settings_file.clone(),
            clock: Arc::clone(clock),
            state: Mutex::new(State {
                changed_at,
                signed_in: signed_in(),
                revision: 0,
                tenants,
            }),
        })
    }

    /// Reads the file again where it has changed. One that cannot be read leaves all as it was.
    fn refreshed(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changed_at = changed_at(self.file.as_ref());
        let signed_in = signed_in();
        if changed_at == state.changed_at && signed_in == state.signed_in {
            return state;
        }
        state.changed_at = changed_at;
        state.signed_in = signed_in;
        let revision = state.revision + 1;
        let set_up = load(&self.places)
            .map_err(anyhow::Error::from)
            .and_then(|loaded| set_up(&loaded.settings, &self.clock, revision));
        match set_up {
            Ok((tenants, _said)) => {
                tracing::info!(tenants = tenants.len(), "the settings were read again");
                let before = std::mem::replace(&mut state.tenants, tenants);
                // One that somebody signed out of is no stranger: its campaigns wait for a sign-in.
                for (name, tenant) in before {
                    if tenant.client.is_by_person() {
                        state.tenants.entry(name).or_insert(tenant);
                    }
                }
                state.revision = revision;
            }
            Err(error) => tracing::error!(
                error = causes(&error),
                "the settings have changed and cannot be read; the tenants stay as they were"
            ),
        }
        state
    }
}

impl TenantDirectory for LiveTenants {
    fn names(&self) -> Vec<TenantName> {
        self.refreshed().tenants.keys().cloned().collect()
    }

    fn tenant(&self, name: &TenantName) -> Option<Tenant> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tenants.get(name).cloned()
    }
}

/// What sign-ins there are, each with its cloud: other tokens are the tenants' own to find.
fn signed_in() -> Vec<String> {
    let named = |record: repilot_graph::SignInRecord| format!("{} {}", record.tenant, record.cloud);
    sign_ins::all().into_iter().map(named).collect()
}

fn changed_at(file: Option<&PathBuf>) -> Option<SystemTime> {
    std::fs::metadata(file?).ok()?.modified().ok()
}

/// Every tenant that can be set up, and why the last of the others cannot.
fn set_up(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    revision: u64,
) -> anyhow::Result<(HashMap<TenantName, Tenant>, Option<anyhow::Error>)> {
    let mut ready = HashMap::new();
    let mut failed = None;
    for name in tenants::names(settings)? {
        match tenants::build(settings, clock, &name) {
            Ok(tenant) => {
                ready.insert(name, Tenant { revision, ..tenant });
            }
            Err(error) => {
                tracing::error!(tenant = %name, error = causes(&error), "this tenant is left alone");
                failed = Some(error);
            }
        }
    }
    Ok((ready, failed))
}
