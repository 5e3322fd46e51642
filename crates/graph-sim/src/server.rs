//! HTTP in front of a world: routes, tokens, headers, dropped connections.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::answer::{Reply, error_body, page, retry_after};
use crate::fault::BodyShape;
use crate::request::Request;
use crate::world::{Outcome, World};
use crate::{Counters, DeviceState, Fleet, Scenario};

/// The connection is to be dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the scenario drops this connection")]
pub(crate) struct Dropped;

/// Bodies that are read are small.
const BODY_MAX_BYTES: usize = 64 * 1024;

const COLLECTION: &str = "deviceManagement/windowsAutopilotDeviceIdentities";

pub(crate) struct Server {
    worlds: Vec<Mutex<World>>,
    tokens: Mutex<Tokens>,
    scenario: Scenario,
    started: Instant,
    url: String,
}

#[derive(Debug, Default)]
struct Tokens {
    /// Token to tenant and the calls it has made.
    known: HashMap<String, (usize, u64)>,
    issued: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub(crate) fn new(scenario: Scenario, fleet: &Fleet, url: String) -> Self {
        let known = scenario
            .tokens
            .iter()
            .enumerate()
            .map(|(tenant, token)| (token.clone(), (tenant, 0)))
            .collect();
        Self {
            worlds: (0..scenario.tokens.len())
                .map(|tenant| Mutex::new(World::new(scenario.of_tenant(tenant), fleet.clone())))
                .collect(),
            tokens: Mutex::new(Tokens { known, issued: 0 }),
            scenario,
            started: Instant::now(),
            url,
        }
    }

    pub(crate) fn counters(&self, tenant: usize) -> Counters {
        self.worlds
            .get(tenant)
            .map(|world| lock(world).counters())
            .unwrap_or_default()
    }

    pub(crate) fn devices(&self, tenant: usize) -> Vec<DeviceState> {
        self.worlds
            .get(tenant)
            .map(|world| lock(world).devices())
            .unwrap_or_default()
    }

    pub(crate) fn reassign(&self, tenant: usize, id: &str, user: &str) -> bool {
        self.worlds
            .get(tenant)
            .is_some_and(|world| lock(world).reassign(id, user, self.started.elapsed()))
    }

    /// Whose token it is, and whether it is still good; `None` where it is nobody's.
    fn tenant_of(&self, header: Option<&HeaderValue>) -> Option<(usize, bool)> {
        let token = header?.to_str().ok()?.strip_prefix("Bearer ")?;
        let mut tokens = lock(&self.tokens);
        if self.scenario.any_token && !token.is_empty() {
            tokens.known.entry(token.to_owned()).or_insert((0, 0));
        }
        let (tenant, calls) = tokens.known.get_mut(token)?;
        *calls += 1;
        let expires_after = self.scenario.token_expires_after_calls;
        let good = expires_after.is_none_or(|limit| *calls <= limit);
        Some((*tenant, good))
    }

    /// A fresh token, as a machine's identity endpoint gives it: of the n-th tenant where the
    /// identity's client id is `tenant-n`, else of the first.
    fn issue(&self, query: &str) -> serde_json::Value {
        let number = |pair: &str| pair.strip_prefix("client_id=tenant-")?.parse().ok();
        let asked: Option<usize> = query.split('&').find_map(number);
        let tenant = asked
            .filter(|tenant| *tenant < self.worlds.len())
            .unwrap_or(0);
        let mut tokens = lock(&self.tokens);
        tokens.issued += 1;
        let claims = json!({
            "roles": self.scenario.token_roles,
            "tid": "simulated",
            "jti": tokens.issued,
        });
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "{}.{}.",
            encode(r#"{"alg":"none"}"#),
            encode(&claims.to_string())
        );
        tokens.known.insert(token.clone(), (tenant, 0));
        let in_a_day = std::time::Duration::from_hours(24);
        let expires = since_epoch() + in_a_day;
        json!({
            "access_token": token,
            "expires_on": expires.as_secs().to_string(),
            "resource": self.url,
            "token_type": "Bearer",
        })
    }

