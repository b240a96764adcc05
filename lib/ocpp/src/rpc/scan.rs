//! Looks at the text of a frame before, or instead of, parsing it.

use super::{CALL, MessageId};
use crate::limits::MESSAGE_ID_CHARS_MAX;
use alloc::string::String;

/// How much a parser would have to build.
pub(super) struct Shape {
    /// Deepest nesting.
    pub depth: usize,
    /// Upper bound for the number of values: separators and openings outside texts.
    pub values: usize,
}

/// Measures a text in one pass, without memory. Exact for valid JSON; what it says of other text does not matter.
pub(super) fn shape(text: &str) -> Shape {
    let (mut depth, mut deepest, mut values) = (0_usize, 0_usize, 1_usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
    }
    Shape {
        depth: deepest,
        values,
    }
}

/// The id at the start of a broken call, so that it can be answered. Looks at a bounded prefix only.
pub(super) fn call_id(text: &str) -> Option<MessageId> {
    let rest = text.trim_start().strip_prefix('[')?.trim_start();
    let end = rest.find(',')?;
    let (kind, rest) = rest.split_at_checked(end)?;
    if kind.trim_end().parse() != Ok(CALL) {
        return None;
    }
    let rest = rest.strip_prefix(',')?.trim_start();
    // An escaped character takes up to twelve bytes; cut at a character's border.
    let mut cut = rest.len().min(MESSAGE_ID_CHARS_MAX * 12 + 2);
    while !rest.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut values = serde_json::Deserializer::from_str(rest.get(..cut)?).into_iter::<String>();
    MessageId::new(values.next()?.ok()?)
}
