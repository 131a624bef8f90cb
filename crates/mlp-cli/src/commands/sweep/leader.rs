//! The first rank of a sweep: it hands out runs to the others, takes what they have trained, and
//! trains runs itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use mlp_data::fs::write_atomically;
use mlp_train::RunDir;
use mlp_train::mpi::Ranks;

use super::follower::this_host;
use super::halving::Trial;
use super::job::Job;
use super::message::{FILE, Host, Order, Report};
use super::workers::{Queue, Workers};
use crate::output::version::PROGRAM;
use crate::ranks::{pause, poll, processor, processor_remark, receive, send};
use crate::signals::Signals;

/// How long a network file system may take to show files that another rank has written.
const VISIBLE_AFTER: Duration = Duration::from_secs(90);

/// The first rank's view of the others. When it is dropped, they end.
pub(super) struct Leader<'r> {
    ranks: &'r dyn Ranks,
    /// The hosts of the other ranks, by rank - 1.
    hosts: Vec<Host>,
    /// The ranks that share this one's file system.
    sharing: Vec<bool>,
    /// The ranks without a run.
    idle: Vec<usize>,
    /// The run that each other rank trains.
    busy: BTreeMap<usize, usize>,
    /// The name and exit code of a signal that ended the training of another rank.
    pub(super) heard: Option<(String, u8)>,
}