    pub(crate) async fn handle(
        &self,
        request: hyper::Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Dropped> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if let Some(control) = path.strip_prefix("/_sim/") {
            let bytes = Limited::new(body, BODY_MAX_BYTES).collect().await;
            let bytes = bytes
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            return Ok(self.control(control, head.uri.query().unwrap_or_default(), &bytes));
        }
        let ids = Ids::of(head.headers.get("client-request-id"));
        let unauthorized = || http(&Reply::fault(401, BodyShape::Graph), &ids);
        let Some((tenant, good)) = self.tenant_of(head.headers.get(AUTHORIZATION)) else {
            return unauthorized();
        };
        if !good {
            lock(&self.worlds[tenant]).turned_away(401);
            return unauthorized().map(|answer| self.challenging(answer));
        }
        if head.method == Method::GET && path.ends_with("/organization") {
            let domain =
                json!({ "name": self.scenario.domain, "isDefault": true, "isInitial": false });
            let organization = json!({ "id": "simulated", "verifiedDomains": [domain] });
            return http(&Reply::Json(json!({ "value": [organization] })), &ids);
        }
        let parsed = match head.method {
            Method::POST => {
                let bytes = Limited::new(body, BODY_MAX_BYTES).collect().await;
                let bytes = bytes
                    .map(http_body_util::Collected::to_bytes)
                    .unwrap_or_default();
                let kind = head.headers.get(CONTENT_TYPE);
                parse_post(path, kind.and_then(|kind| kind.to_str().ok()), &bytes)
            }
            Method::GET => parse_get(path, head.uri.query().unwrap_or_default()),
            _ => Err(Reply::error(
                405,
                "MethodNotAllowed",
                "The method is not allowed.",
            )),
        };
        let request = match parsed {
            Ok(request) => request,
            Err(reply) => {
                lock(&self.worlds[tenant]).turned_away(reply.status());
                return http(&reply, &ids);
            }
        };
        let version = path.split('/').nth(1).unwrap_or("v1.0");
        let link_base = format!("{}/{version}/{COLLECTION}", self.url);
        let now = self.started.elapsed();
        let Outcome { reply, delay } = lock(&self.worlds[tenant]).call(&request, now, &link_base);
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        http(&reply, &ids)
    }

    /// A 401 with what the next token has to fulfil.
    fn challenging(&self, mut answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        if let Some(claims) = &self.scenario.claims_challenge {
            let claims = base64::engine::general_purpose::STANDARD.encode(claims);
            let challenge =
                format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{claims}\"");
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
        }
        answer
    }

    fn control(&self, path: &str, query: &str, body: &[u8]) -> Response<Full<Bytes>> {
        #[derive(Deserialize)]
        struct Assign {
            id: String,
            user: String,
        }
        let value = match path.split('?').next().unwrap_or_default() {
            "counters" => json!(self.counters(0)),
            "devices" => json!(self.devices(0)),
            "scenario" => json!(self.scenario),
            "identity" => self.issue(query),
            "assign" => match serde_json::from_slice::<Assign>(body) {
                Ok(assign) => json!({ "found": self.reassign(0, &assign.id, &assign.user) }),
                Err(error) => json!({ "error": error.to_string() }),
            },
            _ => json!({ "error": "known are counters, devices, scenario, identity, assign" }),
        };
        let mut response = Response::new(Full::from(value.to_string()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "HTTP dates and token expiry are wall-clock time"
)]
fn since_epoch() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}

/// The ids that an answer carries.
struct Ids {
    request: String,
    client: Option<HeaderValue>,
}

impl Ids {
    fn of(client: Option<&HeaderValue>) -> Self {
        let bytes: [u8; 16] = rand::random();
        Self {
            request: uuid::Builder::from_random_bytes(bytes)
                .into_uuid()
                .to_string(),
            client: client.cloned(),
        }
    }
}

fn http(reply: &Reply, ids: &Ids) -> Result<Response<Full<Bytes>>, Dropped> {
    let mut response = match reply {
        Reply::Drop => return Err(Dropped),
        Reply::NoContent => Response::new(Full::default()),
        Reply::Json(value) => with_body(value.to_string(), "application/json"),
        Reply::Text(text) => with_body(text.clone(), "text/plain"),
        Reply::Page { title, .. } => with_body(page(title), "text/html"),
        Reply::Redirect { location, .. } => {
            let mut response = Response::new(Full::default());
            if let Ok(location) = HeaderValue::from_str(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            response
        }
        Reply::ErrorInSuccess { code, message } => {
            let error = json!({ "error": { "code": code, "message": message } });
            with_body(error.to_string(), "application/json")
        }
        Reply::Error {
            code,
            message,
            shape,
            ..
        } => {
            let client = ids.client.as_ref().and_then(|id| id.to_str().ok());
            let (body, kind) = error_body(
                code,
                message,
                *shape,
                &ids.request,
                client.unwrap_or_default(),
            );
            with_body(body, kind)
        }
    };
    *response.status_mut() = StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::OK);
    if !reply.is_graphs() {
        return Ok(with_wait(response, reply));
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&ids.request) {
        headers.insert("request-id", id);
    }
    if let Some(id) = &ids.client {
        headers.insert("client-request-id", id.clone());
    }
    let diagnostic = r#"{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"0"}}"#;
    headers.insert("x-ms-ags-diagnostic", HeaderValue::from_static(diagnostic));
    Ok(with_wait(response, reply))
}

/// The response with what it says of when to come back.
fn with_wait(mut response: Response<Full<Bytes>>, reply: &Reply) -> Response<Full<Bytes>> {
    if let Reply::Error {
        retry_after: Some((wait, mode)),
        ..
    } = reply
    {
        let now = std::time::UNIX_EPOCH + since_epoch();
        let said = retry_after(*wait, mode, now).and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(said) = said {
            response.headers_mut().insert(RETRY_AFTER, said);
        }
    }
    response
}

