//! Several processes, called ranks, started together by `mpirun` or `srun`. Without MPI, each would
//! do the same work, so all commands are refused; with it, those that cannot share their work are.
//! Messages between ranks are JSON, followed by the content of files.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use mlp_train::mpi::{self, Ranks, World};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long other ranks wait before they end, because the launcher then ends the first one, too,
/// which has to print its error.
const AFTER_FIRST: Duration = Duration::from_millis(500);

/// Pause between two looks for messages: a rank that waits in MPI keeps a core busy.
const PAUSE: Duration = Duration::from_millis(1);

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
pub(crate) fn connect() -> anyhow::Result<Option<World>> {
    let Some(launch) = mpi::launch() else { return Ok(None) };
    match World::start(&launch) {
        Ok(world) => Ok(Some(world)),
        Err(error) => {
            if leave_to_first().is_some() {
                std::process::exit(2);
            }
            Err(error.into())
        }
    }
}

/// Sends a message, followed by the content of files.
pub(crate) fn send(ranks: &dyn Ranks, to: usize, message: &impl Serialize, files: &[u8]) {
    let json = serde_json::to_vec(message).expect("plain data");
    let length = (json.len() as u64).to_le_bytes();
    ranks.send(to, &[&length, &*json, files].concat());
}

/// Receives a message, if one has arrived, with its sender and the content of files.
pub(crate) fn poll<M: DeserializeOwned>(ranks: &dyn Ranks) -> Option<anyhow::Result<(usize, M, Vec<u8>)>> {
    let (from, mut bytes) = ranks.poll()?;
    let mut parse = || -> anyhow::Result<_> {
        let length = *bytes.first_chunk().context("it is too short")?;
        let end = usize::try_from(u64::from_le_bytes(length))?.saturating_add(length.len());
        let json = bytes.get(length.len()..end).context("it is too short")?;
        let message = serde_json::from_slice(json)?;
        bytes.drain(..end);
        Ok((from, message, std::mem::take(&mut bytes)))
    };
    Some(parse().with_context(|| format!("cannot read the message of rank {from}")))
}

/// Waits for a message.
pub(crate) fn receive<M: DeserializeOwned>(ranks: &dyn Ranks) -> anyhow::Result<(usize, M, Vec<u8>)> {
    loop {
        match poll(ranks) {
            Some(received) => return received,
            None => pause(),
        }
    }
}

/// Sleeps until it is worth looking for messages again.
pub(crate) fn pause() {
    thread::sleep(PAUSE);
}

/// Describes the processor that OpenBLAS computes for, on which its results depend; `None` without
/// OpenBLAS.
pub(crate) fn processor() -> Option<String> {
    let core = mlp_core::openblas_core()?;
    Some(format!("OpenBLAS for {core} and {} kernels", mlp_core::Isa::best().name()))
}

/// Describes the effect of a rank with another processor than the first one.
pub(crate) fn processor_remark(
    rank: &str,
    processor: Option<&str>,
    of_first: Option<&str>,
) -> Option<String> {
    let name = |processor: Option<&str>| processor.unwrap_or("portable kernels").to_owned();
    (processor != of_first).then(|| {
        format!(
            "{rank} uses {}, the first rank {}: results may differ in the last bits from those of one process (not \
             with --kernel portable)",
            name(processor),
            name(of_first)
        )
    })
}
