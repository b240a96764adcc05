//! Checks of what an adapter asks of the host beside its link: files and firmware, certificates, HTTP.

use station::RequestId;
use units::Timestamp;

use crate::backend::BackendCommand;
use crate::backend_lift::{Bad, Check, range};
use crate::contract::backend::exports::pilotwire::backend::adapter as g;
use crate::convert;
use crate::grants::Grant;
use crate::limits::{
    MAX_CERTIFICATE_CHARS, MAX_FILE_NAME_CHARS, MAX_HTTP_HEADERS, MAX_HTTP_TIMEOUT_S,
    MAX_LISTEN_ALLOWED, MAX_NAME_CHARS, MAX_TEXT_CHARS, MAX_URL_CHARS,
};
use crate::manifest::RefusalReason;
use crate::services::{
    CertificateCommand, CertificateHash, CertificateUse, Document, FileCommand, FirmwareSignature,
    HashAlgorithm, Headers, HttpAnswer, HttpCommand, HttpRequest, Listen, ServerTls,
};

/// Methods that an adapter may use.
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];

impl Check<'_> {
    pub(crate) fn upload(&self, r: g::UploadRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("upload", r.request_id);
        self.needs(Grant::DiagnosticsRead, name, Some(id))?;
        let bad = |detail| range(name, detail, Some(id));
        let file_name =
            convert::name("the file's name", r.file_name, MAX_FILE_NAME_CHARS).map_err(bad)?;
        if file_name.contains(['/', '\\']) || file_name.starts_with('.') {
            return Err(bad("the file's name leads elsewhere".to_owned()));
        }
        Ok(BackendCommand::File(
            RequestId(id),
            FileCommand::Upload {
                document: match r.document {
                    g::Document::Diagnostics => Document::Diagnostics,
                    g::Document::SecurityLog => Document::SecurityLog,
                },
                url: self.transfer_url(name, r.url, id)?,
                file_name,
                from: r.from_wall_ms.map(Timestamp::from_unix_millis),
                to: r.to_wall_ms.map(Timestamp::from_unix_millis),
                retries: r.retries,
                retry_interval_s: r.retry_interval_s,
            },
        ))
    }

    pub(crate) fn download(&self, r: g::FirmwareRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("download-firmware", r.request_id);
        self.needs(Grant::FirmwareUpdate, name, Some(id))?;
        let bad = |detail| range(name, detail, Some(id));
        let signature = match r.signature {
            Some(signature) => Some(FirmwareSignature {
                certificate_pem: certificate(signature.certificate_pem).map_err(bad)?,
                signature_base64: certificate(signature.signature_base64).map_err(bad)?,
            }),
            None => None,
        };
        Ok(BackendCommand::File(
            RequestId(id),
            FileCommand::Download {
                url: self.transfer_url(name, r.url, id)?,
                retries: r.retries,
                retry_interval_s: r.retry_interval_s,
                signature,
            },
        ))
    }

    pub(crate) fn install(&self, id: u64) -> Result<BackendCommand, Bad> {
        self.needs(Grant::FirmwareUpdate, "install-firmware", Some(id))?;
        Ok(BackendCommand::File(RequestId(id), FileCommand::Install))
    }

    fn transfer_url(&self, command: &'static str, url: String, id: u64) -> Result<String, Bad> {
        self.needs(Grant::NetTransfer, command, Some(id))?;
        let url = convert::name("the URL", url, MAX_URL_CHARS)
            .map_err(|detail| range(command, detail, Some(id)))?;
        if self.grants.covers_transfer(&url) {
            return Ok(url);
        }
        // The URL may hold a password.
        let detail = "this URL".to_owned();
        Err(not_covered(command, Grant::NetTransfer, detail, Some(id)))
    }

    pub(crate) fn certificates(&self, command: g::Command) -> Result<BackendCommand, Bad> {
        use CertificateCommand as C;
        let (name, id, what) = match command {
            g::Command::ListCertificates(r) => {
                ("list-certificates", r.request_id, Ok(C::List(used(r.kind))))
            }
            g::Command::InstallCertificate(r) => {
                let pem = certificate(r.pem).map(|pem| C::Install(used(r.kind), pem));
                ("install-certificate", r.request_id, pem)
            }
            g::Command::DeleteCertificate(r) => {
                let hash = certificate_hash(r.certificate).map(C::Delete);
                ("delete-certificate", r.request_id, hash)
            }
            g::Command::CreateCsr(r) => (
                "create-csr",
                r.request_id,
                csr(r.common_name, r.organization),
            ),
            g::Command::InstallChain(r) => {
                let chain = certificate(r.pem).map(C::InstallChain);
                ("install-chain", r.request_id, chain)
            }
            _ => return Err(range("certificates", "no such command".to_owned(), None)),
        };
        self.needs(Grant::Certificates, name, Some(id))?;
        let what = what.map_err(|detail| range(name, detail, Some(id)))?;
        Ok(BackendCommand::Certificate(RequestId(id), what))
    }

    pub(crate) fn security_event(&self, text: String) -> Result<BackendCommand, Bad> {
        const COMMAND: &str = "security-event";
        self.needs(Grant::Certificates, COMMAND, None)?;
        let text = convert::text("the event", text, MAX_TEXT_CHARS)
            .map_err(|detail| range(COMMAND, detail, None))?;
        Ok(BackendCommand::SecurityEvent(text))
    }

    pub(crate) fn http_request(&self, r: g::HttpRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("http-request", Some(r.request_id));
        let bad = |detail| range(name, detail, id);
        self.needs(Grant::NetHttp, name, id)?;
        let url = convert::name("the URL", r.url, MAX_URL_CHARS).map_err(bad)?;
        if !self.grants.covers_http(&url) {
            return Err(not_covered(name, Grant::NetHttp, url, id));
        }
        if !METHODS.contains(&r.method.as_str()) {
            return Err(bad(format!("a method other than {}", METHODS.join(", "))));
        }
        if !(1..=MAX_HTTP_TIMEOUT_S).contains(&r.timeout_s) {
            return Err(bad(format!("a time-out of {} s", r.timeout_s)));
        }
        Ok(BackendCommand::Http(HttpCommand::Request(HttpRequest {
            request: RequestId(r.request_id),
            method: r.method,
            url,
            headers: headers(r.headers).map_err(bad)?,
            body: r.body,
            timeout_s: r.timeout_s,
        })))
    }

    pub(crate) fn listen(&self, r: g::ListenRequest) -> Result<BackendCommand, Bad> {
        const COMMAND: &str = "listen";
        let bad = |detail| range(COMMAND, detail, None);
        self.needs(Grant::NetListen, COMMAND, None)?;
        let port = u16::try_from(r.port).map_err(|_| bad(format!("port {}", r.port)))?;
        if !self.grants.covers_port(port) {
            let detail = format!("port {port}");
            return Err(not_covered(COMMAND, Grant::NetListen, detail, None));
        }
        if r.allowed.len() > MAX_LISTEN_ALLOWED {
            return Err(bad(format!("more than {MAX_LISTEN_ALLOWED} addresses")));
        }
        let name = |text| convert::name("an address", text, MAX_NAME_CHARS);
        let allowed: Result<Vec<_>, _> = r.allowed.into_iter().map(name).collect();
        let towards = r
            .towards
            .map(|url| convert::name("the URL", url, MAX_URL_CHARS));
        Ok(BackendCommand::Http(HttpCommand::Listen(Listen {
            port,
            tls: match r.tls {
                g::ServerTls::None => ServerTls::None,
                g::ServerTls::EncryptOnly => ServerTls::EncryptOnly,
                g::ServerTls::ExpiredAndAnyHost => ServerTls::ExpiredAndAnyHost,
                g::ServerTls::AnyHost => ServerTls::AnyHost,
                g::ServerTls::Expired => ServerTls::Expired,
                g::ServerTls::Normal => ServerTls::Normal,
            },
            allowed: allowed.map_err(bad)?,
            towards: towards.transpose().map_err(bad)?,
        })))
    }

    pub(crate) fn http_answer(&self, r: g::HttpAnswer) -> Result<BackendCommand, Bad> {
        const COMMAND: &str = "http-answer";
        let bad = |detail| range(COMMAND, detail, None);
        self.needs(Grant::NetListen, COMMAND, None)?;
        let status = u16::try_from(r.status).ok();
        let status = status.filter(|status| (200..=599).contains(status));
        Ok(BackendCommand::Http(HttpCommand::Answer(HttpAnswer {
            call: r.call_id,
            status: status.ok_or_else(|| bad(format!("status {}", r.status)))?,
            headers: headers(r.headers).map_err(bad)?,
            body: r.body,
        })))
    }
}

