//! Files that are there whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::limits::{FILE_BYTES, FILES_LOOKED_AT};

/// Ends the names of files that were being written.
const UNFINISHED: &str = ".unfinished";

/// Makes a folder that only the daemon may enter.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file of mode 0600: beside its place, to the disk, then into its place.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = unfinished(path);
    remove(&unfinished)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| rename(&unfinished, path));
    if written.is_err() {
        // What is left over is no certificate to anybody; the next start removes it too.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Moves a file; afterwards it is at one of the two places even if the power fails.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder(to)
}

/// Removes a file; one that is not there is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads a file; `None` if there is none.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "larger than anything this station writes",
        ));
    }
    Ok(Some(bytes))
}

/// The `.pem` files of a folder in the order of their names; none if it cannot be read.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = entries(folder)
        .filter(|path| path.extension().is_some_and(|extension| extension == "pem"))
        .take(FILES_LOOKED_AT)
        .collect();
    paths.sort();
    paths
}

/// Removes what an interrupted writer left, and closes files to others that somebody opened.
pub fn tidy(folder: &Path) {
    for path in entries(folder) {
        let name = path.as_os_str().to_string_lossy();
        let done = if name.ends_with(UNFINISHED) {
            fs::remove_file(&path)
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
        };
        if let Err(error) = done {
            tracing::warn!(path = %path.display(), "cannot be tidied: {error}");
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
