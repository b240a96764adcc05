//! The languages of the pack, on a thread of their own: what the station wants to say, in each of them.
//!
//! A language that is dead, late or does not know a message says nothing; the host then shows its own English words.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use plugin_host::{DisplayPlugin, Health, Supervisor};
use station::{EvseId, Moment};
use units::Instant;

use crate::authorize::AuthorizerView;
use crate::clock::WallClock;
use crate::deploy::Ready;
use crate::limits::{AUTHORIZERS_IDLE, LANGUAGE_INBOX};
use crate::messages::{Part, ToStation};

/// A message of the station: id and named values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Id, for example `indication.charging`.
    pub id: String,
    /// Values.
    pub arguments: Vec<(String, String)>,
}

impl Words {
    /// A message without values.
    #[must_use]
    pub fn plain(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            arguments: Vec::new(),
        }
    }
}

/// What is said at one EVSE, language by language in the pack's order.
pub type Texts = BTreeMap<EvseId, Vec<(String, Vec<String>)>>;

/// What the thread is told.
#[derive(Debug)]
pub enum ToLanguages {
    /// Say this at an EVSE from now on.
    Say(EvseId, Vec<Words>),
    /// Replace the instance of one language, out of quarantine too.
    Restart(String),
    /// Other languages from now on, all or nothing.
    Replace {
        /// Which deployment this is part of.
        deployment: u64,
        /// Languages, in order.
        plugins: Vec<Ready>,
    },
}

struct Member {
    ready: Ready,
    plugin: Option<DisplayPlugin>,
    supervisor: Supervisor,
}

/// The running thread.
#[derive(Debug)]
pub struct Languages {
    /// To it.
    pub inbox: SyncSender<ToLanguages>,
    /// What people can see of the plugins.
    pub views: Arc<Mutex<Vec<AuthorizerView>>>,
    /// What is said.
    pub texts: Arc<Mutex<Texts>>,
    thread: JoinHandle<()>,
}

impl Languages {
    /// Starts the thread with the pack's languages, in order.
    ///
    /// # Errors
    /// The machine refuses another thread.
    pub fn start(
        plugins: Vec<Ready>,
        wall: WallClock,
        station: SyncSender<ToStation>,
    ) -> io::Result<Self> {
        let (inbox, messages) = sync_channel(LANGUAGE_INBOX);
        let (views, texts) = (Arc::default(), Arc::default());
        let speaker = Speaker {
            members: plugins.into_iter().map(Member::new).collect(),
            wall,
            station,
            said: BTreeMap::new(),
            views: Arc::clone(&views),
            texts: Arc::clone(&texts),
        };
        let thread = std::thread::Builder::new()
            .name("languages".to_owned())
            .spawn(move || speaker.run(&messages))?;
        Ok(Self {
            inbox,
            views,
            texts,
            thread,
        })
    }

    /// Ends the thread.
    pub fn join(self) {
        let Self { inbox, thread, .. } = self;
        drop(inbox);
        if thread.join().is_err() {
            tracing::error!("the languages' thread panicked");
        }
    }
}

struct Speaker {
    members: Vec<Member>,
    wall: WallClock,
    station: SyncSender<ToStation>,
    said: BTreeMap<EvseId, Vec<Words>>,
    views: Arc<Mutex<Vec<AuthorizerView>>>,
    texts: Arc<Mutex<Texts>>,
}

