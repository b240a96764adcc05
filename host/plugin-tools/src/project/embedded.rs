//! What is embedded in this program: templates, contracts, the SDK's sources. See `build.rs`.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Files below a folder of the repository, with their paths in it.
pub fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, content)| {
        let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
        Some((rest, *content))
    })
}

/// One file of the repository.
pub fn file(path: &str) -> Option<&'static [u8]> {
    let found = FILES.iter().find(|(known, _)| *known == path);
    found.map(|(_, content)| *content)
}
