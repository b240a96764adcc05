//! Header blocks: WS-Addressing and the identity of the charge point.

use super::body::{place, text};
use super::error::{ReadError, Trouble};
use super::limits::HEADER_CHARS_MAX;
use super::xml::Writer;
use super::{ANONYMOUS, SOAP, WSA};
use alloc::format;
use alloc::string::String;
use roxmltree::Node;

/// WS-Addressing before it was a recommendation; some old stacks still send it.
const WSA_2004: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";

/// What the header of an envelope says. Absent blocks are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressing {
    /// Identity of the charge point; requests in both directions carry it.
    pub charge_box_identity: Option<String>,
    /// `/Action` or `/ActionResponse`; filled in when written.
    pub action: Option<String>,
    /// Identifies a request.
    pub message_id: Option<String>,
    /// Identifies the request that this answers.
    pub relates_to: Option<String>,
    /// Where it goes.
    pub to: Option<String>,
    /// Where the sender can be called: the charge point's own address, as the central system learns it.
    pub from: Option<String>,
    /// Where the answer goes; answers go back over the same HTTP exchange, which is the anonymous address.
    pub reply_to: Option<String>,
}

impl Addressing {
    /// The headers of a request.
    ///
    /// `from` is the address the sender wants to be called at.
    pub fn request(
        message_id: impl Into<String>,
        identity: impl Into<String>,
        to: impl Into<String>,
        from: impl Into<String>,
    ) -> Self {
        Self {
            charge_box_identity: Some(identity.into()),
            action: None,
            message_id: Some(message_id.into()),
            relates_to: None,
            to: Some(to.into()),
            from: Some(from.into()),
            reply_to: Some(ANONYMOUS.into()),
        }
    }

    /// The headers of the answer to a request with these headers.
    #[must_use]
    pub fn answer(&self) -> Self {
        Self {
            relates_to: self.message_id.clone(),
            to: Some(self.reply_to.clone().unwrap_or_else(|| ANONYMOUS.into())),
            ..Self::default()
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.open("s:Header");
        let leaves = [
            ("o:chargeBoxIdentity", &self.charge_box_identity),
            ("a:Action", &self.action),
            ("a:MessageID", &self.message_id),
            ("a:RelatesTo", &self.relates_to),
        ];
        for (name, value) in leaves {
            if let Some(value) = value {
                writer.leaf(name, value);
            }
        }
        for (name, address) in [("a:From", &self.from), ("a:ReplyTo", &self.reply_to)] {
            if let Some(address) = address {
                writer.open(name);
                writer.leaf("a:Address", address);
                writer.close(name);
            }
        }
        if let Some(to) = &self.to {
            writer.leaf("a:To", to);
        }
        writer.close("s:Header");
    }

    /// Reads one header block.
    pub(super) fn take(&mut self, block: Node<'_, '_>) -> Result<(), ReadError> {
        let tag = block.tag_name();
        let namespace = tag.namespace().unwrap_or("");
        let is_wsa = namespace == WSA || namespace == WSA_2004;
        let is_ocpp = namespace.is_empty() || namespace.starts_with("urn://Ocpp/");
        let slot = match tag.name() {
            "chargeBoxIdentity" if is_ocpp => &mut self.charge_box_identity,
            "Action" if is_wsa => &mut self.action,
            "MessageID" if is_wsa => &mut self.message_id,
            "RelatesTo" if is_wsa => &mut self.relates_to,
            "To" if is_wsa => &mut self.to,
            "From" if is_wsa => &mut self.from,
            "ReplyTo" if is_wsa => &mut self.reply_to,
            // Faults go back like answers do; there is nothing to do for it.
            "FaultTo" if is_wsa => return Ok(()),
            name => return refuse_if_needed(block, name),
        };
        if slot.is_some() {
            let detail = format!("the header {} is there more than once", tag.name());
            return Err(ReadError::new(Trouble::Headers, place(block), detail));
        }
        let value = match block.children().find(Node::is_element) {
            // An endpoint reference may hold more than the address; the rest is for its own stack.
            Some(_) => match block.children().find(|c| c.tag_name().name() == "Address") {
                Some(address) => text(address)?,
                None => String::new(),
            },
            None => text(block)?,
        };
        let value = value.trim();
        if value.chars().count() > HEADER_CHARS_MAX {
            let detail = format!("the header {} is too long", tag.name());
            return Err(ReadError::new(Trouble::TooLarge, place(block), detail));
        }
        *slot = Some(value.into());
        Ok(())
    }
}

/// A block of somebody else's is passed over, unless it is for us and must be understood.
fn refuse_if_needed(block: Node<'_, '_>, name: &str) -> Result<(), ReadError> {
    let must = matches!(
        block.attribute((SOAP, "mustUnderstand")).map(str::trim),
        Some("true" | "1")
    );
    let elsewhere = block
        .attribute((SOAP, "role"))
        .is_some_and(|role| role.ends_with("/role/none"));
    if !must || elsewhere {
        return Ok(());
    }
    let shown: String = name
        .chars()
        .take(crate::limits::FOREIGN_NAME_CHARS_MAX)
        .collect();
    let detail = format!("the header {shown} must be understood and is not");
    Err(ReadError::new(Trouble::NotUnderstood, place(block), detail))
}
