//! OCPP-S: the messages of OCPP 1.5 and 1.6 in SOAP 1.2 envelopes.
//!
//! Duty: from the message types of [`crate::v16`] to the text of an envelope and back, in both directions, with
//! WS-Addressing and faults. A [`Codec`] is for one version and one of the two services; a station writes requests to
//! the [`Service::CentralSystem`] and answers requests to its own [`Service::ChargePoint`].
//!
//! ```
//! use ocpp::soap::{Addressing, Codec, Service, Version};
//! use ocpp::v16::{HeartbeatRequest, Request};
//!
//! let codec = Codec::new(Version::Ocpp15, Service::CentralSystem);
//! let headers = Addressing::request("1-1", "CP1", "http://127.0.0.1:1/cs", "http://127.0.0.1:8090/");
//! let text = codec.write_request(&headers, &Request::from(HeartbeatRequest {})).unwrap();
//! let received = codec.read_request(text.as_bytes()).unwrap();
//! assert_eq!(received.request, Request::from(HeartbeatRequest {}));
//! assert_eq!(received.addressing.message_id.as_deref(), Some("1-1"));
//! ```
//!
//! Not here: HTTP, TLS, sockets, clocks, retries, and who may call. No document type declaration is accepted, and no
//! entity beyond XML's five exists. What 1.5 cannot say is in
//! `docs/spec/ocpp-soap.md`.

mod addressing;
mod body;
mod error;
mod fault;
pub mod limits;
mod tables;
mod v15;
mod xml;

pub use addressing::Addressing;
pub use error::{Place, ReadError, Trouble, Unsayable};
pub use fault::{Blame, FaultCode, SoapFault};
pub use xml::is_carried;

use crate::v16::{Action, Initiator, Request, Response};
use crate::wire::{DecodeError, Notes};
use alloc::format;
use alloc::string::String;
use body::{PREFIX, locate, place, read_object, text, write_object};
use roxmltree::{Document, Node};
use serde_json::{Map, Value};
use tables::{Table, tables};
use xml::Writer;

const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const WSA: &str = "http://www.w3.org/2005/08/addressing";
const WSA_FAULT: &str = "http://www.w3.org/2005/08/addressing/fault";

/// The address that stands for the same HTTP exchange.
pub const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";

/// Version of OCPP-S.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// OCPP 1.5.
    Ocpp15,
    /// OCPP 1.6-S.
    Ocpp16,
}

/// The service a request is made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Of the central system; charge points call it.
    CentralSystem,
    /// Of the charge point; the central system calls it.
    ChargePoint,
}

/// A request that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// Its headers; [`Addressing::answer`] makes those of the answer.
    pub addressing: Addressing,
    /// The message.
    pub request: Request,
    /// Deviations that were tolerated.
    pub notes: Notes,
}

/// An answer that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedAnswer {
    /// Its headers. Some central systems answer without any.
    pub addressing: Addressing,
    /// The message, or the fault that came instead.
    pub outcome: Result<Response, SoapFault>,
    /// Deviations that were tolerated.
    pub notes: Notes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Response,
}

/// Reads and writes the envelopes of one service in one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Codec {
    version: Version,
    service: Service,
}

impl Codec {
    /// A codec for requests to a service, and their answers.
    #[must_use]
    pub const fn new(version: Version, service: Service) -> Self {
        Self { version, service }
    }

