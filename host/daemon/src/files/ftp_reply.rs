//! What an FTP server answers, taken apart. Pure: bytes in, answers out, nothing unbounded.

use super::limits::{FTP_LINE_BYTES, FTP_REPLY_LINES};

/// An answer: its code, and its last line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 100 to 599.
    pub code: u16,
    /// Text of the last line.
    pub text: String,
}

/// Collects bytes into answers.
#[derive(Debug, Default)]
pub struct Replies {
    buffer: Vec<u8>,
    /// Code of an answer of several lines, and how many there were.
    open: Option<(u16, usize)>,
}

impl Replies {
    /// Takes what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.open.is_none()
    }

    /// The next complete answer; `None`: more bytes are needed.
    ///
    /// # Errors
    /// This is no FTP, in words.
    pub fn next(&mut self) -> Result<Option<Reply>, String> {
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            if end > FTP_LINE_BYTES {
                return Err(too_long());
            }
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            if let Some(reply) = self.take(&String::from_utf8_lossy(&line))? {
                return Ok(Some(reply));
            }
        }
        if self.buffer.len() > FTP_LINE_BYTES {
            return Err(too_long());
        }
        Ok(None)
    }

    fn take(&mut self, line: &str) -> Result<Option<Reply>, String> {
        let line = line.trim_end_matches(['\r', '\n']);
        let head = head(line);
        if let Some((code, lines)) = self.open {
            if let Some((last, false, text)) = head
                && last == code
            {
                self.open = None;
                return Ok(Some(reply(code, text)));
            }
            if lines >= FTP_REPLY_LINES {
                return Err(format!(
                    "the server's answer has more than {FTP_REPLY_LINES} lines"
                ));
            }
            self.open = Some((code, lines + 1));
            return Ok(None);
        }
        match head {
            Some((code, false, text)) => Ok(Some(reply(code, text))),
            Some((code, true, _)) => {
                self.open = Some((code, 1));
                Ok(None)
            }
            None => Err("this is no FTP server: an answer has no code".to_owned()),
        }
    }
}

fn too_long() -> String {
    format!("the server's answer has a line of more than {FTP_LINE_BYTES} bytes")
}

fn reply(code: u16, text: &str) -> Reply {
    let text = text.trim().chars().filter(|c| !c.is_control()).collect();
    Reply { code, text }
}

/// Code, "more lines follow", and text.
fn head(line: &str) -> Option<(u16, bool, &str)> {
    let code = line.get(..3)?;
    if !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let code: u16 = code.parse().ok().filter(|code| (100..600).contains(code))?;
    match line.as_bytes().get(3) {
        None => Some((code, false, "")),
        Some(b' ') => Some((code, false, line.get(4..)?)),
        Some(b'-') => Some((code, true, line.get(4..)?)),
        Some(_) => None,
    }
}

/// The port of `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)`, with or without brackets. The address is not looked at.
pub fn pasv_port(text: &str) -> Option<u16> {
    let numbers = text
        .split(|c: char| !c.is_ascii_digit() && c != ',')
        .find(|part| part.split(',').count() == 6)?;
    let numbers: Option<Vec<u8>> = numbers
        .split(',')
        .map(|number| number.parse().ok())
        .collect();
    match numbers?.as_slice() {
        [_, _, _, _, high, low] => {
            Some(u16::from_be_bytes([*high, *low])).filter(|port| *port != 0)
        }
        _ => None,
    }
}

/// The port of `229 Entering Extended Passive Mode (|||port|)`; any character may stand for the bar.
pub fn epsv_port(text: &str) -> Option<u16> {
    let inner = text.split_once('(')?.1.split_once(')')?.0;
    let bar = inner.chars().next().filter(|c| !c.is_ascii_digit())?;
    let mut parts = inner.split(bar).skip(3);
    let port = parts.next()?;
    let sound = port.bytes().all(|byte| byte.is_ascii_digit()) && parts.next() == Some("");
    let port = sound.then(|| port.parse().ok())?;
    port.filter(|port| *port != 0)
}

/// The number of an answer to `SIZE`.
pub fn size(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The time of an answer to `MDTM`, as it stands: it is only compared.
pub fn modified(text: &str) -> Option<String> {
    let text = text.trim();
    let time = text.len() >= 14
        && text.len() <= 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    time.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u16, String)>, String> {
        let mut replies = Replies::default();
        replies.feed(bytes);
        let mut found = Vec::new();
        while let Some(Reply { code, text }) = replies.next()? {
            found.push((code, text));
        }
        Ok(found)
    }

    #[test]
    fn answers_of_one_and_of_many_lines_are_told_apart() {
        let bytes =
            b"220-hello\r\n 220 not the end\r\n221 nor this\r\n220 ready\r\n331\r\n230 in\n";
        let expected = [(220, "ready"), (331, ""), (230, "in")];
        let found = all(bytes).unwrap();
        assert_eq!(found, expected.map(|(code, text)| (code, text.to_owned())));
    }

    #[test]
    fn answers_without_end_or_code_are_refused() {
        assert!(all(b"SSH-2.0-x\r\n").is_err());
        assert!(all(b"999 x\r\n").is_err());
        assert!(all(&[b'2'; FTP_LINE_BYTES + 1]).is_err());
        let mut many = b"220-a\r\n".to_vec();
        many.extend(b"b\r\n".repeat(FTP_REPLY_LINES));
        assert!(all(&many).is_err());
    }

    #[test]
    fn ports_are_read_as_servers_write_them() {
        assert_eq!(
            pasv_port("Entering Passive Mode (10,0,0,1,4,1)."),
            Some(1025)
        );
        assert_eq!(pasv_port("Entering Passive Mode 10,0,0,1,4,1"), Some(1025));
        assert_eq!(pasv_port("Entering Passive Mode (10,0,0,1,0,0)"), None);
        assert_eq!(pasv_port("Entering Passive Mode (10,0,0,1,256,1)"), None);
        assert_eq!(
            epsv_port("Entering Extended Passive Mode (|||6446|)"),
            Some(6446)
        );
        assert_eq!(epsv_port("ok (!!!6446!)"), Some(6446));
        assert_eq!(epsv_port("ok (|||66446|)"), None);
        assert_eq!(epsv_port("ok (|||64)"), None);
    }

    proptest! {
        // No byte sequence makes the parser fail otherwise than with words, or keep more than its bounds.
        #[test]
        fn any_bytes_are_read_within_bounds(
            parts in proptest::collection::vec(proptest::collection::vec(
                prop_oneof![Just(b'2'), Just(b'-'), Just(b' '), Just(b'\n'), any::<u8>()], 0..300), 0..12)
        ) {
            let mut replies = Replies::default();
            'all: for part in parts {
                replies.feed(&part);
                loop {
                    match replies.next() {
                        Ok(Some(reply)) => {
                            prop_assert!((100..600).contains(&reply.code));
                            let _ports = (pasv_port(&reply.text), epsv_port(&reply.text));
                            let _values = (size(&reply.text), modified(&reply.text));
                        }
                        Ok(None) => break,
                        Err(words) => {
                            prop_assert!(!words.is_empty());
                            break 'all;
                        }
                    }
                }
                prop_assert!(replies.buffer.len() <= FTP_LINE_BYTES);
            }
        }

        #[test]
        fn any_text_is_a_port_or_none(text in "\\PC{0,40}") {
            let _ports = (pasv_port(&text), epsv_port(&text), size(&text), modified(&text));
        }
    }
}