fn not_covered(command: &'static str, grant: Grant, detail: String, request: Option<u64>) -> Bad {
    Bad::Refused {
        command,
        reason: RefusalReason::Grant(grant),
        detail,
        request,
    }
}

fn certificate(text: String) -> Result<String, convert::OutOfRange> {
    match text.len() > MAX_CERTIFICATE_CHARS {
        true => Err(format!(
            "a certificate of more than {MAX_CERTIFICATE_CHARS} characters"
        )),
        false => Ok(text),
    }
}

fn csr(
    common_name: String,
    organization: String,
) -> Result<CertificateCommand, convert::OutOfRange> {
    Ok(CertificateCommand::CreateCsr {
        common_name: convert::name("the common name", common_name, MAX_NAME_CHARS)?,
        organization: convert::text("the organization", organization, MAX_NAME_CHARS)?,
    })
}

const fn used(used: g::CertificateUse) -> CertificateUse {
    match used {
        g::CertificateUse::CentralSystemRoot => CertificateUse::CentralSystemRoot,
        g::CertificateUse::ManufacturerRoot => CertificateUse::ManufacturerRoot,
    }
}

fn certificate_hash(hash: g::CertificateHash) -> Result<CertificateHash, convert::OutOfRange> {
    let hex = |what, text: String| -> Result<String, convert::OutOfRange> {
        match text.len() <= 128 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => Ok(text),
            false => Err(format!("{what} that is not hexadecimal")),
        }
    };
    Ok(CertificateHash {
        algorithm: match hash.algorithm {
            g::HashAlgorithm::Sha256 => HashAlgorithm::Sha256,
            g::HashAlgorithm::Sha384 => HashAlgorithm::Sha384,
            g::HashAlgorithm::Sha512 => HashAlgorithm::Sha512,
        },
        issuer_name_hash: hex("a hash", hash.issuer_name_hash)?,
        issuer_key_hash: hex("a hash", hash.issuer_key_hash)?,
        serial_number: hex("a serial number", hash.serial_number)?,
    })
}

/// Header names are tokens, values are visible; a line break would begin another header.
fn headers(headers: Headers) -> Result<Headers, convert::OutOfRange> {
    if headers.len() > MAX_HTTP_HEADERS {
        return Err(format!("more than {MAX_HTTP_HEADERS} headers"));
    }
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let visible = |b: u8| b == b'\t' || (b' '..=b'~').contains(&b);
    for (name, value) in &headers {
        let good = !name.is_empty() && name.bytes().all(token) && value.bytes().all(visible);
        if !good || name.len() > MAX_NAME_CHARS || value.len() > MAX_URL_CHARS {
            return Err("a header that HTTP does not allow".to_owned());
        }
    }
    Ok(headers)
}
