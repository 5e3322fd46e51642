//! One simulated tenant: devices, quotas and faults. No socket and no clock: time is told.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::Reply;
use crate::fault::{BodyShape, Fault, FaultKind, Occasion, chance, met};
use crate::fleet::{DeviceState, Fleet};
use crate::quota::{Peak, Window};
use crate::request::Request;
use crate::{Counters, Scenario};

/// A reply and how much later it goes back.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) reply: Reply,
    pub(crate) delay: Duration,
}

/// After a 429 was answered, calls that left before it was heard arrive within so long.
const GATE_GRACE: Duration = Duration::from_millis(100);

/// When a fault that says when to come back means it.
const FAULT_WAIT: Duration = Duration::from_secs(2);

/// The most that a page holds.
const PAGE_MAX: usize = 1_000;

#[derive(Debug)]
struct Tracked {
    state: DeviceState,
    acts: u64,
    assigns: u64,
    looks: u64,
    applied: u64,
    assigned: u64,
    reassigned: bool,
    /// When it was, until an action reaches it.
    reassigned_at: Option<Duration>,
    /// Until when a call of the action is under way.
    busy_until: Duration,
}

#[derive(Debug)]
pub(crate) struct World {
    scenario: Scenario,
    devices: Vec<Tracked>,
    by_id: HashMap<String, usize>,
    writes: Window,
    requests: Window,
    peak: Peak,
    peak_of_all: Peak,
    /// When the last call arrived.
    now: Duration,
    counters: Counters,
    calls: u64,
    writes_arrived: u64,
    first_call_at: Option<Duration>,
    /// A 429 said: nothing between these.
    closed: Option<(Duration, Duration)>,
}

