//! A download that is not complete, kept over restarts.
//!
//! Two files in the firmware folder: `part` holds the bytes, `part.json` says which URL they are of, which version of
//! the file, and how many of them are on the disk for certain. More bytes than that may be there after a power cut;
//! they are cut off, because nobody knows what is in them.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::limits::{DISK_RESERVE_BYTES, SYNC_STEP_BYTES};
use super::state;
use super::transfer::Failure;

/// What tells one version of a file from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// HTTP: strong entity tag.
    pub etag: Option<String>,
    /// HTTP `Last-Modified`, or FTP `MDTM`.
    pub modified: Option<String>,
    /// Bytes of the whole file.
    pub total: Option<u64>,
}

impl Version {
    /// Enough to know the file again.
    pub fn is_telling(&self) -> bool {
        self.etag.is_some() || self.modified.is_some()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    url: String,
    version: Version,
    kept: u64,
}

/// The file that a download is written to.
pub struct Partial {
    folder: PathBuf,
    file: File,
    note: Note,
    /// Bytes in the file.
    length: u64,
    /// The file may become this long.
    limit: u64,
}

impl Partial {
    /// Opens what is there of this URL, or begins anew.
    pub fn open(folder: &Path, url: &str, limit: u64) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| disk(folder, &error))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("part"))
            .map_err(|error| disk(folder, &error))?;
        let there = file.metadata().map_err(|error| disk(folder, &error))?.len();
        let note: Note = state::read(&folder.join("part.json")).unwrap_or_default();
        let usable = note.url == url && note.kept <= there && note.kept <= limit;
        let note = if usable {
            note
        } else {
            Note {
                url: url.to_owned(),
                ..Note::default()
            }
        };
        file.set_len(note.kept)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|error| disk(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            length: note.kept,
            note,
            limit,
        })
    }

    /// Bytes that are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Which version they are of.
    pub fn version(&self) -> &Version {
        &self.note.version
    }

    /// Forgets what is there and begins with another version.
    pub fn begin(&mut self, version: Version) -> Result<(), Failure> {
        self.length = 0;
        self.note.version = version;
        self.note.kept = 0;
        self.write_note()?;
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(|error| disk(&self.folder, &error))?;
        self.check_room(self.note.version.total.unwrap_or(0))
    }

    /// How long the whole is, which only an answer with a part of it told.
    pub fn set_total(&mut self, total: u64) -> Result<(), Failure> {
        self.note.version.total = Some(total);
        self.check_room(total)
    }

    /// Checks that a whole file of this size is allowed and fits on the disk.
    pub fn check_room(&self, total: u64) -> Result<(), Failure> {
        if total > self.limit {
            return Err(self.too_large());
        }
        let needed = total.saturating_sub(self.length) + DISK_RESERVE_BYTES;
        let free = rustix::fs::statvfs(&self.folder)
            .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
            .map_err(|error| disk(&self.folder, &error.into()))?;
        if free < needed {
            return Err(Failure::Final(format!(
                "the disk of {} has {} MiB free, {} MiB are needed; make room",
                self.folder.display(),
                free >> 20,
                needed.div_ceil(1 << 20)
            )));
        }
        Ok(())
    }

    /// Appends; the disk is brought up to date from time to time.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let added = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let length = self.length.saturating_add(added);
        if length > self.limit {
            return Err(self.too_large());
        }
        if self.note.version.total.is_some_and(|total| length > total) {
            return Err(Failure::Again(
                "the server sent more bytes than it had announced".to_owned(),
            ));
        }
        self.file
            .write_all(bytes)
            .map_err(|error| disk(&self.folder, &error))?;
        self.length = length;
        if length - self.note.kept >= SYNC_STEP_BYTES {
            self.check_room(self.note.version.total.unwrap_or(length))?;
            self.keep()?;
        }
        Ok(())
    }

    /// What is there stays over a power cut.
    fn keep(&mut self) -> Result<(), Failure> {
        self.file
            .sync_data()
            .map_err(|error| disk(&self.folder, &error))?;
        self.note.kept = self.length;
        self.write_note()
    }

    fn write_note(&self) -> Result<(), Failure> {
        state::write(&self.folder.join("part.json"), &self.note)
            .map_err(|error| disk(&self.folder, &error))
    }

    /// The file is complete: it gets its name.
    pub fn complete(mut self, name: &str) -> Result<(), Failure> {
        if let Some(total) = self.note.version.total
            && total != self.length
        {
            return Err(Failure::Again(format!(
                "{} of {total} bytes arrived",
                self.length
            )));
        }
        self.keep()?;
        let part = self.folder.join("part");
        std::fs::rename(part, self.folder.join(name))
            .and_then(|()| state::sync_folder(&self.folder))
            .map_err(|error| disk(&self.folder, &error))?;
        // The note of what is gone says nothing any more; if it stays, its file is found too short.
        self.note.version = Version::default();
        let _gone = std::fs::remove_file(self.folder.join("part.json"));
        Ok(())
    }

    fn too_large(&self) -> Failure {
        Failure::Final(format!(
            "the file is larger than {} MiB, which `[firmware] max_image_mib` allows",
            self.limit >> 20
        ))
    }
}

impl Drop for Partial {
    /// A broken or cancelled attempt leaves what it has.
    fn drop(&mut self) {
        if self.length > self.note.kept && self.note.version.is_telling() {
            let _kept = self.keep();
        }
    }
}

fn disk(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::Final(format!(
        "{} cannot be written ({error}); check disk and permissions",
        folder.display()
    ))
}
