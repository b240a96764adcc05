//! XML in and out: bounds before the tree is built, a tree without entities, and a writer that escapes.
//!
//! Duty: whatever the bytes, [`parse`] gives a tree of bounded size or an error with line and column. A document type
//! declaration is refused, so there are no entities beyond the five of XML itself.
//!
//! Not here: any meaning of an element.

use super::error::{Place, ReadError, Trouble};
use super::limits::{
    ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, ENVELOPE_BYTES_MAX, EQUALS_MAX, NAMESPACES_MAX,
    TAGS_MAX,
};
use alloc::format;
use alloc::string::String;
use roxmltree::{Document, ParsingOptions};

/// Bytes as text: UTF-8, a byte order mark allowed.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, ReadError> {
    if bytes.len() > ENVELOPE_BYTES_MAX {
        let detail = format!(
            "{} bytes, at most {ENVELOPE_BYTES_MAX} are read",
            bytes.len()
        );
        return Err(ReadError::new(Trouble::TooLarge, Place::start(), detail));
    }
    match core::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let detail = format!("byte {} is not UTF-8", error.valid_up_to());
            Err(ReadError::new(Trouble::NotXml, Place::start(), detail))
        }
    }
}

/// Builds the tree.
pub(super) fn parse(text: &str) -> Result<Document<'_>, ReadError> {
    Scan::new(text).run()?;
    check_room(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: u32::try_from(ELEMENTS_MAX * 3).unwrap_or(u32::MAX),
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        let place = Place {
            line: at.row,
            column: at.col,
        };
        // The parser's own words end with the position, which we give in our own form.
        let mut detail = format!("{error}");
        if let Some(end) = detail.rfind(" at ") {
            detail.truncate(end);
        }
        let trouble = match error {
            roxmltree::Error::NodesLimitReached => Trouble::TooLarge,
            _ => Trouble::NotXml,
        };
        ReadError::new(trouble, place, detail)
    })
}

/// The parser makes room for a node at every `<` and for an attribute at every `=` before it looks at them, wherever they
/// stand: inside comments, texts and broken tags too.
fn check_room(text: &str) -> Result<(), ReadError> {
    let count = |wanted: u8| text.bytes().filter(|byte| *byte == wanted).count();
    let detail = if count(b'<') > TAGS_MAX {
        "too many tags"
    } else if count(b'=') > EQUALS_MAX {
        "too many attributes, or signs that look like them"
    } else {
        return Ok(());
    };
    Err(ReadError::new(Trouble::TooLarge, Place::start(), detail))
}

/// Counts tags, attributes and depth without building anything.
///
/// On well-formed text it agrees with the parser; on other text it may count wrongly, and the parser then stops at the
/// first fault, which is not after the place where the two part.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    elements: usize,
    namespaces: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            elements: 0,
            namespaces: 0,
        }
    }

    fn run(mut self) -> Result<(), ReadError> {
        while let Some(found) = self.rest().find('<') {
            self.at += found;
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.skip_past("-->");
            } else if rest.starts_with("<![CDATA[") {
                self.skip_past("]]>");
            } else if rest.starts_with("<?") {
                self.skip_past("?>");
            } else if rest.starts_with("<!") {
                return Err(self.error(Trouble::NotXml, "a document type declaration is refused"));
            } else if rest.starts_with("</") {
                self.depth = self.depth.saturating_sub(1);
                self.skip_past(">");
            } else {
                self.start_tag()?;
            }
        }
        Ok(())
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_past(&mut self, end: &str) {
        self.at = match self.rest().find(end) {
            Some(found) => self.at + found + end.len(),
            None => self.text.len(),
        };
    }

    fn start_tag(&mut self) -> Result<(), ReadError> {
        self.elements += 1;
        self.depth += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(self.error(Trouble::TooLarge, "too many elements"));
        }
        if self.depth > DEPTH_MAX {
            return Err(self.error(Trouble::TooLarge, "elements are nested too deeply"));
        }
        let tag = self.rest();
        let (mut attributes, mut quote, mut previous) = (0, None, ' ');
        for (offset, c) in tag.char_indices() {
            match quote {
                Some(open) if open == c => quote = None,
                Some(_) => {}
                None if c == '"' || c == '\'' => {
                    quote = Some(c);
                    attributes += 1;
                }
                None if c == '>' => {
                    if previous == '/' {
                        self.depth -= 1;
                    }
                    self.namespaces += tag.get(..offset).unwrap_or("").matches("xmlns").count();
                    self.at += offset + 1;
                    return self.check_attributes(attributes);
                }
                None => {}
            }
            previous = c;
        }
        // The tag has no end; the parser says so, unless the attributes alone are too many for it.
        self.at = self.text.len();
        self.check_attributes(attributes)
    }

    fn check_attributes(&self, attributes: usize) -> Result<(), ReadError> {
        if attributes > ATTRIBUTES_MAX {
            return Err(self.error(Trouble::TooLarge, "an element has too many attributes"));
        }
        if self.namespaces > NAMESPACES_MAX {
            return Err(self.error(Trouble::TooLarge, "too many namespace declarations"));
        }
        Ok(())
    }

    fn error(&self, trouble: Trouble, detail: &'static str) -> ReadError {
        ReadError::new(trouble, Place::of(self.text, self.at), detail)
    }
}

/// Writes elements; every text is escaped.
pub(super) struct Writer {
    out: String,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"),
        }
    }

    /// Opens an element; `name` may carry attributes of ours that need no escaping.
    pub(super) fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Opens an element with one attribute after another.
    pub(super) fn open_with<'a>(
        &mut self,
        name: &str,
        attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            self.text(value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    pub(super) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// Characters that XML cannot carry become U+FFFD; line ends and tabs survive the reader's normalisation.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '"' => self.out.push_str("&quot;"),
                '\t' => self.out.push_str("&#9;"),
                '\n' => self.out.push_str("&#10;"),
                '\r' => self.out.push_str("&#13;"),
                c if is_carried(c) => self.out.push(c),
                _ => self.out.push('\u{fffd}'),
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// True for the characters that an XML 1.0 document can hold.
#[must_use]
pub fn is_carried(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
