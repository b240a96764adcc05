//! The control socket: one JSON object a line in, one out. Local people, tests and foreign harnesses use it.
//!
//! The file belongs to the user that runs the station; who may open it may do what a person at the cabinet may.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use drivers::sim::{SIM_VERBS, SimCommand};
use serde_json::{Value, json};
use station::{
    ConnectorId, Event, EvseId, IdToken, Outcome, ReadingContext, Request, RequestId, Requester,
    ResetKind, TokenKind, TransactionId,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};

use crate::authorize::ToAuthorizers;
use crate::deploy::{Loader, Ready};
use crate::languages::ToLanguages;
use crate::limits::{CONTROL_TIMEOUT, MAX_CONTROL_CLIENTS, MAX_CONTROL_LINE};
use crate::messages::{ToAdapter, ToStation};
use crate::station_thread::{Core, Ended};

/// Verbs of the control socket.
pub const VERBS: &str = "status, plugin-list, plugin-inspect, plugin-restart, plugin-record, plugin-request, pack-status, \
     pack-apply, pack-rollback, settings, sim, request, shutdown";

impl Core {
    /// Carries out one request of the control socket.
    pub(crate) fn control(&mut self, request: &Value, answer: oneshot::Sender<Value>) {
        let verb = request
            .get("verb")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let result = match verb {
            "status" => Ok(self.status()),
            "plugin-list" => Ok(json!({ "ok": true, "plugins": self.plugins() })),
            "plugin-inspect" => self.inspect(request),
            "plugin-restart" => self.restart_plugin(request),
            "plugin-record" => self.record_plugin(request),
            "plugin-request" => return self.request_plugin(request, answer),
            "pack-status" => Ok(self.pack_status()),
            "pack-rollback" => self.roll_back_pack(),
            "settings" => Ok(self.settings_json()),
            "sim" => self.simulate(request),
            "request" => match self.ask_station(request, answer) {
                Ok(()) => return,
                Err((answer, error)) => {
                    let _gone = answer.send(json!({ "ok": false, "error": error }));
                    return;
                }
            },
            "shutdown" => {
                self.ended = Some(Ended::Shutdown);
                Ok(json!({ "ok": true }))
            }
            other => Err(format!("there is no verb {other:?}; the verbs are {VERBS}")),
        };
        let value = result.unwrap_or_else(|error| json!({ "ok": false, "error": error }));
        // Who asked may have gone.
        let _gone = answer.send(value);
    }

    fn settings_json(&self) -> Value {
        let settings: Vec<Value> = self
            .station
            .settings()
            .into_iter()
            .map(|view| {
                json!({
                    "key": view.key, "value": view.value, "default": view.spec.default,
                    "role": view.spec.role.name(), "summary": view.spec.summary,
                })
            })
            .collect();
        json!({ "ok": true, "settings": settings })
    }

    fn inspect(&self, request: &Value) -> Result<Value, String> {
        let name = request
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let plugins = self.plugins();
        let found = plugins
            .iter()
            .find(|plugin| plugin.get("name").and_then(Value::as_str) == Some(name));
        match found {
            Some(plugin) => Ok(json!({ "ok": true, "plugin": plugin })),
            None => {
                let names: Vec<&str> = plugins
                    .iter()
                    .filter_map(|p| p.get("name").and_then(Value::as_str))
                    .collect();
                Err(format!(
                    "no plugin is called {name:?}; running are {}",
                    names.join(", ")
                ))
            }
        }
    }

    pub(crate) fn restart_plugin(&mut self, request: &Value) -> Result<Value, String> {
        let name = request
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let adapter = self.adapters.iter().find(|adapter| adapter.name == name);
        let deployment = &self.deployed.now;
        let of = |list: &[Ready]| list.iter().any(|ready| ready.policy.name == name);
        if let Some(id) = adapter.map(|adapter| adapter.id) {
            self.tell(id, ToAdapter::Restart);
        } else if of(&deployment.judges) {
            self.tell_authorizers(ToAuthorizers::Restart(name.to_owned()));
        } else if of(&deployment.languages) {
            self.tell_languages(ToLanguages::Restart(name.to_owned()));
        } else {
            return Err(format!(
                "no plugin is called {name:?}; `pilotwire plugin list` lists them"
            ));
        }
        Ok(json!({ "ok": true }))
    }