    /// The namespace of the service.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match (self.version, self.service) {
            (Version::Ocpp15, Service::CentralSystem) => "urn://Ocpp/Cs/2012/06/",
            (Version::Ocpp15, Service::ChargePoint) => "urn://Ocpp/Cp/2012/06/",
            (Version::Ocpp16, Service::CentralSystem) => "urn://Ocpp/Cs/2015/10/",
            (Version::Ocpp16, Service::ChargePoint) => "urn://Ocpp/Cp/2015/10/",
        }
    }

    /// True if the service has the action in this version.
    #[must_use]
    pub fn supports(self, action: Action) -> bool {
        self.tables(action).is_some()
    }

    fn tables(self, action: Action) -> Option<(Table, Table)> {
        let here = match action.initiator() {
            Initiator::Either => true,
            Initiator::ChargePoint => self.service == Service::CentralSystem,
            Initiator::CentralSystem => self.service == Service::ChargePoint,
        };
        if here {
            tables(self.version, action)
        } else {
            None
        }
    }

    /// The `Content-Type` of an HTTP request for an action. Answers have [`Codec::ANSWER_CONTENT_TYPE`].
    #[must_use]
    pub fn content_type(action: Action) -> String {
        format!("{}; action=\"/{action}\"", Self::ANSWER_CONTENT_TYPE)
    }

    /// The `Content-Type` of an HTTP answer, fault or not.
    pub const ANSWER_CONTENT_TYPE: &'static str = "application/soap+xml; charset=utf-8";

    /// Writes a request. The action header is filled in.
    ///
    /// Errors: [`Unsayable`] if this version or service has no words for it; nothing is to be sent then.
    pub fn write_request(
        self,
        addressing: &Addressing,
        request: &Request,
    ) -> Result<String, Unsayable> {
        let action = request.action();
        let Some((table, _)) = self.tables(action) else {
            return Err(Unsayable::new(action.as_str()));
        };
        let mut payload = object_of(request.to_payload());
        match self.version {
            Version::Ocpp15 => v15::request_out(request, &mut payload)?,
            Version::Ocpp16 => v15::request_out_16(request, &mut payload),
        }
        let header = with_action(addressing, format!("/{action}"));
        let name = element_name(action, Direction::Request);
        Ok(self.envelope(&header, |writer| {
            write_message(writer, &name, &payload, table);
        }))
    }

    /// Writes the answer to a request; `addressing` comes from [`Addressing::answer`].
    ///
    /// Errors: [`Unsayable`] if this version or service does not have the action.
    pub fn write_response(
        self,
        addressing: &Addressing,
        response: &Response,
    ) -> Result<String, Unsayable> {
        let action = response.action();
        let Some((_, table)) = self.tables(action) else {
            return Err(Unsayable::new(action.as_str()));
        };
        let mut payload = object_of(response.to_payload());
        if self.version == Version::Ocpp15 {
            v15::response_out(response, &mut payload);
        }
        let header = with_action(addressing, format!("/{action}Response"));
        let name = element_name(action, Direction::Response);
        Ok(self.envelope(&header, |writer| {
            write_message(writer, &name, &payload, table);
        }))
    }

    /// Writes a fault as the answer to a request.
    #[must_use]
    pub fn write_fault(self, addressing: &Addressing, fault: &SoapFault) -> String {
        let header = with_action(addressing, WSA_FAULT.into());
        self.envelope(&header, |writer| {
            writer.open("s:Fault");
            writer.open("s:Code");
            writer.leaf("s:Value", &format!("s:{}", fault.code.code()));
            // A subcode is a qualified name; a peer's odd one would make the envelope malformed.
            let subcode: String = fault
                .code
                .subcode()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            if subcode.starts_with(|c: char| c.is_ascii_alphabetic()) {
                writer.open("s:Subcode");
                writer.leaf("s:Value", &format!("{PREFIX}{subcode}"));
                writer.close("s:Subcode");
            }
            writer.close("s:Code");
            writer.open("s:Reason");
            writer.open_with("s:Text", [("xml:lang", "en")]);
            writer.text(&fault.reason);
            writer.close("s:Text");
            writer.close("s:Reason");
            writer.close("s:Fault");
        })
    }

    fn envelope(self, header: &Addressing, body: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::new();
        writer.open_with(
            "s:Envelope",
            [
                ("xmlns:s", SOAP),
                ("xmlns:a", WSA),
                ("xmlns:o", self.namespace()),
            ],
        );
        header.write(&mut writer);
        writer.open("s:Body");
        body(&mut writer);
        writer.close("s:Body");
        writer.close("s:Envelope");
        writer.finish()
    }

    /// Reads a request to this service.
    ///
    /// Errors: what is wrong and where; [`ReadError::to_fault`] is what to answer.
    pub fn read_request(self, bytes: &[u8]) -> Result<ReceivedRequest, ReadError> {
        let source = xml::text_of(bytes)?;
        let document = xml::parse(source)?;
        let mut addressing = Addressing::default();
        let outcome = self.request_of(&document, &mut addressing);
        match outcome {
            Ok((request, notes)) => Ok(ReceivedRequest {
                addressing,
                request,
                notes,
            }),
            Err(mut error) => {
                *error.addressing = addressing;
                Err(error)
            }
        }
    }

    fn request_of(
        self,
        document: &Document<'_>,
        addressing: &mut Addressing,
    ) -> Result<(Request, Notes), ReadError> {
        let message = open(document, addressing)?;
        let action = self.action_of(message, Direction::Request)?;
        let Some((table, _)) = self.tables(action) else {
            return Err(self.not_supported(message));
        };
        check_action_header(addressing, action, message)?;
        let mut payload = read_object(message, table, self.namespace())?;
        if self.version == Version::Ocpp15 {
            v15::request_in(&mut payload);
        }
        Request::decode(action, &Value::Object(payload))
            .map_err(|error| content_error(error, message, table))
    }

    /// Reads the answer to a request of an action.
    ///
    /// Errors: what is wrong and where; a bad answer is reported, never answered.
    pub fn read_response(self, action: Action, bytes: &[u8]) -> Result<ReceivedAnswer, ReadError> {
        let source = xml::text_of(bytes)?;
        let document = xml::parse(source)?;
        let mut addressing = Addressing::default();
        match self.response_of(action, &document, &mut addressing) {
            Ok((outcome, notes)) => Ok(ReceivedAnswer {
                addressing,
                outcome,
                notes,
            }),
            Err(mut error) => {
                *error.addressing = addressing;
                Err(error)
            }
        }
    }

    fn response_of(
        self,
        action: Action,
        document: &Document<'_>,
        addressing: &mut Addressing,
    ) -> Result<(Result<Response, SoapFault>, Notes), ReadError> {
        let message = open(document, addressing)?;
        if message.has_tag_name((SOAP, "Fault")) {
            return Ok((Err(read_fault(message)), Notes::default()));
        }
        let Some((_, table)) = self.tables(action) else {
            return Err(self.not_supported(message));
        };
        let found = self.action_of(message, Direction::Response)?;
        if found != action {
            let detail = format!("an answer to {found}, {action} was asked");
            return Err(ReadError::new(Trouble::Content, place(message), detail));
        }
        let mut payload = read_object(message, table, self.namespace())?;
        if self.version == Version::Ocpp15 {
            v15::response_in(action, &mut payload);
        }
        Response::decode(action, &Value::Object(payload))
            .map(|(response, notes)| (Ok(response), notes))
            .map_err(|error| content_error(error, message, table))
    }

    fn action_of(self, message: Node<'_, '_>, wanted: Direction) -> Result<Action, ReadError> {
        let tag = message.tag_name();
        let ours = tag.namespace() == Some(self.namespace());
        let ending = match wanted {
            Direction::Request => "Request",
            Direction::Response => "Response",
        };
        let action = tag.name().strip_suffix(ending).and_then(|name| {
            Action::ALL
                .iter()
                .copied()
                .find(|action| is_lower_camel(name, action.as_str()))
        });
        match action {
            Some(action) if ours => Ok(action),
            _ => Err(self.not_supported(message)),
        }
    }

    fn not_supported(self, message: Node<'_, '_>) -> ReadError {
        let cut = |text: &str| -> String { text.chars().take(64).collect() };
        let tag = message.tag_name();
        let detail = format!(
            "{} of {} is not known here; this service is {}",
            cut(tag.name()),
            cut(tag.namespace().unwrap_or("no namespace")),
            self.namespace()
        );
        ReadError::new(Trouble::NotSupported, place(message), detail)
    }
}

