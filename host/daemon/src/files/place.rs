//! Where a file lies: URLs taken apart, without their passwords wherever they are shown.

use url::Url;

use super::Refused;
use super::limits::{MAX_FILE_NAME_BYTES, MAX_URL_BYTES};

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Over TCP.
    Http,
    /// Over TLS.
    Https,
    /// Over TCP.
    Ftp,
    /// Over TCP, then TLS (`AUTH TLS`).
    Ftps,
}

impl Scheme {
    /// May a server of this scheme send us on to that one? Never from TLS to plain.
    pub fn may_redirect_to(self, next: Self) -> bool {
        self == next || matches!((self, next), (Self::Http, Self::Https))
    }
}

/// A file on a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    scheme: Scheme,
    /// Without user, password and fragment.
    url: Url,
    user: Option<String>,
    password: Option<String>,
}

impl Place {
    /// Takes a URL apart.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > MAX_URL_BYTES {
            return Err(Refused::Url);
        }
        let url = Url::parse(text).map_err(|_| Refused::Url)?;
        Self::of(url)
    }

    fn of(mut url: Url) -> Result<Self, Refused> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "ftp" => Scheme::Ftp,
            "ftps" => Scheme::Ftps,
            _ => return Err(Refused::Url),
        };
        if url.host_str().is_none_or(str::is_empty) {
            return Err(Refused::Url);
        }
        let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
        let password = url.password().map(decoded);
        let clean = |text: &Option<String>| {
            text.as_ref()
                .is_none_or(|text| !text.contains(char::is_control))
        };
        if !clean(&user) || !clean(&password) {
            return Err(Refused::Url);
        }
        url.set_username("").map_err(|()| Refused::Url)?;
        url.set_password(None).map_err(|()| Refused::Url)?;
        url.set_fragment(None);
        let place = Self {
            scheme,
            url,
            user,
            password,
        };
        if matches!(scheme, Scheme::Ftp | Scheme::Ftps) && place.ftp_path().is_none() {
            return Err(Refused::Url);
        }
        Ok(place)
    }

    /// The place of a file in this directory; a place that does not end with `/` is the file itself.
    pub fn with_file(mut self, name: &str) -> Result<Self, Refused> {
        if name.is_empty()
            || name.len() > MAX_FILE_NAME_BYTES
            || name.contains(['/', '\\'])
            || name.contains(char::is_control)
            || name == "."
            || name == ".."
        {
            return Err(Refused::FileName);
        }
        if self.url.path().ends_with('/') || self.url.path().is_empty() {
            let mut segments = self.url.path_segments_mut().map_err(|()| Refused::Url)?;
            segments.pop_if_empty().push(name);
        }
        if self.url.as_str().len() > MAX_URL_BYTES {
            return Err(Refused::Url);
        }
        Ok(self)
    }

    /// Where a redirect leads; user and password come along only to the same server.
    pub fn redirected(&self, location: &str) -> Option<Self> {
        if location.len() > MAX_URL_BYTES {
            return None;
        }
        let mut next = Self::of(self.url.join(location).ok()?).ok()?;
        if next.user.is_none()
            && next.scheme == self.scheme
            && next.host() == self.host()
            && next.port() == self.port()
        {
            next.user.clone_from(&self.user);
            next.password.clone_from(&self.password);
        }
        Some(next)
    }

    /// How the server is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Without user and password: for logs, reports and grants.
    pub fn shown(&self) -> &str {
        self.url.as_str()
    }

    /// The URL, without user and password.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The server's name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port, also if the URL leaves it to the scheme.
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Ftp | Scheme::Ftps => 21,
        })
    }

    /// User and password, if there is a user.
    pub fn login(&self) -> Option<(&str, &str)> {
        let user = self.user.as_deref()?;
        Some((user, self.password.as_deref().unwrap_or_default()))
    }

    /// The file's path as FTP commands take it, relative to the folder of the login.
    ///
    /// `None` if it holds what would end a command.
    pub fn ftp_path(&self) -> Option<String> {
        let path = self.url.path();
        let path = decoded(path.strip_prefix('/').unwrap_or(path));
        (!path.contains(char::is_control)).then_some(path)
    }

    /// Takes the password out of what a server said.
    pub fn without_secrets(&self, text: &str) -> String {
        match self.password.as_deref() {
            Some(password) if !password.is_empty() => text.replace(password, "***"),
            Some(_) | None => text.to_owned(),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.shown())
    }
}

