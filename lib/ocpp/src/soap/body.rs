//! Between the elements of a message and the value that the message types read and write.

use super::error::{Place, ReadError, Trouble};
use super::tables::{Element, Kind, READING_ATTRIBUTES, Table};
use super::xml::Writer;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use roxmltree::Node;
use serde_json::{Map, Number, Value};

/// Says that an element is there and empty.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Prefix of the service's namespace in what we write.
pub(super) const PREFIX: &str = "o:";

/// The place where a node begins.
pub(super) fn place(node: Node<'_, '_>) -> Place {
    Place::of(node.document().input_text(), node.range().start)
}

/// The text of an element: all its text together, comments left out.
///
/// Errors: if it has elements inside.
pub(super) fn text(node: Node<'_, '_>) -> Result<String, ReadError> {
    if let Some(child) = node.children().find(Node::is_element) {
        let detail = format!("{} should hold text, not elements", name(node));
        return Err(ReadError::new(Trouble::Content, place(child), detail));
    }
    let texts = node.children().filter(Node::is_text);
    Ok(texts.filter_map(|child| child.text()).collect())
}

fn name(node: Node<'_, '_>) -> String {
    let shown = node.tag_name().name().chars();
    shown.take(crate::limits::FOREIGN_NAME_CHARS_MAX).collect()
}

/// True for an element of the service, or of a peer that forgot the namespace.
fn is_ours(node: Node<'_, '_>, namespace: &str) -> bool {
    node.tag_name()
        .namespace()
        .is_none_or(|found| found.is_empty() || found == namespace)
}

/// Reads the elements inside a node by a table. Elements that the table does not have become `null`s, for the message
/// types to note.
pub(super) fn read_object(
    node: Node<'_, '_>,
    table: Table,
    namespace: &str,
) -> Result<Map<String, Value>, ReadError> {
    let mut object = Map::new();
    for child in node.children() {
        if child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()) {
            let detail = format!("{} should hold elements, not text", name(node));
            return Err(ReadError::new(Trouble::Content, place(child), detail));
        }
        if !child.is_element() {
            continue;
        }
        let known = table
            .iter()
            .find(|element| element.xml == child.tag_name().name() && is_ours(child, namespace));
        match known {
            Some(element) => take(&mut object, element, child, namespace)?,
            None => note_unknown(&mut object, table, child),
        }
    }
    Ok(object)
}

fn note_unknown(object: &mut Map<String, Value>, table: Table, child: Node<'_, '_>) {
    let unknown = name(child);
    if table.iter().all(|element| element.json != unknown) {
        object.entry(unknown).or_insert(Value::Null);
    }
}

fn take(
    object: &mut Map<String, Value>,
    element: &Element,
    node: Node<'_, '_>,
    namespace: &str,
) -> Result<(), ReadError> {
    let value = read_value(node, element.kind, namespace)?;
    if element.many {
        let list = object
            .entry(element.json)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = list {
            items.push(value);
        }
        return Ok(());
    }
    if object.contains_key(element.json) {
        let detail = format!("{} is there more than once", element.xml);
        return Err(ReadError::new(Trouble::Content, place(node), detail));
    }
    object.insert(element.json.into(), value);
    Ok(())
}

fn read_value(node: Node<'_, '_>, kind: Kind, namespace: &str) -> Result<Value, ReadError> {
    if let Kind::Object(table) = kind {
        if is_nil(node) {
            return Ok(Value::Null);
        }
        return read_object(node, table, namespace).map(Value::Object);
    }
    let whole = text(node)?;
    if is_nil(node) {
        return Ok(Value::Null);
    }
    let trimmed = whole.trim();
    // An empty element where a number or word should be is how some stacks leave a field out.
    let value = match kind {
        Kind::Text => Value::String(whole),
        Kind::Reading => reading(node, whole),
        Kind::Object(_) | Kind::Word | Kind::Int | Kind::Decimal | Kind::Flag
            if trimmed.is_empty() =>
        {
            Value::Null
        }
        Kind::Object(_) | Kind::Word => Value::String(trimmed.into()),
        Kind::Int => integer(trimmed),
        Kind::Decimal => decimal(trimmed),
        Kind::Flag => match trimmed {
            "true" | "1" => Value::Bool(true),
            "false" | "0" => Value::Bool(false),
            other => Value::String(other.into()),
        },
    };
    Ok(value)
}

fn is_nil(node: Node<'_, '_>) -> bool {
    matches!(node.attribute((XSI, "nil")), Some("true" | "1"))
}

fn reading(node: Node<'_, '_>, value: String) -> Value {
    let mut object = Map::new();
    object.insert("value".into(), Value::String(value));
    for field in READING_ATTRIBUTES {
        if let Some(word) = node.attribute(field) {
            object.insert(field.into(), Value::String(word.trim().into()));
        }
    }
    Value::Object(object)
}

/// A whole number, or the text for the message types to complain about.
fn integer(text: &str) -> Value {
    let digits = text.strip_prefix('+').unwrap_or(text);
    match digits.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => Value::String(text.into()),
    }
}

/// A decimal as XML Schema spells it (`+5`, `.5`, `5.`), brought to JSON's spelling.
fn decimal(text: &str) -> Value {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = !(whole.is_empty() && fraction.is_empty())
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit());
    if !plain {
        return Value::String(text.into());
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let fraction = match fraction.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let spelt = format!("{sign}{whole}.{fraction}");
    match spelt.parse::<Number>() {
        Ok(number) => Value::Number(number),
        Err(_) => Value::String(text.into()),
    }
}

/// Writes the elements of an object in the order of the table.
pub(super) fn write_object(writer: &mut Writer, object: &Map<String, Value>, table: Table) {
    for element in table {
        let name = format!("{PREFIX}{}", element.xml);
        match object.get(element.json) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) if element.many => {
                for item in items {
                    write_value(writer, &name, item, element.kind);
                }
            }
            Some(value) => write_value(writer, &name, value, element.kind),
        }
    }
}

fn write_value(writer: &mut Writer, name: &str, value: &Value, kind: Kind) {
    match (value, kind) {
        (Value::Object(object), Kind::Object(table)) => {
            writer.open(name);
            write_object(writer, object, table);
            writer.close(name);
        }
        (Value::Object(object), _) => {
            let attributes = READING_ATTRIBUTES.into_iter().filter_map(|field| {
                let word = object.get(field)?.as_str()?;
                Some((field, word))
            });
            writer.open_with(name, attributes);
            writer.text(object.get("value").and_then(Value::as_str).unwrap_or(""));
            writer.close(name);
        }
        (Value::String(text), _) => writer.leaf(name, text),
        (other, _) => writer.leaf(name, &other.to_string()),
    }
}

/// The place of a field that the message types complain about; of the nearest element around it if it is not there.
pub(super) fn locate(root: Node<'_, '_>, table: Table, path: &str) -> Place {
    let (mut node, mut table) = (root, table);
    for segment in path.split('.') {
        let (field, index) = match segment.split_once('[') {
            Some((field, rest)) => {
                let index = rest.trim_end_matches(']').parse().unwrap_or(0);
                (field, index)
            }
            None => (segment, 0),
        };
        let Some(element) = table.iter().find(|element| element.json == field) else {
            break;
        };
        let mut found = node
            .children()
            .filter(|child| child.is_element() && child.tag_name().name() == element.xml);
        let Some(child) = found.nth(index) else {
            break;
        };
        node = child;
        table = match element.kind {
            Kind::Object(table) => table,
            Kind::Text | Kind::Word | Kind::Int | Kind::Decimal | Kind::Flag | Kind::Reading => &[],
        };
    }
    place(node)
}
