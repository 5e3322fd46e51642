//! Views that somebody looks at, and who is told what they show.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use repilot_domain::Role;
use tokio::sync::watch;

/// Sections of a page by their names, as they are to be.
pub(super) type Rendered = Arc<Vec<(&'static str, String)>>;

/// Who is told of a view, for as long as somebody renders it.
type Stream = Weak<watch::Sender<Rendered>>;

/// The views that are rendered, by address and role.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<(String, Role), Stream>>);

impl Streams {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<(String, Role), Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
