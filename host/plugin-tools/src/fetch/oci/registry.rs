//! The few requests of the OCI distribution protocol that a component needs.

use std::thread::sleep;

use anyhow::{Context, Result, anyhow};
use ureq::http::Method;
use url::Url;

use super::layout::{INDEX, MANIFEST};
use super::login::{self, Challenge};
use crate::fetch::client::{Answer, Ask, Client, Failure, refusal, same_origin};
use crate::fetch::digest::Digest;
use crate::fetch::limits::{MAX_DOCUMENT_BYTES, MAX_FRUITLESS, backoff};
use crate::fetch::source::{Oci, check_scheme, is_loopback};

/// One repository of a registry.
#[derive(Debug)]
pub struct Registry<'a> {
    client: &'a Client,
    /// `…/v2/repository/`.
    base: Url,
    login: Option<String>,
    authorization: Option<String>,
}

impl<'a> Registry<'a> {
    /// The repository of a source. This machine's own registry is asked over HTTP unless roots were given for it.
    ///
    /// # Errors
    /// The login cannot be read.
    pub fn new(client: &'a Client, place: &Oci) -> Result<Self> {
        let base = |scheme| {
            Url::parse(&format!(
                "{scheme}://{}/v2/{}/",
                place.host, place.repository
            ))
        };
        let mut url = base("https")?;
        if is_loopback(&url) && !client.has_own_roots() {
            url = base("http")?;
        }
        Ok(Self {
            client,
            base: url,
            login: login::basic(&place.host)?,
            authorization: None,
        })
    }

    /// A URL below the repository's.
    ///
    /// # Errors
    /// None for paths made of digests and tags.
    pub fn url(&self, path: &str) -> Result<Url> {
        self.base.join(path).context("no URL")
    }

    /// Sends a request, and logs in if the registry asks for it.
    ///
    /// # Errors
    /// No answer, or no login. Any other status is an answer.
    pub fn send(&mut self, mut ask: Ask) -> Result<Answer, Failure> {
        // An upload may go to another server, which knows nothing of our login.
        let ours = same_origin(&ask.url, &self.base);
        ask.authorization = self.authorization.clone().filter(|_| ours);
        let answer = self.client.send(&ask)?;
        if answer.status.as_u16() != 401 || !ours {
            return Ok(answer);
        }
        let challenge = answer.header("www-authenticate").and_then(Challenge::parse);
        let authorization = match challenge {
            None => None,
            Some(Challenge::Basic) => self.login.clone(),
            Some(Challenge::Bearer { realm, query }) => Some(self.token(&realm, &query)?),
        };
        self.authorization = Some(authorization.with_context(|| {
            format!(
                "{} wants a login: set PILOTWIRE_REGISTRY_USER and PILOTWIRE_REGISTRY_PASSWORD, or log in with a container tool",
                self.base.authority()
            )
        })?);
        ask.authorization = self.authorization.clone();
        self.client.send(&ask)
    }

    fn token(&self, realm: &str, query: &[(String, String)]) -> Result<String, Failure> {
        let mut url = Url::parse(realm).with_context(|| {
            format!("{realm:?}, where the registry sends us for a login, is no URL")
        })?;
        check_scheme(&url).context("the registry sends us elsewhere for a login")?;
        if self.base.scheme() == "https" && url.scheme() != "https" {
            return Err(Failure::Final(anyhow!(
                "the registry sends us to {url} for a login, which is not encrypted; tell whoever runs it"
            )));
        }
        url.query_pairs_mut().extend_pairs(query);
        let ask = Ask {
            authorization: self.login.clone(),
            ..Ask::get(&url)
        };
        let answer = self.client.send(&ask)?;
        if answer.status.as_u16() != 200 {
            return Err(refusal(&answer.url, answer.status));
        }
        let token = login::token(&answer.whole(MAX_DOCUMENT_BYTES)?)?;
        Ok(format!("Bearer {token}"))
    }

    /// A document of bounded size, tried again if the connection breaks.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn document(&mut self, path: &str) -> Result<Vec<u8>> {
        let url = self.url(path)?;
        let accept = vec![("Accept", format!("{MANIFEST}, {INDEX}, */*"))];
        let mut fruitless = 0;
        loop {
            let ask = Ask {
                headers: accept.clone(),
                ..Ask::get(&url)
            };
            let answer = self
                .send(ask)
                .and_then(|answer| match answer.status.as_u16() {
                    200 => answer.whole(MAX_DOCUMENT_BYTES),
                    _ => Err(refusal(&answer.url, answer.status)),
                });
            match answer {
                Ok(bytes) => return Ok(bytes),
                Err(Failure::Broken(_)) if fruitless + 1 < MAX_FRUITLESS => fruitless += 1,
                Err(failure) => return Err(failure.into_error()),
            }
            sleep(backoff(fruitless));
        }
    }

    /// A document whose digest is known.
    ///
    /// # Errors
    /// It cannot be had, or is another.
    pub fn pinned(&mut self, path: &str, what: &str, digest: Digest) -> Result<Vec<u8>> {
        let bytes = self.document(&format!("{path}/{digest}"))?;
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(anyhow!(
                "the digest of the {what} is wrong: {found} arrived instead of {digest}; the registry cannot be trusted"
            ));
        }
        Ok(bytes)
    }

    /// Puts a blob there, unless it is there.
    ///
    /// # Errors
    /// The registry does not take it.
    pub fn upload(&mut self, bytes: &[u8]) -> Result<()> {
        let digest = Digest::of(bytes);
        let ask = |method, url: &Url, body: Option<&[u8]>| Ask {
            method,
            headers: vec![("Content-Type", "application/octet-stream".to_owned())],
            body: body.map(<[u8]>::to_vec),
            ..Ask::get(url)
        };
        let there = self.url(&format!("blobs/{digest}"))?;
        let head = self.send(ask(Method::HEAD, &there, None));
        if head.map_err(Failure::into_error)?.status.as_u16() == 200 {
            return Ok(());
        }
        let begin = self.url("blobs/uploads/")?;
        let answer = self.expect(ask(Method::POST, &begin, Some(b"")), 202)?;
        let location = answer
            .header("location")
            .map(|location| begin.join(location));
        let mut upload = location.and_then(Result::ok).context(
            "the registry does not say where to send the component; tell whoever runs it",
        )?;
        upload
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        self.expect(ask(Method::PUT, &upload, Some(bytes)), 201)?;
        Ok(())
    }

    /// Puts a manifest there.
    ///
    /// # Errors
    /// The registry does not take it.
    pub fn upload_manifest(&mut self, reference: &str, bytes: &[u8]) -> Result<()> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let ask = Ask {
            method: Method::PUT,
            headers: vec![("Content-Type", MANIFEST.to_owned())],
            body: Some(bytes.to_vec()),
            ..Ask::get(&url)
        };
        self.expect(ask, 201).map(|_| ())
    }

    fn expect(&mut self, ask: Ask, status: u16) -> Result<Answer> {
        let answer = self.send(ask).map_err(Failure::into_error)?;
        if answer.status.as_u16() != status {
            return Err(refusal(&answer.url, answer.status).into_error());
        }
        Ok(answer)
    }
}
