//! Who judges tokens before the backend does: the free-charging mode and the authorizers of the pack, on a thread of
//! their own.
//!
//! A free-charging mode in force judges alone. Otherwise the authorizers are asked in the pack's order, and the first
//! decisive verdict is the answer; when nobody has one, the station's thread asks the backend, and when the backend has
//! none either, the authorizers are asked once more. A dead, late or garbled plugin has no opinion, shows nothing,
//! presents nothing, and is no free-charging mode.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use plugin_host::{
    AuthorizeRequest, AuthorizerAnswer, AuthorizerInput, AuthorizerPlugin, AuthorizerStart,
    Behaviour, ChainState, FreeChargingPlugin, Health, Notice, Opinion, PluginKind, Setting,
    SettingSpec, Stage, Supervisor, decide,
};
use serde_json::{Value, json};
use station::{Decision, IdToken, Moment, Verdict};
use tokio::sync::oneshot;
use units::{Instant, Millis};

use crate::clock::WallClock;
use crate::deploy::Ready;
use crate::journal::{AdapterBatch, Store};
use crate::limits::{AUTHORIZE_INBOX, AUTHORIZERS_IDLE, WAKE_PAUSE_MS};
use crate::messages::{Part, ToStation};

/// What people can see of a plugin that judges.
#[derive(Debug, Clone, Default)]
pub struct AuthorizerView {
    /// Its name.
    pub name: String,
    /// `authorizer` or `free-charging`.
    pub kind: &'static str,
    /// Version.
    pub version: String,
    /// Health in a word.
    pub health: &'static str,
    /// Failures.
    pub failures: u64,
    /// Last failure.
    pub last_error: Option<String>,
    /// Where the component comes from.
    pub origin: String,
}

/// What stands until the plugins say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Shown instead of the station's own indication.
    pub notice: Option<Notice>,
    /// Presented when a vehicle is plugged in.
    pub present_on_plug: Option<IdToken>,
    /// The free-charging mode in force.
    pub free: Option<Behaviour>,
}

/// What the thread is told.
#[derive(Debug)]
pub enum ToAuthorizers {
    /// Somebody wants a verdict.
    Authorize {
        /// The question.
        request: AuthorizeRequest,
        /// Before or after the backend.
        stage: Stage,
        /// The reader proved that the card is no copy.
        secure: bool,
    },
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The backend came or went.
    BackendConnected(bool),
    /// A session runs, or none does any longer.
    Busy(bool),
    /// A backend judged a token.
    BackendOpinion(IdToken, Verdict),
    /// A person asks one plugin.
    Request {
        /// Which.
        plugin: String,
        /// The words.
        words: Vec<String>,
        /// The answer.
        answer: oneshot::Sender<Value>,
    },
    /// Replace the instance of one plugin, out of quarantine too.
    Restart(String),
    /// Other plugins from now on, or other versions, settings and rights; all or nothing.
    Replace {
        /// Which deployment this is part of.
        deployment: u64,
        /// Free-charging mode and authorizers, in order.
        plugins: Vec<Ready>,
    },
}

enum Plugin {
    Authorizer(AuthorizerPlugin),
    Free(FreeChargingPlugin, Behaviour),
}

struct Member {
    ready: Ready,
    plugin: Option<Plugin>,
    supervisor: Supervisor,
    wake_at: Option<Instant>,
    notice: Option<Notice>,
    present_on_plug: Option<IdToken>,
}

/// The running thread.
#[derive(Debug)]
pub struct Authorizers {
    /// To it.
    pub inbox: SyncSender<ToAuthorizers>,
    /// What people can see.
    pub views: Arc<Mutex<Vec<AuthorizerView>>>,
    thread: JoinHandle<()>,
}

