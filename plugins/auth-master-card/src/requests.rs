//! What people ask of the list without the MASTER card.

use auth_cards::{Entry, EntryKind, Line, ListFormat, SEPARATOR, quoted, words};

use crate::MasterCard;

const HELP: &str = "help | list | add UID | remove UID | clear";

impl MasterCard {
    pub(crate) fn handle_request(&mut self, line: &[String]) -> Result<String, String> {
        let words: Vec<&str> = words(line).collect();
        match words.as_slice() {
            [] | ["help"] => Ok(HELP.to_owned()),
            ["list"] if self.list.is_empty() => Ok("no card".to_owned()),
            ["list"] => Ok(self
                .list
                .iter()
                .map(Line::to_line)
                .collect::<Vec<_>>()
                .join(SEPARATOR)),
            ["add", uid] => {
                let entry = card(uid)?;
                if self
                    .list
                    .position(|listed| listed.is_same(&entry))
                    .is_some()
                {
                    return Err(format!("{} is listed already", quoted(uid)));
                }
                self.add(entry)
                    .map_err(|why| format!("{} was not added: {why}", quoted(uid)))?;
                Ok(self.count())
            }
            ["remove", uid] => {
                let entry = card(uid)?;
                match self.list.remove(|listed| listed.is_same(&entry)) {
                    0 => Err(format!("{} is not listed", quoted(uid))),
                    _ => Ok(self.count()),
                }
            }
            ["clear"] => {
                self.list.remove(|_| true);
                Ok(self.count())
            }
            [verb, ..] => Err(format!(
                "{} is not understood here; `help` tells the words",
                quoted(verb)
            )),
        }
    }

    fn count(&self) -> String {
        format!("{} cards", self.list.len())
    }
}

fn card(text: &str) -> Result<Entry, String> {
    let entry = Entry::parse(text, ListFormat::Any)
        .map_err(|why| format!("{} is no card: {why}", quoted(text)))?;
    if entry.kind == EntryKind::Card && entry.evse_id.is_none() {
        Ok(entry)
    } else {
        Err("this list has cards only, valid at the whole station".to_owned())
    }
}
