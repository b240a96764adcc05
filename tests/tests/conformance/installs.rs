//! Components from elsewhere: `plugin install` with a URL, by the two built programs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use crate::harness::{Setup, root};

/// Serves the built components on loopback, whole; one request per connection.
fn serve(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream, &folder);
        }
    });
    port
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
    };
    let sent = match std::fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(body) => [head("200 OK", body.len()).into_bytes(), body].concat(),
        Err(_) => head("404 Not Found", 0).into_bytes(),
    };
    let _gone = stream.write_all(&sent);
}

#[test]
fn plugin_is_installed_from_a_url_verified_and_put_in_force_during_a_charge() {
    let mut case = Setup::default().prepare();
    case.station.own_components(&[]);
    case.station.start();
    case.booted();
    case.charging(1);
    let port = serve(root().join("target/components"));
    let installed = case.station.component("auth-open-hours.wasm");
    std::fs::remove_file(&installed).ok();
    let url = |name: &str| PathBuf::from(format!("http://127.0.0.1:{port}/{name}"));
    let missing = case.station.install(&url("auth-nothing.wasm")).unwrap_err();
    assert!(missing.contains("404"), "{missing}");
    assert!(missing.contains("nothing was installed"), "{missing}");
    let said = case.station.install(&url("auth-open-hours.wasm")).unwrap();
    assert!(said.contains("1/1 checked: auth-open-hours"), "{said}");
    let built = std::fs::read(root().join("target/components/auth-open-hours.wasm")).unwrap();
    assert_eq!(std::fs::read(&installed).unwrap(), built);
    let hours = "\n[[plugin]]\nname = \"auth-open-hours\"\nkind = \"authorizer\"\ngrants = { authorize = true }\n";
    case.station.apply(&(case.station.pack_text() + hours));
    let status = case.station.shows("the new authorizer", |status| {
        status["plugins"].to_string().contains("auth-open-hours")
    });
    assert_eq!(status["evses"][0]["contactor"], "closed");
}

#[test]
fn component_that_was_changed_on_its_way_is_not_installed() {
    let case = Setup::default().prepare();
    case.station.own_components(&[]);
    let installed = case.station.component("auth-open-hours.wasm");
    let folder = installed.with_file_name("changed");
    std::fs::create_dir_all(&folder).unwrap();
    let mut bytes = std::fs::read(&installed).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(folder.join("auth-open-hours.wasm"), bytes).unwrap();
    let signature = installed.with_extension("sig");
    std::fs::copy(&signature, folder.join("auth-open-hours.sig")).unwrap();
    std::fs::remove_file(&installed).unwrap();
    let port = serve(folder);
    let url = PathBuf::from(format!("http://127.0.0.1:{port}/auth-open-hours.wasm"));
    let refused = case.station.install(&url).unwrap_err();
    assert!(refused.contains("nothing was installed"), "{refused}");
    assert!(!installed.exists());
}
