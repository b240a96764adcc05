//! Upgrade, frames, keep-alive, proxy, closing, and what goes wrong.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use url::Url;

use super::server::{Answer, Client, ServerSocket, accept, listen, proxy_once, request};
use crate::net::limits::OUTGOING_FRAMES;
use crate::net::{LinkEvent, LinkFailure, SendError};

/// A link that is up, and the server's end of it.
async fn up(keep_alive_s: u32, timeout_s: u32) -> (Client, ServerSocket) {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move { accept(&listener, None, Answer::ocpp16()).await });
    let mut wanted = request(&format!("ws://{address}/1.6/powerstation/CP%201"));
    wanted.keep_alive_s = keep_alive_s;
    wanted.timeout_s = timeout_s;
    let mut client = Client::new(wanted);
    let expected = LinkEvent::Up {
        subprotocol: Some("ocpp1.6".to_owned()),
        secure: false,
    };
    assert_eq!(client.event().await, expected);
    let (socket, _) = server.await.unwrap().unwrap();
    (client, socket)
}

// acceptance: P79
#[tokio::test]
async fn plain_link_carries_text_both_ways_and_keeps_the_path_encoded() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move { accept(&listener, None, Answer::ocpp16()).await });
    let mut client = Client::new(request(&format!("ws://{address}/1.6/powerstation/CP%201")));
    assert!(matches!(
        client.event().await,
        LinkEvent::Up { secure: false, .. }
    ));
    let (mut socket, head) = server.await.unwrap().unwrap();
    assert_eq!(head.uri().path(), "/1.6/powerstation/CP%201");
    assert_eq!(head.headers()["sec-websocket-protocol"], "ocpp1.6");
    client
        .link
        .try_send("[2,\"1\",\"Heartbeat\",{}]".to_owned())
        .unwrap();
    let got = socket.next().await.unwrap().unwrap();
    assert_eq!(got, Message::text("[2,\"1\",\"Heartbeat\",{}]"));
    socket.send(Message::text("[3,\"1\",{}]")).await.unwrap();
    assert_eq!(
        client.event().await,
        LinkEvent::Frame("[3,\"1\",{}]".to_owned())
    );
}

#[tokio::test]
async fn frames_keep_their_order() {
    let (mut client, mut socket) = up(0, 10).await;
    for n in 0..OUTGOING_FRAMES {
        client.link.try_send(n.to_string()).unwrap();
    }
    for n in 0..OUTGOING_FRAMES {
        assert_eq!(
            socket.next().await.unwrap().unwrap(),
            Message::text(n.to_string())
        );
        socket.send(Message::text(n.to_string())).await.unwrap();
        assert_eq!(client.event().await, LinkEvent::Frame(n.to_string()));
    }
}

// acceptance: P82
#[tokio::test]
async fn basic_authentication_is_sent_and_a_refusal_names_the_password() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let first = accept(&listener, None, Answer::ocpp16()).await;
        let refusal = Answer {
            subprotocol: None,
            status: Some(401),
        };
        accept(&listener, None, refusal).await;
        first
    });
    let mut wanted = request(&format!("ws://{address}/CP-1"));
    wanted.basic_auth = Some(("CP-1".to_owned(), b"secret\xff".to_vec()));
    assert!(
        !format!("{wanted:?}").contains("secret"),
        "passwords stay out of logs"
    );
    let mut client = Client::new(wanted.clone());
    assert!(matches!(client.event().await, LinkEvent::Up { .. }));
    let (failure, detail) = Client::new(wanted).down().await;
    assert_eq!(failure, LinkFailure::Unauthorized);
    assert!(detail.contains("basic_auth_password"), "{detail}");
    let (_, head) = server.await.unwrap().unwrap();
    // base64 of "CP-1:secret\xff", made by hand
    assert_eq!(head.headers()["authorization"], "Basic Q1AtMTpzZWNyZXT/");
}

#[tokio::test]
async fn without_a_password_no_authorization_is_sent() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move { accept(&listener, None, Answer::ocpp16()).await });
    let mut client = Client::new(request(&format!("ws://{address}/CP-1")));
    assert!(matches!(client.event().await, LinkEvent::Up { .. }));
    let (_, head) = server.await.unwrap().unwrap();
    assert!(!head.headers().contains_key("authorization"));
}

// acceptance: P79
#[tokio::test]
async fn subprotocol_that_was_not_chosen_or_not_offered_ends_the_link() {
    for answer in [
        Answer {
            subprotocol: None,
            status: None,
        },
        Answer {
            subprotocol: Some("ocpp9"),
            status: None,
        },
    ] {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move { accept(&listener, None, answer).await });
        let (failure, detail) = Client::new(request(&format!("ws://{address}/x")))
            .down()
            .await;
        assert_eq!(failure, LinkFailure::Subprotocol);
        assert!(detail.contains("OCPP versions"), "{detail}");
        drop(server.await);
    }
}

