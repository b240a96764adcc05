//! How one instance takes over from another: between two calls, with the link kept, and only if it starts.

use std::collections::VecDeque;

use plugin_host::{BackendCommand, BackendPlugin, Supervisor};
use units::{Instant, Millis};

use super::{Adapter, Instance};
use crate::deploy::Ready;
use crate::limits::SWAP_QUIET_MS;
use crate::messages::{Facts, Part, ToStation};

/// A plugin that is to take over.
pub(super) struct Incoming {
    pub(super) deployment: u64,
    pub(super) ready: Ready,
    pub(super) latest: Instant,
    /// The station was asked how things stand.
    pub(super) asked: bool,
}

impl Adapter {
    /// Another version, or other settings and rights, are to take over at the next quiet moment.
    pub(super) fn swap(&mut self, deployment: u64, ready: Ready) {
        self.report = None;
        if !matches!(self.instance, Instance::Running(_)) {
            // Nobody is there to be replaced: the new one simply starts.
            self.setup.ready = ready;
            self.supervisor = Supervisor::new();
            self.instance = Instance::None;
            self.report = Some(deployment);
            return self.make_instance();
        }
        let latest = self.now().after(Millis::new(SWAP_QUIET_MS));
        self.incoming = Some(Incoming {
            deployment,
            ready,
            latest,
            asked: false,
        });
        self.prepare_swap();
    }

    /// Waits until the backend has confirmed what is on its way, so that nothing is sent twice; not for ever.
    pub(super) fn prepare_swap(&mut self) {
        let now = self.now();
        let up = self.link.as_ref().is_some_and(|link| link.up.is_some());
        let quiet = self.outbox.is_empty() || !up;
        let Some(incoming) = &mut self.incoming else {
            return;
        };
        if !incoming.asked && (quiet || now >= incoming.latest) {
            incoming.asked = true;
            self.tell(ToStation::WantsFacts(self.setup.id));
        }
    }

    /// The new plugin starts beside the old one; only if that goes well, the old one goes.
    pub(super) fn take_over(&mut self, incoming: Incoming, facts: Facts) {
        let Incoming {
            deployment, ready, ..
        } = incoming;
        let from = self.setup.seed.clock.micros();
        match self.start_beside(&ready, facts) {
            Ok((plugin, commands)) => {
                let version = plugin.describe().version.clone();
                let origin = ready.provenance.to_string();
                self.setup.ready = ready;
                self.supervisor = Supervisor::new();
                self.instance = Instance::Running(plugin);
                self.handed = None;
                self.wake_at = None;
                let mut more = VecDeque::new();
                self.carry_out(commands, &mut more);
                let micros = self.setup.seed.clock.micros().saturating_sub(from);
                self.look(|view| {
                    view.swaps = view.swaps.saturating_add(1);
                    view.swap_us = micros;
                    (view.version, view.origin) = (version, origin);
                    view.health = "running";
                });
                tracing::info!(
                    plugin = self.setup.ready.policy.name,
                    micros,
                    "a new instance has taken over"
                );
                self.give_all(more);
                self.report_switch(deployment, Ok(()));
            }
            Err(error) => {
                tracing::error!(
                    plugin = ready.policy.name,
                    "the new instance cannot take over, the old one stays: {error}"
                );
                self.report_switch(deployment, Err(error));
            }
        }
    }

    fn start_beside(
        &mut self,
        ready: &Ready,
        facts: Facts,
    ) -> Result<(Box<BackendPlugin>, Vec<BackendCommand>), String> {
        let policy = &ready.policy;
        let mut plugin = BackendPlugin::instantiate(&ready.loaded, policy.limits, &policy.grants)
            .map_err(|error| error.to_string())?;
        ready.check_manifest(plugin.describe())?;
        let own = plugin.describe().settings.clone();
        let start = self
            .start_context(&ready.policy, own, facts)
            .map_err(|error| error.to_string())?;
        let commands = plugin
            .start(self.setup.seed.wall.moment(), start)
            .map_err(|error| error.to_string())?;
        Ok((Box::new(plugin), commands))
    }

    pub(super) fn report_switch(&self, deployment: u64, result: Result<(), String>) {
        let name = &self.setup.ready.policy.name;
        let result = result.map_err(|error| format!("{name}: {error}"));
        let part = Part::Backend(name.clone());
        self.tell(ToStation::Switched {
            deployment,
            part,
            result,
        });
    }
}
