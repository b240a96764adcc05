//! Compiled components on disk. A `.cwasm` is native code: it is used only if this station wrote it for this component.
//!
//! File name: SHA-256 over component hash, wasmtime version and configuration. Content: a message authentication code
//! (HMAC-SHA-256) over name and code, then the code. Its key is random, was made by this station and stays in the folder.
//! A torn, bit-rotten or foreign file, from another station for example, does not agree with it and is compiled again;
//! wasmtime itself refuses code of another version or configuration as well.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::LoadError;
use crate::signature::to_hex;

const CHECKSUM_BYTES: usize = 32;
/// Rises when the layout of the cache file changes.
const FORMAT: &[u8] = b"pilotwire-cwasm-2";
/// File with the key of the authentication codes.
const SECRET: &str = "secret";
const SECRET_BYTES: usize = 32;

/// What this station marks its own files with.
struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// The station's secret; made at the first start.
    fn of(dir: &Path) -> std::io::Result<Self> {
        let path = dir.join(SECRET);
        if let Some(secret) = Self::read(&path) {
            return Ok(secret);
        }
        Self::make(&path)?;
        if let Some(secret) = Self::read(&path) {
            return Ok(secret);
        }
        // What is there was torn by a power cut, or others could read it: whatever it marked is compiled again.
        std::fs::remove_file(&path)?;
        Self::make(&path)?;
        Self::read(&path).ok_or_else(|| std::io::Error::other("it was replaced at the same time"))
    }

    /// The secret in this file, if it is whole and nobody else can read it.
    fn read(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::symlink_metadata(path).ok()?.permissions().mode();
            if mode & 0o077 != 0 {
                return None;
            }
        }
        Some(Self(std::fs::read(path).ok()?.try_into().ok()?))
    }

    /// A new secret appears whole or not at all, and never takes the place of one: of two starts at once, one wins.
    fn make(path: &Path) -> std::io::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(std::io::Error::other)?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        std::io::Write::write_all(&mut options.open(&unfinished)?, &secret)?;
        let linked = std::fs::hard_link(&unfinished, path);
        std::fs::remove_file(&unfinished)?;
        match linked {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn code(&self, key: &[u8; 32], content: &[u8]) -> Option<Hmac<Sha256>> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        code.update(key);
        code.update(content);
        Some(code)
    }
}

pub(crate) fn load_or_compile(
    engine: &Engine,
    name: &str,
    component: &[u8],
    hash: &[u8; 32],
    cache_dir: Option<&Path>,
) -> Result<(Component, bool), LoadError> {
    let invalid = |error: wasmtime::Error| LoadError::Invalid {
        name: name.to_owned(),
        reason: format!("{error:#}"),
    };
    let Some(dir) = cache_dir else {
        return Ok((Component::new(engine, component).map_err(invalid)?, false));
    };
    prepare_dir(dir)?;
    let key = key(engine, hash);
    let path = dir.join(format!("{}.cwasm", to_hex(&key)));
    let secret = Secret::of(dir).map_err(|error| LoadError::Cache {
        path: dir.to_owned(),
        reason: format!("has no readable secret ({error})"),
    })?;
    if let Some(code) = read(&path, &secret, &key)
        && let Some(compiled) = deserialize(engine, &code)
    {
        return Ok((compiled, true));
    }
    let code = engine.precompile_component(component).map_err(invalid)?;
    let compiled = deserialize(engine, &code).ok_or_else(|| LoadError::Invalid {
        name: name.to_owned(),
        reason: "the code just compiled cannot be loaded".to_owned(),
    })?;
    if let Err(error) = write(&path, &secret, &key, &code) {
        // The station runs without a cache too, only slower at the next start.
        tracing::warn!(plugin = name, path = %path.display(), %error, "cannot keep the compiled plugin");
    }
    Ok((compiled, false))
}

/// Everything that code depends on.
fn key(engine: &Engine, component_hash: &[u8; 32]) -> [u8; 32] {
    // Wasmtime's hash covers its version, the target and every relevant option.
    let mut compatibility = DefaultHasher::new();
    engine
        .precompile_compatibility_hash()
        .hash(&mut compatibility);
    let mut key = Sha256::new();
    key.update(FORMAT);
    key.update(component_hash);
    key.update(compatibility.finish().to_le_bytes());
    key.finalize().into()
}

