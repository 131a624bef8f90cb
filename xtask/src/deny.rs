//! Checks licenses, bans and sources of all dependencies, and advisories where their database can
//! be reached, using cargo-deny.

use anyhow::Result;

use crate::process;
use crate::report::Outcome;
use crate::workspace::Workspace;

/// Runs the checks of `deny.toml`.
///
/// # Errors
/// If a dependency breaks a rule.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    if !workspace.has_or_installs("deny", "cargo-deny") {
        return Ok(Outcome::Skipped("cannot install cargo-deny".to_owned()));
    }
    process::run(workspace.cargo("deny").args(["check", "bans", "licenses", "sources"]))?;
    if !process::succeeds(workspace.cargo("deny").args(["fetch", "db"])) {
        return Ok(Outcome::Skipped("advisories only: their database cannot be reached".to_owned()));
    }
    process::run(workspace.cargo("deny").args(["check", "advisories"])).map(Outcome::from)
}
