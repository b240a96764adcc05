//! Contracts: which one a project has, and whether a component keeps to it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use wit_parser::{PackageId, Resolve, WorldId};

use super::kind::{Kind, Language, Project};

/// A project's contract.
pub struct Contract {
    pub resolve: Resolve,
    pub world: WorldId,
}

impl Contract {
    /// Reads the contracts of a project.
    ///
    /// # Errors
    /// They are missing or no WIT.
    pub fn read(folder: &Path, project: &Project) -> Result<Self> {
        let mut resolve = Resolve::default();
        let folder = match project.language {
            Language::Rust => {
                let wit = folder.join("pilotwire/wit");
                push(&mut resolve, &wit.join("host"))?;
                wit.join(project.kind.name())
            }
            Language::Js | Language::Python | Language::C => folder.join("wit"),
        };
        let package = push(&mut resolve, &folder)?;
        let world = resolve.select_world(&[package], Some(world(project.kind)))?;
        Ok(Self { resolve, world })
    }

    /// Checks that a component imports what its world does and nothing else, and exports the world's interface.
    ///
    /// # Errors
    /// It does not, with what to do.
    pub fn check(&self, component: &[u8]) -> Result<()> {
        let decoded = wit_component::decode(component).context("this is no component")?;
        let wit_component::DecodedWasm::Component(resolve, world) = &decoded else {
            bail!("this is a contract, not a component");
        };
        let (imports, exports) = names(resolve, *world)?;
        let (may_import, must_export) = names(&self.resolve, self.world)?;
        let foreign: Vec<_> = imports.difference(&may_import).cloned().collect();
        ensure!(
            foreign.is_empty(),
            "the component imports {}, which no station gives it. A plugin has no clock, file, socket or random number: \
             remove the dependency that wants them, and build with stubbed WASI",
            foreign.join(", ")
        );
        // Interpreters leave exports without a contract's name behind, `init` for example; a station never calls them.
        let contracts = exports.into_iter().filter(|name| name.contains(':'));
        let exports: BTreeSet<_> = contracts.collect();
        ensure!(
            exports == must_export,
            "the component exports {exports:?}; its contract wants {must_export:?}"
        );
        Ok(())
    }
}

/// Name of a kind's world.
fn world(kind: Kind) -> &'static str {
    kind.name()
}

fn push(resolve: &mut Resolve, folder: &Path) -> Result<PackageId> {
    let pushed = resolve.push_dir(folder);
    let (package, _) = pushed.with_context(|| {
        format!(
            "the contract in {} cannot be read; `pilotwire plugin new` writes it",
            folder.display()
        )
    })?;
    Ok(package)
}

/// Names of the interfaces that a world imports and exports.
fn names(resolve: &Resolve, world: WorldId) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let world = resolve.worlds.get(world).context("there is no world")?;
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key));
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key));
    Ok((imports.collect(), exports.collect()))
}
