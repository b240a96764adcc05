//! Child processes and where things are.

use std::path::{Path, PathBuf};
use std::process::Child;

/// The repository's top folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Ends a child for good and reaps it.
pub fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
