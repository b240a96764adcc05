//! What a hostile adapter asks of the host beside its link.

use sdk::backend::{
    CertificateHash, CertificateUse, CertificatesRequest, Command, CsrRequest,
    DeleteCertificateRequest, Document, FirmwareRequest, HashAlgorithm, HttpAnswer, HttpRequest,
    InstallCertificateRequest, InstallChainRequest, ListenRequest, ServerTls, UploadRequest,
};

fn upload(url: &str, file_name: &str) -> Command {
    Command::Upload(UploadRequest {
        request_id: 11,
        document: Document::SecurityLog,
        url: url.to_owned(),
        file_name: file_name.to_owned(),
        from_wall_ms: None,
        to_wall_ms: None,
        retries: u32::MAX,
        retry_interval_s: u32::MAX,
    })
}

fn request(method: &str, url: &str, header: (&str, &str)) -> Command {
    Command::HttpRequest(HttpRequest {
        request_id: 19,
        method: method.to_owned(),
        url: url.to_owned(),
        headers: vec![(header.0.to_owned(), header.1.to_owned())],
        body: "<x/>".to_owned(),
        timeout_s: 1,
    })
}

fn listen(port: u32) -> Command {
    Command::Listen(ListenRequest {
        port,
        tls: ServerTls::None,
        allowed: vec!["127.0.0.1".to_owned()],
        towards: None,
    })
}

fn answer(status: u32, header: (&str, &str)) -> Command {
    Command::HttpAnswer(HttpAnswer {
        call_id: 424_242,
        status,
        headers: vec![(header.0.to_owned(), header.1.to_owned())],
        body: String::new(),
    })
}

fn delete(serial_number: &str) -> Command {
    Command::DeleteCertificate(DeleteCertificateRequest {
        request_id: 15,
        certificate: CertificateHash {
            algorithm: HashAlgorithm::Sha256,
            issuer_name_hash: "00".repeat(32),
            issuer_key_hash: "00".repeat(32),
            serial_number: serial_number.to_owned(),
        },
    })
}

/// One of each command that needs a grant.
#[must_use]
pub fn everything() -> Vec<Command> {
    let plain = ("content-type", "text/xml");
    vec![
        upload("http://127.0.0.1:9/", "log.txt"),
        Command::DownloadFirmware(FirmwareRequest {
            request_id: 12,
            url: "http://127.0.0.1:9/image".to_owned(),
            retries: 0,
            retry_interval_s: 0,
            signature: None,
        }),
        Command::InstallFirmware(12),
        Command::ListCertificates(CertificatesRequest {
            request_id: 13,
            kind: CertificateUse::CentralSystemRoot,
        }),
        Command::InstallCertificate(InstallCertificateRequest {
            request_id: 14,
            kind: CertificateUse::ManufacturerRoot,
            pem: "no certificate".to_owned(),
        }),
        delete("01"),
        Command::CreateCsr(CsrRequest {
            request_id: 16,
            common_name: "CP1".to_owned(),
            organization: String::new(),
        }),
        Command::InstallChain(InstallChainRequest {
            request_id: 17,
            pem: "no certificate".to_owned(),
        }),
        Command::SecurityEvent("MemoryExhaustion".to_owned()),
        request("POST", "http://127.0.0.1:9/", plain),
        listen(9),
        answer(200, plain),
    ]
}

/// Places that read like the granted `http://127.0.0.1:9/`, and what leads out of a request.
#[must_use]
pub fn denied() -> Vec<Command> {
    let plain = ("content-type", "text/xml");
    let urls = [
        "http://127.0.0.1:90/",
        "http://127.0.0.1:9@192.0.2.1/",
        "http://192.0.2.1/?http://127.0.0.1:9/",
        "http://127.0.0.1:9/../../etc/passwd",
        "http://127.0.0.1:9/\r\nHost: 192.0.2.1",
        "file:///etc/passwd",
        "ws://127.0.0.1:9/",
    ];
    let mut commands: Vec<Command> = urls.map(|url| upload(url, "log.txt")).to_vec();
    commands.extend(urls.map(|url| request("POST", url, plain)));
    commands.extend([
        upload("http://127.0.0.1:9/", "../../etc/passwd"),
        upload("http://127.0.0.1:9/", ".."),
        request("CONNECT", "http://127.0.0.1:9/", plain),
        request("POST", "http://127.0.0.1:9/", ("x", "y\r\nHost: 192.0.2.1")),
        request("POST", "http://127.0.0.1:9/", ("x: y\r\nz", "1")),
        listen(90),
        listen(65_536 + 9),
        answer(101, plain),
        answer(200, ("x", "y\r\n\r\n<html>")),
        delete("../../key"),
        Command::InstallChain(InstallChainRequest {
            request_id: 18,
            pem: "A".repeat(100_000),
        }),
    ]);
    commands
}