impl Speaker {
    fn run(mut self, messages: &Receiver<ToLanguages>) {
        loop {
            self.start_members();
            self.show();
            match messages.recv_timeout(self.wait()) {
                Ok(ToLanguages::Say(evse, words)) => {
                    self.said.insert(evse, words);
                }
                Ok(ToLanguages::Restart(name)) => self.restart(&name),
                Ok(ToLanguages::Replace {
                    deployment,
                    plugins,
                }) => {
                    let result = self.replace(plugins);
                    let _ends_with_the_process = self.station.send(ToStation::Switched {
                        deployment,
                        part: Part::Languages,
                        result,
                    });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.speak();
        }
    }

    fn wait(&self) -> Duration {
        let now = self.wall.moment().at;
        let due = self
            .members
            .iter()
            .filter_map(|m| m.supervisor.poll_timeout());
        due.min().map_or(AUTHORIZERS_IDLE, |at| {
            Duration::from_millis(at.since(now).get()).min(AUTHORIZERS_IDLE)
        })
    }

    fn restart(&mut self, name: &str) {
        let now = self.wall.moment().at;
        let found = self
            .members
            .iter_mut()
            .find(|m| m.ready.policy.name == name);
        if let Some(member) = found {
            member.plugin = None;
            member.supervisor.release(now);
            member.start(now);
        }
    }

    fn replace(&mut self, plugins: Vec<Ready>) -> Result<(), String> {
        let now = self.wall.moment().at;
        let mut members = Vec::new();
        for ready in plugins {
            let mut member = Member::new(ready);
            member.start(now);
            if member.plugin.is_none() {
                let error = member.supervisor.last_error().unwrap_or("it did not start");
                return Err(format!("{}: {error}", member.ready.policy.name));
            }
            members.push(member);
        }
        self.members = members;
        Ok(())
    }

    fn start_members(&mut self) {
        let now = self.wall.moment().at;
        for member in &mut self.members {
            let due =
                member.supervisor.health() == Health::Running || member.supervisor.try_restart(now);
            if member.plugin.is_none() && due {
                member.start(now);
            }
        }
    }

    /// Renders everything that is said, in every language.
    fn speak(&mut self) {
        let moment = self.wall.moment();
        let mut texts = Texts::new();
        for (evse, said) in &self.said {
            let mut languages: Vec<(String, Vec<String>)> = Vec::new();
            for member in &mut self.members {
                let mut lines = Vec::new();
                let mut language = String::new();
                for words in said {
                    let Some(plugin) = &mut member.plugin else {
                        break;
                    };
                    let source = source_in_words(plugin, moment, words);
                    let arguments: Vec<(&str, &str)> = words
                        .arguments
                        .iter()
                        .map(|(name, value)| match (&source, name.as_str()) {
                            (Some(source), SOURCE) => (SOURCE, source.as_str()),
                            (_, name) => (name, value.as_str()),
                        })
                        .collect();
                    match plugin.render(moment, &words.id, &arguments) {
                        Ok(Some(rendered)) => {
                            language = rendered.language;
                            lines.push(rendered.text);
                        }
                        Ok(None) => {}
                        Err(error) => member.fail(moment.at, &error.to_string()),
                    }
                }
                if !lines.is_empty() {
                    languages.push((language, lines));
                }
            }
            if languages.is_empty() && !said.is_empty() {
                let lines = said.iter().map(built_in).collect();
                languages.push(("en".to_owned(), lines));
            }
            texts.insert(*evse, languages);
        }
        *self.texts.lock().unwrap_or_else(PoisonError::into_inner) = texts;
    }

    fn show(&self) {
        let views = self.members.iter().map(Member::view).collect();
        *self.views.lock().unwrap_or_else(PoisonError::into_inner) = views;
    }
}

/// The argument that is a message itself: what limits.
const SOURCE: &str = "source";

/// That message in the plugin's language. One that cannot be rendered stays as it is; the message around it will tell.
fn source_in_words(plugin: &mut DisplayPlugin, moment: Moment, words: &Words) -> Option<String> {
    let (_, id) = words.arguments.iter().find(|(name, _)| name == SOURCE)?;
    let rendered = plugin.render(moment, id, &[]).ok()??;
    Some(rendered.text)
}

/// The host's own English: the id in plain words, so that a display without languages is not dark.
fn built_in(words: &Words) -> String {
    let (kind, name) = words.id.split_once('.').unwrap_or(("", words.id.as_str()));
    let plain = name.replace(['-', '.'], " ");
    let mut text = match kind {
        "fault" => format!("Fault: {plain}"),
        _ => {
            let mut letters = plain.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_uppercase().chain(letters).collect()
            })
        }
    };
    for (name, value) in &words.arguments {
        text.push(' ');
        // The source of a limit is a message itself.
        text.push_str(match name.as_str() {
            SOURCE => value.rsplit('.').next().unwrap_or_default(),
            _ => value,
        });
    }
    text
}

impl Member {
    fn new(ready: Ready) -> Self {
        Self {
            ready,
            plugin: None,
            supervisor: Supervisor::new(),
        }
    }

    fn start(&mut self, now: Instant) {
        let made = DisplayPlugin::instantiate(&self.ready.loaded, self.ready.policy.limits);
        let made = made.map_err(|error| error.to_string()).and_then(|plugin| {
            self.ready.check_manifest(plugin.describe())?;
            Ok(plugin)
        });
        match made {
            Ok(plugin) => self.plugin = Some(plugin),
            Err(error) => self.fail(now, &error),
        }
    }

    fn fail(&mut self, now: Instant, error: &str) {
        self.plugin = None;
        let health = self.supervisor.failed(now, error);
        tracing::error!(
            plugin = self.ready.policy.name,
            ?health,
            "language failed: {error}"
        );
    }

    fn view(&self) -> AuthorizerView {
        AuthorizerView {
            name: self.ready.policy.name.clone(),
            kind: "display",
            version: self
                .plugin
                .as_ref()
                .map(|plugin| plugin.describe().version.clone())
                .unwrap_or_default(),
            health: self.supervisor.health().word(),
            failures: self.supervisor.total_failures(),
            last_error: self.supervisor.last_error().map(str::to_owned),
            origin: self.ready.provenance.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_english_is_readable_without_any_language() {
        let say = |id: &str| built_in(&Words::plain(id));
        assert_eq!(say("indication.suspended-ev"), "Suspended ev");
        assert_eq!(say("fault.RCMB"), "Fault: RCMB");
        assert_eq!(say("odd"), "Odd");
        let words = Words {
            id: "session.energy".to_owned(),
            arguments: vec![("kwh".to_owned(), "1.5".to_owned())],
        };
        assert_eq!(built_in(&words), "Energy 1.5");
    }
}
