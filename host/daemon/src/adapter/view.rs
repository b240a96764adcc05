//! What people can see of an adapter.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use plugin_host::{BackendInput, HttpCommand, Refusal, RefusalReason};

use crate::limits::{FRAME_SHOWN_CHARS, FRAMES_SHOWN};

/// What people can see of an adapter.
#[derive(Debug, Clone)]
pub struct AdapterView {
    /// Version of the plugin.
    pub version: String,
    /// Where the component comes from.
    pub origin: String,
    /// Swaps that went well, and how long the last one left the station without adapter, microseconds.
    pub swaps: u64,
    /// See `swaps`.
    pub swap_us: u64,
    /// Health in a word.
    pub health: &'static str,
    /// Failures since the start of the process.
    pub failures: u64,
    /// Calls since the start of the process.
    pub calls: u64,
    /// The last failure.
    pub last_error: Option<String>,
    /// Link in a word.
    pub link: &'static str,
    /// Why the link is down.
    pub link_detail: String,
    /// How it stands with its backend.
    pub registration: &'static str,
    /// In its own words.
    pub detail: String,
    /// The last message that the backend refused for good.
    pub backend_error: Option<String>,
    /// Frames waiting for the backend's confirmation.
    pub outbox: usize,
    /// The journal is taken up to here.
    pub cursor: u64,
    /// Commands refused.
    pub refusals: u64,
    /// Answers in which the message quota refused something.
    pub over_quota: u64,
    /// Last frames: `>` sent, `<` received.
    pub frames: VecDeque<String>,
}

/// Shared with whoever looks.
pub type SharedView = Arc<Mutex<AdapterView>>;

impl AdapterView {
    pub(super) fn new() -> Self {
        Self {
            version: String::new(),
            origin: String::new(),
            swaps: 0,
            swap_us: 0,
            health: "starting",
            failures: 0,
            calls: 0,
            last_error: None,
            link: "down",
            link_detail: String::new(),
            registration: "offline",
            detail: String::new(),
            backend_error: None,
            outbox: 0,
            cursor: 0,
            refusals: 0,
            over_quota: 0,
            frames: VecDeque::new(),
        }
    }

    /// Keeps a frame for people to look at: `>` sent, `<` received.
    pub(super) fn frame(&mut self, direction: char, text: &str) {
        if self.frames.len() >= FRAMES_SHOWN {
            self.frames.pop_front();
        }
        let shown: String = text.chars().take(FRAME_SHOWN_CHARS).collect();
        self.frames.push_back(format!("{direction} {shown}"));
    }

    /// Keeps what an adapter says over HTTP.
    pub(super) fn http_said(&mut self, command: &HttpCommand) {
        match command {
            HttpCommand::Request(request) => self.envelope('>', &request.body),
            HttpCommand::Answer(answer) => self.envelope('>', &answer.body),
            HttpCommand::Listen(_) | HttpCommand::StopListening => {}
        }
    }

    /// Keeps what an adapter is told over HTTP.
    pub(super) fn http_heard(&mut self, input: &BackendInput) {
        match input {
            BackendInput::HttpResponse(response) => self.envelope('<', &response.body),
            BackendInput::HttpCall(call) => self.envelope('<', &call.body),
            BackendInput::Listening(listening) => {
                let stands = listening.port != 0;
                self.link = if stands { "listening" } else { "down" };
                self.link_detail.clone_from(&listening.detail);
            }
            _ => {}
        }
    }

    /// Envelopes only: other bodies may hold passwords of other machines.
    fn envelope(&mut self, direction: char, body: &str) {
        if body.starts_with('<') {
            self.frame(direction, body);
        }
    }

    /// Counts a command that was refused.
    pub(super) fn refused(&mut self, refusal: &Refusal) {
        self.refusals = self.refusals.saturating_add(1);
        if refusal.reason == RefusalReason::Quota {
            self.over_quota = self.over_quota.saturating_add(1);
        }
    }
}
