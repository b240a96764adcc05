//! FTP as RFC 959 and 4217 have it, as far as one file needs it: passive, binary, with or without TLS.
//!
//! Written here because it is little and because the answers of a foreign server are hostile input: lines and their
//! number are bounded, and data connections go to the server that was asked for, whatever address it names. A crate
//! with as much would bring a second TLS set-up and a calendar.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ftp_reply::{Replies, Reply, epsv_port, modified, pasv_port, size};
use super::limits::{ADDRESSES_TRIED, CHUNK_BYTES};
use super::partial::{Partial, Version};
use super::place::{Place, Scheme};
use super::transfer::{Failure, Line};
use crate::net::connect::Wire;
use crate::net::{Trust, client_config};

/// Who asks when the URL names no user.
const ANONYMOUS: (&str, &str) = ("anonymous", "station@pilotwire");

/// Fetches a file, from where an earlier attempt ended if the server still has the same.
pub async fn download(
    line: &Line<'_>,
    place: &Place,
    partial: &mut Partial,
) -> Result<(), Failure> {
    let mut session = Session::open(line, place).await?;
    let path = path_of(place)?;
    let there = Version {
        etag: None,
        modified: session
            .ask("MDTM", &path)
            .await?
            .and_then(|reply| modified(&reply)),
        total: session
            .ask("SIZE", &path)
            .await?
            .and_then(|reply| size(&reply)),
    };
    let resume = partial.length() > 0 && there.is_telling() && there == *partial.version();
    if resume && there.total == Some(partial.length()) {
        return Ok(());
    }
    if !resume {
        partial.begin(there.clone())?;
    }
    partial.check_room(there.total.unwrap_or(0))?;
    let data = session.passive().await?;
    if resume {
        let rest = session.say("REST", &partial.length().to_string()).await?;
        if rest.code != 350 {
            partial.begin(there.clone())?;
        }
    }
    session.begin("RETR", &path).await?;
    let mut data = session.secured(data).await?;
    let total = there.total.unwrap_or(0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = async {
            match data.read(&mut chunk).await {
                // TLS that ends without saying so; whether everything came is checked below.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
                read => read.map_err(|error| broken(&error)),
            }
        };
        let count = line.within("receiving", read).await?;
        if count == 0 {
            break;
        }
        partial.append(chunk.get(..count).unwrap_or_default())?;
        line.progress.at(partial.length(), total, place);
    }
    drop(data);
    session.end().await
}

/// Brings a file to its place.
pub async fn upload(line: &Line<'_>, place: &Place, file: &Path) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Final(format!("what is to be sent cannot be read: {error}"))
    };
    let mut file = std::fs::File::open(file).map_err(unreadable)?;
    let total = file.metadata().map_err(unreadable)?.len();
    let mut session = Session::open(line, place).await?;
    let path = path_of(place)?;
    let data = session.passive().await?;
    session.begin("STOR", &path).await?;
    let mut data = session.secured(data).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut moved = 0;
    loop {
        let count = std::io::Read::read(&mut file, &mut chunk).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        let bytes = chunk.get(..count).unwrap_or_default();
        let written = async { data.write_all(bytes).await.map_err(|error| broken(&error)) };
        if let Err(failure) = line.within("sending", written).await {
            // The server may have said why it takes no more.
            return Err(session.why().await.unwrap_or(failure));
        }
        moved += u64::try_from(count).unwrap_or(0);
        line.progress.at(moved, total, place);
    }
    let closed = async {
        data.flush().await.map_err(|error| broken(&error))?;
        data.shutdown().await.map_err(|error| broken(&error))
    };
    line.within("sending", closed).await?;
    drop(data);
    session.end().await
}

fn path_of(place: &Place) -> Result<String, Failure> {
    let path = place.ftp_path().unwrap_or_default();
    if path.is_empty() {
        return Err(Failure::Final("the URL names no file".to_owned()));
    }
    Ok(path)
}