fn write_message(writer: &mut Writer, name: &str, payload: &Map<String, Value>, table: Table) {
    let name = format!("{PREFIX}{name}");
    writer.open(&name);
    write_object(writer, payload, table);
    writer.close(&name);
}

fn with_action(addressing: &Addressing, action: String) -> Addressing {
    Addressing {
        action: Some(action),
        ..addressing.clone()
    }
}

fn object_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn element_name(action: Action, direction: Direction) -> String {
    let (first, rest) = action.as_str().split_at(1);
    let ending = match direction {
        Direction::Request => "Request",
        Direction::Response => "Response",
    };
    format!("{}{rest}{ending}", first.to_ascii_lowercase())
}

fn is_lower_camel(name: &str, action: &str) -> bool {
    let mut letters = name.chars();
    let mut wanted = action.chars();
    letters.next() == wanted.next().map(|c| c.to_ascii_lowercase())
        && letters.as_str() == wanted.as_str()
}

/// The one element in the body of an envelope; the header is read on the way.
fn open<'d>(
    document: &'d Document<'_>,
    addressing: &mut Addressing,
) -> Result<Node<'d, 'd>, ReadError> {
    let root = document.root_element();
    if !root.has_tag_name((SOAP, "Envelope")) {
        let detail = match root.tag_name().namespace() {
            Some(SOAP_11) => "the envelope is of SOAP 1.1, OCPP-S wants SOAP 1.2",
            _ => "this is no envelope of SOAP 1.2",
        };
        return Err(ReadError::new(Trouble::NotSoap, place(root), detail));
    }
    let mut body = None;
    for part in root.children().filter(Node::is_element) {
        if part.has_tag_name((SOAP, "Header")) && body.is_none() {
            for block in part.children().filter(Node::is_element) {
                addressing.take(block)?;
            }
        } else if part.has_tag_name((SOAP, "Body")) && body.is_none() {
            body = Some(part);
        } else {
            let detail = "only a header and a body belong into an envelope";
            return Err(ReadError::new(Trouble::NotSoap, place(part), detail));
        }
    }
    let Some(body) = body else {
        let detail = "the envelope has no body";
        return Err(ReadError::new(Trouble::NotSoap, place(root), detail));
    };
    let mut messages = body.children().filter(Node::is_element);
    match (messages.next(), messages.next()) {
        (Some(message), None) => Ok(message),
        (None, _) => {
            let detail = "the body is empty";
            Err(ReadError::new(Trouble::Content, place(body), detail))
        }
        (Some(_), Some(second)) => {
            let detail = "the body holds more than one message";
            Err(ReadError::new(Trouble::Content, place(second), detail))
        }
    }
}

