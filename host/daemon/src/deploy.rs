//! Deployments: a policy pack with its components read, verified and compiled; and how a running station goes from one
//! to the next.
//!
//! Everything that can be refused is refused before anything changes. What follows is all or nothing: the plugins are
//! replaced between two of their calls, the new pack is on trial for as long as its health rule says, and on the first
//! sign of trouble the old one comes back. The charge goes on throughout.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use drivers::indicator::{Indicator, Profile};
use plugin_host::limits::MAX_COMPONENT_BYTES;
use plugin_host::provenance::{self, Provenance, Trust};
use plugin_host::signature::MAX_SIGNATURE_BYTES;
use plugin_host::{BackendRole, Engine, EngineConfig, Loaded, Manifest, PluginKind};
use semver::Version;
use serde_json::{Value, json};
use station::{Event, Request, RequestId, Requester};
use tokio::sync::oneshot;
use units::{Instant, Millis};

use crate::adapter::{AdapterHandle, AdapterSeed};
use crate::authorize::ToAuthorizers;
use crate::cli_sign::signature_path;
use crate::config::{Config, PluginOverride};
use crate::indicators;
use crate::journal::Store;
use crate::languages::ToLanguages;
use crate::limits::{ADAPTER_INBOX, TRIAL_SETTLE_MS};
use crate::messages::{Part, ToAdapter};
use crate::pack::{self, Pack, PluginPolicy};
use crate::station_thread::Core;

/// One plugin, ready to be started.
#[derive(Debug, Clone)]
pub struct Ready {
    /// What the pack says about it.
    pub policy: PluginPolicy,
    /// The component.
    pub loaded: Loaded,
    /// Who vouches for it.
    pub provenance: Provenance,
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy && self.loaded.hash() == other.loaded.hash()
    }
}

impl Ready {
    /// The plugin must be the version that was signed, and know every setting that it is given.
    ///
    /// # Errors
    /// It says that it is another, or it does not know one.
    pub fn check_manifest(&self, manifest: &Manifest) -> Result<(), String> {
        let found = self.provenance.matches(manifest);
        found.map_err(|error| error.to_string())?;
        let known = |key: &str| manifest.settings.iter().any(|own| own.key == key);
        let unknown = self
            .policy
            .settings
            .keys()
            .find(|key| !known(key) && !is_stations(key));
        match unknown {
            Some(key) => {
                let own: Vec<&str> = manifest
                    .settings
                    .iter()
                    .map(|own| own.key.as_str())
                    .collect();
                let own = own.join(", ");
                Err(format!("it has no setting `{key}`; its settings are {own}"))
            }
            None => Ok(()),
        }
    }
}

/// Settings that the host gives every adapter, and those of the station, which a pack may show a plugin differently.
fn is_stations(key: &str) -> bool {
    let base = key.split('.').next().unwrap_or_default();
    key == "identity"
        || station::settings::REGISTRY
            .iter()
            .any(|spec| spec.key == base)
}

/// A pack with everything that it needs.
#[derive(Debug)]
pub struct Deployment {
    /// The pack.
    pub pack: Pack,
    /// Free-charging mode and authorizers, in order.
    pub judges: Vec<Ready>,
    /// Languages, in order.
    pub languages: Vec<Ready>,
    /// Backend adapters.
    pub backends: Vec<Ready>,
    /// How lights, buzzer and segment display show the states.
    pub indicator: Profile,
}

/// Reads and compiles components. Slow; never called by the station's thread.
#[derive(Debug)]
pub struct Loader {
    engine: Engine,
    components: PathBuf,
    /// Folder of the packs; indicator profiles are relative to it.
    packs: PathBuf,
    cache: PathBuf,
    overrides: BTreeMap<String, PluginOverride>,
    /// The station's own publishers, and whether unsigned components run.
    trust: Trust,
    /// Knows which versions ran here.
    store: Mutex<Store>,
}