    /// Passes the words of a person on to an authorizer, which answers by itself.
    fn request_plugin(&self, request: &Value, answer: oneshot::Sender<Value>) {
        let name = request.get("name").and_then(Value::as_str);
        let words = request.get("words").and_then(Value::as_array);
        let words: Option<Vec<String>> = words.and_then(|words| {
            let word = |word: &Value| word.as_str().map(str::to_owned);
            words.iter().map(word).collect()
        });
        let (Some(name), Some(words)) = (name, words) else {
            let error = "`plugin-request` needs `name`, and `words` as a list of texts";
            let _gone = answer.send(json!({ "ok": false, "error": error }));
            return;
        };
        self.tell_authorizers(ToAuthorizers::Request {
            plugin: name.to_owned(),
            words,
            answer,
        });
    }

    // ---- the simulated world ----

    fn simulate(&mut self, request: &Value) -> Result<Value, String> {
        let what = request
            .get("do")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match what {
            "link-down" | "link-up" => {
                let all: Vec<u64> = self.adapters.iter().map(|adapter| adapter.id).collect();
                for id in all {
                    self.tell(id, ToAdapter::LinkCut(what == "link-down"));
                }
                return Ok(json!({ "ok": true }));
            }
            "power-loss" => {
                // As a power cut: nothing is written, nobody is told. The boards fall back by themselves.
                tracing::warn!("simulated power loss");
                std::process::exit(POWER_LOSS_EXIT);
            }
            _ => {}
        }
        let evse = Self::evse_of(request).ok_or("`evse` is no EVSE number")?;
        let argument = |key: &str| match request.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        };
        let command =
            SimCommand::parse(what, argument).map_err(|error| match SIM_VERBS.contains(&what) {
                true => error.to_string(),
                false => format!("{error}; and link-down, link-up, power-loss"),
            })?;
        self.sim
            .apply(self.clock.now(), evse.0, command)
            .map_err(|error| error.to_string())?;
        Ok(json!({ "ok": true }))
    }

    // ---- requests as a local person ----

    fn ask_station(
        &mut self,
        request: &Value,
        answer: oneshot::Sender<Value>,
    ) -> Result<(), (oneshot::Sender<Value>, String)> {
        let what = match parse_request(request) {
            Ok(what) => what,
            Err(error) => return Err((answer, error)),
        };
        self.next_local = self.next_local.saturating_add(1);
        let id = RequestId(self.next_local);
        self.local_answers.insert(id, answer);
        while self.local_answers.len() > MAX_CONTROL_CLIENTS {
            self.local_answers.pop_first();
        }
        let event = Event::Request {
            from: Requester::Local,
            request: id,
            what,
        };
        self.station.handle_event(self.clock.now(), event);
        Ok(())
    }

    pub(crate) fn answer_local(&mut self, request: RequestId, outcome: Outcome, detail: &str) {
        if let Some(answer) = self.local_answers.remove(&request) {
            let ok = matches!(
                outcome,
                Outcome::Accepted | Outcome::Scheduled | Outcome::RestartRequired
            );
            let word = format!("{outcome:?}");
            let _gone = answer.send(match ok {
                true => json!({ "ok": true, "outcome": word, "detail": detail }),
                false => json!({ "ok": false, "outcome": word, "error": detail }),
            });
        }
    }
}

/// Exit status of a simulated power loss, so that a harness can tell it from a crash.
pub const POWER_LOSS_EXIT: i32 = 77;

fn parse_request(request: &Value) -> Result<Request, String> {
    let word = |key: &str| request.get(key).and_then(Value::as_str);
    let number = |key: &str| request.get(key).and_then(Value::as_u64);
    let evse = || {
        let given = request.get("evse").is_some_and(|value| !value.is_null());
        if given {
            Core::evse_of(request)
                .map(Some)
                .ok_or("`evse` is no EVSE number")
        } else {
            Ok(None)
        }
    };
    match word("what").unwrap_or_default() {
        "start" => Ok(Request::Start {
            evse: evse()?,
            token: IdToken {
                value: word("token").ok_or("`start` needs `token`")?.to_owned(),
                kind: TokenKind::Other,
            },
            authorize_first: request
                .get("authorize_first")
                .and_then(Value::as_bool)
                .unwrap_or(true),
        }),
        "stop" => Ok(Request::Stop {
            transaction: TransactionId(number("transaction").ok_or("`stop` needs `transaction`")?),
        }),
        "unlock" => Ok(Request::Unlock {
            evse: evse()?.unwrap_or(EvseId(1)),
            connector: ConnectorId(1),
        }),
        "reset" => Ok(Request::Reset {
            kind: match word("kind") {
                Some("hard") => ResetKind::Hard,
                None | Some("soft") => ResetKind::Soft,
                Some(other) => return Err(format!("{other:?} is no reset; say soft or hard")),
            },
        }),
        "availability" => Ok(Request::SetAvailability {
            evse: evse()?,
            operative: request
                .get("operative")
                .and_then(Value::as_bool)
                .ok_or("`availability` needs `operative`: true or false")?,
        }),
        "set" => Ok(Request::SetSetting {
            key: word("key").ok_or("`set` needs `key`")?.to_owned(),
            value: match request.get("value") {
                Some(Value::String(text)) => text.clone(),
                Some(other) if !other.is_null() => other.to_string(),
                Some(_) | None => return Err("`set` needs `value`".to_owned()),
            },
        }),
        "update" => Ok(Request::Update {
            begins: match word("state") {
                Some("begin") => true,
                Some("end") => false,
                Some(_) | None => return Err("`update` needs `state`: begin or end".to_owned()),
            },
        }),
        "read-meter" => Ok(Request::ReadMeter {
            evse: evse()?.unwrap_or(EvseId(1)),
            context: ReadingContext::Trigger,
        }),
        other => Err(format!(
            "nothing is called {other:?}; `what` is start, stop, unlock, reset, availability, set, update or read-meter"
        )),
    }
}