impl Authorizers {
    /// Starts the thread with the pack's plugins, in order.
    ///
    /// # Errors
    /// The machine refuses another thread.
    pub fn start(
        plugins: Vec<Ready>,
        settings: Vec<Setting>,
        store: Store,
        wall: WallClock,
        station: SyncSender<ToStation>,
    ) -> io::Result<Self> {
        let (inbox, messages) = sync_channel(AUTHORIZE_INBOX);
        let views = Arc::new(Mutex::new(Vec::new()));
        let chain = Chain {
            members: plugins.into_iter().map(Member::new).collect(),
            context: Context {
                settings,
                backend: false,
                busy: false,
                store,
                wall,
            },
            station,
            standing: Standing::default(),
            views: Arc::clone(&views),
            next_request: 0,
        };
        let thread = std::thread::Builder::new()
            .name("authorizers".to_owned())
            .spawn(move || chain.run(&messages))?;
        Ok(Self {
            inbox,
            views,
            thread,
        })
    }

    /// Ends the thread.
    pub fn join(self) {
        let Self { inbox, thread, .. } = self;
        drop(inbox);
        if thread.join().is_err() {
            tracing::error!("the authorizers' thread panicked");
        }
    }
}

/// What every member may know.
struct Context {
    settings: Vec<Setting>,
    backend: bool,
    busy: bool,
    store: Store,
    wall: WallClock,
}

struct Chain {
    members: Vec<Member>,
    context: Context,
    station: SyncSender<ToStation>,
    standing: Standing,
    views: Arc<Mutex<Vec<AuthorizerView>>>,
    next_request: u64,
}