/// Percent-decoded; bytes that are no UTF-8 become replacement characters.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let pair = (byte == b'%').then(|| {
            let high = char::from(ahead.next()?).to_digit(16)?;
            let low = char::from(ahead.next()?).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        });
        match pair.flatten() {
            Some(byte) => {
                out.push(byte);
                bytes = ahead;
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_decoded_and_never_shown() {
        let place = Place::parse("ftp://us%40er:p%3Aw@host:2121/a%20b/f.bin#x").unwrap();
        assert_eq!(place.login(), Some(("us@er", "p:w")));
        assert_eq!(place.shown(), "ftp://host:2121/a%20b/f.bin");
        assert_eq!(format!("{place:?}"), place.shown());
        assert_eq!(place.ftp_path().as_deref(), Some("a b/f.bin"));
        assert_eq!(place.without_secrets("530 no p:w here"), "530 no *** here");
    }

    #[test]
    fn ends_of_lines_cannot_be_smuggled_into_ftp_commands() {
        for text in [
            "ftp://host/a%0d%0aDELE%20b",
            "ftps://host/%00",
            "ftp://u%0ax:p@host/f",
            "ftp://u:p%0dx@host/f",
        ] {
            assert_eq!(Place::parse(text).unwrap_err(), Refused::Url, "{text}");
        }
    }

    #[test]
    fn other_schemes_and_long_urls_are_refused() {
        for text in [
            "file:///etc/passwd",
            "sftp://h/f",
            "ftps:///f",
            "no url",
            "",
        ] {
            assert_eq!(Place::parse(text).unwrap_err(), Refused::Url, "{text}");
        }
        let long = format!("http://h/{}", "a".repeat(MAX_URL_BYTES));
        assert_eq!(Place::parse(&long).unwrap_err(), Refused::Url);
    }

    #[test]
    fn directory_gets_the_file_name_percent_encoded_and_a_file_stays() {
        let file = |url: &str| {
            let place = Place::parse(url).unwrap();
            place.with_file("a b#1?.tar.gz").unwrap().shown().to_owned()
        };
        assert_eq!(file("http://h/d/"), "http://h/d/a%20b%231%3F.tar.gz");
        assert_eq!(
            file("http://h/d/?k=1"),
            "http://h/d/a%20b%231%3F.tar.gz?k=1"
        );
        assert_eq!(file("ftps://h"), "ftps://h/a%20b%231%3F.tar.gz");
        assert_eq!(file("http://h/d/own"), "http://h/d/own");
        for name in ["", "..", "a/b", "a\\b", "a\nb"] {
            let place = Place::parse("http://h/d/").unwrap();
            assert_eq!(place.with_file(name).unwrap_err(), Refused::FileName);
        }
    }

    #[test]
    fn redirects_keep_the_password_only_on_the_same_server() {
        let place = Place::parse("http://u:p@h:81/d/f").unwrap();
        let same = place.redirected("/other").unwrap();
        assert_eq!(same.shown(), "http://h:81/other");
        assert_eq!(same.login(), Some(("u", "p")));
        for elsewhere in ["http://h:82/f", "https://h:81/f", "//g:81/f"] {
            assert_eq!(place.redirected(elsewhere).unwrap().login(), None);
        }
        assert!(place.redirected("file:///etc/passwd").is_none());
        assert!(Scheme::Http.may_redirect_to(Scheme::Https));
        assert!(!Scheme::Https.may_redirect_to(Scheme::Http));
        assert!(!Scheme::Http.may_redirect_to(Scheme::Ftp));
    }
}