/// A login on a server.
struct Session<'a> {
    line: &'a Line<'a>,
    place: &'a Place,
    wire: Box<dyn Wire>,
    replies: Replies,
    /// Where the server is.
    address: IpAddr,
    /// TLS for both connections; one configuration, so that the second resumes the session of the first.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl<'a> Session<'a> {
    async fn open(line: &'a Line<'a>, place: &'a Place) -> Result<Self, Failure> {
        let tcp = line.within("connecting", tcp(place)).await?;
        let address = tcp.peer_addr().map_err(|error| broken(&error))?.ip();
        let mut session = Self {
            line,
            place,
            wire: Box::new(tcp),
            replies: Replies::default(),
            address,
            tls: None,
        };
        let mut greeting = session.reply().await?;
        if greeting.code == 120 {
            greeting = session.reply().await?;
        }
        session.must(greeting, 2, "the greeting")?;
        if place.scheme() == Scheme::Ftps {
            session.secure().await?;
        }
        session.login().await?;
        if session.tls.is_some() {
            let size = session.say("PBSZ", "0").await?;
            session.must(size, 2, "PBSZ")?;
            let protection = session.say("PROT", "P").await?;
            session.must(protection, 2, "PROT P")?;
        }
        let binary = session.say("TYPE", "I").await?;
        session.must(binary, 2, "TYPE I")?;
        Ok(session)
    }

    /// Explicit TLS: asked for on the plain connection.
    async fn secure(&mut self) -> Result<(), Failure> {
        let reply = self.say("AUTH", "TLS").await?;
        self.must(reply, 2, "AUTH TLS")?;
        if !self.replies.is_empty() {
            // Whatever came before TLS could be anybody's.
            return Err(Failure::Final(
                "the server said something between AUTH and TLS".to_owned(),
            ));
        }
        let settings = self.line.settings;
        let trust = Trust {
            strictness: settings.strictness,
            ca_file: settings.ca_file.as_deref(),
            certificates: settings.certificates.as_ref(),
            client_certificate: false,
        };
        let config = client_config(&trust).map_err(Failure::Final)?;
        let name = ServerName::try_from(self.place.host().to_owned())
            .map_err(|_| Failure::Final("the host cannot be a TLS server's name".to_owned()))?;
        let tls = (TlsConnector::from(Arc::new(config)), name);
        let plain = std::mem::replace(&mut self.wire, Box::new(tokio::io::empty()));
        self.wire = handshake(self.line, &tls, plain).await?;
        self.tls = Some(tls);
        Ok(())
    }

    async fn login(&mut self) -> Result<(), Failure> {
        let (user, password) = self.place.login().unwrap_or(ANONYMOUS);
        let mut reply = self.say("USER", user).await?;
        if reply.code == 331 {
            reply = self.say("PASS", password).await?;
        }
        if reply.code / 100 == 2 {
            return Ok(());
        }
        Err(self.refused(&reply, "user and password"))
    }

    /// The connection for the file.
    async fn passive(&mut self) -> Result<TcpStream, Failure> {
        let reply = self.say("EPSV", "").await?;
        let port = match reply.code {
            229 => epsv_port(&reply.text),
            _ => {
                let reply = self.say("PASV", "").await?;
                if reply.code != 227 {
                    return Err(self.refused(&reply, "PASV"));
                }
                pasv_port(&reply.text)
            }
        };
        let port = port.ok_or_else(|| {
            Failure::Again("the server names no port for the data connection".to_owned())
        })?;
        // To where the commands go: an address in the answer could be any machine behind the firewall.
        let address = self.address;
        let opened = async {
            TcpStream::connect((address, port)).await.map_err(|error| {
                Failure::Again(format!(
                    "no data connection to {address} port {port} ({error}); check the firewall for passive FTP"
                ))
            })
        };
        self.line.within("connecting for data", opened).await
    }

    async fn secured(&mut self, data: TcpStream) -> Result<Box<dyn Wire>, Failure> {
        match &self.tls {
            Some(tls) => handshake(self.line, tls, Box::new(data)).await,
            None => Ok(Box::new(data)),
        }
    }

    /// A command that begins a transfer.
    async fn begin(&mut self, verb: &str, path: &str) -> Result<(), Failure> {
        let reply = self.say(verb, path).await?;
        self.must(reply, 1, verb)
    }

    /// The word after a transfer.
    async fn end(&mut self) -> Result<(), Failure> {
        let reply = self.reply().await?;
        self.must(reply, 2, "the transfer")?;
        // Polite, but nobody waits for the answer.
        let bye = async {
            self.wire
                .write_all(b"QUIT\r\n")
                .await
                .map_err(|error| broken(&error))
        };
        let _said = self.line.within("leaving", bye).await;
        Ok(())
    }

    /// After a broken data connection: what the server has to say about it.
    async fn why(&mut self) -> Option<Failure> {
        let reply = self.reply().await.ok()?;
        (reply.code / 100 != 2).then(|| self.refused(&reply, "the transfer"))
    }

    /// A question that a server need not know.
    async fn ask(&mut self, verb: &str, path: &str) -> Result<Option<String>, Failure> {
        let reply = self.say(verb, path).await?;
        Ok((reply.code == 213).then_some(reply.text))
    }

    async fn say(&mut self, verb: &str, argument: &str) -> Result<Reply, Failure> {
        let command = match argument {
            "" => format!("{verb}\r\n"),
            argument => format!("{verb} {argument}\r\n"),
        };
        let wire = &mut self.wire;
        let said = async {
            let written = wire.write_all(command.as_bytes()).await;
            written.map_err(|error| broken(&error))?;
            wire.flush().await.map_err(|error| broken(&error))
        };
        self.line.within("asking", said).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, Failure> {
        loop {
            if let Some(reply) = self.replies.next().map_err(Failure::Again)? {
                return Ok(reply);
            }
            let mut chunk = [0; 1_024];
            let wire = &mut self.wire;
            let read = async { wire.read(&mut chunk).await.map_err(|error| broken(&error)) };
            let count = self.line.within("waiting for an answer", read).await?;
            if count == 0 {
                return Err(Failure::Again("the server hung up".to_owned()));
            }
            self.replies.feed(chunk.get(..count).unwrap_or_default());
        }
    }

    fn must(&self, reply: Reply, class: u16, what: &str) -> Result<(), Failure> {
        if reply.code / 100 == class {
            return Ok(());
        }
        Err(self.refused(&reply, what))
    }

    fn refused(&self, reply: &Reply, what: &str) -> Failure {
        let said = self.place.without_secrets(&reply.text);
        Failure::Again(format!(
            "the server refuses {what}: {} {said:?}",
            reply.code
        ))
    }
}

async fn tcp(place: &Place) -> Result<TcpStream, Failure> {
    let (host, port) = (place.host(), place.port());
    let addresses = tokio::net::lookup_host((host, port)).await;
    let addresses = addresses.map_err(|error| {
        Failure::Again(format!(
            "the name {host:?} has no address ({error}); check the URL, DNS and the uplink"
        ))
    })?;
    let mut last = "no address".to_owned();
    for address in addresses.take(ADDRESSES_TRIED) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Err(Failure::Again(format!(
        "the server cannot be reached ({last}); check port, firewall and uplink"
    )))
}

async fn handshake(
    line: &Line<'_>,
    (connector, name): &(TlsConnector, ServerName<'static>),
    plain: Box<dyn Wire>,
) -> Result<Box<dyn Wire>, Failure> {
    let shaken = async {
        let shaken = connector.connect(name.clone(), plain).await;
        shaken.map_err(|error| {
            Failure::Again(format!(
                "TLS with the server failed ({error}); check its certificate and the station's clock"
            ))
        })
    };
    let stream = line.within("TLS", shaken).await?;
    Ok(Box::new(stream))
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::Again(format!("the connection broke ({error})"))
}
