//! A component of a web server, its signature beside it.

use std::path::{Path, PathBuf};
use std::thread::sleep;

use anyhow::{Context as _, Result};

use super::client::{Ask, Client, Failure, refusal};
use super::folder::{self, Part};
use super::limits::{MAX_FRUITLESS, MAX_SIGNATURE_BYTES, backoff};
use super::progress::Progress;
use super::source::Web;
use super::transfer::{self, Expected};
use super::warn_unsigned;

/// Fetches.
///
/// # Errors
/// Whatever kept the component from arriving whole.
pub fn fetch(client: &Client, source: &Web, into: &Path) -> Result<PathBuf> {
    let component = into.join(format!("{}.wasm", source.name));
    let mut progress = Progress::new(&format!("{}.wasm", source.name));
    if source.digest.is_some() && folder::finished(&component) == source.digest {
        progress.say("the component is here already");
        let signature = signature(client, source, &mut progress)?;
        folder::place_signature(&component, signature.as_deref())?;
        return Ok(component);
    }
    let mut part = Part::open(into, &source.name, source.component.as_str())?;
    let expected = Expected {
        digest: source.digest,
        size: None,
    };
    let mut request = |headers| {
        client.send(&Ask {
            headers,
            ..Ask::get(&source.component)
        })
    };
    if let Err(error) = transfer::fetch(&mut part, expected, &mut request, &mut progress) {
        if part.len().ok() == Some(0) {
            part.discard();
        }
        return Err(error);
    }
    progress.end();
    let signature = signature(client, source, &mut progress)?;
    part.finish(&component, signature.as_deref())?;
    Ok(component)
}

/// The signature; none if the server says that there is none.
fn signature(client: &Client, source: &Web, progress: &mut Progress) -> Result<Option<Vec<u8>>> {
    let mut fruitless = 0;
    loop {
        let error = match try_signature(client, source) {
            Ok(found) => {
                if found.is_none() {
                    warn_unsigned(progress, source.signature.as_str());
                }
                return Ok(found);
            }
            Err(Failure::Final(error)) => return Err(error).context("the signature cannot be had"),
            Err(Failure::Broken(error)) => error,
        };
        fruitless += 1;
        if fruitless >= MAX_FRUITLESS {
            return Err(error).context("the signature did not arrive; run it again later");
        }
        sleep(backoff(fruitless));
    }
}

fn try_signature(client: &Client, source: &Web) -> Result<Option<Vec<u8>>, Failure> {
    let answer = client.send(&Ask::get(&source.signature))?;
    match answer.status.as_u16() {
        200 => answer.whole(MAX_SIGNATURE_BYTES).map(Some),
        404 | 410 => Ok(None),
        _ => Err(refusal(&answer.url, answer.status)),
    }
}
