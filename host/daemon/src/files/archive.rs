//! `.tar.gz` of a snapshot, written as it is packed.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Snapshot;
use super::limits::{ARCHIVE_BYTES, ARCHIVE_FILES, ARCHIVE_NAME_BYTES};
use crate::clock::WallClock;

/// Every file of a tar archive begins at a multiple of this.
const BLOCK: usize = 512;
/// What the archive says about what is not in it.
const CUT: &str = "CUT.txt";

/// Writes an archive; what is too much is left out and said so in it.
pub fn write(path: &Path, snapshot: Snapshot, clock: &WallClock) -> io::Result<()> {
    let wall = clock
        .moment()
        .wall
        .map_or(0, |wall| wall.as_unix_millis() / 1_000);
    let seconds = u64::try_from(wall).unwrap_or(0);
    let file = pack(File::create(path)?, snapshot, seconds)?;
    file.sync_all()
}

/// Packs a snapshot into any writer.
pub fn pack<W: Write>(to: W, snapshot: Snapshot, seconds: u64) -> io::Result<W> {
    let mut packed = GzEncoder::new(to, Compression::default());
    let mut left = ARCHIVE_BYTES;
    let mut cut = Vec::new();
    for (index, (name, contents)) in snapshot.files.into_iter().enumerate() {
        let name = safe_name(&name, index);
        if index >= ARCHIVE_FILES {
            cut.push(format!("{name}: left out, more than {ARCHIVE_FILES} files"));
            break;
        }
        // The end of a log is the newest of it.
        let surplus = contents.len().saturating_sub(left);
        let kept = contents.get(surplus..).unwrap_or_default();
        if surplus > 0 {
            cut.push(format!(
                "{name}: the first {surplus} of {} bytes are left out",
                contents.len()
            ));
        }
        if !kept.is_empty() || contents.is_empty() {
            entry(&mut packed, &name, kept, seconds)?;
        }
        left -= kept.len();
    }
    if !cut.is_empty() {
        let text = format!(
            "Left out, because an archive holds at most {ARCHIVE_BYTES} bytes:\n{}\n",
            cut.join("\n")
        );
        entry(&mut packed, CUT, text.as_bytes(), seconds)?;
    }
    packed.write_all(&[0; BLOCK * 2])?;
    packed.finish()
}

/// A name that stays inside the folder that somebody unpacks it into.
fn safe_name(name: &str, index: usize) -> String {
    let parts: Vec<String> = name
        .split(['/', '\\'])
        .map(|part| {
            let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            part.chars()
                .map(|c| if kept(c) { c } else { '_' })
                .collect()
        })
        .filter(|part: &String| !matches!(part.as_str(), "" | "." | ".."))
        .collect();
    let name = parts.join("/");
    if name.is_empty() || name.len() > ARCHIVE_NAME_BYTES {
        return format!("file-{index}");
    }
    name
}

/// One file: a plain header (ustar), the contents, and zeros up to the next block.
fn entry(to: &mut impl Write, name: &str, contents: &[u8], seconds: u64) -> io::Result<()> {
    let mut head = Vec::with_capacity(BLOCK);
    let mut field = |text: String, width: usize| {
        let mut bytes = text.into_bytes();
        bytes.resize(width, 0);
        head.extend_from_slice(&bytes);
    };
    field(name.to_owned(), ARCHIVE_NAME_BYTES);
    field("0000644".to_owned(), 8);
    field("0000000".to_owned(), 8);
    field("0000000".to_owned(), 8);
    field(format!("{:011o}", contents.len()), 12);
    field(format!("{seconds:011o}"), 12);
    // The checksum counts itself as blanks.
    field(" ".repeat(8), 8);
    field("0".to_owned(), 1);
    field(String::new(), 100);
    field("ustar".to_owned(), 6);
    field("00".to_owned(), 2);
    field(String::new(), 247);
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    for (place, byte) in head.iter_mut().skip(148).zip(sum.bytes()) {
        *place = byte;
    }
    to.write_all(&head)?;
    to.write_all(contents)?;
    let rest = contents.len() % BLOCK;
    if rest > 0 {
        to.write_all(&vec![0; BLOCK - rest])?;
    }
    Ok(())
}
