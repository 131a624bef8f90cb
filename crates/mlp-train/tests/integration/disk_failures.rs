//! Makes every file operation of a run fail in turn: once, like a disk that is briefly full, and
//! permanently, like a crash. Each time, the error names the file, the last good checkpoint is
//! intact, and the run resumes to the same bits as one that never failed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlp_core::Reduction;
use mlp_data::Dataset;
use mlp_data::fs::{Disk, Gate, Operation};
use mlp_train::{
    Checkpoint, Error, Every, Examples, Metadata, OptimizerName, Origin, RunDir, RunResult, RunSetup, Status,
    TrainConfig, Trainer,
};

/// Makes operation `number` fail, and with `permanent` all later ones.
struct Failing {
    number: usize,
    permanent: bool,
    passed: AtomicUsize,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    operations: BTreeMap<String, usize>,
    checkpoints: Vec<(usize, usize)>, // positions of the renamed checkpoints, in order
}

impl Failing {
    fn new(number: usize, permanent: bool) -> Arc<Self> {
        Arc::new(Self { number, permanent, passed: AtomicUsize::new(0), log: Mutex::default() })
    }

    fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Gate for Failing {
    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        if operation == Operation::SyncDirectory && path.ends_with("checkpoint.mlp") {
            log.checkpoints.push(position(path.parent().unwrap()).expect("it was just renamed"));
        }
        *log.operations.entry(format!("{operation:?} {}", kind(path))).or_default() += 1;
        let number = self.passed.fetch_add(1, Ordering::Relaxed);
        if number == self.number || (self.permanent && number > self.number) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

/// The final name of a file.
fn kind(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy();
    match name.strip_suffix(".tmp").and_then(|name| name.rsplit_once('.')) {
        Some((name, _)) => format!("temporary {}", &name[1..]),
        None => name.into_owned(),
    }
}

/// The position of the last checkpoint of a run, which has another name between two renames.
fn position(run: &Path) -> Option<(usize, usize)> {
    let mut paths = ["checkpoint.mlp", "checkpoint.previous.mlp"].map(|name| run.join(name)).into_iter();
    paths.find(|path| path.exists()).map(|path| Checkpoint::<f32>::load(&path).unwrap().position())
}

struct Sets {
    train: Dataset,
    validation: Dataset,
    test: Dataset,
}

fn sets() -> Sets {
    let sets = mlp_data::synthetic::digits(160, 40, 3);
    let (train, validation) = sets.train.split_stratified(0.25, 0).unwrap();
    Sets { train, validation, test: sets.test }
}

/// Starts or resumes a run, like `mlp train`.
fn train(sets: &Sets, disk: &Disk, path: &Path) -> Result<RunResult, Error> {
    let config = TrainConfig {
        hidden: vec![8],
        epochs: 2,
        batch_size: 30,
        loss_reduction: Reduction::Mean,
        learning_rate: 0.1,
        optimizer: OptimizerName::Nesterov,
        dropout: 0.2,
        ema_decay: Some(0.9),
        ..TrainConfig::default()
    };
    let run =
        if RunDir::is_run(path) { RunDir::open_on(disk, path)? } else { RunDir::create_on(disk, path)? };
    if !RunDir::is_run(path) {
        run.write_config("epochs = 2\n")?;
    }
    let plan = config.validate(&sets.train)?;
    let examples = Examples::<f32>::new(&plan, &sets.train);
    let class_names = (0..10).map(|class| class.to_string()).collect();
    let mut metadata = Metadata::new("synthetic", class_names, sets.train.shape(), "test");
    metadata.config = Some(plan.config().clone());
    let mut setup = RunSetup::new(Origin::new("synthetic", "", "test"), metadata);
    setup.test = Some(&sets.test);
    setup.checkpoint_every = Some(Every::Steps(3));
    setup.spacing = Duration::ZERO;
    setup.waits_for_disk = true;
    setup.tensorboard = true;
    let validation = Some(&sets.validation);
    let mut trainer = match run.checkpoint()? {
        Some(checkpoint) => Trainer::resume(checkpoint, plan, &examples, validation, None)?,
        None => Trainer::with_sets(plan, &examples, validation, None)?,
    };
    run.train(&mut trainer, &setup, &mut ())
}

/// The files that must be the same however often a run failed.
fn outputs(path: &Path) -> [Vec<u8>; 3] {
    ["model.mlp", "best.mlp", "trace.csv"].map(|name| fs::read(path.join(name)).unwrap())
}

#[test]
fn a_run_resumes_to_the_same_bits_whichever_file_operation_fails() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let whole = scratch.path().join("whole");
    let never = Failing::new(usize::MAX, false);
    assert_eq!(train(&sets, &Disk::with_gate(never.clone()), &whole).unwrap().status, Status::Complete);
    let expected = outputs(&whole);
    let log = never.log.lock().unwrap();
    // Two epochs of four steps, with a checkpoint after every third step and at the ends of epochs.
    assert_eq!(log.checkpoints, [(0, 3), (1, 0), (1, 3), (2, 0)]);

    println!("{} file operations, each made to fail once and permanently:", never.passed());
    for (operation, times) in &log.operations {
        println!("  {times:3} x {operation}");
    }
    for number in 0..never.passed() {
        for permanent in [false, true] {
            let path = scratch.path().join(format!("{number}-{permanent}"));
            let failing = Failing::new(number, permanent);
            let error = train(&sets, &Disk::with_gate(failing.clone()), &path).unwrap_err().to_string();
            assert!(
                error.contains(&*path.to_string_lossy()) && !error.contains('\n'),
                "operation {number}: {error}"
            );
            let found = position(&path);
            let last = failing.log.lock().unwrap().checkpoints.last().copied();
            assert_eq!(found, last, "operation {number}: lost the last good checkpoint");

            let result = train(&sets, &Disk::default(), &path).unwrap();
            assert_eq!(result.status, Status::Complete);
            assert_eq!(outputs(&path), expected, "operation {number}, permanent: {permanent}");
            let litter = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
            let litter: Vec<_> = litter.filter(|name| name.to_string_lossy().ends_with(".tmp")).collect();
            assert!(litter.is_empty(), "operation {number} leaves {litter:?}");
            fs::remove_dir_all(&path).unwrap();
        }
    }
}
