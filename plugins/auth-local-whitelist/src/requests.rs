//! What people ask of the list: look, search, add, remove, import, export, learn; or read and write the three slots.

use auth_cards::{Entry, EntryKind, MAX_ENTRIES, SEPARATOR, parse_import, quoted, words};
use units::Instant;

use crate::{LocalWhitelist, Reading, SLOTS};

const HELP: &str = "help | list | search TEXT | add UID[@EVSE] or MAC=...[@EVSE] | remove UID or MAC=... | clear | export | \
     import [--replace] [--decimal] TEXT | learn on|off";
const HELP_SLOTS: &str = "help | slots | read (then hold a card to the reader; `slots` shows its number) | write 1|2|3 | \
     remove UID | clear";
const OFF: &str = "the local whitelist is off; set `enabled` to true first";
const STANDBY_ONLY: &str =
    "cards can be read and written in standby only; wait until the charge has ended";

type Reply = Result<String, String>;

impl LocalWhitelist {
    pub(crate) fn handle_request(&mut self, now: Instant, line: &[String]) -> Reply {
        let mut words = words(line);
        let verb = words.next().unwrap_or("help");
        let rest: Vec<&str> = words.collect();
        if verb == "help" {
            return Ok(if self.settings.three_slots {
                HELP_SLOTS
            } else {
                HELP
            }
            .to_owned());
        }
        if !self.settings.enabled {
            return Err(OFF.to_owned());
        }
        match (verb, rest.as_slice(), self.settings.three_slots) {
            ("slots", [], true) => Ok(self.slots()),
            ("read", [], true) => self.handle_read(now),
            ("write", [number], true) => self.handle_write(number),
            ("list", [], false) => Ok(self.listing(|_| true)),
            ("search", [text], false) => Ok(self.search(text)),
            // A card may be written byte by byte, with blanks between.
            ("add", entry @ [_, ..], false) => self.handle_add(&entry.join(" ")),
            ("remove", entry @ [_, ..], _) => self.handle_remove(&entry.join(" ")),
            ("clear", [], _) => Ok(self.handle_clear()),
            ("export", [], false) => Ok(self.export()),
            ("import", rest, false) => self.handle_import(rest),
            ("learn", ["on"], false) => self.learn_on(now),
            ("learn", ["off"], false) => {
                self.learning = None;
                Ok("learning has ended".to_owned())
            }
            ("add" | "import" | "learn" | "list" | "search" | "export", _, true) => Err(
                "this station has three slots instead of a list; the words are slots, read, write 1|2|3"
                    .to_owned(),
            ),
            ("slots" | "read" | "write", _, false) => {
                Err("this station has a list instead of slots; `help` tells the words".to_owned())
            }
            _ => Err(format!("{} is not understood here; `help` tells the words", quoted(verb))),
        }
    }

    fn listing(&self, wanted: impl Fn(&Entry) -> bool) -> String {
        let lines: Vec<String> = self
            .entries()
            .filter(|entry| wanted(entry))
            .map(|entry| {
                let kind = match entry.kind {
                    EntryKind::Card => "RFID",
                    EntryKind::Mac => "MAC",
                };
                format!("{} ({kind})", entry.write(self.settings.format))
            })
            .collect();
        if lines.is_empty() {
            "no entry".to_owned()
        } else {
            lines.join(SEPARATOR)
        }
    }

    fn search(&self, text: &str) -> String {
        let text = text.to_ascii_uppercase();
        let format = self.settings.format;
        self.listing(|entry| entry.write(format).to_ascii_uppercase().contains(&text))
    }

    fn export(&self) -> String {
        let format = self.settings.format;
        let entries: Vec<String> = self.entries().map(|entry| entry.write(format)).collect();
        entries.join(":")
    }

    fn handle_add(&mut self, text: &str) -> Reply {
        let entry = Entry::parse_new(text, self.settings.format)
            .map_err(|why| format!("{} was not added: {why}", quoted(text)))?;
        if self.entries().any(|listed| *listed == entry) {
            return Err(format!("{} is listed already", quoted(text)));
        }
        if self.is_full() || !self.own.add(entry) {
            return Err(format!("{} was not added: {}", quoted(text), self.full()));
        }
        Ok(format!("added; {}", self.count()))
    }

    fn handle_remove(&mut self, text: &str) -> Reply {
        let entry = Entry::parse(text, self.settings.format)
            .map_err(|why| format!("{} is no entry: {why}", quoted(text)))?;
        // Without a scope every entry of that card goes.
        let same = |listed: &Entry| {
            listed.is_same(&entry) && (entry.evse_id.is_none() || listed.evse_id == entry.evse_id)
        };
        let removed = self.own.remove(same);
        if self.fixed.iter().any(same) {
            return Err("it stands in the setting `entries`; remove it there".to_owned());
        }
        if removed == 0 {
            return Err(format!("{} is not listed", quoted(text)));
        }
        Ok(format!("removed; {}", self.count()))
    }