fn read(path: &Path, secret: &Secret, key: &[u8; 32]) -> Option<Vec<u8>> {
    let mut file = std::fs::read(path).ok()?;
    let (sum, code) = file.split_at_checked(CHECKSUM_BYTES)?;
    if secret.code(key, code)?.verify_slice(sum).is_err() {
        tracing::warn!(path = %path.display(), "compiled plugin is damaged or foreign; compiling again");
        return None;
    }
    Some(file.split_off(CHECKSUM_BYTES))
}

/// Writes under another name first: a power cut leaves the old file or none.
fn write(path: &Path, secret: &Secret, key: &[u8; 32], code: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    let sum = secret
        .code(key, code)
        .map(|sum| sum.finalize().into_bytes());
    let mut content = sum.map(|sum| sum.to_vec()).unwrap_or_default();
    content.extend_from_slice(code);
    std::fs::write(&unfinished, content)?;
    std::fs::rename(&unfinished, path)
}

#[allow(unsafe_code, reason = "loading native code; see SAFETY")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` was made by `precompile_component` of this very wasmtime version: either just now, or by an
    // earlier run of this station, in a folder that nobody else may write to (`prepare_dir`) and with an authentication
    // code of this station that binds it to component, version and configuration (`read`). It is a copy in memory that
    // cannot change under us.
    unsafe { Component::deserialize(engine, code) }.ok()
}