#[tokio::test]
async fn refused_upgrade_tells_what_to_check() {
    for (status, words) in [
        (404, "identity is registered"),
        (302, "redirects"),
        (500, "500"),
    ] {
        let (listener, address) = listen().await;
        let answer = Answer {
            subprotocol: None,
            status: Some(status),
        };
        let server = tokio::spawn(async move { accept(&listener, None, answer).await });
        let (failure, detail) = Client::new(request(&format!("ws://{address}/x")))
            .down()
            .await;
        assert_eq!(failure, LinkFailure::Refused);
        assert!(detail.contains(words), "{detail}");
        drop(server.await);
    }
}

// acceptance: P80
#[tokio::test]
async fn keep_alive_pings_at_its_interval_and_an_answered_ping_keeps_the_link_real_time() {
    let (mut client, mut socket) = up(1, 10).await;
    for _ in 0..2 {
        // Reading answers the ping.
        assert!(matches!(
            socket.next().await.unwrap().unwrap(),
            Message::Ping(_)
        ));
    }
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(
        client.event().await,
        LinkEvent::Frame("still here".to_owned())
    );
}

// acceptance: P80
#[tokio::test]
async fn unanswered_ping_ends_the_link_real_time() {
    let (mut client, socket) = up(1, 1).await;
    // The server does not read, so nothing answers.
    let (failure, detail) = client.down().await;
    assert_eq!(failure, LinkFailure::Timeout);
    assert!(detail.contains("ping"), "{detail}");
    drop(socket);
}

// acceptance: P80
#[tokio::test]
async fn keep_alive_of_zero_sends_no_ping_real_time() {
    let (client, mut socket) = up(0, 1).await;
    let wait = std::time::Duration::from_millis(2_500);
    assert!(
        tokio::time::timeout(wait, socket.next()).await.is_err(),
        "nothing was sent"
    );
    drop(client);
}

#[tokio::test]
async fn servers_ping_is_answered() {
    let (_client, mut socket) = up(0, 10).await;
    socket
        .send(Message::Ping(Bytes::from_static(b"hi")))
        .await
        .unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"hi")));
}

#[tokio::test]
async fn binary_oversized_and_broken_messages_end_the_link_as_protocol_failures() {
    let messages = [
        (Message::binary(vec![1, 2, 3]), "binary"),
        (Message::text("x".repeat(70_000)), "65536"),
    ];
    for (message, words) in messages {
        let (mut client, mut socket) = up(0, 10).await;
        socket.send(message).await.unwrap();
        let (failure, detail) = client.down().await;
        assert_eq!(failure, LinkFailure::Protocol);
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test]
async fn text_that_is_no_utf8_ends_the_link_as_a_protocol_failure() {
    let (mut client, socket) = up(0, 10).await;
    let mut raw = socket.into_inner();
    // An unmasked text frame of two bytes that are no UTF-8.
    raw.write_all(&[0x81, 2, 0xff, 0xfe]).await.unwrap();
    let (failure, _) = client.down().await;
    assert_eq!(failure, LinkFailure::Protocol);
}

#[tokio::test]
async fn close_by_the_peer_is_reported_with_its_code_and_reason() {
    let (mut client, mut socket) = up(0, 10).await;
    let frame = CloseFrame {
        code: 1001.into(),
        reason: "maintenance".into(),
    };
    socket.close(Some(frame)).await.unwrap();
    let (failure, detail) = client.down().await;
    assert_eq!(failure, LinkFailure::ClosedByPeer);
    assert!(
        detail.contains("1001") && detail.contains("maintenance"),
        "{detail}"
    );
    assert_eq!(
        client.link.try_send("late".to_owned()),
        Err(SendError::Down)
    );
}

#[tokio::test]
async fn cut_connection_is_reported_as_broken() {
    let (mut client, socket) = up(0, 10).await;
    drop(socket);
    assert_eq!(client.down().await.0, LinkFailure::Broken);
    assert_eq!(client.events.recv().await, None, "nothing follows Down");
}

#[tokio::test]
async fn closing_writes_what_was_queued_and_says_why() {
    let (mut client, mut socket) = up(0, 10).await;
    client.link.try_send("last words".to_owned()).unwrap();
    client.link.close(&"r".repeat(200));
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("last words")
    );
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else {
        panic!("a close frame follows");
    };
    assert_eq!(u16::from(frame.code), 1000);
    assert_eq!(frame.reason.len(), 123);
    assert!(socket.next().await.is_none());
    drop(socket);
    assert_eq!(client.down().await.0, LinkFailure::ClosedByUs);
    client.link.join().await;
}

