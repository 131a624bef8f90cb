//! Several processes started together by `mpirun` or `srun`. Without MPI, each would do the same
//! work, so all commands are refused; with it, those that cannot share their work are.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use mlp_train::mpi::{self, Ranks};

/// How long other ranks wait before they end, because the launcher then ends the first one, too,
/// which has to print its error.
const AFTER_FIRST: Duration = Duration::from_millis(500);

/// Returns the exit code of a process that must not work, because it is one of several. The first
/// of them gets an error instead, so that it is printed once.
pub(crate) fn refused(shares_work: bool) -> anyhow::Result<Option<ExitCode>> {
    let Some(launch) = mpi::launch() else { return Ok(None) };
    if shares_work && cfg!(feature = "mpi") {
        return Ok(None);
    }
    if let Some(code) = leave_to_first() {
        return Ok(Some(code));
    }
    let mpi::Launch { ranks, variable, .. } = launch;
    let started = format!("started {ranks} times ({variable} is {ranks})");
    let instead = format!("for independent processes, unset {variable}");
    if cfg!(feature = "mpi") {
        bail!(
            "{started}, and this command cannot share its work: only `mlp train` and `mlp sweep` can; start it once, or \
             {instead}"
        );
    }
    bail!(
        "{started}, and this build of mlp cannot share work among processes; build it with `--features mpi`, \
         or {instead}"
    );
}

/// Lets the first of several processes print what all of them would, and returns the exit code of
/// the others.
pub(crate) fn leave_to_first() -> Option<ExitCode> {
    mpi::launch().filter(|launch| launch.rank > 0).map(|_| {
        thread::sleep(AFTER_FIRST);
        ExitCode::from(2)
    })
}

/// Connects the processes that a launcher started together; `None` if this is the only one.
#[cfg(feature = "mpi")]
pub(crate) fn connect() -> anyhow::Result<Option<Box<dyn Ranks>>> {
    let Some(launch) = mpi::launch() else { return Ok(None) };
    match mpi::World::start(&launch) {
        Ok(world) => Ok(Some(Box::new(world))),
        Err(error) => {
            if leave_to_first().is_some() {
                std::process::exit(2);
            }
            Err(error.into())
        }
    }
}

/// Returns `None`: in a build without MPI, this is the only process.
#[cfg(not(feature = "mpi"))]
pub(crate) fn connect() -> anyhow::Result<Option<Box<dyn Ranks>>> {
    Ok(None)
}
