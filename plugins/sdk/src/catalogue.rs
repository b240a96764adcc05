//! A language as data: a Fluent catalogue that is compiled into the plugin.
//!
//! Of Fluent, what the station's texts need: messages, attributes, and placeables that are variables. Anything else in a
//! catalogue is a mistake that [`Catalogue::parse`] names. Message ids are the station's, with dots as dashes:
//! `fault.RCMB` is the message `fault-RCMB`, `fault.RCMB.action` its attribute `action`.

use std::collections::BTreeMap;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

use crate::language::{Argument, Message, Rendered};

/// Longest text that a display shows, in characters.
pub const MAX_TEXT_CHARS: usize = 80;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

/// The texts of one language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    texts: BTreeMap<String, Vec<Part>>,
}

impl Catalogue {
    /// Reads a Fluent resource.
    ///
    /// # Errors
    /// What is wrong with it, for whoever writes the catalogue.
    pub fn parse(source: &str) -> Result<Self, String> {
        let resource = fluent_syntax::parser::parse(source)
            .map_err(|(_, errors)| format!("not Fluent: {errors:?}"))?;
        let mut texts = BTreeMap::new();
        for entry in resource.body {
            let message = match entry {
                Entry::Message(message) => message,
                Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
                Entry::Term(term) => return Err(format!("-{}: terms are not used", term.id.name)),
                Entry::Junk { content } => return Err(format!("not understood: {content}")),
            };
            let id = message.id.name.to_owned();
            let pattern = message.value.ok_or(format!("{id} has no text"))?;
            let parts = parts(&id, pattern)?;
            for attribute in message.attributes {
                let id = format!("{id}.{}", attribute.id.name);
                let parts = self::parts(&id, attribute.value)?;
                texts.insert(id, parts);
            }
            if texts.insert(id.clone(), parts).is_some() {
                return Err(format!("{id} stands twice"));
            }
        }
        Ok(Self { texts })
    }

    /// Every id with the names of its values.
    pub fn ids(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.texts.iter().map(|(id, parts)| {
            let mut values: Vec<&str> = parts.iter().filter_map(value_of).collect();
            values.sort_unstable();
            (id.as_str(), values)
        })
    }

    /// The text of a message; `None` if the catalogue does not have it. A value that is missing is shown by its name.
    #[must_use]
    pub fn text(&self, id: &str, arguments: &[Argument]) -> Option<String> {
        let parts = self.texts.get(&key(id))?;
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(name) => {
                    let given = arguments.iter().find(|argument| argument.name == *name);
                    text.push_str(given.map_or(name.as_str(), |argument| &argument.value));
                }
            }
        }
        Some(text)
    }

    /// A message in this language. A fault with `active` = `false` is a resolved one.
    #[must_use]
    pub fn render(&self, tag: &str, message: &Message) -> Option<Rendered> {
        let mut text = self.text(&message.id, &message.arguments)?;
        if message.id.starts_with("fault.") && message.argument("active") == Some("false") {
            let fault = Argument {
                name: "text".to_owned(),
                value: text.clone(),
            };
            text = self.text("resolved", &[fault]).unwrap_or(text);
        }
        Some(Rendered {
            language: tag.to_owned(),
            text,
        })
    }
}

fn value_of(part: &Part) -> Option<&str> {
    match part {
        Part::Value(name) => Some(name),
        Part::Text(_) => None,
    }
}

/// `fault.RCMB.action` → `fault-RCMB.action`, `indication.charging` → `indication-charging`.
fn key(id: &str) -> String {
    match id.strip_suffix(".action") {
        Some(message) => format!("{}.action", message.replace('.', "-")),
        None => id.replace('.', "-"),
    }
}

fn parts(id: &str, pattern: Pattern<&str>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for element in pattern.elements {
        parts.push(match element {
            PatternElement::TextElement { value } => Part::Text(value.to_owned()),
            PatternElement::Placeable {
                expression: Expression::Inline(InlineExpression::VariableReference { id }),
            } => Part::Value(id.name.to_owned()),
            PatternElement::Placeable { .. } => {
                return Err(format!(
                    "{id}: only variables may be placed, like {{ $kwh }}"
                ));
            }
        });
    }
    Ok(parts)
}

/// Exports a catalogue as this component's language: name of the plugin, language tag, summary, and the Fluent text.
#[macro_export]
macro_rules! export_catalogue {
    ({ name: $name:literal, tag: $tag:literal, summary: $summary:literal, texts: $texts:expr $(,)? }) => {
        /// The language.
        #[derive(Debug)]
        pub struct Texts;

        impl $crate::language::Language for Texts {
            fn describe() -> $crate::Manifest {
                $crate::Manifest {
                    name: $name.to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    summary: $summary.to_owned(),
                    capabilities: ::std::vec::Vec::new(),
                    settings: ::std::vec::Vec::new(),
                }
            }

            fn render(
                _now: $crate::Moment,
                message: &$crate::language::Message,
            ) -> ::core::option::Option<$crate::language::Rendered> {
                static CATALOGUE: ::std::sync::OnceLock<$crate::catalogue::Catalogue> =
                    ::std::sync::OnceLock::new();
                let catalogue = CATALOGUE.get_or_init(|| {
                    $crate::catalogue::Catalogue::parse($texts).unwrap_or_else(|error| {
                        $crate::log($crate::Level::Error, &error);
                        $crate::catalogue::Catalogue::default()
                    })
                });
                catalogue.render($tag, message)
            }
        }

        $crate::export_language!(Texts);
    };
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