    fn handle_clear(&mut self) -> String {
        self.reading = None;
        let removed = self.own.remove(|_| true);
        match self.fixed.len() {
            0 => format!("{removed} removed; the list is empty"),
            fixed => format!("{removed} removed; {fixed} remain, from the setting `entries`"),
        }
    }

    fn handle_import(&mut self, rest: &[&str]) -> Reply {
        let (mut replace, mut decimal) = (false, false);
        let mut text = String::new();
        for word in rest {
            match *word {
                "--replace" => replace = true,
                "--decimal" => decimal = true,
                word if word.starts_with("--") => {
                    return Err(format!("{} is no option of import", quoted(word)));
                }
                word => {
                    text.push_str(word);
                    text.push(' ');
                }
            }
        }
        let wanted = parse_import(&text, self.settings.format, decimal)?;
        let mut fresh: Vec<Entry> = Vec::new();
        for entry in &wanted {
            let listed = self.fixed.contains(entry)
                || (!replace && self.own.iter().any(|own| own == entry))
                || fresh.contains(entry);
            if !listed {
                fresh.push(entry.clone());
            }
        }
        let kept = if replace { 0 } else { self.own.len() };
        let total = kept
            .saturating_add(self.fixed.len())
            .saturating_add(fresh.len());
        if total > self.settings.max_entries.min(MAX_ENTRIES) {
            return Err(format!(
                "that would be {total} entries, allowed are {}; nothing was imported",
                self.settings.max_entries
            ));
        }
        if replace {
            self.own.remove(|_| true);
        }
        let (added, all) = (fresh.len(), wanted.len());
        for entry in fresh {
            self.own.add(entry);
        }
        let known = all.saturating_sub(added);
        Ok(format!(
            "{added} added, {known} were there already; {}",
            self.count()
        ))
    }

    fn count(&self) -> String {
        let (count, most) = (self.entries().count(), self.settings.max_entries);
        format!("{count} of {most} entries")
    }

    fn learn_on(&mut self, now: Instant) -> Reply {
        if self.is_full() {
            return Err(self.full());
        }
        self.learning = Some(now.after(self.settings.learn_timeout));
        let seconds = self
            .settings
            .learn_timeout
            .get()
            .checked_div(1_000)
            .unwrap_or(0);
        Ok(format!(
            "hold cards to the reader or plug vehicles in; learning ends with `learn off` or {seconds} s after the last new one"
        ))
    }

    fn slots(&self) -> String {
        let slots = (0..SLOTS).map(|slot| {
            let number = slot.saturating_add(1);
            match self.own.get(slot) {
                Some(entry) => format!("{number}: {}", entry.write(self.settings.format)),
                None => format!("{number}: empty"),
            }
        });
        let read = match &self.reading {
            None => "read: nothing".to_owned(),
            Some(Reading { card: None, .. }) => "read: waiting for a card".to_owned(),
            Some(Reading {
                card: Some(card), ..
            }) => {
                format!("read: {}", card.write(self.settings.format))
            }
        };
        slots.chain([read]).collect::<Vec<_>>().join(SEPARATOR)
    }

    fn handle_read(&mut self, now: Instant) -> Reply {
        if self.busy {
            return Err(STANDBY_ONLY.to_owned());
        }
        self.reading = Some(Reading {
            until: now.after(self.settings.learn_timeout),
            card: None,
        });
        Ok("hold a card to the reader; `slots` shows its number".to_owned())
    }

    fn handle_write(&mut self, number: &str) -> Reply {
        if self.busy {
            return Err(STANDBY_ONLY.to_owned());
        }
        let slot = match number {
            "1" => 0,
            "2" => 1,
            "3" => 2,
            _ => {
                return Err(format!(
                    "{} is no slot; there are 1, 2 and 3",
                    quoted(number)
                ));
            }
        };
        let card = self
            .reading
            .as_ref()
            .and_then(|reading| reading.card.clone());
        let Some(card) = card else {
            return Err("no card was read; ask `read` and hold a card to the reader".to_owned());
        };
        let elsewhere = self.own.position(|listed| listed.is_same(&card));
        if let Some(other) = elsewhere.filter(|other| *other < SLOTS && *other != slot) {
            return Err(format!(
                "the card is in slot {} already",
                other.saturating_add(1)
            ));
        }
        self.own.put(slot, card);
        self.reading = None;
        Ok(self.slots())
    }
}
