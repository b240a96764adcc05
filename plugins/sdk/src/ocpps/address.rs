//! Where the backend can call the station, as the station tells it with every request.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::limits::ROUTER_WAIT_S;
use super::settings::{AddressMode, SoapSettings};
use crate::backend::{HttpRequest, HttpResponse, ServerTls};

/// What is known of the own address.
#[derive(Debug, Default)]
pub(super) struct PublicAddress {
    /// The station's own, the one towards the backend first.
    own: Vec<String>,
    /// What the router said.
    router: Option<String>,
}

impl PublicAddress {
    /// The station's own addresses are these.
    pub fn set_own(&mut self, addresses: Vec<String>) {
        self.own = addresses;
    }

    /// The router has this address towards the outside.
    pub fn set_router(&mut self, address: String) {
        self.router = Some(address);
    }

    /// The URL at which the backend can call; `None` if the station has no address at all.
    pub fn url(&self, settings: &SoapSettings, port: u32) -> Option<String> {
        let scheme = match settings.tls {
            ServerTls::None => "http",
            _ => "https",
        };
        if settings.mode == AddressMode::Manual {
            let given = settings.address.trim();
            return Some(if given.contains("://") {
                given.to_owned()
            } else if has_port(given) {
                format!("{scheme}://{given}/")
            } else {
                format!("{scheme}://{}:{port}/", bracketed(given))
            });
        }
        Some(format!(
            "{scheme}://{}:{port}/",
            bracketed(self.host(settings.mode)?)
        ))
    }

    fn host(&self, mode: AddressMode) -> Option<&str> {
        let towards = self.own.first().map(String::as_str);
        match mode {
            AddressMode::Local => self
                .own
                .iter()
                .map(String::as_str)
                .find(|address| is_private(address))
                .or(towards),
            // A router that says nothing: better called from inside than not at all.
            AddressMode::Teltonika => self.router.as_deref().or(towards),
            AddressMode::Auto | AddressMode::Manual => towards,
        }
    }
}

fn is_private(address: &str) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(address)) => address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_unique_local(),
        Err(_) => false,
    }
}

fn has_port(text: &str) -> bool {
    match text.rsplit_once(':') {
        // An IPv6 address without brackets is all colons.
        Some((host, port)) => {
            (!host.contains(':') || host.ends_with(']')) && port.parse::<u16>().is_ok()
        }
        None => false,
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

// ---- the router ----
//
// Shape of the router's API as RutOS 7 documents it: login for a token, then the state of the interfaces. Unverified:
// no such router was at hand.

fn router_request(settings: &SoapSettings, path: &str, request_id: u64) -> HttpRequest {
    HttpRequest {
        request_id,
        method: "GET".to_owned(),
        url: format!("{}{path}", settings.router_url.trim_end_matches('/')),
        headers: vec![("Accept".to_owned(), "application/json".to_owned())],
        body: String::new(),
        timeout_s: ROUTER_WAIT_S,
    }
}

/// Asks the router for a token.
pub(super) fn login(settings: &SoapSettings, request_id: u64) -> HttpRequest {
    let mut request = router_request(settings, "/api/login", request_id);
    request.method = "POST".to_owned();
    let json = "application/json".to_owned();
    request.headers.push(("Content-Type".to_owned(), json));
    let who = json!({ "username": settings.router_user, "password": settings.router_password });
    request.body = who.to_string();
    request
}

/// Asks the router for the state of its interfaces.
pub(super) fn interfaces(settings: &SoapSettings, token: &str, request_id: u64) -> HttpRequest {
    let mut request = router_request(settings, "/api/interfaces/status", request_id);
    let bearer = format!("Bearer {token}");
    request.headers.push(("Authorization".to_owned(), bearer));
    request
}

/// What the router said, if it is what was asked for.
fn data(response: &HttpResponse) -> Result<Value, String> {
    match response.status {
        0 => {
            let why = response.failure.as_ref().map(|down| down.detail.as_str());
            Err(why.unwrap_or("it does not answer").to_owned())
        }
        401 | 403 => Err("it refuses user or password".to_owned()),
        200..=299 => match serde_json::from_str::<Value>(&response.body) {
            Ok(mut answer) if answer.get("success") != Some(&Value::Bool(false)) => {
                let data = answer.get_mut("data").map(Value::take);
                data.ok_or_else(|| "its answer has no data".to_owned())
            }
            Ok(_) => Err("it refuses; check user and password".to_owned()),
            Err(_) => Err("its answer is no JSON".to_owned()),
        },
        status => Err(format!("it answers {status}")),
    }
}

/// The token of an answer to [`login`].
pub(super) fn token(response: &HttpResponse) -> Result<String, String> {
    let data = data(response)?;
    let token = data.get("token").and_then(Value::as_str);
    // It goes into a header.
    match token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic())) {
        Some(token) => Ok(token.to_owned()),
        None => Err("its answer has no token".to_owned()),
    }
}

/// The address towards the outside of an answer to [`interfaces`]: of the interface that is up and preferred.
pub(super) fn outside(response: &HttpResponse) -> Result<String, String> {
    let data = data(response)?;
    let Value::Array(list) = data else {
        return Err("its answer lists no interfaces".to_owned());
    };
    let mut best: Option<(u64, IpAddr)> = None;
    for interface in &list {
        let is_wan = interface.get("area_type").and_then(Value::as_str) == Some("wan");
        let is_up = interface.get("is_up").and_then(Value::as_bool) == Some(true);
        let address = interface
            .get("ipv4-address")
            .and_then(|list| list.get(0))
            .and_then(|first| first.get("address"))
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<IpAddr>().ok());
        let metric = interface
            .get("metric")
            .and_then(Value::as_u64)
            .unwrap_or(u64::MAX);
        if let Some(address) = address.filter(|_| is_wan && is_up)
            && best.is_none_or(|(least, _)| metric < least)
        {
            best = Some((metric, address));
        }
    }
    match best {
        Some((_, address)) => Ok(address.to_string()),
        None => Err("none of its interfaces to the outside is up".to_owned()),
    }
}
