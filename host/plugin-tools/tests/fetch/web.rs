//! Components of web servers: what arrives, and what is refused.

use std::fs;
use std::io::Write;

use crate::support::*;

const SIGNATURE: &[u8] = b"pilotwire-signature 1\n...\n";

/// A well-behaved server with one component and its signature.
fn site(bytes: Vec<u8>) -> impl Answers {
    move |asked: &Asked, _: usize, out: &mut dyn Write| match asked.path.as_str() {
        "/auth-x.wasm" => file(asked, out, &bytes, "\"one\"", usize::MAX),
        "/auth-x.sig" => answer(out, "200 OK", "", SIGNATURE),
        _ => answer(out, "404 Not Found", "", b""),
    }
}

#[test]
fn component_and_signature_arrive_over_tls() {
    let (into, bytes) = (Folder::new(), component(300_000, 1));
    let root = into.file("root.pem");
    let server = secure(&root, site(bytes.clone()));
    let into = Folder::new();
    let source = format!("{}/auth-x.wasm#sha256={}", server.url, sha256(&bytes));
    let run = fetch(&source, &into, &["--ca", root.to_str().unwrap()]).succeeded();
    assert_eq!(run.out.trim(), into.file("auth-x.wasm").to_str().unwrap());
    assert!(
        run.err.contains("auth-x.wasm: 100 %, 293 of 293 KiB"),
        "{}",
        run.err
    );
    assert!(!run.err.contains('\x1b'), "{}", run.err);
    assert_eq!(into.names(), ["auth-x.sig", "auth-x.wasm"]);
    assert_eq!(fs::read(into.file("auth-x.wasm")).unwrap(), bytes);
    assert_eq!(fs::read(into.file("auth-x.sig")).unwrap(), SIGNATURE);

    // The variable does the same, and what is here already is not fetched again.
    let mut again = program(&["fetch", &source, "--into", into.0.to_str().unwrap()]);
    again.env("PILOTWIRE_CA", &root);
    assert!(finish(again).succeeded().err.contains("here already"));
    assert_eq!(
        server.paths(),
        ["/auth-x.wasm", "/auth-x.sig", "/auth-x.sig"]
    );
}

#[test]
fn certificate_of_a_strange_authority_is_refused() {
    let (into, folder) = (Folder::new(), Folder::new());
    let root = folder.file("root.pem");
    let server = secure(&root, site(component(1_000, 1)));
    let source = format!("{}/auth-x.wasm", server.url);
    let refused = "the certificate of 127.0.0.1 is not trusted";
    let run = fetch(&source, &into, &[]).refused(refused);
    assert!(run.err.contains("--ca FILE"), "{}", run.err);
    // Another authority's root does not help.
    let other = folder.file("other.pem");
    fs::write(&other, certificates().0).unwrap();
    fetch(&source, &into, &["--ca", other.to_str().unwrap()]).refused(refused);
    // Nor does the right one for another name.
    let wrong = source.replace("127.0.0.1", "localhost");
    let run = fetch(&wrong, &into, &["--ca", root.to_str().unwrap()]);
    run.refused("the certificate of localhost is not trusted");
    let none = folder.file("none.pem");
    fs::write(&none, "no certificate").unwrap();
    fetch(&source, &into, &["--ca", none.to_str().unwrap()]).refused("has no certificate");
    assert!(server.paths().is_empty());
    assert!(into.names().is_empty());
}

#[test]
fn component_without_signature_arrives_with_a_warning() {
    let (into, bytes) = (Folder::new(), component(1_000, 1));
    fs::write(into.file("auth-x.sig"), "of another component").unwrap();
    let server = plain(
        move |asked: &Asked, _, out: &mut dyn Write| match asked.path.as_str() {
            "/auth-x.wasm" => answer(out, "200 OK", "", &bytes),
            _ => answer(out, "404 Not Found", "", b""),
        },
    );
    let run = fetch(&format!("{}/auth-x.wasm", server.url), &into, &[]).succeeded();
    assert!(run.err.contains("warning: not signed"), "{}", run.err);
    assert_eq!(into.names(), ["auth-x.wasm"]);
}

#[test]
fn redirects_are_followed_within_bounds() {
    let (into, bytes) = (Folder::new(), component(1_000, 1));
    let server = plain(
        move |asked: &Asked, _, out: &mut dyn Write| match asked.path.as_str() {
            "/auth-x.wasm" => answer(out, "302 Found", "Location: /files/some-name\r\n", b""),
            "/files/some-name" => answer(out, "200 OK", "", &bytes),
            "/loop.wasm" => answer(out, "302 Found", "Location: /loop.wasm\r\n", b""),
            "/nowhere.wasm" => answer(out, "302 Found", "", b""),
            "/file.wasm" => answer(out, "302 Found", "Location: file:///etc/passwd\r\n", b""),
            "/far.wasm" => answer(
                out,
                "302 Found",
                "Location: http://far.example/a.wasm\r\n",
                b"",
            ),
            _ => answer(out, "404 Not Found", "", b""),
        },
    );
    let source = |name: &str| format!("{}/{name}.wasm", server.url);
    fetch(&source("auth-x"), &into, &[]).succeeded();
    assert_eq!(into.names(), ["auth-x.wasm"]);
    fetch(&source("loop"), &into, &[]).refused("redirects more than 5 times");
    fetch(&source("nowhere"), &into, &[]).refused("redirects to nowhere");
    fetch(&source("file"), &into, &[]).refused("file:// is not supported");
    fetch(&source("far"), &into, &[]).refused("is not encrypted; use https://");
    fetch(&source("missing"), &into, &[]).refused("there is no such file");
    assert_eq!(into.names(), ["auth-x.wasm"]);
}

