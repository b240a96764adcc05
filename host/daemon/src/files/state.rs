//! Small state files: written whole or not at all, read as far as they can be understood.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits::STATE_FILE_BYTES;

/// Reads a file; nothing if there is none or it is damaged.
pub fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    File::open(path)
        .ok()?
        .take(STATE_FILE_BYTES)
        .read_to_end(&mut text)
        .ok()?;
    match serde_json::from_slice(&text) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "damaged; taken as if it were not there");
            None
        }
    }
}

/// Writes a file: beside it, onto the disk, then into its place.
pub fn write<T: Serialize>(path: &Path, value: &T) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// The names in a folder stay over a power cut.
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