impl World {
    pub(crate) fn new(scenario: Scenario, fleet: Fleet) -> Self {
        let devices: Vec<Tracked> = fleet
            .0
            .into_iter()
            .map(|state| Tracked {
                state,
                acts: 0,
                assigns: 0,
                looks: 0,
                applied: 0,
                assigned: 0,
                reassigned: false,
                reassigned_at: None,
                busy_until: Duration::ZERO,
            })
            .collect();
        let by_id = devices
            .iter()
            .enumerate()
            .map(|(index, device)| (device.state.id.to_lowercase(), index))
            .collect();
        let window = Duration::from_millis(scenario.quota.window_ms);
        Self {
            scenario,
            devices,
            by_id,
            writes: Window::new(window),
            requests: Window::new(window),
            peak: Peak::new(window),
            peak_of_all: Peak::new(window),
            now: Duration::ZERO,
            counters: Counters::default(),
            calls: 0,
            writes_arrived: 0,
            first_call_at: None,
            closed: None,
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        let assigned = |device: &&Tracked| !device.state.user_principal_name.is_empty();
        counters.still_assigned = self.devices.iter().filter(assigned).count() as u64;
        counters.devices_applied = self.devices.iter().filter(|d| d.applied > 0).count() as u64;
        counters.max_applied_per_device = self
            .devices
            .iter()
            .map(|device| device.applied)
            .max()
            .unwrap_or(0);
        counters.max_assigned_per_device = self
            .devices
            .iter()
            .map(|device| device.assigned)
            .max()
            .unwrap_or(0);
        counters.peak_writes_per_window = self.peak.most() as u64;
        counters.peak_requests_per_window = self.peak_of_all.most() as u64;
        counters
    }

    pub(crate) fn devices(&self) -> Vec<DeviceState> {
        self.devices
            .iter()
            .map(|device| device.state.clone())
            .collect()
    }

    /// Assigns a user behind everybody's back.
    pub(crate) fn reassign(&mut self, id: &str, user: &str, now: Duration) -> bool {
        let Some(index) = self.by_id.get(&id.to_lowercase()).copied() else {
            return false;
        };
        self.reassign_at(index, user, now);
        true
    }

    fn reassign_at(&mut self, index: usize, user: &str, now: Duration) {
        let device = &mut self.devices[index];
        user.clone_into(&mut device.state.user_principal_name);
        "Somebody Else".clone_into(&mut device.state.addressable_user_name);
        device.reassigned = true;
        device.reassigned_at = Some(now);
        self.counters.reassigned += 1;
    }

    /// A call of this tenant that was refused before anybody looked at it.
    pub(crate) fn turned_away(&mut self, status: u16) {
        *self.counters.statuses.entry(status).or_default() += 1;
    }

    /// A call arrives.
    pub(crate) fn call(&mut self, request: &Request, now: Duration, link_base: &str) -> Outcome {
        self.calls += 1;
        self.now = now;
        self.peak_of_all.arrive(now);
        let first = *self.first_call_at.get_or_insert(now);
        match request {
            Request::Act { .. } => self.counters.acts += 1,
            Request::Assign { .. } => {
                self.counters.acts += 1;
                self.counters.assigns += 1;
            }
            Request::User { .. } => self.counters.users += 1,
            Request::Look { .. } => self.counters.looks += 1,
            Request::List { .. } | Request::Count => self.counters.pages += 1,
        }
        if let Some((from, until)) = self.closed
            && now > from
            && now < until
        {
            self.counters.calls_while_gate_closed += 1;
        }
        let mut delay = self.latency();
        let reply = match self.refused(request, now, first, delay) {
            Some(reply) => reply,
            None => self.meet(request, &mut delay, link_base),
        };
        let status = reply.status();
        *self.counters.statuses.entry(status).or_default() += 1;
        if request.is_write() && (200..300).contains(&status) {
            let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            self.counters.last_success_ms = Some(millis);
        }
        self.note_acts_at_once(request, now, delay);
        Outcome { reply, delay }
    }

    fn note_acts_at_once(&mut self, request: &Request, now: Duration, delay: Duration) {
        let (Request::Act { id } | Request::Assign { id, .. }) = request else {
            return;
        };
        let Some(index) = self.by_id.get(&id.to_lowercase()) else {
            return;
        };
        let device = &mut self.devices[*index];
        if now < device.busy_until {
            self.counters.acts_at_once += 1;
        }
        device.busy_until = device.busy_until.max(now + delay);
    }

    fn latency(&self) -> Duration {
        let latency = self.scenario.latency;
        let jitter = latency.jitter_ms as f64 * chance(&[self.scenario.seed, self.calls]);
        Duration::from_millis(latency.fixed_ms) + Duration::from_secs_f64(jitter / 1_000.0)
    }

    /// A 429, if the quota is used up.
    fn refused(
        &mut self,
        request: &Request,
        now: Duration,
        first: Duration,
        delay: Duration,
    ) -> Option<Reply> {
        let refused_count = self.scenario.quota.refused_count;
        let mut wait = None;
        if let Some(granted) = self.scenario.quota.requests {
            wait = self.requests.arrive(now, granted, refused_count).err();
        }
        if request.is_write() {
            let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            self.counters.first_write_ms.get_or_insert(millis);
            self.writes_arrived += 1;
            self.peak.arrive(now);
            if let Some(granted) = self.granted_writes(now.saturating_sub(first)) {
                let refused = self.writes.arrive(now, granted, refused_count).err();
                wait = wait.max(refused);
            }
        }
        let wait = wait?;
        self.counters.throttled += 1;
        let mode = self.scenario.quota.retry_after.clone();
        if mode != crate::RetryAfter::Absent {
            let said = match &mode {
                crate::RetryAfter::Always(word) => {
                    Duration::from_secs_f64(word.parse().unwrap_or(0.0))
                }
                // What is said in whole seconds is no less.
                _ => wait,
            };
            // It is heard once the answer has come back, and counts from then.
            let until = now + delay + said;
            let from = now + delay + GATE_GRACE;
            self.closed = match self.closed {
                Some((from, closed_until)) if now < closed_until => {
                    Some((from, until.max(closed_until)))
                }
                _ => Some((from, until)),
            };
        }
        Some(Reply::Error {
            status: 429,
            code: "TooManyRequests".to_owned(),
            message: "Too many requests.".to_owned(),
            shape: BodyShape::Graph,
            retry_after: Some((wait, mode)),
        })
    }

    fn granted_writes(&self, since_first: Duration) -> Option<u32> {
        let quota = &self.scenario.quota;
        let due = |change: &&crate::QuotaChange| {
            change
                .after_writes
                .is_none_or(|writes| self.writes_arrived > writes)
                && change
                    .after_ms
                    .is_none_or(|millis| since_first >= Duration::from_millis(millis))
        };
        let changed = quota
            .changes
            .iter()
            .rev()
            .find(due)
            .map(|change| change.writes);
        changed.or(quota.writes)
    }

    fn meet(&mut self, request: &Request, delay: &mut Duration, link_base: &str) -> Reply {
        let index = match request {
            Request::Act { id } | Request::Assign { id, .. } | Request::Look { id } => {
                match self.by_id.get(&id.to_lowercase()) {
                    Some(index) => Some(*index),
                    None => return Reply::fault(404, BodyShape::Graph),
                }
            }
            Request::List { .. } | Request::Count | Request::User { .. } => None,
        };
        let attempt = match (index, request) {
            (Some(index), Request::Look { .. }) => {
                self.devices[index].looks += 1;
                self.devices[index].looks
            }
            (Some(index), Request::Assign { .. }) => {
                self.devices[index].assigns += 1;
                self.devices[index].assigns
            }
            (Some(index), _) => {
                self.devices[index].acts += 1;
                self.devices[index].acts
            }
            (None, _) => self.counters.pages,
        };
        // Another draw than that of the same device's unassignment.
        let assigning = match request {
            Request::Assign { .. } => 1 << 32,
            _ => 0,
        };
        let serial = index.map_or("", |index| self.devices[index].state.serial_number.as_str());
        let occasion = Occasion {
            on: request.on(),
            serial,
            attempt,
            device: index.map_or(0, |index| index as u64 + 1) + assigning,
        };
        let fault = met(&self.scenario.faults, &occasion, self.scenario.seed).cloned();
        match fault {
            Some(fault) => self.suffer(&fault, request, index, delay, link_base),
            None => self.serve(request, index, link_base),
        }
    }

    fn suffer(
        &mut self,
        fault: &Fault,
        request: &Request,
        index: Option<usize>,
        delay: &mut Duration,
        link_base: &str,
    ) -> Reply {
        if fault.applied {
            self.serve(request, index, link_base);
        }
        match fault.kind {
            FaultKind::Page => Reply::Page {
                status: fault.status.unwrap_or(200),
                title: fault.title.clone().unwrap_or_else(|| "Sign in".to_owned()),
            },
            FaultKind::Redirect => Reply::Redirect {
                status: fault.status.unwrap_or(302),
                location: fault
                    .location
                    .clone()
                    .unwrap_or_else(|| "https://login.corp.example/".to_owned()),
            },
            FaultKind::ErrorInSuccess => Reply::ErrorInSuccess {
                code: fault.code.clone().unwrap_or_else(|| "Blocked".to_owned()),
                message: fault
                    .message
                    .clone()
                    .unwrap_or_else(|| "The request was blocked.".to_owned()),
            },
            FaultKind::EndlessList
            | FaultKind::ShortList
            | FaultKind::BrokenItem
            | FaultKind::RepeatedDevice
            | FaultKind::BadLink => self.broken_page(fault, request, link_base),
            FaultKind::Status => {
                let reply = Reply::fault(fault.status.unwrap_or(500), fault.body)
                    .worded(fault.code.as_deref(), fault.message.as_deref());
                match &fault.retry_after {
                    Some(mode) => reply.with_retry_after(FAULT_WAIT, mode.clone()),
                    None => reply,
                }
            }
            FaultKind::ResetBefore => Reply::Drop,
            FaultKind::ResetAfter => {
                self.serve(request, index, link_base);
                Reply::Drop
            }
            FaultKind::Applied504 => {
                self.serve(request, index, link_base);
                Reply::fault(504, BodyShape::IntuneTwice)
            }
            FaultKind::Reassigned504 => {
                self.serve(request, index, link_base);
                if let Some(index) = index {
                    let now = self.now;
                    self.reassign_at(index, "new.user@contoso.example", now);
                }
                Reply::fault(504, BodyShape::IntuneTwice)
            }
            FaultKind::Slow => {
                *delay += Duration::from_millis(fault.delay_ms);
                self.serve(request, index, link_base)
            }
            FaultKind::Approval => match fault.status {
                None => Reply::error(
                    400,
                    "BadRequest",
                    "The request lacks the header x-msft-approval-justification.",
                ),
                Some(status) => Reply::error(
                    status,
                    "Forbidden",
                    "This operation requires Multi Admin Approval.",
                ),
            },
        }
    }

    /// A page of the inventory that is wrong in some way; what is no page is served as it is.
    fn broken_page(&mut self, fault: &Fault, request: &Request, link_base: &str) -> Reply {
        let &Request::List { skip, top, .. } = request else {
            return self.serve(request, None, link_base);
        };
        let top = top.clamp(1, PAGE_MAX);
        let link = |skip: usize| json!(format!("{link_base}?$top={top}&$skiptoken=page.{skip}"));
        let shown = match fault.kind {
            FaultKind::EndlessList => 0,
            // What the page before ended with.
            FaultKind::RepeatedDevice => skip.saturating_sub(1),
            _ => skip,
        };
        let Reply::Json(mut page) = self.page(shown, top, None, false, link_base) else {
            return Reply::fault(500, BodyShape::Graph);
        };
        match fault.kind {
            FaultKind::EndlessList => page["@odata.nextLink"] = link(skip + top),
            FaultKind::ShortList => page["@odata.count"] = json!(self.devices.len() + 1),
            FaultKind::BrokenItem => {
                if let Some(first) = page["value"].get_mut(0).and_then(Value::as_object_mut) {
                    first.remove("id");
                }
            }
            FaultKind::BadLink => {
                page["@odata.nextLink"] = json!(fault.location.as_deref().unwrap_or("string"));
            }
            _ => {}
        }
        Reply::Json(page)
    }

    /// An action has reached a device: how long after somebody else got it?
    fn note_touch(&mut self, index: usize) {
        let device = &mut self.devices[index];
        if device.reassigned {
            self.counters.reassigned_touched += 1;
        }
        if let Some(at) = device.reassigned_at.take() {
            let after = self.now.saturating_sub(at).as_millis();
            let after = u64::try_from(after).unwrap_or(u64::MAX);
            let longest = self.counters.touched_after_ms.max(Some(after));
            self.counters.touched_after_ms = longest;
        }
    }

    fn serve(&mut self, request: &Request, index: Option<usize>, link_base: &str) -> Reply {
        match (request, index) {
            (Request::Act { .. }, Some(index)) => {
                let device = &mut self.devices[index];
                device.state.user_principal_name.clear();
                device.state.addressable_user_name.clear();
                device.applied += 1;
                self.counters.applied += 1;
                self.note_touch(index);
                Reply::NoContent
            }
            (Request::Assign { user, .. }, _) if self.scenario.lacks_user(user) => {
                Reply::error(400, "BadRequest", "User not found.")
            }
            (Request::Assign { user, name, .. }, Some(index)) => {
                let device = &mut self.devices[index];
                if !device.state.user_principal_name.is_empty() {
                    self.counters.assigned_over += 1;
                }
                device.state.user_principal_name.clone_from(user);
                device.state.addressable_user_name.clone_from(name);
                device.assigned += 1;
                self.counters.assigned += 1;
                self.note_touch(index);
                Reply::NoContent
            }
            (Request::User { name }, _) => self.user(name),
            (Request::Look { .. }, Some(index)) => {
                let mut value = json!(self.devices[index].state);
                value["@odata.context"] = json!(format!("{link_base}/$metadata"));
                Reply::Json(value)
            }
            (
                Request::List {
                    skip,
                    top,
                    contains,
                    count,
                },
                _,
            ) => self.page(*skip, *top, contains.as_deref(), *count, link_base),
            (Request::Count, _) => Reply::Text(self.devices.len().to_string()),
            (_, None) => Reply::fault(404, BodyShape::Graph),
        }
    }

    fn user(&self, name: &str) -> Reply {
        if self.scenario.lacks_user(name) {
            return Reply::error(
                404,
                "Request_ResourceNotFound",
                format!("Resource '{name}' does not exist."),
            );
        }
        let local = name.split('@').next().unwrap_or_default();
        let words: Vec<String> = local
            .split(['.', '_', '-'])
            .map(|word| {
                let mut chars = word.chars();
                let first = chars.next().map(|first| first.to_uppercase().to_string());
                first.unwrap_or_default() + chars.as_str()
            })
            .collect();
        Reply::Json(json!({
            "userPrincipalName": name,
            "displayName": words.join(" "),
            "accountEnabled": !self.scenario.disables_user(name),
        }))
    }

    fn page(
        &self,
        skip: usize,
        top: usize,
        contains: Option<&str>,
        count: bool,
        link_base: &str,
    ) -> Reply {
        let top = top.clamp(1, PAGE_MAX);
        let fits = |device: &&Tracked| {
            contains.is_none_or(|part| device.state.serial_number.contains(part))
        };
        let mut fitting = self.devices.iter().filter(fits).skip(skip);
        let value: Vec<Value> = fitting
            .by_ref()
            .take(top)
            .map(|device| json!(device.state))
            .collect();
        let mut page =
            json!({ "@odata.context": format!("{link_base}/$metadata"), "value": value });
        if count {
            page["@odata.count"] = json!(self.devices.iter().filter(fits).count());
        }
        if fitting.next().is_some() {
            let filter = contains
                .map(|part| format!("&$filter=contains(serialNumber,'{part}')"))
                .unwrap_or_default();
            let next = format!(
                "{link_base}?$top={top}{filter}&$skiptoken=page.{}",
                skip + top
            );
            page["@odata.nextLink"] = json!(next);
        }
        Reply::Json(page)
    }
}
