//! One plugin instance: its wasmtime store, its ceilings, its log line budget, and the one way to call it.

use serde::Serialize;
use station::Moment;
use units::Instant;
use wasmtime::{AsContextMut, ResourceLimiter, Store, Trap};

use crate::contract::host::pilotwire::host as bindings;
use crate::engine::Loaded;
use crate::error::PluginError;
use crate::limits::{
    EPOCH_TICK_MS, LOG_BURST, LOG_LINES_PER_SECOND, Limits, MAX_CORE_ITEMS, MAX_LOG_BYTES,
    MAX_TABLE_ELEMENTS,
};
use crate::quota::Bucket;
use crate::recording::{self, Recorded};

/// What host functions and limiters need to know about their guest.
pub(crate) struct GuestState {
    name: String,
    memory_bytes: usize,
    /// Of all memories together.
    memory_used: usize,
    /// Of all tables together.
    table_elements: usize,
    memory_refused: bool,
    log: LogBudget,
}

impl bindings::types::Host for GuestState {}

impl bindings::log::Host for GuestState {
    fn log(&mut self, level: bindings::log::Level, message: String) {
        if !self.log.take() {
            return;
        }
        let line = one_line(&message);
        let plugin = self.name.as_str();
        match level {
            bindings::log::Level::Error => tracing::error!(target: "plugin", plugin, "{line}"),
            bindings::log::Level::Warn => tracing::warn!(target: "plugin", plugin, "{line}"),
            bindings::log::Level::Info => tracing::info!(target: "plugin", plugin, "{line}"),
            bindings::log::Level::Debug => tracing::debug!(target: "plugin", plugin, "{line}"),
        }
    }
}

/// At most [`MAX_LOG_BYTES`], on one line: a guest must not be able to forge other lines of the log.
fn one_line(message: &str) -> String {
    let mut end = message.len().min(MAX_LOG_BYTES);
    while !message.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let cut = message.get(..end).unwrap_or_default();
    cut.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The log lines that a guest may still write in this call.
#[derive(Debug)]
struct LogBudget {
    bucket: Bucket,
    /// When the call began: a guest has no other time.
    now: Instant,
    dropped: u64,
}

impl LogBudget {
    fn new() -> Self {
        Self {
            bucket: Bucket::new(LOG_LINES_PER_SECOND, LOG_BURST),
            now: Instant::ZERO,
            dropped: 0,
        }
    }

    fn take(&mut self) -> bool {
        let taken = self.bucket.take(self.now);
        if !taken {
            self.dropped = self.dropped.saturating_add(1);
        }
        taken
    }
}

impl ResourceLimiter for GuestState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The ceiling is on all memories together: a component of many modules has many of them.
        let used = self.memory_used.saturating_sub(current);
        let used = used.saturating_add(desired);
        if used <= self.memory_bytes {
            self.memory_used = used;
            return Ok(true);
        }
        // A trap at once: an allocator that is told "no" aborts anyway, and this way the reason is known.
        self.memory_refused = true;
        Err(wasmtime::Error::msg("memory ceiling"))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.table_elements.saturating_sub(current);
        let used = used.saturating_add(desired);
        let fits = used <= MAX_TABLE_ELEMENTS;
        if fits {
            self.table_elements = used;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        MAX_CORE_ITEMS
    }

    fn tables(&self) -> usize {
        MAX_CORE_ITEMS
    }

    fn memories(&self) -> usize {
        MAX_CORE_ITEMS
    }
}

/// A store with a guest in it, or the remains of one.
pub(crate) struct Guest<B> {
    store: Store<GuestState>,
    bindings: Option<B>,
    loaded: Loaded,
    limits: Limits,
    /// The recording that this instance has been in since its start.
    recording: Option<u64>,
}

impl<B> Guest<B> {
    /// Makes an instance. Its start code runs under the same bounds as a call.
    pub(crate) fn instantiate(
        loaded: &Loaded,
        limits: Limits,
        instantiate: impl FnOnce(&mut Store<GuestState>) -> wasmtime::Result<B>,
    ) -> Result<Self, PluginError> {
        let limits = limits.clamped();
        let state = GuestState {
            name: loaded.name().to_owned(),
            memory_bytes: bytes(limits.memory_mib, 20),
            memory_used: 0,
            table_elements: 0,
            memory_refused: false,
            log: LogBudget::new(),
        };
        let mut store = Store::new(loaded.engine().wasmtime(), state);
        store.limiter(|state| state);
        store.epoch_deadline_trap();
        store.set_hostcall_fuel(bytes(limits.output_kib, 10));
        let mut guest = Self {
            store,
            bindings: None,
            loaded: loaded.clone(),
            limits,
            recording: None,
        };
        guest.arm();
        let running = guest.loaded.engine().ticker().running();
        let made = instantiate(&mut guest.store);
        drop(running);
        match made {
            Ok(bindings) => {
                guest.bindings = Some(bindings);
                Ok(guest)
            }
            Err(error) => Err(guest.classify(&error)),
        }
    }

