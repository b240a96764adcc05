//! All the HTTP of one adapter, as its thread uses it.

use plugin_host::{
    BackendInput, HttpAnswer, HttpCall, HttpCommand, HttpRequest, HttpResponse, Listen, Listening,
    ServerTls,
};
use station::RequestId;

use crate::certificates::CertificateStore;
use crate::http::{HttpPort, HttpSetup};
use crate::net::TlsStrictness;

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("pilotwire-http-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn port(&self) -> HttpPort {
        HttpPort::new(HttpSetup {
            strictness: TlsStrictness::Normal,
            ca_file: None,
            certificates: CertificateStore::open(&self.0).unwrap().0,
            proxy: None,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn wanted(port: u16) -> Listen {
    Listen {
        port,
        tls: ServerTls::None,
        allowed: Vec::new(),
        towards: Some("http://127.0.0.1:9/cs".to_owned()),
    }
}

async fn listen(port: &mut HttpPort, wanted: Listen) -> Listening {
    assert_eq!(port.act(HttpCommand::Listen(wanted)), None);
    match port.next().await {
        BackendInput::Listening(listening) => listening,
        other => panic!("{other:?}"),
    }
}

fn ask(port: &mut HttpPort, request: u64, to: u16) -> Option<BackendInput> {
    port.act(HttpCommand::Request(HttpRequest {
        request: RequestId(request),
        method: "POST".to_owned(),
        url: format!("http://127.0.0.1:{to}/x"),
        headers: Vec::new(),
        body: "hello".to_owned(),
        timeout_s: 5,
    }))
}

async fn called(port: &mut HttpPort) -> HttpCall {
    match port.next().await {
        BackendInput::HttpCall(call) => call,
        other => panic!("{other:?}"),
    }
}

async fn answered(port: &mut HttpPort) -> HttpResponse {
    match port.next().await {
        BackendInput::HttpResponse(response) => response,
        other => panic!("{other:?}"),
    }
}

fn answer(port: &mut HttpPort, call: u64) {
    let answer = HttpAnswer {
        call,
        status: 200,
        headers: Vec::new(),
        body: "there".to_owned(),
    };
    assert_eq!(port.act(HttpCommand::Answer(answer)), None);
}

#[tokio::test]
async fn listener_that_is_wanted_again_stays_and_tells_the_addresses_anew() {
    let folder = Folder::new("again");
    let mut port = folder.port();
    let first = listen(&mut port, wanted(0)).await;
    assert_eq!(
        first.addresses.first().map(String::as_str),
        Some("127.0.0.1")
    );
    assert_eq!(ask(&mut port, 1, first.port), None);
    let call = called(&mut port).await;
    assert_eq!(
        (call.method.as_str(), call.body.as_str()),
        ("POST", "hello")
    );
    // Another instance takes over in the middle of a call.
    assert_eq!(listen(&mut port, wanted(0)).await, first);
    answer(&mut port, call.call);
    let response = answered(&mut port).await;
    assert_eq!((response.request, response.status), (RequestId(1), 200));
    assert_eq!(response.body, "there");
}

#[tokio::test]
async fn last_of_several_wishes_counts_and_the_listener_before_is_gone() {
    let folder = Folder::new("several");
    let mut port = folder.port();
    let first = listen(&mut port, wanted(0)).await;
    let whitelisted = Listen {
        allowed: vec!["192.0.2.1".to_owned()],
        ..wanted(0)
    };
    for wanted in [whitelisted, wanted(0), wanted(first.port)] {
        assert_eq!(port.act(HttpCommand::Listen(wanted)), None);
    }
    let told = match port.next().await {
        BackendInput::Listening(told) => told,
        other => panic!("{other:?}"),
    };
    assert_eq!(told.port, first.port, "one answer, to the last wish");
    assert_eq!(port.act(HttpCommand::StopListening), None);
    assert_eq!(ask(&mut port, 2, first.port), None);
    assert_eq!(answered(&mut port).await.status, 0);
    // Also one that is still being made ready.
    assert_eq!(port.act(HttpCommand::Listen(wanted(first.port))), None);
    assert_eq!(port.act(HttpCommand::StopListening), None);
    assert_eq!(listen(&mut port, wanted(0)).await.detail, "");
}

#[tokio::test]
async fn what_cannot_be_listened_with_is_told() {
    let folder = Folder::new("cannot");
    let (mut one, mut other) = (folder.port(), folder.port());
    let first = listen(&mut one, wanted(0)).await;
    let taken = listen(&mut other, wanted(first.port)).await;
    assert_eq!(taken.port, 0);
    assert!(taken.detail.contains("in use"), "{}", taken.detail);
    let nonsense = Listen {
        allowed: vec!["backend.example".to_owned()],
        ..wanted(0)
    };
    assert_eq!(listen(&mut other, nonsense).await.port, 0);
    let checked = Listen {
        tls: ServerTls::Normal,
        ..wanted(0)
    };
    let unchecked = listen(&mut other, checked).await;
    assert_eq!(unchecked.port, 0, "nobody vouches for callers");
    assert!(unchecked.detail.contains("root"), "{}", unchecked.detail);
}

#[tokio::test]
async fn proxy_is_for_hosts_beyond_the_own_network() {
    let folder = Folder::new("proxy");
    let mut port = folder.port();
    let to = listen(&mut port, wanted(0)).await.port;
    // A proxy that nobody would get an answer from.
    port.setup.proxy = Some("http://127.0.0.1:1/".parse().unwrap());
    assert_eq!(ask(&mut port, 5, to), None);
    let call = called(&mut port).await;
    answer(&mut port, call.call);
    assert_eq!(answered(&mut port).await.status, 200);
    let far = HttpCommand::Request(HttpRequest {
        request: RequestId(6),
        method: "GET".to_owned(),
        url: "http://central-system.invalid/".to_owned(),
        headers: Vec::new(),
        body: String::new(),
        timeout_s: 5,
    });
    assert_eq!(port.act(far), None);
    let failure = answered(&mut port).await.failure.unwrap();
    assert!(failure.detail.contains("proxy"), "{}", failure.detail);
}

#[tokio::test]
async fn cut_line_lets_nothing_through() {
    let folder = Folder::new("cut");
    let mut port = folder.port();
    let to = listen(&mut port, wanted(0)).await.port;
    port.set_cut(true);
    match ask(&mut port, 3, to) {
        Some(BackendInput::HttpResponse(response)) => {
            assert_eq!(response.status, 0);
            assert!(response.failure.unwrap().detail.contains("cut"));
        }
        other => panic!("{other:?}"),
    }
    port.set_cut(false);
    assert_eq!(ask(&mut port, 4, to), None);
    let call = called(&mut port).await;
    answer(&mut port, call.call);
    assert_eq!(answered(&mut port).await.status, 200);
}
