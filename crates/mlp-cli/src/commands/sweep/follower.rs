//! A rank of a sweep other than the first: it trains the runs that the first one hands out, one
//! after the other.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_train::RunDir;
use mlp_train::mpi::Ranks;

use super::job::{DataCache, Job};
use super::message::{FILE, Host, Order, Report};
use crate::output::version::PROGRAM;
use crate::ranks::{processor, receive, send};
use crate::signals::Signals;

/// Trains what the first rank hands out, until it says that all is done. Errors are sent to the
/// first rank, which prints them.
pub(super) fn follow(ranks: &dyn Ranks, data_dir: &Path, signals: &Signals) -> anyhow::Result<ExitCode> {
    send(ranks, 0, &Report::Hello(this_host(ranks)), &[]);
    let mut desk = None;
    loop {
        let (report, files) = match receive(ranks)? {
            (_, Order::Stop, _) => return Ok(ExitCode::SUCCESS),
            (_, Order::Start { directory, token, threads }, _) => {
                match Desk::new(&directory, data_dir, &token, threads) {
                    Ok(new) => {
                        let shares_files = new.shares_files;
                        desk = Some(new);
                        (Report::Ready { shares_files }, Vec::new())
                    }
                    Err(error) => (Report::Failed(format!("{error:#}")), Vec::new()),
                }
            }
            (_, Order::Train(job), files) => {
                let desk = desk.as_ref().context("a job before the start of the sweep");
                desk.and_then(|desk: &Desk| desk.train(&job, &files, signals))
                    .unwrap_or_else(|error| (Report::Failed(format!("{error:#}")), Vec::new()))
            }
        };
        send(ranks, 0, &report, &files);
    }
}

/// What this rank trains with.
struct Desk {
    pool: rayon::ThreadPool,
    data: DataCache,
    shares_files: bool,
}

impl Desk {
    fn new(directory: &Path, data_dir: &Path, token: &str, threads: usize) -> anyhow::Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let shares_files = fs::read_to_string(directory.join(FILE)).is_ok_and(|found| found == token);
        let data = DataCache::new(directory, data_dir, true);
        Ok(Self { pool: pool.context("cannot start the threads")?, data, shares_files })
    }

    fn train(&self, job: &Job, files: &[u8], signals: &Signals) -> anyhow::Result<(Report, Vec<u8>)> {
        // Where the directory of the run is on another host, it is trained in a temporary one.
        let scratch = match self.shares_files {
            true => None,
            false => Some(tempfile::tempdir().context("cannot create a temporary directory")?),
        };
        let place = scratch.as_ref().map_or_else(|| job.path.clone(), |scratch| scratch.path().join("run"));
        if !files.is_empty() {
            RunDir::create(&place)?.unpack(files)?;
        }
        self.pool.install(|| {
            let training = job.training(&self.data)?;
            let ended = job.train(&training, &place, signals, &mut ())?;
            let signal = signals.heard().map(|(name, code)| (name.to_owned(), code));
            if ended.is_none() && signal.is_none() {
                bail!("{}: training ended without a reason", job.path.display());
            }
            let files = if self.shares_files { Vec::new() } else { RunDir::open(&place)?.pack()? };
            let left_over = training.left_over();
            Ok((Report::Done { member: job.member, ended, left_over, signal }, files))
        })
    }
}

/// Describes the host of this rank.
pub(super) fn this_host(ranks: &dyn Ranks) -> Host {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    Host {
        program: PROGRAM.to_owned(),
        name: ranks.host(),
        cores: cores.unwrap_or_default().trim().to_owned(),
        count: std::thread::available_parallelism().map_or(1, usize::from),
        processor: processor(),
    }
}
