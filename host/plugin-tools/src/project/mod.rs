//! Plugin projects: `new` writes one, `build` makes a component of it.

pub mod build;
pub mod new;
