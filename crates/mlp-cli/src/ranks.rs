//! Several processes started together by `mpirun` or `srun`. Without MPI, each would do the same
//! work, so all commands are refused; with it, those that cannot share their work are.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use mlp_train::mpi;

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
    if launch.rank > 0 {
        thread::sleep(AFTER_FIRST);
        return Ok(Some(ExitCode::from(2)));
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