fn with_body(body: String, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What follows the collection in a path: the version and the segments.
fn segments(path: &str) -> Result<(&str, Vec<&str>), Reply> {
    let unknown = || {
        let message = format!("Resource not found for the segment in '{path}'.");
        Reply::error(400, "BadRequest", message)
    };
    let (version, rest) = path
        .trim_start_matches('/')
        .split_once('/')
        .ok_or_else(unknown)?;
    if !matches!(version, "v1.0" | "beta") {
        return Err(Reply::error(400, "BadRequest", "Invalid version."));
    }
    let rest = rest
        .strip_prefix(COLLECTION)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .ok_or_else(unknown)?;
    Ok((
        version,
        rest.split('/').filter(|part| !part.is_empty()).collect(),
    ))
}

/// The parameters of `assignUserToDevice`; what the action does not know is ignored, as the
/// description's additional properties are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    #[serde(default)]
    user_principal_name: Option<String>,
    #[serde(default)]
    addressable_user_name: Option<String>,
}

fn parse_assignment(id: &str, kind: Option<&str>, body: &[u8]) -> Result<Request, Reply> {
    let bad = |message: String| Reply::error(400, "BadRequest", message);
    let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
    if !is_json {
        return Err(bad(
            "Write requests must contain the Content-Type header declaration.".to_owned(),
        ));
    }
    let assignment: Assignment =
        serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let user = assignment
        .user_principal_name
        .filter(|user| user.split('@').all(|part| !part.is_empty()) && user.contains('@'))
        .ok_or_else(|| bad("userPrincipalName is no user principal name.".to_owned()))?;
    Ok(Request::Assign {
        id: id.to_owned(),
        user,
        name: assignment.addressable_user_name.unwrap_or_default(),
    })
}

fn parse_post(path: &str, kind: Option<&str>, body: &[u8]) -> Result<Request, Reply> {
    let (version, parts) = segments(path)?;
    let plain = |action: &str| action.trim_start_matches("microsoft.graph.").to_owned();
    match parts.as_slice() {
        [id, action] if plain(action) == "unassignUserFromDevice" => Ok(Request::Act {
            id: (*id).to_owned(),
        }),
        [id, action] if plain(action) == "assignUserToDevice" => parse_assignment(id, kind, body),
        [id, "deploymentProfile", "assignedDevices", again, action]
            if version == "beta" && id == again && plain(action) == "unassignUserFromDevice" =>
        {
            Ok(Request::Act {
                id: (*id).to_owned(),
            })
        }
        _ => {
            let message = format!("Resource not found for the segment in '{path}'.");
            Err(Reply::error(400, "BadRequest", message))
        }
    }
}

fn parse_get(path: &str, query: &str) -> Result<Request, Reply> {
    if let Some(name) = user_of(path) {
        return Ok(Request::User { name });
    }
    let (_, parts) = segments(path)?;
    match parts.as_slice() {
        [] => parse_list(query),
        ["$count"] => Ok(Request::Count),
        [id] => Ok(Request::Look {
            id: (*id).to_owned(),
        }),
        _ => Err(Reply::fault(404, BodyShape::Graph)),
    }
}

/// The user whom a path such as `/v1.0/users/ada%40contoso.com` names, or `/v1.0/users('ada%40contoso.com')`.
fn user_of(path: &str) -> Option<String> {
    let (_version, rest) = path.trim_start_matches('/').split_once('/')?;
    let quoted = rest
        .strip_prefix("users('")
        .and_then(|name| name.strip_suffix("')"));
    let name = match quoted {
        Some(name) => name.replace("%27%27", "%27"),
        None => rest.strip_prefix("users/")?.to_owned(),
    };
    let escaped = name.replace('+', "%2B");
    let pair = format!("name={escaped}");
    let (_, name) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(name.into_owned())
}

fn parse_list(query: &str) -> Result<Request, Reply> {
    let bad = |message: &str| Reply::error(400, "BadRequest", message);
    let (mut skip, mut top, mut contains, mut count) = (0, usize::MAX, None, false);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "$count" => count = value == "true",
            "$top" => top = value.parse().map_err(|_unclear| bad("Invalid $top."))?,
            "$skiptoken" => {
                let offset = value
                    .strip_prefix("page.")
                    .and_then(|text| text.parse().ok());
                skip = offset.ok_or_else(|| bad("Invalid $skiptoken."))?;
            }
            "$filter" => {
                let part = value
                    .strip_prefix("contains(serialNumber,'")
                    .and_then(|rest| rest.strip_suffix("')"))
                    .filter(|part| !part.contains('-'));
                let part = part.ok_or_else(|| bad("Invalid filter clause."))?;
                contains = Some(part.to_owned());
            }
            _ => {}
        }
    }
    Ok(Request::List {
        skip,
        top,
        contains,
        count,
    })
}