impl Chain {
    fn run(mut self, messages: &Receiver<ToAuthorizers>) {
        self.start_members();
        self.show();
        loop {
            match messages.recv_timeout(self.wait()) {
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.handle_time();
            self.show();
        }
    }

    fn wait(&self) -> Duration {
        let now = self.context.wall.moment().at;
        let due = self.members.iter().filter_map(|member| {
            let wake = member.wake_at.filter(|_| member.plugin.is_some());
            wake.into_iter()
                .chain(member.supervisor.poll_timeout())
                .min()
        });
        due.min().map_or(AUTHORIZERS_IDLE, |at| {
            Duration::from_millis(at.since(now).get()).min(AUTHORIZERS_IDLE)
        })
    }

    fn handle_time(&mut self) {
        self.start_members();
        let now = self.context.wall.moment().at;
        for place in 0..self.members.len() {
            let due = self.members.get_mut(place).is_some_and(|member| {
                let due = member.wake_at.is_some_and(|at| at <= now);
                if due {
                    member.wake_at = None;
                }
                due
            });
            if due {
                self.ask(place, AuthorizerInput::Timer);
            }
        }
    }

    fn handle(&mut self, message: ToAuthorizers) {
        match message {
            ToAuthorizers::Authorize {
                request,
                stage,
                secure,
            } => self.judge(request, stage, secure),
            ToAuthorizers::SettingChanged(setting) => {
                self.context.settings.retain(|s| s.key != setting.key);
                self.context.settings.push(setting.clone());
                self.tell_all(&AuthorizerInput::SettingChanged(setting));
            }
            ToAuthorizers::BackendConnected(connected) => {
                self.context.backend = connected;
                self.tell_all(&AuthorizerInput::BackendConnected(connected));
            }
            ToAuthorizers::Busy(busy) => {
                self.context.busy = busy;
                self.tell_all(&AuthorizerInput::Busy(busy));
            }
            ToAuthorizers::BackendOpinion(token, verdict) => {
                self.tell_all(&AuthorizerInput::BackendOpinion { token, verdict });
            }
            ToAuthorizers::Request {
                plugin,
                words,
                answer,
            } => {
                let value = self.request(&plugin, words);
                // Who asked may have gone.
                let _gone = answer.send(value);
            }
            ToAuthorizers::Restart(name) => {
                let now = self.context.wall.moment().at;
                if let Some(member) = self
                    .members
                    .iter_mut()
                    .find(|m| m.ready.policy.name == name)
                {
                    member.clear();
                    member.supervisor.release(now);
                    member.start(&mut self.context);
                }
            }
            ToAuthorizers::Replace {
                deployment,
                plugins,
            } => {
                let result = self.replace(plugins);
                let _ends_with_the_process = self.station.send(ToStation::Switched {
                    deployment,
                    part: Part::Authorizers,
                    result,
                });
            }
        }
    }

    /// Unchanged members go on as they are; the others start beside the old ones, and only if all of them start, the
    /// old ones go.
    fn replace(&mut self, plugins: Vec<Ready>) -> Result<(), String> {
        let mut fresh = Vec::new();
        for ready in &plugins {
            if self.members.iter().any(|member| member.ready == *ready) {
                fresh.push(None);
                continue;
            }
            let mut member = Member::new(ready.clone());
            member.start(&mut self.context);
            if member.plugin.is_none() {
                let error = member.supervisor.last_error().unwrap_or("it did not start");
                return Err(format!("{}: {error}", ready.policy.name));
            }
            fresh.push(Some(member));
        }
        let mut old = std::mem::take(&mut self.members);
        for (ready, fresh) in plugins.iter().zip(fresh) {
            let kept = || {
                let place = old.iter().position(|member| member.ready == *ready)?;
                Some(old.swap_remove(place))
            };
            self.members.extend(fresh.or_else(kept));
        }
        Ok(())
    }

    fn judge(&mut self, request: AuthorizeRequest, stage: Stage, secure: bool) {
        let id = request.request;
        let free = self
            .members
            .iter()
            .position(|member| matches!(member.plugin, Some(Plugin::Free(..))));
        if let Some(place) = free {
            let verdict = self.ask_free(place, request);
            let answer = match verdict {
                // Nobody else is asked, so nobody else can accept.
                Some(verdict) if verdict.decision == Decision::NoOpinion => {
                    let decision = Decision::Invalid;
                    ToStation::Verdict(
                        id,
                        Verdict {
                            decision,
                            ..verdict
                        },
                    )
                }
                Some(verdict) => ToStation::Verdict(id, verdict),
                // It has just died, which switches it off; the card may be presented again.
                None => ToStation::NoOpinion(id, Stage::Unanswered),
            };
            let _ends_with_the_process = self.station.send(answer);
            return;
        }
        let mut opinions = vec![Opinion::Pending; self.members.len()];
        let verdict = loop {
            match decide(&opinions) {
                ChainState::Decided(verdict) => break verdict,
                ChainState::Waiting(place) => {
                    let input = AuthorizerInput::Authorize {
                        request: request.clone(),
                        stage,
                        secure,
                    };
                    let answer = self.ask(place, input).unwrap_or_default();
                    if answer.consumed {
                        let _ends_with_the_process = self.station.send(ToStation::Consumed(id));
                        return;
                    }
                    if let Some(opinion) = opinions.get_mut(place) {
                        *opinion = answer.verdict.map_or(Opinion::None, Opinion::Given);
                    }
                }
            }
        };
        let answer = match verdict.decision {
            Decision::NoOpinion => ToStation::NoOpinion(id, stage),
            Decision::Accepted
            | Decision::Blocked
            | Decision::Expired
            | Decision::Invalid
            | Decision::Concurrent => {
                let mut verdict = verdict;
                // Nobody who knows better could be asked: to be checked again when the backend is back.
                verdict.offline |= stage == Stage::Unanswered;
                ToStation::Verdict(id, verdict)
            }
        };
        let _ends_with_the_process = self.station.send(answer);
    }

    fn tell_all(&mut self, input: &AuthorizerInput) {
        for place in 0..self.members.len() {
            self.ask(place, input.clone());
        }
    }

    fn request(&mut self, name: &str, words: Vec<String>) -> Value {
        let place = self
            .members
            .iter()
            .position(|member| member.ready.policy.name == name);
        let Some(place) = place else {
            let names: Vec<&str> = self
                .members
                .iter()
                .map(|member| member.ready.policy.name.as_str())
                .collect();
            let error = format!(
                "no authorizer is called {name:?}; running are {}",
                names.join(", ")
            );
            return json!({ "ok": false, "error": error });
        };
        self.next_request = self.next_request.saturating_add(1);
        let id = self.next_request;
        match self.ask(place, AuthorizerInput::Request { id, words }) {
            Some(AuthorizerAnswer {
                reply: Some(Ok(text)),
                ..
            }) => json!({ "ok": true, "reply": text }),
            Some(AuthorizerAnswer {
                reply: Some(Err(text)),
                ..
            }) => json!({ "ok": false, "error": text }),
            Some(_) => json!({ "ok": false, "error": format!("{name} answers no requests") }),
            None => {
                json!({ "ok": false, "error": format!("{name} did not answer; `pilotwire plugin list` says why") })
            }
        }
    }

    fn ask_free(&mut self, place: usize, request: AuthorizeRequest) -> Option<Verdict> {
        let moment = self.context.wall.moment();
        let member = self.members.get_mut(place)?;
        let Some(Plugin::Free(plugin, _)) = &mut member.plugin else {
            return None;
        };
        match plugin.authorize(moment, request) {
            Ok(verdict) => Some(verdict),
            Err(error) => {
                member.fail(moment.at, &error.to_string());
                None
            }
        }
    }

    /// One call; anything but an answer in time is no opinion.
    fn ask(&mut self, place: usize, input: AuthorizerInput) -> Option<AuthorizerAnswer> {
        let member = self.members.get_mut(place)?;
        if member.plugin.is_none() {
            member.start_if_due(&mut self.context);
        }
        let moment = self.context.wall.moment();
        let plugin = match member.plugin.as_mut()? {
            Plugin::Authorizer(plugin) => plugin,
            Plugin::Free(..) => {
                if matches!(input, AuthorizerInput::SettingChanged(_)) {
                    // A mode has its settings from its start.
                    member.clear();
                    member.start(&mut self.context);
                }
                return None;
            }
        };
        if !plugin.hears(&input) {
            return None;
        }
        match plugin.handle(moment, input) {
            Ok(answer) => member.take(&mut self.context, moment, answer),
            Err(error) => {
                member.fail(moment.at, &error.to_string());
                None
            }
        }
    }

    fn start_members(&mut self) {
        for member in &mut self.members {
            if member.plugin.is_none() {
                member.start_if_due(&mut self.context);
            }
        }
    }

    /// Tells people and the station how things stand.
    fn show(&mut self) {
        let standing = Standing {
            notice: self.members.iter().find_map(|member| member.notice),
            present_on_plug: self.members.iter().find_map(|m| m.present_on_plug.clone()),
            free: self.members.iter().find_map(|member| match &member.plugin {
                Some(Plugin::Free(_, behaviour)) => Some(behaviour.clone()),
                Some(Plugin::Authorizer(_)) | None => None,
            }),
        };
        if standing != self.standing {
            self.standing = standing.clone();
            let _ends_with_the_process = self.station.send(ToStation::Standing(Box::new(standing)));
        }
        let views = self.members.iter().map(Member::view).collect();
        *self.views.lock().unwrap_or_else(PoisonError::into_inner) = views;
    }
}

impl Member {
    fn new(ready: Ready) -> Self {
        Self {
            ready,
            plugin: None,
            supervisor: Supervisor::new(),
            wake_at: None,
            notice: None,
            present_on_plug: None,
        }
    }