/// Makes the folder, and refuses one that others can write to.
fn prepare_dir(dir: &Path) -> Result<(), LoadError> {
    let refuse = |reason: String| LoadError::Cache {
        path: PathBuf::from(dir),
        reason,
    };
    if !dir.exists() {
        make_private_dir(dir).map_err(|error| refuse(format!("cannot be made ({error})")))?;
    }
    let metadata = std::fs::symlink_metadata(dir)
        .map_err(|error| refuse(format!("cannot be read ({error})")))?;
    if !metadata.is_dir() {
        return Err(refuse("is not a folder".to_owned()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o022 != 0 {
            return Err(refuse("others may write there (chmod go-w)".to_owned()));
        }
        use std::os::unix::fs::MetadataExt;
        // Its owner can change the rights at any time. Without /proc the rights have to do.
        if let Ok(own) = std::fs::metadata("/proc/self")
            && own.uid() != metadata.uid()
        {
            return Err(refuse("belongs to another user (chown)".to_owned()));
        }
    }
    Ok(())
}

fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct TempDir(PathBuf);

    impl TempDir {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("pilotwire-cache-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Self(path)
        }

        fn only_file(&self) -> PathBuf {
            let files: Vec<_> = std::fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|end| end == "cwasm"))
                .collect();
            assert_eq!(files.len(), 1, "{files:?}");
            files[0].clone()
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const EMPTY: &str = "(component)";

    fn load(engine: &Engine, wat: &str, dir: &TempDir) -> Result<bool, LoadError> {
        let bytes = wat::parse_str(wat).unwrap();
        let hash = Sha256::digest(&bytes).into();
        load_or_compile(engine, "x", &bytes, &hash, Some(&dir.0)).map(|(_, cached)| cached)
    }

    #[test]
    fn second_load_takes_the_compiled_form_from_the_cache() {
        let dir = TempDir::new("second");
        let engine = Engine::default();
        assert!(!load(&engine, EMPTY, &dir).unwrap());
        assert!(load(&engine, EMPTY, &dir).unwrap());
    }

    #[test]
    fn damaged_cache_file_is_compiled_again_and_replaced() {
        let engine = Engine::default();
        for damage in ["flip", "cut", "empty"] {
            let dir = TempDir::new(damage);
            load(&engine, EMPTY, &dir).unwrap();
            let mut bytes = std::fs::read(dir.only_file()).unwrap();
            match damage {
                "flip" => bytes[CHECKSUM_BYTES + 100] ^= 1,
                "cut" => bytes.truncate(bytes.len() / 2),
                _ => bytes.clear(),
            }
            std::fs::write(dir.only_file(), bytes).unwrap();
            assert!(!load(&engine, EMPTY, &dir).unwrap(), "{damage}");
            assert!(load(&engine, EMPTY, &dir).unwrap(), "{damage}");
        }
    }

    #[test]
    fn cache_file_of_another_component_under_this_name_is_not_used() {
        let dir = TempDir::new("foreign");
        let engine = Engine::default();
        load(&engine, EMPTY, &dir).unwrap();
        let foreign = std::fs::read(dir.only_file()).unwrap();
        std::fs::remove_file(dir.only_file()).unwrap();
        let other = "(component (core module))";
        load(&engine, other, &dir).unwrap();
        std::fs::write(dir.only_file(), foreign).unwrap();
        assert!(!load(&engine, other, &dir).unwrap());
    }

    #[test]
    fn compiled_file_of_another_station_is_not_used() {
        let (ours, theirs) = (TempDir::new("ours"), TempDir::new("theirs"));
        let engine = Engine::default();
        load(&engine, EMPTY, &ours).unwrap();
        load(&engine, EMPTY, &theirs).unwrap();
        let (from, to) = (theirs.only_file(), ours.only_file());
        assert_eq!(from.file_name(), to.file_name(), "the same component");
        std::fs::copy(from, to).unwrap();
        assert!(!load(&engine, EMPTY, &ours).unwrap(), "compiled again");
        assert!(load(&engine, EMPTY, &ours).unwrap());
    }

    #[test]
    fn compiled_file_without_this_stations_mark_is_not_used() {
        let dir = TempDir::new("unmarked");
        let engine = Engine::default();
        load(&engine, EMPTY, &dir).unwrap();
        // Genuine code of this very wasmtime: plain, and with a checksum that anybody can make.
        let code = engine
            .precompile_component(&wat::parse_str(EMPTY).unwrap())
            .unwrap();
        let summed = [Sha256::digest(&code).as_slice(), &code].concat();
        for foreign in [code, summed] {
            std::fs::write(dir.only_file(), foreign).unwrap();
            assert!(!load(&engine, EMPTY, &dir).unwrap(), "compiled again");
            assert!(load(&engine, EMPTY, &dir).unwrap());
        }
    }

    #[test]
    fn starts_at_the_same_time_agree_on_one_secret() {
        let dir = TempDir::new("race");
        make_private_dir(&dir.0).unwrap();
        let secrets: Vec<[u8; SECRET_BYTES]> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Secret::of(&dir.0).unwrap().0))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(
            std::fs::read_dir(&dir.0).unwrap().count(),
            1,
            "no leftovers"
        );
    }

    #[cfg(unix)]
    #[test]
    fn secret_that_is_torn_or_that_others_can_read_is_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new("known");
        let engine = Engine::default();
        load(&engine, EMPTY, &dir).unwrap();
        let path = dir.0.join(SECRET);
        let first = std::fs::read(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            !load(&engine, EMPTY, &dir).unwrap(),
            "others could have marked it"
        );
        let second = std::fs::read(&path).unwrap();
        assert_ne!(first, second);
        std::fs::write(&path, &second[..7]).unwrap();
        assert!(!load(&engine, EMPTY, &dir).unwrap());
        assert_eq!(std::fs::read(&path).unwrap().len(), SECRET_BYTES);
        assert!(load(&engine, EMPTY, &dir).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn secret_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new("secret");
        load(&Engine::default(), EMPTY, &dir).unwrap();
        let secret = std::fs::metadata(dir.0.join(SECRET)).unwrap();
        assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn another_configuration_does_not_use_the_cache_file() {
        let dir = TempDir::new("config");
        load(&Engine::default(), EMPTY, &dir).unwrap();
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        assert!(!load(&Engine::new(&config).unwrap(), EMPTY, &dir).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn folder_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new("open");
        std::fs::create_dir(&dir.0).unwrap();
        std::fs::set_permissions(&dir.0, std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = load(&Engine::default(), EMPTY, &dir).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("others may write there (chmod go-w)"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn folder_made_for_the_cache_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new("private");
        load(&Engine::default(), EMPTY, &dir).unwrap();
        let mode = std::fs::metadata(&dir.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
