//! A sweep on several ranks, without MPI: each rank is a thread.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mlp_train::RunDir;
use mlp_train::mpi::Ranks;

use super::follower::follow;
use super::halving::{Halving, rungs};
use super::job::DataCache;
use super::leader::Leader;
use super::members::Sweep;
use super::workers::{Threads, Workers};
use crate::output::version::PROGRAM;
use crate::recipe::Recipe;
use crate::signals::Signals;

type Mailbox = Mutex<VecDeque<(usize, Vec<u8>)>>;

/// With another token, a rank is on a host without the directory of the sweep.
const REMOTE: Option<&str> = Some("token");

/// A rank whose messages stay in this process.
struct Fake {
    rank: usize,
    mailboxes: Arc<Vec<Mailbox>>,
    /// A key in the messages to this rank whose value is another one.
    changed: Option<&'static str>,
}

impl Ranks for Fake {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.mailboxes.len()
    }

    fn host(&self) -> String {
        format!("host-{}", self.rank)
    }

    fn send(&self, to: usize, message: &[u8]) {
        self.mailboxes[to].lock().unwrap().push_back((self.rank, message.to_vec()));
    }

    fn poll(&self) -> Option<(usize, Vec<u8>)> {
        let (from, mut message) = self.mailboxes[self.rank].lock().unwrap().pop_front()?;
        let key = format!("\"{}\":\"", self.changed.unwrap_or("none"));
        if let Some(at) = message.windows(key.len()).position(|part| part == key.as_bytes()) {
            message[at + key.len()] = b'x';
        }
        Some((from, message))
    }

    fn abort(&self, code: u8) -> ! {
        panic!("rank {} ends the job with code {code}", self.rank)
    }
}

fn ranks(size: usize, changed: Option<&'static str>) -> Vec<Fake> {
    let mailboxes: Arc<Vec<Mailbox>> = Arc::new((0..size).map(|_| Mailbox::default()).collect());
    (0..size).map(|rank| Fake { rank, mailboxes: Arc::clone(&mailboxes), changed }).collect()
}

fn sweep() -> Sweep {
    let set = [
        "dataset=synthetic",
        "hidden=[8]",
        "epochs=4",
        "batch_size=500",
        "loss_reduction=mean",
        "optimizer=adam",
        "schedule=one-cycle",
        "dropout=0.1",
        "ema_decay=0.9",
    ];
    let recipe = Recipe::resolve("textbook", &set.map(str::to_owned), toml::Table::new()).unwrap();
    Sweep {
        vary: vec!["learning_rate=0.001..0.1".to_owned(), "seed=1,2,3".to_owned()],
        random: Some(7),
        seed: "1".to_owned(),
        halving: Some(Halving { reduction_factor: 2, min_epochs: Some(1) }),
        recipe: recipe.to_table(PROGRAM),
    }
}

/// Trains a sweep in a directory with this many ranks.
fn train(directory: &Path, size: usize, changed: Option<&'static str>) -> anyhow::Result<()> {
    let sweep = sweep();
    sweep.begin_in(directory).unwrap_or_else(|_| Sweep::open(directory).unwrap().1);
    let members = sweep.members(directory)?;
    let rungs = rungs(sweep.halving.as_ref(), &super::configs(&members))?;
    let data = DataCache::new(directory, Path::new("data"), true);
    let workers = Workers::new(&members, data, true);
    let signals = Signals::default();
    let all = ranks(size, changed);
    std::thread::scope(|scope| {
        for rank in &all[1..] {
            scope.spawn(|| follow(rank, Path::new("data"), &Signals::default()).unwrap());
        }
        let mut leader = Leader::new(&all[0]);
        let threads = Threads { runs: 1, per_run: leader.start(directory, 1)? };
        assert_eq!(super::train(&rungs, &workers, threads, &signals, Some(&mut leader))?, None);
        Ok(())
    })
}

/// The files of all runs that do not depend on time.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for number in 1..=7 {
        for name in ["config.toml", "trace.csv", "model.mlp", "best.mlp"] {
            let name = PathBuf::from(format!("{number:03}")).join(name);
            files.push((name.clone(), fs::read(directory.join(name)).unwrap()));
        }
    }
    files
}

#[test]
fn any_number_of_ranks_with_and_without_a_shared_file_system_write_the_same_files() {
    let scratch = tempfile::tempdir().unwrap();
    let alone = scratch.path().join("alone");
    train(&alone, 1, None).unwrap();
    let expected = files(&alone);
    for (size, first, second) in [(2, None, REMOTE), (3, REMOTE, None), (4, None, None)] {
        let directory = scratch.path().join(format!("{size}"));
        train(&directory, size, first).unwrap();
        assert_eq!(files(&directory), expected, "{size} ranks");
        assert!(!directory.join(super::message::FILE).exists());
        // Runs without a result resume from their last checkpoint; others stay.
        fs::remove_dir_all(directory.join("003")).unwrap();
        for name in ["002/result.json", "005/result.json", "005/model.mlp"] {
            let _ = fs::remove_file(directory.join(name));
        }
        train(&directory, size, second).unwrap();
        assert_eq!(files(&directory), expected, "{size} ranks, resumed");
    }
}

#[test]
fn an_error_of_another_rank_ends_the_sweep_and_names_it() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("sweep");
    sweep().begin_in(&directory).unwrap();
    // A run that cannot be resumed: its checkpoint is not one.
    let run = RunDir::create(&directory.join("002")).unwrap();
    run.write_config("epochs = 4\n").unwrap();
    fs::write(run.checkpoint_path(), "nothing").unwrap();
    drop(run);
    for changed in [None, REMOTE] {
        let error = format!("{:#}", train(&directory, 3, changed).unwrap_err());
        assert!(error.contains("not a checkpoint file"), "{error}");
    }
}

#[test]
fn a_rank_with_other_data_trains_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let error = format!("{:#}", train(&scratch.path().join("sweep"), 2, Some("sha256")).unwrap_err());
    assert!(
        error.contains("rank 1 on host-1: ") && error.contains("the training set of synthetic"),
        "{error}"
    );
}
