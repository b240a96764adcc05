//! HTTP of adapters against real sockets on loopback.

mod port;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use super::limits::{CALLS_OPEN, REQUESTS_OPEN};
use super::{Allowed, Called, Client, HttpEvent, HttpFailure, HttpRequest, HttpResponse};
use super::{Listen, Server};
use crate::net::{LinkFailure, TlsStrictness};

const BODY_MAX: usize = 4_096;

fn request(url: &str, body: &str) -> HttpRequest {
    HttpRequest {
        method: "POST".to_owned(),
        url: Url::parse(url).unwrap(),
        headers: vec![("Content-Type".to_owned(), "text/plain; a=\"b\"".to_owned())],
        body: body.to_owned(),
        timeout_s: 5,
        strictness: TlsStrictness::Normal,
        ca_file: None,
        certificates: None,
        client_certificate: false,
        proxy: None,
        max_body_bytes: BODY_MAX,
    }
}

struct Rig {
    client: Client,
    server: Server,
    events: mpsc::Receiver<HttpEvent>,
    send: mpsc::Sender<HttpEvent>,
}

impl Rig {
    async fn new(allowed: &[&str]) -> Self {
        let (send, events) = mpsc::channel(16);
        let listen = Listen {
            port: 0,
            tls: None,
            allowed: Allowed::read(allowed.iter().copied()).unwrap(),
            max_body_bytes: BODY_MAX,
        };
        let server = Server::start(listen, send.clone()).await.unwrap();
        Self {
            client: Client::default(),
            server,
            events,
            send,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.server.port())
    }

    fn ask(&self, request_id: u64, request: HttpRequest) {
        assert!(self.client.spawn(request_id, request, self.send.clone()));
    }

    async fn called(&mut self) -> Called {
        match self.events.recv().await {
            Some(HttpEvent::Called(called)) => called,
            other => panic!("no call: {other:?}"),
        }
    }

    async fn answered(&mut self) -> (u64, Result<HttpResponse, HttpFailure>) {
        match self.events.recv().await {
            Some(HttpEvent::Answered { request_id, result }) => (request_id, result),
            other => panic!("no answer: {other:?}"),
        }
    }

    fn answer(&self, call: &Called, body: &str) -> bool {
        let headers = vec![("X-Test".to_owned(), "yes".to_owned())];
        self.server
            .answer(call.call_id, 201, headers, body.to_owned())
    }
}

/// A server that says the same to whoever connects, once each, and tells what it heard.
async fn says(answers: &'static [&'static [u8]]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (tell, heard) = mpsc::channel(16);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4_096];
            let length = stream.read(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            stream.write_all(answer).await.unwrap();
            drop(stream);
            tell.send(text).await.unwrap();
        }
    });
    (url, heard)
}