impl<'r> Leader<'r> {
    pub(super) fn new(ranks: &'r dyn Ranks) -> Self {
        let (hosts, sharing, idle, busy) = (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
        Self { ranks, hosts, sharing, idle, busy, heard: None }
    }

    /// Makes the other ranks ready to train runs of the sweep in a directory, and returns the
    /// number of threads of this one. `threads` is the number for each, 0 for the cores that it was
    /// given.
    pub(super) fn start(&mut self, directory: &Path, threads: usize) -> anyhow::Result<usize> {
        let own = this_host(self.ranks);
        let others = self.ranks.size() - 1;
        let mut hosts = BTreeMap::new();
        while hosts.len() < others {
            match receive(self.ranks)? {
                (rank, Report::Hello(host), _) => drop(hosts.insert(rank, host)),
                (rank, ..) => bail!("rank {rank} sent an unexpected message"),
            }
        }
        self.hosts = hosts.into_values().collect();
        if let Some(other) = self.hosts.iter().find(|other| other.program != PROGRAM) {
            bail!("{} on {}; expected {PROGRAM}, as on {}", other.program, other.name, own.name);
        }
        let directory = std::path::absolute(directory).context("the sweep directory")?;
        let token = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
        let file = directory.join(FILE);
        write_atomically(&file, |file| file.write_all(token.as_bytes()))
            .with_context(|| format!("{}: cannot write the file", file.display()))?;
        let threads_of = |host: &Host| match threads {
            0 => {
                let all = self.hosts.iter().chain([&own]);
                let sharing = all.filter(|other| (&other.name, &other.cores) == (&host.name, &host.cores));
                (host.count / sharing.count()).max(1)
            }
            threads => threads,
        };
        for (rank, host) in (1..).zip(&self.hosts) {
            let (directory, token) = (directory.clone(), token.clone());
            send(self.ranks, rank, &Order::Start { directory, token, threads: threads_of(host) }, &[]);
        }
        self.sharing = vec![false; others + 1];
        for _ in 0..others {
            match receive(self.ranks)? {
                (rank, Report::Ready { shares_files }, _) => self.sharing[rank] = shares_files,
                (rank, Report::Failed(reason), _) => bail!("{}: {reason}", self.name(rank)),
                (rank, ..) => bail!("rank {rank} sent an unexpected message"),
            }
        }
        // Only for this handshake. A file that stays is overwritten by the next one.
        let _ = fs::remove_file(&file);
        self.idle = (1..=others).rev().collect();
        Ok(threads_of(&own))
    }

    /// The number of ranks.
    pub(super) fn size(&self) -> usize {
        self.ranks.size()
    }

    /// Notes to print before training.
    pub(super) fn remarks(&self) -> Vec<String> {
        let own = processor();
        let remark = |rank: usize| {
            processor_remark(&self.name(rank), self.hosts[rank - 1].processor.as_deref(), own.as_deref())
        };
        (1..=self.hosts.len()).find_map(remark).into_iter().collect()
    }

    fn name(&self, rank: usize) -> String {
        let host = self.hosts.get(rank - 1).map_or("an unknown host", |host| &host.name);
        format!("rank {rank} on {host}")
    }

    /// Hands out runs until none are left, all ranks are idle, and so are the threads of this one.
    /// Errors are reported to `workers`, so that the ranks that train can still deliver.
    pub(super) fn serve(
        &mut self,
        workers: &Workers<'_>,
        queue: &Queue<'_>,
        signals: &Signals,
        is_over_here: impl Fn() -> bool,
    ) {
        loop {
            while let Some(rank) = self.idle.pop() {
                let Some(member) = workers.take(queue, signals) else {
                    self.idle.push(rank);
                    break;
                };
                match self.hand_out(rank, member, workers, queue) {
                    Ok(()) => drop(self.busy.insert(rank, member)),
                    Err(error) => {
                        self.idle.push(rank);
                        workers.fail(error);
                    }
                }
            }
            match poll(self.ranks) {
                Some(Ok((rank, report, files))) => {
                    let member = self.busy.remove(&rank);
                    self.idle.push(rank);
                    let accepted = self.accept(rank, member, report, &files, workers, queue);
                    accepted.unwrap_or_else(|error| workers.fail(error));
                }
                Some(Err(error)) => workers.fail(error),
                None if self.busy.is_empty() && is_over_here() => return,
                None => pause(),
            }
        }
    }

    fn hand_out(
        &self,
        rank: usize,
        member: usize,
        workers: &Workers<'_>,
        queue: &Queue<'_>,
    ) -> anyhow::Result<()> {
        let (mut job, _) = Job::new(member, &workers.members[member], queue.wave.epochs, &workers.data)?;
        let files = if !self.sharing[rank] && RunDir::is_run(&job.path) {
            RunDir::open(&job.path)?.pack()?
        } else {
            Vec::new()
        };
        job.path = std::path::absolute(&job.path)?;
        send(self.ranks, rank, &Order::Train(Box::new(job)), &files);
        Ok(())
    }

    fn accept(
        &mut self,
        rank: usize,
        expected: Option<usize>,
        report: Report,
        files: &[u8],
        workers: &Workers<'_>,
        queue: &Queue<'_>,
    ) -> anyhow::Result<()> {
        let (member, ended, left_over, signal) = match report {
            Report::Done { member, ended, left_over, signal } if Some(member) == expected => {
                (member, ended, left_over, signal)
            }
            Report::Failed(reason) => bail!("{}: {reason}", self.name(rank)),
            _ => bail!("{} sent an unexpected message", self.name(rank)),
        };
        let path = &workers.members[member].path;
        if !self.sharing[rank] {
            let run = if RunDir::is_run(path) { RunDir::open(path) } else { RunDir::create(path) };
            run.and_then(|run| run.unpack(files))
                .with_context(|| format!("the files of {}", self.name(rank)))?;
        }
        if let Some(text) = left_over {
            workers.note_once(text);
        }
        match (ended, signal) {
            (Some(ended), _) => {
                wait_until_visible(path, queue.wave.epochs).with_context(|| self.name(rank))?;
                let varied = super::members::shown(&workers.members[member].varied);
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                workers.note(&format!("{name}  {varied}  {ended}"));
            }
            (None, Some(signal)) => {
                self.heard = Some(signal);
                workers.end();
            }
            (None, None) => bail!("{} ended without a reason", self.name(rank)),
        }
        Ok(())
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        for rank in 1..self.ranks.size() {
            send(self.ranks, rank, &Order::Stop, &[]);
        }
    }
}

/// Waits until the result that another rank has written can be read here.
fn wait_until_visible(path: &Path, epochs: Option<usize>) -> anyhow::Result<()> {
    let began = Instant::now();
    // A file may be seen before its content.
    while !Trial::read(path).is_ok_and(|trial| trial.has_reached(epochs)) {
        if began.elapsed() > VISIBLE_AFTER {
            return Err(anyhow!(
                "{}: the files that it has written do not appear here; expected a file system that all ranks share",
                path.display()
            ));
        }
        pause();
    }
    Ok(())
}
