//! One component over a connection that may break: tries again, goes on where it broke, begins again if the file changed.

use std::io::Read as _;
use std::thread::sleep;

use anyhow::{Result, anyhow, bail};

use super::client::{Answer, Failure, broken, refusal};
use super::digest::Digest;
use super::folder::Part;
use super::limits::{
    CHUNK_BYTES, MAX_ATTEMPTS, MAX_COMPONENT_BYTES, MAX_FRUITLESS, PROGRESS_BYTES, backoff,
};
use super::progress::Progress;

/// What is known of a component before it arrives.
#[derive(Debug, Default, Clone, Copy)]
pub struct Expected {
    /// Its digest.
    pub digest: Option<Digest>,
    /// Its size.
    pub size: Option<u64>,
}

/// Headers that ask for the rest of a file.
type Headers = Vec<(&'static str, String)>;

/// Asks for the component with more headers.
pub type Request<'a> = dyn FnMut(Headers) -> Result<Answer, Failure> + 'a;

/// Fetches a component into its unfinished file until it is whole and what was expected.
///
/// # Errors
/// It did not arrive, or is another. What arrived stays, unless it can only be wrong.
pub fn fetch(
    part: &mut Part,
    expected: Expected,
    request: &mut Request<'_>,
    progress: &mut Progress,
) -> Result<()> {
    let resumed = part.len()?;
    if resumed > 0 {
        progress.say(&format!("going on after {} KiB", resumed.div_ceil(1_024)));
    }
    whole(part, expected, request, progress)?;
    if resumed > 0 && check(part, expected).is_err() {
        // The old bytes may be to blame: a disk that was full, a power cut.
        progress.say("what was here from before does not fit; beginning again");
        part.begin(None)?;
        whole(part, expected, request, progress)?;
    }
    let checked = check(part, expected);
    if checked.is_err() {
        part.begin(None)?;
    }
    checked
}

fn check(part: &mut Part, expected: Expected) -> Result<()> {
    if let Some(size) = expected.size.filter(|size| part.len().ok() != Some(*size)) {
        bail!(
            "{} bytes arrived instead of {size}; nothing was kept",
            part.len()?
        );
    }
    let digest = part.digest()?;
    if let Some(wanted) = expected.digest.filter(|wanted| *wanted != digest) {
        bail!(
            "the digest is wrong: {digest} arrived instead of {wanted}; nothing was kept. Ask the publisher which is right"
        );
    }
    part.check_component()
}

/// Tries until the server says that this is all.
fn whole(
    part: &mut Part,
    expected: Expected,
    request: &mut Request<'_>,
    progress: &mut Progress,
) -> Result<()> {
    let mut fruitless = 0;
    for _ in 0..MAX_ATTEMPTS {
        let before = part.len()?;
        if expected.size == Some(before) {
            return Ok(());
        }
        let error = match attempt(part, expected, request, progress) {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Broken(error)) => error,
        };
        let brought = part.len()?.saturating_sub(before);
        fruitless = if brought < PROGRESS_BYTES {
            fruitless + 1
        } else {
            0
        };
        if fruitless >= MAX_FRUITLESS {
            return Err(error.context("given up; run it again later, it goes on where it broke"));
        }
        let pause = backoff(fruitless.max(1));
        progress.say(&format!("{error:#}; again in {} ms", pause.as_millis()));
        sleep(pause);
    }
    bail!(
        "the connection broke {MAX_ATTEMPTS} times; run it again later, it goes on where it broke"
    )
}

fn attempt(
    part: &mut Part,
    expected: Expected,
    request: &mut Request<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let have = part.len()?;
    // Without anything that tells versions apart, old and new bytes could be mixed.
    let resumable = part.validator().is_some() || expected.digest.is_some();
    let resume = have > 0 && resumable;
    let mut headers = Vec::new();
    if resume {
        headers.push(("Range", format!("bytes={have}-")));
        headers.extend(part.validator().map(|text| ("If-Range", text.to_owned())));
    }
    let answer = request(headers)?;
    if answer
        .header("content-encoding")
        .is_some_and(|kind| kind != "identity")
    {
        return Err(Failure::Final(anyhow!(
            "{}: the server packs the file, though it was asked not to; tell whoever runs it",
            answer.url
        )));
    }
    match answer.status.as_u16() {
        200 => {
            let validator = validator(&answer);
            part.begin(validator.as_deref())?;
            if have > 0 {
                progress.say(match resume {
                    true => "the server begins again: its file changed, or it cannot go on",
                    false => "beginning again",
                });
            }
            receive(part, 0, expected, answer, progress)
        }
        206 if resume && range(&answer).is_some_and(|(from, _)| from == have) => {
            receive(part, have, expected, answer, progress)
        }
        416 if resume && answer.header("content-range") == Some(&format!("bytes */{have}")) => {
            Ok(())
        }
        206 | 416 => {
            part.begin(None)?;
            Err(Failure::Broken(anyhow!(
                "{}: not the rest that was asked for",
                answer.url
            )))
        }
        _ => Err(refusal(&answer.url, answer.status)),
    }
}

/// Reads a body to its end into the unfinished file.
fn receive(
    part: &mut Part,
    have: u64,
    expected: Expected,
    mut answer: Answer,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let total = match answer.status.as_u16() {
        206 => range(&answer).and_then(|(_, total)| total),
        _ => answer
            .header("content-length")
            .and_then(|text| text.parse().ok()),
    };
    check_size(total.unwrap_or_default(), &answer)?;
    if let (Some(total), Some(size)) = (total, expected.size)
        && total != size
    {
        return Err(Failure::Final(anyhow!(
            "{}: the server has {total} bytes where the manifest says {size}",
            answer.url
        )));
    }
    let chunked = answer.header("transfer-encoding").is_some();
    if total.is_none() && !chunked && expected.digest.is_none() {
        return Err(Failure::Final(anyhow!(
            "{}: the server does not say how long the file is, so nobody knows when it is whole; give its digest with \
             #sha256=…",
            answer.url
        )));
    }
    let (mut done, mut chunk) = (have, vec![0; CHUNK_BYTES]);
    progress.at(done, total);
    loop {
        let read = answer.body.as_reader().read(&mut chunk);
        let read = read.map_err(|error| broken(&answer.url, error.into()))?;
        if read == 0 {
            break;
        }
        done = done.saturating_add(read as u64);
        check_size(done, &answer)?;
        part.append(chunk.get(..read).unwrap_or_default())?;
        progress.at(done, total);
    }
    match total.filter(|total| *total != done) {
        Some(total) => Err(Failure::Broken(anyhow!(
            "{}: {done} of {total} bytes arrived",
            answer.url
        ))),
        None => Ok(()),
    }
}

fn check_size(bytes: u64, answer: &Answer) -> Result<(), Failure> {
    if bytes <= MAX_COMPONENT_BYTES {
        return Ok(());
    }
    Err(Failure::Final(anyhow!(
        "{}: the component is larger than {} MiB, which is the most that a station takes",
        answer.url,
        MAX_COMPONENT_BYTES >> 20
    )))
}

/// First byte and whole length of a part.
fn range(answer: &Answer) -> Option<(u64, Option<u64>)> {
    let text = answer.header("content-range")?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let from = range.split_once('-')?.0.parse().ok()?;
    Some((from, total.parse().ok()))
}

/// What tells this version of a file from others: a strong entity tag, else the time of its last change.
fn validator(answer: &Answer) -> Option<String> {
    let tag = answer.header("etag").filter(|tag| tag.starts_with('"'));
    let text = tag.or_else(|| answer.header("last-modified"))?;
    Some(text.to_owned())
}