    /// Calls the guest. After an error the instance is dead and every further call says so.
    pub(crate) fn call<T>(
        &mut self,
        now: Moment,
        call: impl FnOnce(&B, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        // Taken out, and put back only after a good end: no path leaves a half-dead guest behind.
        let bindings = self.bindings.take().ok_or(PluginError::Dead)?;
        self.store.data_mut().log.now = now.at;
        self.arm();
        let running = self.loaded.engine().ticker().running();
        let answer = call(&bindings, &mut self.store);
        drop(running);
        self.report_dropped_lines();
        match answer {
            Ok(answer) => {
                self.bindings = Some(bindings);
                Ok(answer)
            }
            Err(error) => Err(self.classify(&error)),
        }
    }

    /// As [`call`](Self::call), and written down if somebody records. A recording begins with a call that says so.
    pub(crate) fn recorded<I: Serialize, T: Serialize>(
        &mut self,
        who: &Recorded<'_>,
        (name, now): (&str, Moment),
        input: &I,
        call: impl FnOnce(&B, &mut Store<GuestState>, &I) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let answer = self.call(now, |bindings, store| call(bindings, store, input));
        let running = self.loaded.recording().number();
        if name != "handle" && name != "authorize" {
            self.recording = running;
        }
        if running.is_some() && running == self.recording {
            let slot = self.loaded.recording();
            recording::write(slot, who, (name, now), input, answer.as_ref());
        }
        answer
    }

    /// Declares the instance dead because its answer breaks the contract.
    pub(crate) fn condemn(&mut self) {
        self.bindings = None;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.bindings.is_none()
    }

    pub(crate) fn name(&self) -> &str {
        self.loaded.name()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    fn arm(&mut self) {
        let ticks = u64::from(self.limits.call_deadline_ms).div_ceil(EPOCH_TICK_MS);
        // One more: the first tick may come at once.
        self.store
            .as_context_mut()
            .set_epoch_deadline(ticks.saturating_add(1));
    }

    fn report_dropped_lines(&mut self) {
        let dropped = std::mem::take(&mut self.store.data_mut().log.dropped);
        if dropped > 0 {
            tracing::warn!(target: "plugin", plugin = self.name(), dropped, "log lines dropped: too many");
        }
    }

    fn classify(&self, error: &wasmtime::Error) -> PluginError {
        if self.store.data().memory_refused {
            return PluginError::Memory {
                limit_mib: self.limits.memory_mib,
            };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => {
                return PluginError::Deadline {
                    deadline_ms: self.limits.call_deadline_ms,
                };
            }
            Some(trap) => return PluginError::Trap(trap.to_string()),
            None => {}
        }
        let text = format!("{error:#}");
        // Wasmtime keeps this error's type to itself; a test notices if its words change.
        if text.contains("fuel allocated for hostcalls") {
            return PluginError::Output(format!("more than {} KiB", self.limits.output_kib));
        }
        PluginError::Garbage(text)
    }
}

fn bytes(number: u32, shift: u32) -> usize {
    usize::try_from(u64::from(number) << shift).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_is_cut_at_its_bound_and_stays_one_line() {
        let line = one_line(&"é\n".repeat(MAX_LOG_BYTES));
        assert!(line.len() <= MAX_LOG_BYTES);
        assert!(!line.contains('\n') && line.starts_with("é é"));
        assert_eq!(one_line("short"), "short");
    }

    #[test]
    fn log_lines_come_in_a_burst_and_then_at_a_steady_rate() {
        let mut budget = LogBudget::new();
        let taken = (0..LOG_BURST + 10).filter(|_| budget.take()).count();
        assert_eq!(taken, LOG_BURST as usize);
        assert_eq!(budget.dropped, 10);
        budget.now = Instant::from_millis(1_000);
        assert_eq!(
            (0..100).filter(|_| budget.take()).count(),
            LOG_LINES_PER_SECOND as usize
        );
    }

    #[test]
    fn ceilings_are_on_all_memories_and_all_tables_together() {
        const MIB: usize = 1 << 20;
        let mut state = GuestState {
            name: String::new(),
            memory_bytes: 4 * MIB,
            memory_used: 0,
            table_elements: 0,
            memory_refused: false,
            log: LogBudget::new(),
        };
        for _ in 0..3 {
            assert!(state.memory_growing(0, MIB, None).unwrap());
        }
        assert!(state.memory_growing(MIB, 2 * MIB, None).unwrap());
        assert!(state.memory_growing(MIB, MIB + 1, None).is_err());
        assert!(state.memory_refused);
        assert!(state.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        assert!(!state.table_growing(0, 1, None).unwrap());
    }
}
