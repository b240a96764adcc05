//! The folder that a component goes to: unfinished files that can be gone on with, and finished ones that appear whole.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::digest::Digest;
use super::limits::MAX_COMPONENT_BYTES;

/// First line of the file that says what an unfinished file belongs to.
const HEAD: &str = "pilotwire-fetch 1";

/// An unfinished component, locked for this program.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    about: PathBuf,
    file: File,
    source: String,
    validator: Option<String>,
}

impl Part {
    /// Opens the unfinished file of a plugin; what another source left in it is thrown away.
    ///
    /// # Errors
    /// The folder cannot be written, or another program is fetching into the same file.
    pub fn open(folder: &Path, name: &str, source: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let path = folder.join(format!("{name}.wasm.part"));
        let unwritable = || format!("{} cannot be written", path.display());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} is being written by another `fetch`; wait until it has ended",
                path.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(unwritable),
        }
        let about = folder.join(format!("{name}.wasm.part.from"));
        let mut part = Self {
            path,
            about,
            file,
            source: source.to_owned(),
            validator: None,
        };
        match part.remembered() {
            Some(validator) => part.validator = validator,
            None => part.begin(None)?,
        }
        Ok(part)
    }

    /// What is remembered about the unfinished file, if it is of this source.
    fn remembered(&self) -> Option<Option<String>> {
        let text = std::fs::read_to_string(&self.about).ok()?;
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) || lines.next()? != self.source {
            return None;
        }
        let validator = lines.next()?;
        Some((!validator.is_empty()).then(|| validator.to_owned()))
    }

    /// Begins again, with what the server says to tell this version of the file from others.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn begin(&mut self, validator: Option<&str>) -> Result<()> {
        self.file.set_len(0).with_context(|| self.unwritable())?;
        let text = format!(
            "{HEAD}\n{}\n{}\n",
            self.source,
            validator.unwrap_or_default()
        );
        write_whole(&self.about, text.as_bytes())?;
        self.validator = validator.map(str::to_owned);
        Ok(())
    }

    /// What tells the version of the file of which this is a part.
    #[must_use]
    pub fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// Bytes that are here.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn len(&self) -> Result<u64> {
        let known = self.file.metadata().with_context(|| self.unwritable())?;
        Ok(known.len())
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// Those of the file system, a full one above all.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.file.seek(SeekFrom::End(0));
        end.and_then(|_| self.file.write_all(bytes))
            .with_context(|| self.unwritable())
    }

    /// The digest of what is here.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn digest(&mut self) -> Result<Digest> {
        let start = self.file.seek(SeekFrom::Start(0));
        start
            .and_then(|_| Digest::of_reader(&self.file))
            .with_context(|| self.unwritable())
    }

    /// Whether these are the bytes of a component, as far as the first eight tell.
    ///
    /// # Errors
    /// They are not, with what they seem to be.
    pub fn check_component(&mut self) -> Result<()> {
        let mut head = Vec::new();
        let start = self.file.seek(SeekFrom::Start(0));
        start
            .and_then(|_| (&self.file).take(8).read_to_end(&mut head))
            .with_context(|| self.unwritable())?;
        match head.as_slice() {
            [0, b'a', b's', b'm', 0x0d, 0, 1, 0] => Ok(()),
            [0, b'a', b's', b'm', 1, 0, 0, 0] => bail!(
                "what arrived is a core module of WebAssembly and no component; \
                 `pilotwire plugin build` makes components"
            ),
            _ => bail!(
                "what arrived is no WebAssembly; check that the source is a component's and not a web page's"
            ),
        }
    }

    /// The component and its signature take their places: both whole, the signature last.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn finish(self, component: &Path, signature: Option<&[u8]>) -> Result<()> {
        self.file
            .sync_all()
            .and_then(|()| std::fs::rename(&self.path, component))
            .with_context(|| format!("{} cannot be written", component.display()))?;
        let _left_over = std::fs::remove_file(&self.about);
        place_signature(component, signature)
    }

    /// Throws the unfinished file away.
    pub fn discard(self) {
        let _best_effort = std::fs::remove_file(&self.path);
        let _best_effort = std::fs::remove_file(&self.about);
    }

    fn unwritable(&self) -> String {
        format!("{} cannot be read and written", self.path.display())
    }
}

/// Puts the signature beside a component, or takes away one that belonged to another.
///
/// # Errors
/// The folder cannot be written.
pub fn place_signature(component: &Path, signature: Option<&[u8]>) -> Result<()> {
    let path = component.with_extension("sig");
    match signature {
        Some(bytes) => write_whole(&path, bytes),
        None if path.exists() => std::fs::remove_file(&path)
            .with_context(|| format!("{} cannot be removed", path.display())),
        None => Ok(()),
    }
}

/// The digest of a finished component, if there is one.
#[must_use]
pub fn finished(component: &Path) -> Option<Digest> {
    let file = File::open(component).ok()?;
    Digest::of_reader(file.take(MAX_COMPONENT_BYTES + 1)).ok()
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    let write = || {
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
