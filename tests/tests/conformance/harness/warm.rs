//! Compiles the plugins of a pack once, before the first case needs them: on a new machine every case at the same time would,
//! and none would be ready in time.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::process;

/// How long a machine with other work may compile.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(100);

/// What a compiled form was made from: the program, and every component.
fn stamp(program: &Path) -> String {
    let components = process::root().join("target/components");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&components)
        .map(|files| files.flatten().map(|file| file.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|end| end == "wasm"));
    files.push(program.to_owned());
    files.sort();
    let line = |path: &PathBuf| {
        let about = std::fs::metadata(path).unwrap();
        format!(
            "{} {} {:?}\n",
            path.display(),
            about.len(),
            about.modified()
        )
    };
    files.iter().map(line).collect()
}

/// It listens early, and answers once its plugins are there.
fn is_ready(socket: &Path) -> std::io::Result<()> {
    let begin = Instant::now();
    let mut stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(error) if begin.elapsed() > PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(POLL),
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"{\"verb\":\"status\"}\n")?;
    BufReader::new(stream)
        .read_line(&mut String::new())
        .map(drop)
}

/// Starts a station in a folder of its own until its plugins are compiled, unless somebody has done it for the same program,
/// components and pack; then `keep` takes what was compiled.
pub fn once(
    pack: &str,
    program: &Path,
    shared: &Path,
    folder: impl FnOnce() -> PathBuf,
    start: impl FnOnce(&Path) -> std::process::Child,
    keep: impl FnOnce(&Path),
) {
    std::fs::create_dir_all(shared.parent().unwrap()).unwrap();
    let lock = File::create(shared.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (mark, wanted) = (shared.with_extension(pack), stamp(program));
    if std::fs::read_to_string(&mark).is_ok_and(|done| done == wanted) {
        return;
    }
    let folder = folder();
    let mut station = start(&folder);
    let ready = is_ready(&folder.join("state/control.sock"));
    process::end(&mut station);
    ready.unwrap_or_else(|error| panic!("the plugins of {pack} do not compile: {error}"));
    keep(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(mark, wanted).unwrap();
}
