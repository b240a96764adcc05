//! A small FTP server with passive mode, REST and AUTH TLS, that can be told to behave badly.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use super::http_server::Stream;

/// What is unusual about a server.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// The first downloads break after so many bytes.
    pub broken: Vec<usize>,
    /// It does not know `EPSV`.
    pub no_epsv: bool,
    /// `PASV` names this address instead of its own.
    pub other_address: bool,
    /// It does not know `MDTM`.
    pub no_mdtm: bool,
    /// It does not know `REST`.
    pub no_rest: bool,
    /// `SIZE` is this much too large.
    pub too_large: usize,
    /// Its first word, instead of a greeting.
    pub greeting: Option<String>,
    /// It refuses to store.
    pub full: bool,
    /// What it sends together with its answer to `AUTH`.
    pub after_auth: &'static str,
    /// User and password that it wants.
    pub login: Option<(&'static str, &'static str)>,
}

/// What it has and what it heard.
#[derive(Default)]
pub struct State {
    pub files: BTreeMap<String, Vec<u8>>,
    pub time: String,
    pub heard: Vec<String>,
    /// Data connections that came without TLS.
    pub plain_data: usize,
    /// Data connections with TLS, and those of them that resumed the session of the commands.
    pub secure_data: usize,
    pub resumed_data: usize,
}

/// The server; its thread ends with the process.
pub struct FtpServer {
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
}

impl FtpServer {
    pub fn new(habits: Habits, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            time: "20261121100000".to_owned(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let habits = Arc::new(Mutex::new(habits));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let session = Session {
                    habits: Arc::clone(&habits),
                    state: Arc::clone(&shared),
                    tls: tls.clone(),
                    secure: false,
                    passive: None,
                    rest: 0,
                };
                let stream = stream.unwrap();
                // A peer that leaves in the middle is no failure of the test.
                std::thread::spawn(move || session.serve(stream));
            }
        });
        Self { address, state }
    }

    pub fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }

    pub fn put(&self, name: &str, contents: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.files.insert(name.to_owned(), contents.to_vec());
    }

    pub fn heard(&self) -> Vec<String> {
        self.state.lock().unwrap().heard.clone()
    }
}

struct Session {
    habits: Arc<Mutex<Habits>>,
    state: Arc<Mutex<State>>,
    tls: Option<Arc<ServerConfig>>,
    secure: bool,
    passive: Option<TcpListener>,
    rest: usize,
}

impl Session {
    fn serve(mut self, tcp: TcpStream) -> Option<()> {
        let habits = self.habits.lock().unwrap().clone();
        let mut control: BufReader<Box<dyn Stream>> =
            BufReader::new(Box::new(tcp.try_clone().ok()?));
        let greeting = habits
            .greeting
            .unwrap_or("220-small\r\n220 ready\r\n".to_owned());
        say(&mut control, &greeting)?;
        loop {
            let mut line = String::new();
            control
                .read_line(&mut line)
                .ok()
                .filter(|count| *count > 0)?;
            let line = line.trim_end().to_owned();
            self.state.lock().unwrap().heard.push(line.clone());
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            if verb == "AUTH" && self.tls.is_some() {
                say(&mut control, &format!("234 go on\r\n{}", habits.after_auth))?;
                let connection = ServerConnection::new(self.tls.clone()?).ok()?;
                let stream = StreamOwned::new(connection, tcp.try_clone().ok()?);
                control = BufReader::new(Box::new(stream));
                continue;
            }
            let answer = self.answer(verb, argument, &mut control)?;
            say(&mut control, &answer)?;
        }
    }

