//! An HTTP server that can be told to behave badly.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The file, in parts if asked for.
    File,
    /// The file, without looking at `Range`.
    Whole,
    /// The first bytes of what was asked for, then the connection breaks.
    Broken(usize),
    /// The first bytes, then silence until the peer goes away.
    Silent(usize),
    /// This text as it stands.
    Raw(String),
    /// A head that announces nothing, then bytes without end.
    Endless,
    /// Takes an upload.
    Take,
    /// Takes some bytes of an upload and no more, until the peer goes away.
    TakeSlowly,
}

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The server; its thread ends with the process.
pub struct HttpServer {
    pub address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

struct Plan {
    file: Vec<u8>,
    etag: Option<String>,
    modified: Option<String>,
    answers: VecDeque<Answer>,
    asked: Vec<Asked>,
}

/// A connection, plain or not.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl HttpServer {
    /// Serves a file; after the planned answers, all are [`Answer::File`].
    pub fn new(file: &[u8], answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::wrapped(file, answers, |tcp| Some(Box::new(tcp)))
    }

    /// The same, with something around each connection.
    pub fn wrapped(
        file: &[u8],
        answers: impl IntoIterator<Item = Answer>,
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan {
            file: file.to_vec(),
            etag: Some("\"v1\"".to_owned()),
            modified: None,
            answers: answers.into_iter().collect(),
            asked: Vec::new(),
        }));
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if let Some(stream) = stream.ok().and_then(&wrap) {
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || serve(stream, &shared));
                }
            }
        });
        Self { address, plan }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.plan.lock().unwrap().asked.clone()
    }

    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.plan.lock().unwrap().answers.extend(answers);
    }

    /// Another file is there now.
    pub fn change(&self, file: &[u8], etag: Option<&str>, modified: Option<&str>) {
        let mut plan = self.plan.lock().unwrap();
        plan.file = file.to_vec();
        plan.etag = etag.map(str::to_owned);
        plan.modified = modified.map(str::to_owned);
    }
}

fn serve(stream: Box<dyn Stream>, plan: &Mutex<Plan>) {
    let mut reader = BufReader::new(stream);
    let Some(mut asked) = head(&mut reader) else {
        return;
    };
    let (answer, file, etag, modified) = {
        let mut plan = plan.lock().unwrap();
        let answer = plan.answers.pop_front().unwrap_or(Answer::File);
        (
            answer,
            plan.file.clone(),
            plan.etag.clone(),
            plan.modified.clone(),
        )
    };
    let length: usize = asked
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut validators = String::new();
    if let Some(etag) = &etag {
        validators.push_str(&format!("ETag: {etag}\r\n"));
    }
    if let Some(modified) = &modified {
        validators.push_str(&format!("Last-Modified: {modified}\r\n"));
    }
    let same = asked
        .header("if-range")
        .is_none_or(|proof| Some(proof) == etag.as_deref() || Some(proof) == modified.as_deref());
    let from: Option<usize> = asked
        .header("range")
        .filter(|_| same && !matches!(answer, Answer::Whole))
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        });
    let part = file.get(from.unwrap_or(0)..).unwrap_or_default();
    let head = match from {
        Some(from) if from >= file.len() => {
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n".to_owned()
        }
        Some(from) => format!(
            "HTTP/1.1 206 Partial Content\r\n{validators}Content-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
            part.len(),
            file.len() - 1,
            file.len()
        ),
        None => format!(
            "HTTP/1.1 200 OK\r\n{validators}Content-Length: {}\r\n\r\n",
            part.len()
        ),
    };
    if matches!(answer, Answer::Take) {
        asked.body.resize(length, 0);
        if reader.read_exact(&mut asked.body).is_err() {
            return;
        }
    }
    plan.lock().unwrap().asked.push(asked);
    let stream = reader.get_mut();
    // The peer may be gone; then there is nobody to tell.
    let _answered = match answer {
        Answer::File | Answer::Whole => stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(part)),
        Answer::Broken(count) => stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&part[..count])),
        Answer::Silent(count) => stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&part[..count]))
            .and_then(|()| stream.flush())
            .and_then(|()| stream.read(&mut [0; 1]).map(|_| ())),
        Answer::Raw(text) => stream.write_all(text.as_bytes()),
        Answer::Endless => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut written = stream.write_all(head.as_bytes());
            while written.is_ok() {
                written = stream
                    .write_all(b"400\r\n")
                    .and_then(|()| stream.write_all(&[7; 0x400]))
                    .and_then(|()| stream.write_all(b"\r\n"));
            }
            written
        }
        Answer::Take => stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        Answer::TakeSlowly => {
            // Nothing more is read, and the connection stays open as long as the process.
            std::mem::forget(reader);
            return;
        }
    };
    let _flushed = stream.flush();
}

fn head(reader: &mut impl std::io::BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut asked = Asked {
        line: line.trim().to_owned(),
        ..Asked::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(':') {
            Some((name, value)) => asked
                .headers
                .push((name.to_owned(), value.trim().to_owned())),
            None => return Some(asked),
        }
    }
}

/// A head with this status and nothing else.
pub fn status(status: &str) -> Answer {
    Answer::Raw(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))
}

/// A redirect.
pub fn to(location: &str) -> Answer {
    Answer::Raw(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))
}
