//! The authorizers of the pack, on a thread of their own: asked in order; the first decisive verdict is the answer.
//!
//! A dead, late or garbled authorizer has no opinion. When none of them has one, the station's thread asks the backend.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use plugin_host::{
    AuthorizeRequest, AuthorizerInput, AuthorizerPlugin, AuthorizerStart, ChainState, Health,
    Loaded, Opinion, Setting, Supervisor, decide,
};
use station::Decision;
use units::Instant;

use crate::clock::WallClock;
use crate::journal::{AdapterBatch, Store};
use crate::limits::AUTHORIZE_INBOX;
use crate::messages::ToStation;
use crate::pack::PluginPolicy;

/// What people can see of an authorizer.
#[derive(Debug, Clone, Default)]
pub struct AuthorizerView {
    /// Its name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Health in a word.
    pub health: String,
    /// Failures.
    pub failures: u64,
    /// Last failure.
    pub last_error: Option<String>,
}

/// What the thread is told.
#[derive(Debug)]
pub enum ToAuthorizers {
    /// Somebody wants a verdict.
    Authorize(AuthorizeRequest),
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The backend came or went.
    BackendConnected(bool),
}

struct Member {
    policy: PluginPolicy,
    loaded: Loaded,
    plugin: Option<AuthorizerPlugin>,
    supervisor: Supervisor,
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
    /// Starts the thread with the pack's authorizers, in order.
    ///
    /// # Errors
    /// The machine refuses another thread.
    pub fn start(
        members: Vec<(PluginPolicy, Loaded)>,
        settings: Vec<Setting>,
        store: Store,
        wall: WallClock,
        station: SyncSender<ToStation>,
    ) -> io::Result<Self> {
        let (inbox, messages) = sync_channel(AUTHORIZE_INBOX);
        let views = Arc::new(Mutex::new(Vec::new()));
        let chain = Chain {
            members: members
                .into_iter()
                .map(|(policy, loaded)| Member {
                    policy,
                    loaded,
                    plugin: None,
                    supervisor: Supervisor::new(),
                })
                .collect(),
            settings,
            backend: false,
            store,
            wall,
            station,
            views: Arc::clone(&views),
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

struct Chain {
    members: Vec<Member>,
    settings: Vec<Setting>,
    backend: bool,
    store: Store,
    wall: WallClock,
    station: SyncSender<ToStation>,
    views: Arc<Mutex<Vec<AuthorizerView>>>,
}

impl Chain {
    fn run(mut self, messages: &Receiver<ToAuthorizers>) {
        for place in 0..self.members.len() {
            self.start_member(place);
        }
        self.show();
        while let Ok(message) = messages.recv() {
            match message {
                ToAuthorizers::Authorize(request) => self.judge(request),
                ToAuthorizers::SettingChanged(setting) => {
                    self.settings.retain(|other| other.key != setting.key);
                    self.settings.push(setting.clone());
                    self.tell_all(&AuthorizerInput::SettingChanged(setting));
                }
                ToAuthorizers::BackendConnected(connected) => {
                    self.backend = connected;
                    self.tell_all(&AuthorizerInput::BackendConnected(connected));
                }
            }
            self.show();
        }
    }

    fn judge(&mut self, request: AuthorizeRequest) {
        let mut opinions = vec![Opinion::Pending; self.members.len()];
        let verdict = loop {
            match decide(&opinions) {
                ChainState::Decided(verdict) => break verdict,
                ChainState::Waiting(place) => {
                    let answer = self.ask(place, AuthorizerInput::question(request.clone()));
                    if let Some(opinion) = opinions.get_mut(place) {
                        *opinion = answer.map_or(Opinion::None, Opinion::Given);
                    }
                }
            }
        };
        let answer = match verdict.decision {
            Decision::NoOpinion => ToStation::NoOpinion(request.request),
            Decision::Accepted
            | Decision::Blocked
            | Decision::Expired
            | Decision::Invalid
            | Decision::Concurrent => ToStation::Verdict(request.request, verdict),
        };
        let _ends_with_the_process = self.station.send(answer);
    }

    fn tell_all(&mut self, input: &AuthorizerInput) {
        for place in 0..self.members.len() {
            let _settings_have_no_verdict = self.ask(place, input.clone());
        }
    }

    /// One call; anything but an answer in time is no opinion.
    fn ask(&mut self, place: usize, input: AuthorizerInput) -> Option<station::Verdict> {
        self.start_member(place);
        let moment = self.wall.moment();
        let member = self.members.get_mut(place)?;
        match member.plugin.as_mut()?.handle(moment, input) {
            Ok(answer) => {
                let batch = AdapterBatch {
                    store: answer.store,
                    ..AdapterBatch::default()
                };
                if let Err(error) = self.store.commit_adapter(&member.policy.name, &batch) {
                    // What it wanted to remember is lost, so what it said on the strength of it does not count.
                    member.fail(moment.at, &error.to_string());
                    return None;
                }
                answer.verdict
            }
            Err(error) => {
                member.fail(moment.at, &error.to_string());
                None
            }
        }
    }

    fn start_member(&mut self, place: usize) {
        let moment = self.wall.moment();
        let Some(member) = self.members.get_mut(place) else {
            return;
        };
        if member.plugin.is_some() {
            return;
        }
        let running = member.supervisor.health() == Health::Running;
        if !running && !member.supervisor.try_restart(moment.at) {
            return;
        }
        let store = match self.store.plugin_store(&member.policy.name) {
            Ok(store) => store,
            Err(error) => return member.fail(moment.at, &error.to_string()),
        };
        let made = AuthorizerPlugin::instantiate(
            &member.loaded,
            member.policy.limits,
            &member.policy.grants,
        );
        let started = made.and_then(|mut plugin| {
            let mut settings: std::collections::BTreeMap<String, String> = self
                .settings
                .iter()
                .map(|s| (s.key.clone(), s.value.clone()))
                .collect();
            let own = plugin.describe().settings.clone();
            settings.extend(own.into_iter().map(|spec| (spec.key, spec.default_value)));
            settings.extend(member.policy.settings.clone());
            let settings = settings
                .into_iter()
                .map(|(key, value)| Setting { key, value })
                .collect();
            let start = AuthorizerStart {
                settings,
                store,
                backend_connected: self.backend,
                busy: false,
            };
            plugin.start(moment, start)?;
            Ok(plugin)
        });
        match started {
            Ok(plugin) => member.plugin = Some(plugin),
            Err(error) => member.fail(moment.at, &error.to_string()),
        }
    }

    fn show(&self) {
        let views = self.members.iter().map(|member| AuthorizerView {
            name: member.policy.name.clone(),
            version: member
                .plugin
                .as_ref()
                .map(|p| p.describe().version.clone())
                .unwrap_or_default(),
            health: match member.supervisor.health() {
                Health::Running => "running",
                Health::Backoff { .. } => "backing off",
                Health::Quarantined { .. } => "quarantined",
            }
            .to_owned(),
            failures: member.supervisor.total_failures(),
            last_error: member.supervisor.last_error().map(str::to_owned),
        });
        *self.views.lock().unwrap_or_else(PoisonError::into_inner) = views.collect();
    }
}

impl Member {
    fn fail(&mut self, now: Instant, error: &str) {
        self.plugin = None;
        let health = self.supervisor.failed(now, error);
        tracing::error!(
            plugin = self.policy.name,
            ?health,
            "authorizer failed: {error}"
        );
    }
}