    fn answer(
        &mut self,
        verb: &str,
        argument: &str,
        control: &mut BufReader<Box<dyn Stream>>,
    ) -> Option<String> {
        let habits = self.habits.lock().unwrap().clone();
        let file = self.state.lock().unwrap().files.get(argument).cloned();
        let time = self.state.lock().unwrap().time.clone();
        let login = habits.login;
        Some(match verb {
            "USER" if login.is_some_and(|(user, _)| user != argument) => "530 who?\r\n".to_owned(),
            "USER" => "331 password\r\n".to_owned(),
            "PASS" if login.is_some_and(|(_, password)| password != argument) => {
                format!("530 {argument} is wrong\r\n")
            }
            "PASS" => "230-welcome\r\n230 in\r\n".to_owned(),
            "PROT" => {
                self.secure = argument == "P";
                "200 ok\r\n".to_owned()
            }
            "TYPE" | "PBSZ" => "200 ok\r\n".to_owned(),
            "MDTM" if !habits.no_mdtm && file.is_some() => format!("213 {time}\r\n"),
            "SIZE" => match file {
                Some(file) => format!("213 {}\r\n", file.len() + habits.too_large),
                None => "550 no\r\n".to_owned(),
            },
            "REST" if !habits.no_rest => {
                self.rest = argument.parse().ok()?;
                "350 from there\r\n".to_owned()
            }
            "EPSV" if !habits.no_epsv => {
                let port = self.listen()?;
                format!("229 Entering Extended Passive Mode (|||{port}|)\r\n")
            }
            "PASV" => {
                let [high, low] = self.listen()?.to_be_bytes();
                let address = if habits.other_address {
                    "192,0,2,1"
                } else {
                    "127,0,0,1"
                };
                format!("227 Entering Passive Mode ({address},{high},{low}).\r\n")
            }
            "RETR" => match file {
                Some(file) => self.send(&file, control)?,
                None => "550 no such file\r\n".to_owned(),
            },
            "STOR" if habits.full => "452 the disk is full\r\n".to_owned(),
            "STOR" => self.take(argument, control)?,
            "QUIT" => "221 bye\r\n".to_owned(),
            _ => "502 not here\r\n".to_owned(),
        })
    }

    fn listen(&mut self) -> Option<u16> {
        let listener = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = listener.local_addr().ok()?.port();
        self.passive = Some(listener);
        Some(port)
    }

    fn data(&mut self, control: &mut BufReader<Box<dyn Stream>>) -> Option<Box<dyn Stream>> {
        say(control, "150 here it comes\r\n")?;
        let (mut tcp, _) = self.passive.take()?.accept().ok()?;
        let mut state = self.state.lock().unwrap();
        if !self.secure {
            state.plain_data += 1;
            return Some(Box::new(tcp));
        }
        let mut connection = ServerConnection::new(self.tls.clone()?).ok()?;
        connection.complete_io(&mut tcp).ok()?;
        state.secure_data += 1;
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        state.resumed_data += usize::from(resumed);
        Some(Box::new(StreamOwned::new(connection, tcp)))
    }

    fn send(&mut self, file: &[u8], control: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
        let part = file.get(std::mem::take(&mut self.rest)..)?;
        let mut data = self.data(control)?;
        let broken = {
            let mut habits = self.habits.lock().unwrap();
            (!habits.broken.is_empty()).then(|| habits.broken.remove(0))
        };
        let sent = part.get(..broken.unwrap_or(part.len()))?;
        data.write_all(sent).and_then(|()| data.flush()).ok()?;
        drop(data);
        Some(match broken {
            Some(_) => "426 broken\r\n".to_owned(),
            None => "226 done\r\n".to_owned(),
        })
    }

    fn take(&mut self, name: &str, control: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
        let mut data = self.data(control)?;
        let mut contents = Vec::new();
        data.read_to_end(&mut contents).ok()?;
        let mut state = self.state.lock().unwrap();
        state.files.insert(name.to_owned(), contents);
        Some("226 stored\r\n".to_owned())
    }
}

fn say(control: &mut BufReader<Box<dyn Stream>>, text: &str) -> Option<()> {
    let stream = control.get_mut();
    stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
        .ok()
}