    fn clear(&mut self) {
        self.plugin = None;
        self.wake_at = None;
        self.notice = None;
        self.present_on_plug = None;
    }

    fn fail(&mut self, now: Instant, error: &str) {
        self.clear();
        let health = self.supervisor.failed(now, error);
        tracing::error!(
            plugin = self.ready.policy.name,
            ?health,
            "{} failed: {error}",
            self.ready.policy.kind
        );
    }

    fn start_if_due(&mut self, context: &mut Context) {
        let now = context.wall.moment().at;
        let running = self.supervisor.health() == Health::Running;
        if running || self.supervisor.try_restart(now) {
            self.start(context);
        }
    }

    fn start(&mut self, context: &mut Context) {
        let moment = context.wall.moment();
        let started = match self.ready.policy.kind {
            PluginKind::FreeCharging => self.start_free(context, moment).map(|()| None),
            PluginKind::Authorizer | PluginKind::Backend | PluginKind::Display => {
                self.start_authorizer(context, moment).map(Some)
            }
        };
        match started {
            Ok(Some(answer)) => {
                self.take(context, moment, answer);
            }
            Ok(None) => {}
            Err(error) => self.fail(moment.at, &error),
        }
    }

    fn start_authorizer(
        &mut self,
        context: &Context,
        moment: Moment,
    ) -> Result<AuthorizerAnswer, String> {
        let policy = &self.ready.policy;
        let store = context.store.plugin_store(&policy.name);
        let store = store.map_err(|error| error.to_string())?;
        let mut plugin =
            AuthorizerPlugin::instantiate(&self.ready.loaded, policy.limits, &policy.grants)
                .map_err(|error| error.to_string())?;
        self.ready.check_manifest(plugin.describe())?;
        let start = AuthorizerStart {
            settings: self.settings(context, plugin.describe().settings.clone()),
            store,
            backend_connected: context.backend,
            busy: context.busy,
        };
        let answer = plugin
            .start(moment, start)
            .map_err(|error| error.to_string())?;
        self.plugin = Some(Plugin::Authorizer(plugin));
        Ok(answer)
    }