impl Loader {
    /// A loader for this folder of components.
    ///
    /// # Errors
    /// The machine cannot run plugins.
    pub fn new(config: &Config, store: Store) -> Result<Self> {
        if config.development {
            tracing::warn!(
                "DEVELOPMENT MODE: plugins that nobody signed may run; never use it in the street"
            );
        }
        Ok(Self {
            engine: Engine::new(EngineConfig::STATION)?,
            components: config.components.clone(),
            packs: config.pack.parent().map(Path::to_owned).unwrap_or_default(),
            cache: config.state_dir.join("compiled"),
            overrides: config.plugins.clone(),
            trust: Trust {
                publishers: config.publishers.clone(),
                revoked: Vec::new(),
                development: config.development,
            },
            store: Mutex::new(store),
        })
    }

    /// Checks the text of a pack and gets everything ready that it needs.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn prepare(&self, path: &Path, text: &str) -> Result<Deployment> {
        self.deployment(pack::parse(path, text, &self.overrides)?)
    }

    /// Gets everything ready that a pack needs.
    ///
    /// # Errors
    /// A component is missing, is not what the pack says, or nobody trusted vouches for it.
    pub fn deployment(&self, pack: Pack) -> Result<Deployment> {
        let mut judges: Vec<Ready> = Vec::new();
        let (mut languages, mut backends) = (Vec::new(), Vec::new());
        let mut trust = self.trust.clone();
        trust.publishers.extend(pack.publishers.iter().cloned());
        trust.revoked.extend(pack.revoked.iter().cloned());
        for policy in &pack.plugins {
            let ready = self.ready(policy, &trust)?;
            match policy.kind {
                PluginKind::Backend => backends.push(ready),
                PluginKind::Authorizer | PluginKind::FreeCharging => judges.push(ready),
                PluginKind::Display => languages.push(ready),
            }
        }
        let indicator = match &pack.indicator {
            Some(file) => indicators::read(&self.packs.join(file))?,
            None => Profile::default(),
        };
        Ok(Deployment {
            indicator,
            pack,
            judges,
            languages,
            backends,
        })
    }

    fn ready(&self, policy: &PluginPolicy, trust: &Trust) -> Result<Ready> {
        let file = self.components.join(format!("{}.wasm", policy.name));
        let component = read_bounded(&file, MAX_COMPONENT_BYTES).with_context(|| {
            format!(
                "plugin {}: {} cannot be read; `cargo xtask plugins` builds it",
                policy.name,
                file.display()
            )
        })?;
        let signature = signature_path(&file);
        let signature = match read_bounded(&signature, MAX_SIGNATURE_BYTES) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let text = format!("{} cannot be read", signature.display());
                return Err(error).context(text);
            }
        };
        let highest = self.highest(&policy.name)?;
        let provenance = provenance::check(
            &policy.name,
            &component,
            signature.as_deref(),
            trust,
            &policy.pin,
            highest.as_ref(),
        )
        .with_context(|| format!("plugin {}: {} must not run", policy.name, file.display()))?;
        let loaded = self
            .engine
            .load(policy.kind, &policy.name, &component, Some(&self.cache))?;
        Ok(Ready {
            policy: policy.clone(),
            loaded,
            provenance,
        })
    }

    /// The highest version of a plugin that ran here.
    fn highest(&self, plugin: &str) -> Result<Option<Version>> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let record = store.record(&highest_key(plugin)).with_context(|| {
            format!("which version of {plugin} ran here is not known; is the disk all right?")
        })?;
        Ok(record.and_then(|text| Version::parse(&text).ok()))
    }
}