#[tokio::test]
async fn call_reaches_the_adapter_and_its_answer_the_caller() {
    let mut rig = Rig::new(&[]).await;
    rig.ask(7, request(&rig.url("/a?b=c"), "hello"));
    let call = rig.called().await;
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("POST", "/a?b=c")
    );
    assert_eq!(call.body, "hello");
    assert!(call.peer.is_loopback());
    let header = |name: &str| {
        call.headers
            .iter()
            .find(|(n, _)| n == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(header("content-type"), "text/plain; a=\"b\"");
    assert_eq!(header("host"), format!("127.0.0.1:{}", rig.server.port()));
    assert!(rig.answer(&call, "there"));
    assert!(!rig.answer(&call, "again"), "one call has one answer");
    let (request_id, answer) = rig.answered().await;
    let answer = answer.unwrap();
    assert_eq!(
        (request_id, answer.status, answer.body.as_str()),
        (7, 201, "there")
    );
    assert!(
        answer
            .headers
            .contains(&("x-test".to_owned(), "yes".to_owned()))
    );
}

#[tokio::test]
async fn connection_is_used_again_and_a_closed_one_costs_no_request() {
    let (url, mut heard) = says(&[
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2",
    ])
    .await;
    let mut rig = Rig::new(&[]).await;
    for body in ["1", "2"] {
        rig.ask(1, request(&url, "x"));
        let (_, answer) = rig.answered().await;
        assert_eq!(answer.unwrap().body, body);
        assert!(
            heard
                .recv()
                .await
                .unwrap()
                .starts_with("POST / HTTP/1.1\r\n")
        );
    }
    for _ in 0..3 {
        rig.ask(2, request(&rig.url("/"), "x"));
        let call = rig.called().await;
        rig.answer(&call, "");
        rig.answered().await.1.unwrap();
    }
    rig.client.forget();
}

#[tokio::test]
async fn answers_that_are_none_are_told_by_their_kind() {
    let mut rig = Rig::new(&[]).await;
    let (garbage, _heard) = says(&[b"220 mail.example ready\r\n"]).await;
    let (silent, _heard2) = says(&[b""]).await;
    let (short, _heard3) = says(&[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"]).await;
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let nobody = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    for (url, failure) in [
        (garbage.as_str(), LinkFailure::Protocol),
        (&silent, LinkFailure::Broken),
        (&short, LinkFailure::Broken),
        (&nobody, LinkFailure::Unreachable),
        ("ws://127.0.0.1:1/", LinkFailure::Configuration),
        (
            "http://user:secret@127.0.0.1:1/",
            LinkFailure::Configuration,
        ),
    ] {
        rig.ask(1, request(url, ""));
        let (_, answer) = rig.answered().await;
        let failed = answer.unwrap_err();
        assert_eq!(failed.failure, failure, "{url}: {}", failed.detail);
        assert!(!failed.detail.contains("secret"));
    }
}

#[tokio::test]
async fn server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut rig = Rig::new(&[]).await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut asked = request(&url, "");
    asked.timeout_s = 1;
    rig.ask(1, asked);
    let (_, answer) = rig.answered().await;
    assert_eq!(answer.unwrap_err().failure, LinkFailure::Timeout);
}

#[tokio::test]
async fn bodies_and_heads_that_are_too_long_are_refused_both_ways() {
    let mut rig = Rig::new(&[]).await;
    rig.ask(1, request(&rig.url("/"), &"x".repeat(BODY_MAX + 1)));
    assert_eq!(rig.answered().await.1.unwrap().status, 413);
    rig.ask(2, request(&rig.url("/"), &"x".repeat(BODY_MAX)));
    let call = rig.called().await;
    assert_eq!(call.body.len(), BODY_MAX);
    rig.answer(&call, &"y".repeat(BODY_MAX + 1));
    let failed = rig.answered().await.1.unwrap_err();
    assert_eq!(failed.failure, LinkFailure::Protocol);
    let mut many = request(&rig.url("/"), "");
    many.headers = vec![("a".to_owned(), "b".repeat(20_000))];
    rig.ask(3, many);
    let answer = rig.answered().await.1;
    assert!(answer.is_err() || answer.unwrap().status == 431);
}

#[tokio::test]
async fn no_more_requests_and_calls_are_open_than_allowed() {
    let mut rig = Rig::new(&[]).await;
    for request_id in 0..REQUESTS_OPEN {
        rig.ask(request_id as u64, request(&rig.url("/"), ""));
    }
    let one_more = request(&rig.url("/"), "");
    assert!(!rig.client.spawn(99, one_more, rig.send.clone()));
    let (mut calls, mut busy) = (Vec::new(), 0);
    while calls.len() + busy < REQUESTS_OPEN {
        match rig.events.recv().await.unwrap() {
            HttpEvent::Called(call) => calls.push(call),
            HttpEvent::Answered { result, .. } => {
                assert_eq!(result.unwrap().status, 503);
                busy += 1;
            }
            other @ HttpEvent::Listened(_) => panic!("{other:?}"),
        }
    }
    assert_eq!(calls.len(), CALLS_OPEN);
    for call in &calls {
        assert!(rig.answer(call, ""));
    }
}

// acceptance: P76
#[tokio::test]
async fn caller_that_is_not_on_the_list_is_hung_up_on_before_it_says_a_word() {
    let rig = Rig::new(&["192.0.2.0/24"]).await;
    let port = rig.server.port();
    let heard = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut heard = Vec::new();
        // Closed without a word; a reset says the same.
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    assert_eq!(heard.await.unwrap(), b"");
    let mut rig = Rig::new(&["192.0.2.0/24", "127.0.0.1"]).await;
    rig.ask(1, request(&rig.url("/"), ""));
    let call = rig.called().await;
    rig.answer(&call, "");
    assert_eq!(rig.answered().await.1.unwrap().status, 201);
}

#[tokio::test]
async fn server_that_stops_answers_who_waits_and_frees_its_port() {
    let mut rig = Rig::new(&[]).await;
    let port = rig.server.port();
    let (send, _events) = mpsc::channel(1);
    let again = || Listen {
        port,
        tls: None,
        allowed: Allowed::default(),
        max_body_bytes: BODY_MAX,
    };
    let taken = Server::start(again(), send.clone()).await.unwrap_err();
    assert!(taken.contains("in use"), "{taken}");
    rig.ask(1, request(&rig.url("/"), ""));
    let call = rig.called().await;
    rig.server.stop().await;
    match rig.events.recv().await {
        Some(HttpEvent::Answered { result, .. }) => {
            assert!(result.is_err() || result.unwrap().status == 503);
        }
        other => panic!("{other:?}"),
    }
    let server = Server::start(again(), send).await.unwrap();
    assert_eq!(server.port(), port);
    assert!(!server.answer(call.call_id, 200, Vec::new(), String::new()));
}

#[tokio::test]
async fn body_that_is_no_text_is_refused() {
    let rig = Rig::new(&[]).await;
    let port = rig.server.port();
    let heard = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\xff\xfe";
        stream.write_all(head).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        heard
    });
    assert!(heard.await.unwrap().starts_with("HTTP/1.1 400"));
}
