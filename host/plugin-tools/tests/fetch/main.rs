//! `pilotwire-plugin fetch` and `push`, run as programs: against a web server that misbehaves on request, and against a
//! real registry.

mod registry;
mod support;
mod web;
mod web_broken;
