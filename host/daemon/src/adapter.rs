//! One backend adapter: a thread of its own with the plugin, its link, its part of the database and its timers.
//!
//! Every input leads to one call; everything durable of the answer is committed in one transaction before anything
//! else of it is done. A call that fails ends the instance: nothing of it is committed or done, a new one starts after
//! a pause, and the station goes on meanwhile. The link outlives the instance.

mod act;
mod services;
mod swap;
mod view;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use plugin_host::{
    AdapterState, BackendCommand, BackendInput, BackendPlugin, BackendRole, BackendStart, Health,
    JournalEntry, LinkDown, LinkFailure, LinkUp, PluginError, Registration, Setting, Supervisor,
};
use station::{BootReason, Event, JournalSeq};
use tokio::sync::mpsc;
use units::Instant;
use url::Url;

use crate::certificates::CertificateStore;
use crate::clock::{Clock, WallClock};
use crate::deploy::Ready;
use crate::http::{HttpPort, HttpSetup};
use crate::journal::{AdapterBatch, Store, StoreError};
use crate::limits::{LINK_EVENTS, MAX_ADAPTER_ROUNDS, MAX_FRAME_BYTES};
use crate::messages::{Facts, ToAdapter, ToStation};
use crate::net::{self, LinkEvent, LinkHandle, TlsStrictness};
use crate::pack::PluginPolicy;
use swap::Incoming;
pub use view::{AdapterView, SharedView};

/// What every adapter of a station needs.
#[derive(Debug, Clone)]
pub struct AdapterSeed {
    /// Identity of the station.
    pub identity: String,
    /// Clocks.
    pub clock: Clock,
    /// Wall clock.
    pub wall: WallClock,
    /// How strictly certificates are checked.
    pub strictness: TlsStrictness,
    /// Certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// HTTP proxy.
    pub proxy: Option<Url>,
    /// The station's certificates.
    pub certificates: CertificateStore,
    /// To the station.
    pub station: SyncSender<ToStation>,
    /// Why the process started.
    pub boot_reason: BootReason,
}

impl AdapterSeed {
    /// What one adapter's thread needs.
    #[must_use]
    pub const fn setup(self, id: u64, deployment: u64, ready: Ready, store: Store) -> AdapterSetup {
        AdapterSetup {
            id,
            deployment,
            ready,
            store,
            seed: self,
        }
    }
}

/// What an adapter's thread needs.
pub struct AdapterSetup {
    /// Which thread this is.
    id: u64,
    /// Which deployment it came with.
    deployment: u64,
    /// The plugin.
    ready: Ready,
    /// Its connection to the database.
    store: Store,
    seed: AdapterSeed,
}

/// An adapter as the station's thread holds it.
#[derive(Debug)]
pub struct AdapterHandle {
    /// Unique in this process, even if the plugin comes back.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: BackendRole,
    /// To it.
    pub inbox: mpsc::Sender<ToAdapter>,
    /// What people can see of it.
    pub view: SharedView,
    /// It knows how things stand and is kept up to date.
    pub informed: bool,
    thread: JoinHandle<()>,
}