#[test]
fn redirect_from_https_to_http_is_refused_even_on_this_machine() {
    let (into, folder) = (Folder::new(), Folder::new());
    let low = plain(site(component(1_000, 1)));
    let location = format!("Location: {}/auth-x.wasm\r\n", low.url);
    let root = folder.file("root.pem");
    let server = secure(&root, move |_: &Asked, _, out: &mut dyn Write| {
        answer(out, "307 Temporary Redirect", &location, b"");
    });
    let source = format!("{}/auth-x.wasm", server.url);
    let run = fetch(&source, &into, &["--ca", root.to_str().unwrap()]);
    run.refused("which is not encrypted; that is not followed");
    assert!(low.paths().is_empty());
    assert!(into.names().is_empty());
}

#[test]
fn source_that_is_no_plugin_is_refused_before_anything_is_asked() {
    let into = Folder::new();
    let server = plain(site(component(1_000, 1)));
    for path in [
        "..%2f..%2fauth-x.wasm",
        "%2e%2e%2fx.wasm",
        "Auth.wasm",
        "a_b.wasm",
    ] {
        let source = format!("{}/{path}", server.url);
        fetch(&source, &into, &[]).refused("is no plugin name");
    }
    let source = format!("{}/auth-x.zip", server.url);
    fetch(&source, &into, &[]).refused("must end in the plugin's name and .wasm");
    fetch("http://plugins.example/a.wasm", &into, &[]).refused("is not encrypted; use https://");
    assert!(server.paths().is_empty());
    assert!(into.names().is_empty());
}

#[test]
fn bytes_that_are_not_the_component_are_refused_and_not_kept() {
    let (into, bytes) = (Folder::new(), component(1_000, 1));
    let other = sha256(&component(1_000, 2));
    let server = plain(
        move |asked: &Asked, _, out: &mut dyn Write| match asked.path.as_str() {
            "/right.wasm" => answer(out, "200 OK", "", &bytes),
            "/page.wasm" => answer(out, "200 OK", "", b"<html>please log in</html>"),
            "/module.wasm" => answer(out, "200 OK", "", b"\0asm\x01\0\0\0"),
            "/empty.wasm" => answer(out, "200 OK", "", b""),
            "/packed.wasm" => answer(out, "200 OK", "Content-Encoding: gzip\r\n", b"x"),
            _ => answer(out, "403 Forbidden", "", b""),
        },
    );
    let source = |name: &str| format!("{}/{name}", server.url);
    let wrong = source(&format!("right.wasm#sha256={other}"));
    fetch(&wrong, &into, &[]).refused("the digest is wrong");
    fetch(&source("page.wasm"), &into, &[]).refused("what arrived is no WebAssembly");
    fetch(&source("module.wasm"), &into, &[])
        .refused("core module of WebAssembly and no component");
    fetch(&source("empty.wasm"), &into, &[]).refused("what arrived is no WebAssembly");
    fetch(&source("packed.wasm"), &into, &[]).refused("the server packs the file");
    fetch(&source("secret.wasm"), &into, &[]).refused("the server wants a login");
    assert!(into.names().is_empty(), "{:?}", into.names());
}

#[test]
fn component_or_signature_above_its_limit_is_refused() {
    let (into, bytes) = (Folder::new(), component(1_000, 1));
    let huge = 33 << 20;
    let server = plain(
        move |asked: &Asked, _, out: &mut dyn Write| match asked.path.as_str() {
            "/said.wasm" => head(out, "200 OK", &format!("Content-Length: {huge}\r\n")),
            "/unsaid.wasm" => {
                head(out, "200 OK", "Transfer-Encoding: chunked\r\n");
                let chunk = vec![0; 1 << 20];
                let more = |_| {
                    let sent = out.write_all(format!("{:x}\r\n", chunk.len()).as_bytes());
                    sent.and_then(|()| out.write_all(&chunk))
                        .and_then(|()| out.write_all(b"\r\n"))
                        .is_ok()
                };
                let all = (0..64).all(more);
                assert!(!all, "everything was taken");
            }
            "/signed.wasm" => answer(out, "200 OK", "ETag: \"a\"\r\n", &bytes),
            "/signed.sig" => answer(out, "200 OK", "", &[b'x'; 2_049]),
            _ => answer(out, "404 Not Found", "", b""),
        },
    );
    let source = |name: &str| format!("{}/{name}.wasm", server.url);
    fetch(&source("said"), &into, &[]).refused("larger than 32 MiB");
    fetch(&source("unsaid"), &into, &[]).refused("larger than 32 MiB");
    fetch(&source("signed"), &into, &[]).refused("larger than 2048 bytes");
    assert!(!into.file("signed.wasm").exists());
}
