//! Card readers: what the configuration says of them, and how they are opened.

use std::path::PathBuf;

use anyhow::{Context, Result};
use drivers::CardReader;
use drivers::pn532::{Note, Pn532Reader};
use drivers::sim::SimReader;
use serde::Deserialize;
use station::EvseId;

use crate::clock::Clock;
use crate::config::{ConfigError, Source};

/// `reader = { kind = "…", device = "…" }` of an EVSE.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReaderTable {
    kind: String,
    #[serde(default)]
    device: Option<PathBuf>,
}

/// The card reader of one EVSE.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReaderConfig {
    /// `pilotwire sim swipe` holds cards to it.
    #[default]
    Simulated,
    /// A PN532 on this serial line.
    Pn532(PathBuf),
}

impl ReaderConfig {
    /// Checks what the file says of the reader of one EVSE; `others` are the readers before it.
    pub(crate) fn parse(
        source: &Source<'_>,
        line: Option<usize>,
        table: Option<ReaderTable>,
        others: &[Self],
    ) -> Result<Self, ConfigError> {
        let Some(ReaderTable { kind, device }) = table else {
            return Ok(Self::Simulated);
        };
        let wrong = |reason: String, remedy: &str| source.error(line, "reader", reason, remedy);
        match (kind.as_str(), device) {
            ("simulated", None) => Ok(Self::Simulated),
            ("simulated", Some(_)) => Err(wrong(
                "a simulated reader has no device".to_owned(),
                "leave `device` out, or write kind = \"pn532\"",
            )),
            ("pn532", Some(device)) if device.is_absolute() => {
                let reader = Self::Pn532(device);
                if others.contains(&reader) {
                    return Err(wrong(
                        "another EVSE has the same device".to_owned(),
                        "give each reader a line of its own",
                    ));
                }
                Ok(reader)
            }
            ("pn532", _) => Err(wrong(
                "a PN532 needs the full path of its serial line".to_owned(),
                "write for example device = \"/dev/ttyS0\"",
            )),
            (other, _) => Err(wrong(
                format!("there is no driver for reader {other:?}"),
                "write kind = \"simulated\" or kind = \"pn532\"",
            )),
        }
    }

    /// Opens the reader. A device that is missing is no error: the station reports a silent reader until it appears.
    pub(crate) fn open(
        &self,
        evse: EvseId,
        simulated: SimReader,
        clock: Clock,
    ) -> Result<Box<dyn CardReader>> {
        match self {
            Self::Simulated => Ok(Box::new(simulated)),
            Self::Pn532(device) => {
                let note = move |note: &Note| match note {
                    Note::Failed(_) | Note::CannotOpen(_) | Note::Read { random: true, .. } => {
                        tracing::warn!(evse = evse.0, "card reader: {note}");
                    }
                    Note::Ready(_) | Note::Read { .. } | Note::Several | Note::Unreadable => {
                        tracing::info!(evse = evse.0, "card reader: {note}");
                    }
                };
                let reader = Pn532Reader::start(device.clone(), move || clock.now(), note)
                    .with_context(|| format!("card reader of EVSE {}", evse.0))?;
                Ok(Box::new(reader))
            }
        }
    }
}