/// Reads a file, one byte more than allowed at most: whoever checks the size sees that it is too long.
///
/// # Errors
/// The file cannot be read.
pub fn read_bounded(path: &Path, max: usize) -> std::io::Result<Vec<u8>> {
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(bound)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the database keeps the highest version of a plugin.
fn highest_key(plugin: &str) -> String {
    format!("highest/{plugin}")
}

/// A pack that has to prove itself.
#[derive(Debug)]
pub struct Trial {
    /// What comes back if it does not.
    previous: Arc<Deployment>,
    /// Values that the pack's settings replaced.
    settings: Vec<(String, String)>,
    began: Instant,
    until: Instant,
    /// Parts that have not said yet whether they could be replaced.
    waiting: BTreeSet<Part>,
    /// Plugins that were in trouble before and are the same now; they say nothing about the new pack.
    sick_before: BTreeSet<String>,
}

/// Pack, and how the last change of it went.
#[derive(Debug)]
pub struct Deployed {
    /// In force.
    pub now: Arc<Deployment>,
    /// What `pack rollback` returns to; `None` is the configuration's own.
    pub before: Option<Arc<Deployment>>,
    /// Counts the changes; answers to an earlier one say nothing any more.
    pub number: u64,
    /// It has to prove itself.
    pub trial: Option<Trial>,
    /// How the last change went, for people.
    pub last: String,
    /// How many changes were taken back.
    pub rollbacks: u64,
}

impl Deployed {
    /// A station that starts.
    #[must_use]
    pub fn new(now: Arc<Deployment>, before: Option<Arc<Deployment>>) -> Self {
        Self {
            now,
            before,
            number: 0,
            trial: None,
            last: String::new(),
            rollbacks: 0,
        }
    }

    /// Something runs that nobody signed.
    #[must_use]
    pub fn development(&self) -> bool {
        let all = self.now.judges.iter().chain(&self.now.languages);
        let mut all = all.chain(&self.now.backends);
        all.any(|ready| ready.provenance == Provenance::Development)
    }
}

impl Core {
    /// From now on nothing older runs without a pin.
    pub(crate) fn remember_versions(&mut self) {
        let deployment = Arc::clone(&self.deployed.now);
        let all = deployment.judges.iter().chain(&deployment.languages);
        for ready in all.chain(&deployment.backends) {
            let Provenance::Signed { version, .. } = &ready.provenance else {
                continue;
            };
            let key = highest_key(&ready.policy.name);
            let before = self.store.record(&key).ok().flatten();
            let before = before.and_then(|text| Version::parse(&text).ok());
            if before.is_none_or(|before| before < *version)
                && let Err(error) = self.store.put_record(&key, &version.to_string())
            {
                tracing::error!("the version of {key} cannot be stored: {error}");
            }
        }
    }

    /// Puts a deployment in force, on trial.
    pub(crate) fn apply_pack(&mut self, new: Deployment, answer: oneshot::Sender<Value>) {
        let value = match self.begin_trial(Arc::new(new)) {
            Ok(()) => json!({ "ok": true, "deployment": self.deployed.number }),
            Err(error) => json!({ "ok": false, "error": error }),
        };
        // Who asked may have gone.
        let _gone = answer.send(value);
    }

    /// Goes back to the deployment before this one.
    pub(crate) fn roll_back_pack(&mut self) -> Result<Value, String> {
        if self.deployed.trial.is_some() {
            self.roll_back("a person asked for it");
            return Ok(json!({ "ok": true, "deployment": self.deployed.number }));
        }
        let Some(before) = self.deployed.before.clone() else {
            return Err("there is no earlier pack to go back to".to_owned());
        };
        self.begin_trial(before)?;
        Ok(json!({ "ok": true, "deployment": self.deployed.number }))
    }

    /// For `pack status`, `pack diff`, and whoever waits for the end of a trial.
    pub(crate) fn pack_status(&self) -> Value {
        let now = self.clock.now();
        let deployed = &self.deployed;
        json!({
            "ok": true,
            "pack": deployed.now.pack.name,
            "summary": deployed.now.pack.summary,
            "text": deployed.now.pack.text,
            "before": deployed.before.as_ref().map(|before| before.pack.name.clone()),
            "deployment": deployed.number,
            "on_trial": deployed.trial.is_some(),
            "trial_ends_in_s": deployed.trial.as_ref().map(|trial| trial.until.since(now).get() / 1_000),
            "last": deployed.last,
            "rollbacks": deployed.rollbacks,
        })
    }

    fn begin_trial(&mut self, new: Arc<Deployment>) -> Result<(), String> {
        if self.deployed.trial.is_some() {
            return Err(
                "a pack is on trial; wait for its end, or `pilotwire pack rollback` ends it"
                    .to_owned(),
            );
        }
        let now = self.clock.now();
        let old = Arc::clone(&self.deployed.now);
        // Written first: a station that dies of the new pack starts with the old one.
        let written = self
            .store
            .put_record("pack", &new.pack.text)
            .and_then(|()| {
                self.store.put_record("pack_before", &old.pack.text)?;
                self.store.put_record("pack_trial", "1")
            });
        written.map_err(|error| format!("the pack cannot be stored: {error}"))?;
        let settings = self.set_settings(&new.pack.settings);
        let sick_before = self.sick().into_keys().collect();
        let waiting = self.switch_to(Arc::clone(&new));
        tracing::warn!(
            pack = new.pack.name,
            "the pack is applied; it is on trial for {} s",
            new.pack.health.within_s
        );
        self.deployed.last = format!("{} is on trial", new.pack.name);
        self.deployed.trial = Some(Trial {
            previous: old,
            settings,
            began: now,
            until: now.after(Millis::from_secs(u64::from(new.pack.health.within_s))),
            waiting,
            sick_before,
        });
        Ok(())
    }

    /// Sets these settings and says what they were.
    fn set_settings(&mut self, settings: &[(String, String)]) -> Vec<(String, String)> {
        let now = self.clock.now();
        let before: BTreeMap<String, String> = self
            .station
            .settings()
            .into_iter()
            .map(|view| (view.key, view.value))
            .collect();
        let mut replaced = Vec::new();
        for (key, value) in settings {
            let old = before.get(key);
            if old == Some(value) {
                continue;
            }
            replaced.extend(old.map(|old| (key.clone(), old.clone())));
            let what = Request::SetSetting {
                key: key.clone(),
                value: value.clone(),
            };
            self.station.handle_event(
                now,
                Event::Request {
                    from: Requester::Local,
                    request: RequestId(0),
                    what,
                },
            );
        }
        replaced
    }

    /// Tells every part what it is from now on. Answers which parts will say how it went.
    fn switch_to(&mut self, new: Arc<Deployment>) -> BTreeSet<Part> {
        self.deployed.number = self.deployed.number.saturating_add(1);
        let deployment = self.deployed.number;
        let old = std::mem::replace(&mut self.deployed.now, Arc::clone(&new));
        let mut waiting = BTreeSet::new();
        if old.judges != new.judges {
            waiting.insert(Part::Authorizers);
            self.tell_authorizers(ToAuthorizers::Replace {
                deployment,
                plugins: new.judges.clone(),
            });
        }
        if old.languages != new.languages {
            waiting.insert(Part::Languages);
            self.tell_languages(ToLanguages::Replace {
                deployment,
                plugins: new.languages.clone(),
            });
        }
        if old.indicator != new.indicator {
            let now = self.clock.now();
            for place in &mut self.places {
                place.indicator = Indicator::new(new.indicator.clone(), now);
            }
        }
        let kept = |name: &str| new.backends.iter().any(|ready| ready.policy.name == name);
        let (stay, go) = std::mem::take(&mut self.adapters)
            .into_iter()
            .partition(|adapter: &AdapterHandle| kept(&adapter.name));
        self.adapters = stay;
        for adapter in go {
            self.primary_may_be_gone(adapter.role);
            self.ceilings.forget(&adapter.name);
            adapter.stop_in_background();
        }
        self.tell_ceilings(self.clock.now());
        for ready in &new.backends {
            let name = &ready.policy.name;
            let before = old.backends.iter().find(|old| old.policy.name == *name);
            let running = self.adapters.iter_mut().find(|a| a.name == *name);
            match (running, before) {
                (Some(_), Some(before)) if before == ready => {}
                (Some(adapter), _) => {
                    adapter.role = ready.policy.role;
                    waiting.insert(Part::Backend(name.clone()));
                    let id = adapter.id;
                    self.tell(id, ToAdapter::Swap(deployment, Box::new(ready.clone())));
                }
                (None, _) => {
                    waiting.insert(Part::Backend(name.clone()));
                    if let Err(error) = self.start_adapter(ready.clone(), deployment) {
                        tracing::error!(plugin = name, "the adapter cannot be started: {error}");
                    }
                }
            }
        }
        waiting
    }

    fn primary_may_be_gone(&mut self, role: BackendRole) {
        if role == BackendRole::Primary {
            let event = Event::BackendOnline { online: false };
            self.station.handle_event(self.clock.now(), event);
            self.tell_authorizers(ToAuthorizers::BackendConnected(false));
        }
    }

    /// Starts a thread for an adapter.
    pub(crate) fn start_adapter(&mut self, ready: Ready, deployment: u64) -> Result<()> {
        self.next_adapter = self.next_adapter.saturating_add(1);
        let seed: AdapterSeed = self.seed.clone();
        let store = self.store.again()?;
        let setup = seed.setup(self.next_adapter, deployment, ready, store);
        self.adapters
            .push(AdapterHandle::start(setup, ADAPTER_INBOX)?);
        Ok(())
    }

    /// A part says whether it could be replaced.
    pub(crate) fn switched(&mut self, deployment: u64, part: &Part, result: Result<(), String>) {
        if deployment != self.deployed.number {
            return;
        }
        match (result, &mut self.deployed.trial) {
            (Ok(()), Some(trial)) => {
                trial.waiting.remove(part);
            }
            (Ok(()), None) => {}
            (Err(error), Some(_)) => self.roll_back(&error),
            (Err(error), None) => {
                tracing::error!("{part} could not go back to what it was: {error}");
            }
        }
    }

    /// Looks after a pack on trial.
    pub(crate) fn watch_trial(&mut self, now: Instant) {
        let Some(trial) = &self.deployed.trial else {
            return;
        };
        let same = |name: &String| {
            let of = |deployment: &Deployment| {
                let all = deployment.judges.iter().chain(&deployment.languages);
                let mut all = all.chain(&deployment.backends);
                all.find(|ready| ready.policy.name == *name).cloned()
            };
            of(&trial.previous) == of(&self.deployed.now)
        };
        let sick = self
            .sick()
            .into_iter()
            .find(|(name, _)| !(trial.sick_before.contains(name) && same(name)));
        if let Some((name, error)) = sick {
            return self.roll_back(&format!("{name} failed: {error}"));
        }
        let rule = self.deployed.now.pack.health;
        let registered = !rule.needs_backend || self.primary_registered() != Some(false);
        let settled = now.since(trial.began).get() >= TRIAL_SETTLE_MS;
        if trial.waiting.is_empty() && registered && settled {
            return self.keep();
        }
        if now >= trial.until {
            let reason = match registered {
                false => format!(
                    "the backend did not accept the station within {} s",
                    rule.within_s
                ),
                true => format!("its plugins were not ready within {} s", rule.within_s),
            };
            self.roll_back(&reason);
        }
    }

    /// Whether the primary backend has accepted the station; `None` without one.
    fn primary_registered(&self) -> Option<bool> {
        let primary = self
            .adapters
            .iter()
            .find(|a| a.role == BackendRole::Primary)?;
        Some(primary.look(|view| view.registration == "registered"))
    }

    fn keep(&mut self) {
        let Some(trial) = self.deployed.trial.take() else {
            return;
        };
        if let Err(error) = self.store.put_record("pack_trial", "") {
            tracing::error!("the pack stays, but a restart will bring the old one back: {error}");
        }
        let name = &self.deployed.now.pack.name;
        tracing::warn!(pack = name, "the pack has proved itself and stays");
        self.deployed.last = format!("{name} stays");
        self.deployed.before = Some(trial.previous);
        self.remember_versions();
    }

    fn roll_back(&mut self, reason: &str) {
        let Some(trial) = self.deployed.trial.take() else {
            return;
        };
        let failed = self.deployed.now.pack.name.clone();
        tracing::error!(
            pack = failed,
            "the pack is taken back, {} is in force again: {reason}",
            trial.previous.pack.name
        );
        let written = self
            .store
            .put_record("pack", &trial.previous.pack.text)
            .and_then(|()| self.store.put_record("pack_trial", ""));
        if let Err(error) = written {
            tracing::error!("the old pack runs, but cannot be stored: {error}");
        }
        self.set_settings(&trial.settings);
        self.switch_to(trial.previous);
        self.deployed.last = format!("{failed} was taken back: {reason}");
        self.deployed.rollbacks = self.deployed.rollbacks.saturating_add(1);
    }

    /// Plugins that are dead now, and why.
    fn sick(&self) -> BTreeMap<String, String> {
        let sick = |health: &str| matches!(health, "backing off" | "quarantined");
        let mut all = BTreeMap::new();
        for adapter in &self.adapters {
            adapter.look(|view| {
                if sick(view.health) {
                    let error = view.last_error.clone().unwrap_or_default();
                    all.insert(adapter.name.clone(), error);
                }
            });
        }
        let views = self.authorizers.views.lock();
        let views = views.unwrap_or_else(std::sync::PoisonError::into_inner);
        for view in views.iter().filter(|view| sick(view.health)) {
            all.insert(
                view.name.clone(),
                view.last_error.clone().unwrap_or_default(),
            );
        }
        let views = self.languages.views.lock();
        let views = views.unwrap_or_else(std::sync::PoisonError::into_inner);
        for view in views.iter().filter(|view| sick(view.health)) {
            all.insert(
                view.name.clone(),
                view.last_error.clone().unwrap_or_default(),
            );
        }
        all
    }
}

/// The deployment to start with: the one that was applied last and proved itself, or else the configuration's.
///
/// # Errors
/// The configuration's own pack is not good.
pub fn first(loader: &Loader, config_pack: Pack, store: &mut Store) -> Result<Deployed> {
    let record = |store: &Store, key: &str| {
        let value = store.record(key).ok().flatten();
        value.filter(|text| !text.is_empty())
    };
    let base = config_pack.text.clone();
    if record(store, "pack_base").as_deref() != Some(base.as_str()) {
        // Another pack in the configuration wins over what was applied before.
        for (key, value) in [
            ("pack", ""),
            ("pack_before", ""),
            ("pack_trial", ""),
            ("pack_base", &base),
        ] {
            store.put_record(key, value)?;
        }
    }
    if record(store, "pack_trial").is_some() {
        tracing::error!(
            "the station ended while a pack was on trial; the pack before it is in force"
        );
        let before = record(store, "pack_before").unwrap_or_default();
        store.put_record("pack", &before)?;
        store.put_record("pack_trial", "")?;
    }
    let path = Path::new("the applied pack");
    let applied = record(store, "pack").filter(|text| *text != base);
    let applied = applied.and_then(|text| match loader.prepare(path, &text) {
        Ok(deployment) => Some(deployment),
        Err(error) => {
            tracing::error!("the applied pack cannot be used, the configuration's is: {error:#}");
            None
        }
    });
    let own = loader.deployment(config_pack);
    match applied {
        Some(applied) => {
            let own = own.map(Arc::new).ok();
            Ok(Deployed::new(Arc::new(applied), own))
        }
        None => Ok(Deployed::new(Arc::new(own?), None)),
    }
}
