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
    let (answer, (head, part)) = {
        let mut plan = plan.lock().unwrap();
        let answer = plan.answers.pop_front().unwrap_or(Answer::File);
        let file = plan.file_for(&asked, &answer);
        (answer, file)
    };
    if matches!(answer, Answer::Take) {
        let length = asked.header("content-length").unwrap().parse().unwrap();
        asked.body.resize(length, 0);
        if reader.read_exact(&mut asked.body).is_err() {
            return;
        }
    }
    plan.lock().unwrap().asked.push(asked);
    let stream = reader.get_mut();
    let mut write = |pieces: &[&[u8]]| {
        let mut pieces = pieces.iter();
        pieces.try_for_each(|piece| stream.write_all(piece))
    };
    let head = head.as_bytes();
    // The peer may be gone; then there is nobody to tell.
    let _answered = match answer {
        Answer::File | Answer::Whole => write(&[head, &part]),
        Answer::Broken(count) => write(&[head, &part[..count]]),
        Answer::Silent(count) => write(&[head, &part[..count]])
            .and_then(|()| stream.flush())
            .and_then(|()| stream.read(&mut [0; 1]).map(|_| ())),
        Answer::Raw(text) => write(&[text.as_bytes()]),
        Answer::Endless => {
            let mut written = write(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]);
            while written.is_ok() {
                written = write(&[b"400\r\n", &[7; 0x400], b"\r\n"]);
            }
            written
        }
        Answer::Take => write(&[b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"]),
        Answer::TakeSlowly => {
            // Nothing more is read, and the connection stays open as long as the process.
            std::mem::forget(reader);
            return;
        }
    };
    let _flushed = stream.flush();
}

impl Plan {
    /// Head and body for the file, or for the part of it that was asked for.
    fn file_for(&self, asked: &Asked, answer: &Answer) -> (String, Vec<u8>) {
        let (etag, modified) = (self.etag.as_deref(), self.modified.as_deref());
        let mut validators = String::new();
        for (name, value) in [("ETag", etag), ("Last-Modified", modified)] {
            if let Some(value) = value {
                validators.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let proof = asked.header("if-range");
        let same = proof.is_none() || proof == etag || proof == modified;
        let from = asked
            .header("range")
            .filter(|_| same && !matches!(answer, Answer::Whole))
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'))
            .and_then(|from| from.parse::<usize>().ok());
        let all = self.file.len();
        let part = self.file.get(from.unwrap_or(0)..).unwrap_or_default();
        let length = part.len();
        let head = match from {
            Some(from) if from >= all => {
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
            Some(from) => format!(
                "HTTP/1.1 206 Partial Content\r\n{validators}Content-Length: {length}\r\nContent-Range: bytes {from}-{}/{all}\r\n\r\n",
                all - 1
            ),
            None => format!("HTTP/1.1 200 OK\r\n{validators}Content-Length: {length}\r\n\r\n"),
        };
        (head, part.to_vec())
    }
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