#[tokio::test]
async fn dropping_the_handle_closes_the_link_even_while_it_connects() {
    let (client, mut socket) = up(0, 10).await;
    let Client { link, mut events } = client;
    drop(link);
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    drop(socket);
    assert!(matches!(
        events.recv().await,
        Some(LinkEvent::Down {
            failure: LinkFailure::ClosedByUs,
            ..
        })
    ));
    let (_silent, address) = listen().await;
    let client = Client::new(request(&format!("ws://{address}/x")));
    let Client { link, mut events } = client;
    link.close("changed our mind");
    assert!(matches!(
        events.recv().await,
        Some(LinkEvent::Down {
            failure: LinkFailure::ClosedByUs,
            ..
        })
    ));
}

#[tokio::test]
async fn frames_wait_up_to_a_bound_while_connecting() {
    let (_silent, address) = listen().await;
    let client = Client::new(request(&format!("ws://{address}/x")));
    for n in 0..OUTGOING_FRAMES {
        client.link.try_send(n.to_string()).unwrap();
    }
    assert_eq!(
        client.link.try_send("one more".to_owned()),
        Err(SendError::Full)
    );
}

#[tokio::test]
async fn server_that_never_answers_the_upgrade_is_given_up_real_time() {
    let (_silent, address) = listen().await;
    let mut wanted = request(&format!("ws://{address}/x"));
    wanted.timeout_s = 1;
    let (failure, detail) = Client::new(wanted).down().await;
    assert_eq!(failure, LinkFailure::Timeout);
    assert!(detail.contains("check"), "{detail}");
}

#[tokio::test]
async fn closed_port_is_reported_as_unreachable() {
    let (listener, address) = listen().await;
    drop(listener);
    let (failure, detail) = Client::new(request(&format!("ws://{address}/x")))
        .down()
        .await;
    assert_eq!(failure, LinkFailure::Unreachable);
    assert!(detail.contains("check port"), "{detail}");
}

#[tokio::test]
async fn wrong_urls_are_refused_before_anything_is_dialled() {
    for (url, words) in [
        ("http://127.0.0.1/x", "ws:// or wss://"),
        ("ws://user:pw@127.0.0.1/x", "basic_auth_password"),
        ("ws://127.0.0.1/x#y", "#"),
    ] {
        let (failure, detail) = Client::new(request(url)).down().await;
        assert_eq!(failure, LinkFailure::Configuration);
        assert!(detail.contains(words), "{detail}");
    }
}

// acceptance: P81
#[tokio::test]
async fn proxy_is_asked_to_connect_and_the_link_runs_through_it() {
    let (listener, address) = listen().await;
    let (proxy, proxy_address) = listen().await;
    let server = tokio::spawn(async move { accept(&listener, None, Answer::ocpp16()).await });
    let proxied = tokio::spawn(proxy_once(
        proxy,
        "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n",
        address,
    ));
    let mut wanted = request(&format!("ws://{address}/x"));
    wanted.proxy = Some(Url::parse(&format!("http://me:pw@{proxy_address}")).unwrap());
    let mut client = Client::new(wanted);
    assert!(matches!(client.event().await, LinkEvent::Up { .. }));
    let asked = proxied.await.unwrap();
    assert!(
        asked.starts_with(&format!("CONNECT {address} HTTP/1.1\r\n")),
        "{asked}"
    );
    assert!(
        asked.contains("Proxy-Authorization: Basic bWU6cHc=\r\n"),
        "{asked}"
    );
    let (mut socket, _) = server.await.unwrap().unwrap();
    socket.send(Message::text("through")).await.unwrap();
    assert_eq!(client.event().await, LinkEvent::Frame("through".to_owned()));
}

// acceptance: P81
#[tokio::test]
async fn proxy_that_refuses_or_talks_nonsense_is_named() {
    for (head, words) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "user and password",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "check its rules"),
        ("nonsense\r\n\r\n", "nonsense"),
    ] {
        let (proxy, proxy_address) = listen().await;
        let proxied = tokio::spawn(proxy_once(proxy, head, proxy_address));
        let mut wanted = request("ws://127.0.0.1:9/x");
        wanted.proxy = Some(Url::parse(&format!("http://{proxy_address}")).unwrap());
        let (failure, detail) = Client::new(wanted).down().await;
        assert_eq!(failure, LinkFailure::Proxy);
        assert!(detail.contains(words), "{detail}");
        proxied.await.unwrap();
    }
}

#[tokio::test]
async fn proxy_with_an_endless_head_is_cut_off() {
    let (proxy, proxy_address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut tcp, _) = proxy.accept().await.unwrap();
        let mut sink = [0; 1_024];
        let _ = tcp.read(&mut sink).await;
        while tcp.write_all(&[b'x'; 1_024]).await.is_ok() {}
    });
    let mut wanted = request("ws://127.0.0.1:9/x");
    wanted.proxy = Some(Url::parse(&format!("http://{proxy_address}")).unwrap());
    let (failure, detail) = Client::new(wanted).down().await;
    assert_eq!(failure, LinkFailure::Proxy);
    assert!(detail.contains("8192"), "{detail}");
    server.await.unwrap();
}
