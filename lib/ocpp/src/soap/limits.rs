//! Every bound of OCPP-S by name. Each is our own choice.

/// Longest envelope that is read, in bytes.
///
/// XML takes about twice the room of JSON. Smaller: a full local authorization list of about 3,000 tokens no longer
/// fits. Larger: one envelope can fill the memory of a guest.
pub const ENVELOPE_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of elements, the envelope counted. The deepest message needs seven levels; the rest is room for
/// header blocks of others, such as signatures.
pub const DEPTH_MAX: usize = 32;

/// Most elements in one envelope. Keeps the tree of an envelope of bare tags within a few megabytes.
pub const ELEMENTS_MAX: usize = 40_000;

/// Most `<` in one envelope: two for each element, and some for comments. A parser that makes room for all of them first
/// takes some 50 bytes for each.
pub const TAGS_MAX: usize = ELEMENTS_MAX * 2 + 1_000;

/// Most `=` in one envelope, in texts too. A parser that makes room for an attribute at each takes some 40 bytes for it.
/// Smaller: vendor data that is full of them is refused.
pub const EQUALS_MAX: usize = 40_000;

/// Most attributes, namespace declarations among them, of one element. A parser compares each with each.
pub const ATTRIBUTES_MAX: usize = 64;

/// Most namespace declarations in one envelope. Stacks that declare where they use have one on every element of a
/// header and on few of a body.
pub const NAMESPACES_MAX: usize = 1_024;

/// Longest header text that is kept (an address, a message id), in characters; longer ones are refused.
pub const HEADER_CHARS_MAX: usize = 1_024;

/// Longest reason that is kept of a fault, in characters; the rest is cut.
pub const REASON_CHARS_MAX: usize = 255;
