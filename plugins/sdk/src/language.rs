//! Languages: render what the station wants to say. Mirrors `wit/display/display.wit`.

use crate::{Manifest, Moment};

/// A named value of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A message of the station's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Id in the catalogue.
    pub id: String,
    /// Named values.
    pub arguments: Vec<Argument>,
}

impl Message {
    /// Value of an argument.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments
            .iter()
            .find(|a| a.name == name)
            .map(|a| a.value.as_str())
    }
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Language tag, for example `en`.
    pub language: String,
    /// The text.
    pub text: String,
}

/// A language. It has no state.
pub trait Language: 'static {
    /// Who the plugin is and what it asks for.
    fn describe() -> Manifest;
    /// Renders the message, or `None` if it does not know the id.
    fn render(now: Moment, message: &Message) -> Option<Rendered>;
}

/// Exports a type as this component's language. Does nothing natively.
#[macro_export]
macro_rules! export_language {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the generated exports are C functions")]
        const _: () = {
            $crate::__language_glue!($plugin);
        };
    };
}