/// The header and the body must speak of the same action. Some stacks put the service's address before its name.
fn check_action_header(
    addressing: &Addressing,
    action: Action,
    message: Node<'_, '_>,
) -> Result<(), ReadError> {
    let Some(header) = addressing.action.as_deref() else {
        return Ok(());
    };
    let last = header.rsplit('/').next().unwrap_or("");
    let last = last.strip_suffix("Request").unwrap_or(last);
    if last == action.as_str() {
        return Ok(());
    }
    let detail = format!("the body is for {action}, the header Action is not");
    Err(ReadError::new(Trouble::Headers, place(message), detail))
}

fn content_error(error: DecodeError, message: Node<'_, '_>, table: Table) -> ReadError {
    let place = locate(message, table, &error.path);
    let mut refused = ReadError::new(Trouble::Content, place, error.fault.detail);
    refused.path = error.path;
    refused
}

/// Reads a fault as far as it can be read: whatever else is in it, it is a fault.
fn read_fault(fault: Node<'_, '_>) -> SoapFault {
    let child = |node: Node<'_, '_>, name: &str| -> Option<String> {
        let found = node.children().find(|c| c.has_tag_name((SOAP, name)))?;
        text(found).ok()
    };
    let local = |name: Option<String>| -> String {
        let name = name.unwrap_or_default();
        let local = name.trim().rsplit(':').next().unwrap_or("");
        local
            .chars()
            .take(crate::limits::FOREIGN_NAME_CHARS_MAX)
            .collect()
    };
    let code = fault
        .children()
        .find(|node| node.has_tag_name((SOAP, "Code")));
    let subcode = code.and_then(|code| {
        code.children()
            .find(|node| node.has_tag_name((SOAP, "Subcode")))
    });
    let reason = fault
        .children()
        .find(|node| node.has_tag_name((SOAP, "Reason")));
    let reason = reason
        .and_then(|reason| child(reason, "Text"))
        .unwrap_or_default();
    SoapFault::new(
        FaultCode::from_names(
            &local(code.and_then(|code| child(code, "Value"))),
            &local(subcode.and_then(|subcode| child(subcode, "Value"))),
        ),
        reason
            .trim()
            .chars()
            .take(limits::REASON_CHARS_MAX)
            .collect::<String>(),
    )
}