impl AdapterHandle {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine refuses a thread or its runtime.
    pub fn start(setup: AdapterSetup, inbox_size: usize) -> io::Result<Self> {
        let (inbox, messages) = mpsc::channel(inbox_size);
        let view = Arc::new(Mutex::new(AdapterView::new()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let policy = &setup.ready.policy;
        let (id, name, role) = (setup.id, policy.name.clone(), policy.role);
        let shared = Arc::clone(&view);
        let thread = std::thread::Builder::new()
            .name(name.chars().take(15).collect())
            .spawn(move || runtime.block_on(Adapter::new(setup, shared).run(messages)))?;
        Ok(Self {
            id,
            name,
            role,
            inbox,
            view,
            informed: false,
            thread,
        })
    }

    /// Looks at what people can see.
    pub fn look<T>(&self, at: impl FnOnce(&AdapterView) -> T) -> T {
        at(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the thread without waiting for it: it may be in the middle of a call or of closing its link.
    pub fn stop_in_background(self) {
        let name = self.name.clone();
        let stopper = std::thread::Builder::new().name("adapter-stop".to_owned());
        let spawned = stopper.spawn(move || {
            // A full queue drains within a few calls.
            let _ended_already = self.inbox.blocking_send(ToAdapter::Stop);
            self.join();
        });
        if let Err(error) = spawned {
            tracing::error!(
                plugin = name,
                "the adapter is ended without a last word: {error}"
            );
        }
    }

    /// Waits for the end of the thread, which must have been told to stop.
    pub fn join(self) {
        let Self {
            inbox,
            thread,
            name,
            ..
        } = self;
        drop(inbox);
        if thread.join().is_err() {
            tracing::error!(plugin = name, "the adapter's thread panicked");
        }
    }
}

/// The instance, or what it waits for.
enum Instance {
    /// Dead; the supervisor says when to try again.
    None,
    /// Made; waits to hear how things stand.
    Made(Box<BackendPlugin>),
    /// Running.
    Running(Box<BackendPlugin>),
}

struct Link {
    handle: LinkHandle,
    up: Option<LinkUp>,
}

struct Adapter {
    setup: AdapterSetup,
    view: SharedView,
    supervisor: Supervisor,
    instance: Instance,
    link: Option<Link>,
    link_events: mpsc::Sender<LinkEvent>,
    link_inbox: mpsc::Receiver<LinkEvent>,
    http: HttpPort,
    /// It has talked over TLS: the last root must stay.
    tls: bool,
    cut: bool,
    wake_at: Option<Instant>,
    cursor: JournalSeq,
    /// Ids of the frames in the outbox.
    outbox: Vec<String>,
    /// The entry that the instance was given and has not taken.
    handed: Option<JournalSeq>,
    /// The journal has more than one turn could give.
    pump_again: bool,
    online: bool,
    /// The plugin that comes next, and until when it may wait for a quiet moment.
    incoming: Option<Incoming>,
    /// The first start is reported as this deployment's.
    report: Option<u64>,
}

impl Adapter {
    fn new(setup: AdapterSetup, view: SharedView) -> Self {
        let (link_events, link_inbox) = mpsc::channel(LINK_EVENTS);
        let report = Some(setup.deployment);
        let http = HttpPort::new(HttpSetup {
            strictness: setup.seed.strictness,
            ca_file: setup.seed.ca_file.clone(),
            certificates: setup.seed.certificates.clone(),
            proxy: setup.seed.proxy.clone(),
        });
        Self {
            incoming: None,
            report,
            setup,
            view,
            supervisor: Supervisor::new(),
            instance: Instance::None,
            link: None,
            link_events,
            link_inbox,
            http,
            tls: false,
            cut: false,
            wake_at: None,
            cursor: JournalSeq(0),
            outbox: Vec::new(),
            handed: None,
            pump_again: false,
            online: false,
        }
    }

    fn look(&self, change: impl FnOnce(&mut AdapterView)) {
        // A view that a panicking reader left behind is still only a view.
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn now(&self) -> Instant {
        self.setup.seed.clock.now()
    }

    async fn run(mut self, mut messages: mpsc::Receiver<ToAdapter>) {
        self.make_instance();
        loop {
            let wait = self.next_timer();
            let running = matches!(self.instance, Instance::Running(_));
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(ToAdapter::Stop) | None => break,
                    Some(message) => self.handle_message(message),
                },
                Some(event) = self.link_inbox.recv(), if running => self.handle_link(event),
                input = self.http.next(), if running => self.handle_http(input),
                () = tokio::time::sleep(wait) => self.handle_time(),
            }
            self.pump_journal();
        }
        self.close_link("the station restarts").await;
    }

    async fn close_link(&mut self, reason: &str) {
        if let Some(link) = self.link.take() {
            link.handle.close(reason);
            let _may_take_too_long =
                tokio::time::timeout(Duration::from_millis(500), link.handle.join()).await;
        }
    }

    fn next_timer(&self) -> Duration {
        if self.pump_again {
            return Duration::ZERO;
        }
        let running = matches!(self.instance, Instance::Running(_));
        let wake = self.wake_at.filter(|_| running);
        let quiet = self.incoming.as_ref().filter(|incoming| !incoming.asked);
        let latest = quiet.map(|incoming| incoming.latest);
        let now = self.now();
        let held = match &self.instance {
            Instance::Running(plugin) => plugin.poll_timeout(now),
            Instance::None | Instance::Made(_) => None,
        };
        let due = [wake, self.supervisor.poll_timeout(), latest, held]
            .into_iter()
            .flatten()
            .min();
        due.map_or(Duration::from_secs(3_600), |due| {
            Duration::from_millis(due.since(now).get())
        })
    }

    fn handle_time(&mut self) {
        let now = self.now();
        if self.supervisor.try_restart(now) {
            self.make_instance();
        }
        while let Instance::Running(plugin) = &mut self.instance
            && let Some(text) = plugin.held_frame(now)
        {
            self.send(text);
        }
        if self.wake_at.is_some_and(|at| at <= now) && matches!(self.instance, Instance::Running(_))
        {
            self.wake_at = None;
            self.give(BackendInput::Timer);
        }
    }

    fn handle_message(&mut self, message: ToAdapter) {
        match message {
            ToAdapter::Facts(facts) => match self.incoming.take() {
                Some(incoming) => self.take_over(incoming, *facts),
                None => self.start_instance(*facts),
            },
            ToAdapter::Swap(deployment, ready) => self.swap(deployment, *ready),
            ToAdapter::Input(input) => self.give(input),
            ToAdapter::JournalGrew | ToAdapter::Stop => {}
            ToAdapter::Restart => {
                tracing::warn!(
                    plugin = self.setup.ready.policy.name,
                    "the adapter is replaced as asked"
                );
                self.supervisor.release(self.now());
                self.instance = Instance::None;
                self.make_instance();
            }
            ToAdapter::LinkCut(cut) => {
                self.cut = cut;
                self.http.set_cut(cut);
                if cut && let Some(link) = self.link.take() {
                    // Dropping the handle breaks the connection without a word, as a cut cable does.
                    drop(link);
                    let detail = "the simulated line was cut".to_owned();
                    self.link_is_down(down_of(net::LinkFailure::Broken, detail));
                }
            }
        }
    }

    // ---- the instance ----

    fn make_instance(&mut self) {
        self.handed = None;
        self.wake_at = None;
        let policy = &self.setup.ready.policy;
        let made =
            BackendPlugin::instantiate(&self.setup.ready.loaded, policy.limits, &policy.grants);
        match made {
            Ok(plugin) => {
                let manifest = plugin.describe();
                if let Err(error) = self.setup.ready.check_manifest(manifest) {
                    return self.instance_failed(&error, "manifest");
                }
                let missing = policy.grants.missing(&manifest.capabilities);
                if !missing.is_empty() {
                    tracing::warn!(
                        plugin = policy.name,
                        ?missing,
                        "the pack does not grant what the plugin asks for"
                    );
                }
                let version = manifest.version.clone();
                let origin = self.setup.ready.provenance.to_string();
                self.look(|view| {
                    (view.version, view.origin) = (version, origin);
                    view.health = "starting";
                });
                self.instance = Instance::Made(Box::new(plugin));
                // The station is slower than its bound only when it is in trouble itself; then waiting is right.
                self.tell(ToStation::WantsFacts(self.setup.id));
            }
            Err(error) => self.instance_failed(&error.to_string(), error.kind()),
        }
    }

    fn instance_failed(&mut self, error: &str, kind: &'static str) {
        self.instance = Instance::None;
        let health = self.supervisor.failed(self.now(), error);
        tracing::error!(
            plugin = self.setup.ready.policy.name,
            kind,
            ?health,
            "adapter failed: {error}"
        );
        let failures = self.supervisor.total_failures();
        self.look(|view| {
            view.health = match health {
                Health::Quarantined { .. } => "quarantined",
                Health::Running | Health::Backoff { .. } => "backing off",
            };
            view.failures = failures;
            view.last_error = Some(error.to_owned());
        });
        self.tell_online(false);
        // A plugin that waits to take over need not wait any longer.
        if let Some(incoming) = self.incoming.take() {
            self.swap(incoming.deployment, incoming.ready);
        }
    }

    fn start_instance(&mut self, facts: Facts) {
        let Instance::Made(mut plugin) = std::mem::replace(&mut self.instance, Instance::None)
        else {
            return;
        };
        let policy = self.setup.ready.policy.clone();
        let own = plugin.describe().settings.clone();
        let start = match self.start_context(&policy, own, facts) {
            Ok(start) => start,
            Err(error) => {
                self.instance_failed(&error.to_string(), "database");
                return;
            }
        };
        match plugin.start(self.setup.seed.wall.moment(), start) {
            Ok(commands) => {
                self.instance = Instance::Running(plugin);
                self.look(|view| view.health = "running");
                if let Some(deployment) = self.report.take() {
                    self.report_switch(deployment, Ok(()));
                }
                let mut more = VecDeque::new();
                self.carry_out(commands, &mut more);
                self.give_all(more);
            }
            Err(error) => self.instance_failed(&error.to_string(), error.kind()),
        }
    }

    fn start_context(
        &mut self,
        policy: &PluginPolicy,
        own: Vec<plugin_host::SettingSpec>,
        facts: Facts,
    ) -> Result<BackendStart, StoreError> {
        let state = self.setup.store.adapter_state(&policy.name)?;
        self.cursor = state.cursor;
        self.outbox = state.outbox.iter().map(|frame| frame.id.clone()).collect();
        let (outbox, cursor) = (self.outbox.len(), self.cursor.0);
        self.look(|view| (view.outbox, view.cursor) = (outbox, cursor));
        let mut settings: BTreeMap<String, String> = facts
            .settings
            .into_iter()
            .map(|s| (s.key, s.value))
            .collect();
        settings.extend(own.into_iter().map(|spec| (spec.key, spec.default_value)));
        settings.extend(policy.settings.clone());
        Ok(BackendStart {
            identity: settings
                .get("identity")
                .filter(|id| !id.is_empty())
                .unwrap_or(&self.setup.seed.identity)
                .clone(),
            role: policy.role,
            settings: settings
                .into_iter()
                .map(|(key, value)| Setting { key, value })
                .collect(),
            store: state.store,
            outbox: state.outbox,
            cursor: state.cursor,
            station: facts.identity,
            evses: facts.evses,
            connectors: facts.connectors,
            transactions: facts.transactions,
            faults: facts.faults,
            link: self.link.as_ref().and_then(|link| link.up.clone()),
            boot_reason: self.setup.seed.boot_reason,
            boot_count: self.setup.store.boot(),
            installation: facts.installation,
            client_certificate: self
                .setup
                .seed
                .certificates
                .station_certificate(self.setup.seed.wall.moment().wall)
                .is_some(),
        })
    }

    // ---- calls ----

    fn give(&mut self, input: BackendInput) {
        self.give_all(VecDeque::from([input]));
    }

    /// Gives inputs, and the inputs that their answers lead to, one call each.
    fn give_all(&mut self, mut inputs: VecDeque<BackendInput>) {
        for _ in 0..MAX_ADAPTER_ROUNDS {
            let Some(input) = inputs.pop_front() else {
                return;
            };
            let Instance::Running(plugin) = &mut self.instance else {
                return;
            };
            let moment = self.setup.seed.wall.moment();
            let answer = plugin.handle(moment, input);
            self.look(|view| view.calls = view.calls.saturating_add(1));
            match answer {
                Ok(commands) => self.carry_out(commands, &mut inputs),
                Err(error @ PluginError::Dead) => {
                    self.instance_failed(&error.to_string(), error.kind());
                    return;
                }
                Err(error) => {
                    self.instance_failed(&error.to_string(), error.kind());
                    return;
                }
            }
        }
        self.instance_failed("answers its own outcomes without end", "garbage");
    }

    /// Commits what is durable, then does the rest in order.
    fn carry_out(&mut self, commands: Vec<BackendCommand>, more: &mut VecDeque<BackendInput>) {
        let mut batch = AdapterBatch::default();
        let mut rest = Vec::new();
        for command in commands {
            match command {
                BackendCommand::Advance(seq) => batch.advance = batch.advance.max(Some(seq)),
                BackendCommand::Store(write) => batch.store.push(write),
                BackendCommand::Enqueue(frame) => batch.enqueue.push(frame),
                BackendCommand::Dequeue(id) => batch.dequeue.push(id),
                other => rest.push(other),
            }
        }
        if let Err(error) = self
            .setup
            .store
            .commit_adapter(&self.setup.ready.policy.name, &batch)
        {
            self.instance_failed(&error.to_string(), "database");
            return;
        }
        if let Some(seq) = batch.advance {
            self.cursor = self.cursor.max(seq);
        }
        self.outbox.retain(|id| !batch.dequeue.contains(id));
        self.outbox
            .extend(batch.enqueue.into_iter().map(|frame| frame.id));
        let (outbox, cursor) = (self.outbox.len(), self.cursor.0);
        self.look(|view| (view.outbox, view.cursor) = (outbox, cursor));
        for command in rest {
            self.act(command, more);
        }
    }

    pub(super) fn tell(&self, message: ToStation) {
        // Waits while the station has too much to do; fails only when the process ends.
        let _ends_with_the_process = self.setup.seed.station.send(message);
    }

    fn tell_online(&mut self, online: bool) {
        if self.online != online && self.setup.ready.policy.role == BackendRole::Primary {
            self.tell(ToStation::Event(Event::BackendOnline { online }));
        }
        self.online = online;
    }

    fn show(&mut self, state: AdapterState) {
        let word = match state.registration {
            Registration::Offline => "offline",
            Registration::Connecting => "connecting",
            Registration::Pending => "pending",
            Registration::Rejected => "rejected",
            Registration::Registered => "registered",
        };
        self.look(|view| {
            view.registration = word;
            view.detail = state.detail;
            view.backend_error = state.last_error;
        });
        self.tell_online(state.registration == Registration::Registered);
    }

    // ---- the journal ----

    /// Gives the next journal entry while nothing waits for the backend's confirmation.
    fn pump_journal(&mut self) {
        self.pump_again = false;
        if self.incoming.is_some() {
            return self.prepare_swap();
        }
        for _ in 0..MAX_ADAPTER_ROUNDS {
            if !matches!(self.instance, Instance::Running(_)) || !self.outbox.is_empty() {
                return;
            }
            let next = match self.setup.store.entry_after(self.cursor) {
                Ok(next) => next,
                Err(error) => {
                    self.instance_failed(&error.to_string(), "database");
                    return;
                }
            };
            let Some((seq, moment, event)) = next else {
                return;
            };
            // Without a time no backend can be told; the station says when it is known.
            if self.handed == Some(seq) || moment.wall.is_none() {
                return;
            }
            self.handed = Some(seq);
            self.give(BackendInput::Journal(JournalEntry { seq, moment, event }));
        }
        // More is left; look again at once, after messages had their turn.
        self.pump_again = true;
    }

    // ---- the link ----

    fn connect(&mut self, request: plugin_host::ConnectRequest, more: &mut VecDeque<BackendInput>) {
        let mut fail = |failure, detail: String| {
            more.push_back(BackendInput::LinkDown(LinkDown { failure, detail }));
        };
        if self.cut {
            fail(LinkFailure::Network, "the simulated line is cut".to_owned());
            return;
        }
        let url = match Url::parse(&request.url) {
            Ok(url) => url,
            Err(error) => {
                fail(
                    LinkFailure::Refused,
                    format!("{}: {error}; check the adapter's `url`", request.url),
                );
                return;
            }
        };
        self.tls |= url.scheme() == "wss";
        self.new_link_queue();
        let handle = net::spawn(
            net::ConnectRequest {
                url,
                subprotocols: request.subprotocols,
                basic_auth: request.basic_auth,
                keep_alive_s: request.keep_alive_s,
                timeout_s: request.timeout_s,
                strictness: self.setup.seed.strictness,
                proxy: self.setup.seed.proxy.clone(),
                ca_file: self.setup.seed.ca_file.clone(),
                certificates: Some(self.setup.seed.certificates.clone()),
                client_certificate: request.client_certificate,
                max_frame_bytes: MAX_FRAME_BYTES,
            },
            self.link_events.clone(),
        );
        self.link = Some(Link { handle, up: None });
        self.look(|view| view.link = "connecting");
    }

    /// A fresh queue, so that nothing of an earlier link is taken for the new one's.
    fn new_link_queue(&mut self) {
        self.link = None;
        (self.link_events, self.link_inbox) = mpsc::channel(LINK_EVENTS);
    }

    fn send(&mut self, text: String) {
        let Some(link) = &self.link else {
            tracing::debug!(
                plugin = self.setup.ready.policy.name,
                "frame dropped: the link is down"
            );
            return;
        };
        self.look(|view| view.frame('>', &text));
        if let Err(error) = link.handle.try_send(text) {
            tracing::warn!(
                plugin = self.setup.ready.policy.name,
                "frame not sent: {error}"
            );
            link.handle.close("frames cannot be written");
        }
    }

    fn handle_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up {
                subprotocol,
                secure,
            } => {
                let up = LinkUp {
                    subprotocol,
                    secure,
                };
                if let Some(link) = &mut self.link {
                    link.up = Some(up.clone());
                }
                self.look(|view| (view.link, view.link_detail) = ("up", String::new()));
                self.give(BackendInput::LinkUp(up));
            }
            LinkEvent::Frame(text) => {
                self.look(|view| view.frame('<', &text));
                self.give(BackendInput::Frame(text));
            }
            LinkEvent::Down { failure, detail } => {
                self.link = None;
                self.link_is_down(down_of(failure, detail));
            }
        }
    }

    fn handle_http(&mut self, input: BackendInput) {
        self.look(|view| view.http_heard(&input));
        self.give(input);
    }

    fn link_is_down(&mut self, down: LinkDown) {
        tracing::info!(
            plugin = self.setup.ready.policy.name,
            failure = ?down.failure,
            "link down: {}",
            down.detail
        );
        let shown = down.detail.clone();
        self.look(|view| (view.link, view.link_detail) = ("down", shown));
        self.tell_online(false);
        self.give(BackendInput::LinkDown(down));
    }
}

/// The contract knows fewer kinds than the network does: `detail` begins with the name of the security event that it is, if
/// it is one.
pub(crate) fn down_of(failure: net::LinkFailure, detail: String) -> LinkDown {
    use net::LinkFailure as Net;
    let event = match failure {
        Net::Certificate => Some("InvalidCentralSystemCertificate"),
        Net::TlsVersion => Some("InvalidTLSVersion"),
        Net::TlsCipherSuites => Some("InvalidTLSCipherSuite"),
        Net::Unauthorized => Some("FailedToAuthenticateAtCentralSystem"),
        _ => None,
    };
    LinkDown {
        failure: failure_of(failure),
        detail: match event {
            Some(event) => format!("{event}: {detail}"),
            None => detail,
        },
    }
}

const fn failure_of(failure: net::LinkFailure) -> LinkFailure {
    use net::LinkFailure as Net;
    match failure {
        Net::Resolve
        | Net::Unreachable
        | Net::Proxy
        | Net::Timeout
        | Net::Broken
        | Net::ClosedByPeer => LinkFailure::Network,
        Net::Certificate | Net::TlsVersion | Net::TlsCipherSuites | Net::Tls => LinkFailure::Tls,
        Net::Configuration | Net::Unauthorized | Net::Refused => LinkFailure::Refused,
        Net::Subprotocol | Net::Protocol => LinkFailure::Protocol,
        Net::ClosedByUs => LinkFailure::Closed,
    }
}