    fn start_free(&mut self, context: &Context, moment: Moment) -> Result<(), String> {
        let policy = &self.ready.policy;
        let mut plugin =
            FreeChargingPlugin::instantiate(&self.ready.loaded, policy.limits, &policy.grants)
                .map_err(|error| error.to_string())?;
        self.ready.check_manifest(plugin.describe())?;
        let settings = self.settings(context, plugin.describe().settings.clone());
        let behaviour = plugin
            .start(moment, settings)
            .map_err(|error| error.to_string())?;
        self.plugin = Some(Plugin::Free(plugin, behaviour));
        Ok(())
    }

    /// The station's settings, the plugin's defaults, the pack's values; the later wins.
    fn settings(&self, context: &Context, own: Vec<SettingSpec>) -> Vec<Setting> {
        let mut settings: std::collections::BTreeMap<String, String> = context
            .settings
            .iter()
            .map(|s| (s.key.clone(), s.value.clone()))
            .collect();
        settings.extend(own.into_iter().map(|spec| (spec.key, spec.default_value)));
        settings.extend(self.ready.policy.settings.clone());
        settings
            .into_iter()
            .map(|(key, value)| Setting { key, value })
            .collect()
    }

    /// What the plugin wants to remember is written before anything else of its answer counts.
    fn take(
        &mut self,
        context: &mut Context,
        moment: Moment,
        mut answer: AuthorizerAnswer,
    ) -> Option<AuthorizerAnswer> {
        let batch = AdapterBatch {
            store: std::mem::take(&mut answer.store),
            ..AdapterBatch::default()
        };
        let name = &self.ready.policy.name;
        if !batch.store.is_empty()
            && let Err(error) = context.store.commit_adapter(name, &batch)
        {
            self.fail(moment.at, &error.to_string());
            return None;
        }
        let soonest = moment.at.after(Millis::new(WAKE_PAUSE_MS));
        self.wake_at = answer.wake_at.map(|at| at.max(soonest));
        self.notice = answer.show;
        self.present_on_plug.clone_from(&answer.present_on_plug);
        Some(answer)
    }

    fn view(&self) -> AuthorizerView {
        let version = match &self.plugin {
            Some(Plugin::Authorizer(plugin)) => plugin.describe().version.clone(),
            Some(Plugin::Free(plugin, _)) => plugin.describe().version.clone(),
            None => String::new(),
        };
        AuthorizerView {
            name: self.ready.policy.name.clone(),
            kind: match self.ready.policy.kind {
                PluginKind::FreeCharging => "free-charging",
                PluginKind::Authorizer | PluginKind::Backend | PluginKind::Display => "authorizer",
            },
            version,
            health: self.supervisor.health().word(),
            failures: self.supervisor.total_failures(),
            last_error: self.supervisor.last_error().map(str::to_owned),
            origin: self.ready.provenance.to_string(),
        }
    }
}