/// Path of the control socket in a state folder.
#[must_use]
pub fn socket_path(state_dir: &Path) -> PathBuf {
    state_dir.join("control.sock")
}

/// Opens the socket. A file that a dead process left is replaced.
///
/// # Errors
/// The folder cannot be written, or another station answers there.
pub async fn listen(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another station runs with this state folder; stop it or choose another `state_dir`",
        ));
    }
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    UnixListener::bind(path)
}

/// Serves clients until the process ends.
pub async fn serve(listener: UnixListener, station: SyncSender<ToStation>, loader: Arc<Loader>) {
    let room = Arc::new(Semaphore::new(MAX_CONTROL_CLIENTS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (station, loader) = (station.clone(), Arc::clone(&loader));
                tokio::spawn(async move {
                    if let Err(error) = client(stream, &station, &loader).await {
                        tracing::debug!("control client: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => tracing::warn!("control socket: {error}"),
        }
    }
}

async fn client(
    stream: UnixStream,
    station: &SyncSender<ToStation>,
    loader: &Arc<Loader>,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_CONTROL_LINE).unwrap_or(u64::MAX);
        let mut bounded = (&mut lines).take(limit);
        if bounded.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_slice::<Value>(&line) {
            Ok(request) if verb_of(&request) == "pack-apply" => {
                apply_pack(station, Arc::clone(loader), &request).await
            }
            Ok(request) if request.is_object() => ask(station, request).await,
            Ok(_) | Err(_) => {
                json!({ "ok": false, "error": "a request is one JSON object on one line, like {\"verb\":\"status\"}" })
            }
        };
        write.write_all(format!("{answer}\n").as_bytes()).await?;
        if !line.ends_with(b"\n") {
            return Ok(());
        }
    }
}

fn verb_of(request: &Value) -> &str {
    request
        .get("verb")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Reads, verifies and compiles aside, so that the station is not kept waiting; then the station applies the result.
async fn apply_pack(
    station: &SyncSender<ToStation>,
    loader: Arc<Loader>,
    request: &Value,
) -> Value {
    let refused = |error: &str| json!({ "ok": false, "error": error });
    let Some(text) = request
        .get("text")
        .and_then(Value::as_str)
        .map(str::to_owned)
    else {
        return refused("`pack-apply` needs `text`, the text of the pack");
    };
    let name = request.get("file").and_then(Value::as_str);
    let path = PathBuf::from(name.unwrap_or("the given pack"));
    let prepared = tokio::task::spawn_blocking(move || loader.prepare(&path, &text)).await;
    let deployment = match prepared {
        Ok(Ok(deployment)) => deployment,
        Ok(Err(error)) => return refused(&format!("{error:#}")),
        Err(_) => return refused("reading the pack ended in a panic; please report the log"),
    };
    let (answer, answered) = oneshot::channel();
    tell(
        station,
        ToStation::ApplyPack(Box::new(deployment), answer),
        answered,
    )
    .await
}

/// Asks the station's thread.
pub async fn ask(station: &SyncSender<ToStation>, request: Value) -> Value {
    let (answer, answered) = oneshot::channel();
    tell(station, ToStation::Control(request, answer), answered).await
}

async fn tell(
    station: &SyncSender<ToStation>,
    message: ToStation,
    answered: oneshot::Receiver<Value>,
) -> Value {
    let refused = |error: &str| json!({ "ok": false, "error": error });
    if station.try_send(message).is_err() {
        return refused("the station has too much to do; try again");
    }
    match tokio::time::timeout(CONTROL_TIMEOUT, answered).await {
        Ok(Ok(value)) => value,
        Ok(Err(_)) => refused("the station ended before it answered"),
        Err(_) => refused("the station did not answer in time"),
    }
}
