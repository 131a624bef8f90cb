//! Training and evaluating on images that stay in their file: the bits are those of images in
//! memory, and a file that changes is an error.

use std::fs;
use std::path::{Path, PathBuf};

use mlp_core::{Architecture, Init, Mlp, NativeStream, Precision, Reduction, StreamKind};
use mlp_data::{Dataset, Datasets};
use mlp_train::{
    Control, EpochRecord, Error, Evaluation, Event, Examples, Kernel, Metadata, Network, Number, Observer,
    OptimizerName, Origin, RunDir, RunSetup, TrainConfig, Trainer, evaluate,
};

/// The synthetic digits with light ink (sparse) or dark ink (dense), in memory and mapped.
struct Sets {
    read: Datasets,
    mapped: Datasets,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn sets(is_dark: bool) -> Sets {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("set");
    let mut sets = mlp_data::synthetic::digits(1030, 600, 0);
    if is_dark {
        let dark = |set: &Dataset| {
            let images = set.images().iter().map(|pixel| 255 - pixel).collect();
            Dataset::new(images, set.shape(), set.labels().to_vec(), set.classes()).unwrap()
        };
        (sets.train, sets.test) = (dark(&sets.train), dark(&sets.test));
    }
    sets.write_dir(&path, "drawn", false).unwrap();
    let [read, mapped] = [u64::MAX, 0].map(|from| Datasets::open_dir_mapping(&path, from).unwrap());
    assert!(read.train.mapped_file().is_none() && mapped.train.mapped_file().is_some());
    Sets { read, mapped, path, _directory: directory }
}

fn config() -> TrainConfig {
    TrainConfig {
        hidden: vec![24],
        epochs: 3,
        batch_size: 50,
        drop_last: false,
        learning_rate: 0.05,
        loss_reduction: Reduction::Mean,
        optimizer: OptimizerName::Momentum,
        kernel: Kernel::Portable,
        ..TrainConfig::default()
    }
}

/// The network of a training, its records without times, and its evaluation.
type Trained = (Network, Vec<EpochRecord>, Evaluation);

fn trained<A: Number>(config: &TrainConfig, sets: &Datasets, threads: usize) -> Trained
where
    Network: From<Mlp<A>>,
{
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let plan = config.clone().validate(&sets.train).unwrap();
        let examples = Examples::<A>::new(&plan, &sets.train);
        let mut trainer = Trainer::with_sets(plan, &examples, Some(&sets.test), None).unwrap();
        let mut trace = trainer.run(&mut ()).unwrap();
        trace.iter_mut().for_each(|record| record.seconds = 0.0);
        let evaluation = evaluate(trainer.network(), &sets.train, config.kernel).unwrap();
        (trainer.into_network().into(), trace, evaluation)
    })
}

#[test]
fn a_mapped_training_set_gives_the_same_bits_in_every_form() {
    let mut seen: Vec<Trained> = Vec::new();
    for is_dark in [false, true] {
        let Sets { read, mapped, .. } = &sets(is_dark);
        let forms = [
            config(),
            TrainConfig { augment: true, ..config() },
            TrainConfig { shuffle_block: Some(10), ..config() },
            TrainConfig { shuffle_block: Some(3), dropout: 0.2, input_dropout: 0.1, ..config() },
            TrainConfig { rng: StreamKind::Numpy, precision: Precision::F64, ..config() },
        ];
        for config in forms {
            let train = match config.precision {
                Precision::F32 => trained::<f32>,
                Precision::F64 => trained::<f64>,
            };
            let expected = train(&config, read, 1);
            for threads in [1, 2, 3] {
                assert!(train(&config, mapped, threads) == expected, "{config:?} on {threads} threads");
            }
            assert!(!seen.contains(&expected), "{config:?} changes nothing");
            seen.push(expected);
        }
    }
}

/// Ends the training with an error after so many steps.
struct FailsAfter(usize);

impl Observer for FailsAfter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::StepDone { .. } = event {
            self.0 -= 1;
            if self.0 == 0 {
                return Err(Error::Observer {
                    what: "test".to_owned(),
                    reason: std::io::Error::other("end"),
                });
            }
        }
        Ok(Control::Continue)
    }
}

fn setup(sets: &Datasets) -> RunSetup<'_> {
    let metadata = Metadata::new("set", sets.class_names.clone(), sets.train.shape(), "test");
    let mut setup = RunSetup::new(Origin::new("set", sets.train.sha256(), "test"), metadata);
    setup.checkpoint_every = Some("1steps".parse().unwrap());
    setup.waits_for_disk = true;
    setup
}

/// Trains in a run directory, resuming if it has a checkpoint.
fn run(
    path: &Path,
    config: &TrainConfig,
    sets: &Datasets,
    observer: &mut dyn Observer,
) -> Result<Vec<u8>, Error> {
    let run = if path.exists() { RunDir::open(path)? } else { RunDir::create(path)? };
    let plan = config.clone().validate(&sets.train).unwrap();
    let examples = Examples::<f32>::new(&plan, &sets.train);
    let mut trainer = match run.checkpoint()? {
        None => Trainer::new(plan, &examples)?,
        Some(checkpoint) => Trainer::resume(checkpoint, plan, &examples, None, None)?,
    };
    run.write_config("")?;
    run.train(&mut trainer, &setup(sets), observer)?;
    Ok(fs::read(run.model_path()).unwrap())
}

#[test]
fn a_run_shuffled_in_blocks_resumes_within_an_epoch_to_the_same_bits() {
    let Sets { read, mapped, .. } = &sets(false);
    let directory = tempfile::tempdir().unwrap();
    let config = TrainConfig { shuffle_block: Some(4), ..config() };
    let expected = run(&directory.path().join("whole"), &config, read, &mut ()).unwrap();
    // 21 steps per epoch.
    for steps in [1, 20, 21, 22, 33] {
        let path = directory.path().join(format!("after-{steps}"));
        run(&path, &config, mapped, &mut FailsAfter(steps)).unwrap_err();
        assert_eq!(run(&path, &config, mapped, &mut ()).unwrap(), expected, "after {steps} steps");
    }
}

/// Changes the file of images after so many steps.
struct Changes<'p>(usize, &'p Path, fn(&Path));

impl Observer for Changes<'_> {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::StepDone { .. } = event {
            self.0 -= 1;
            if self.0 == 0 {
                (self.2)(self.1);
            }
        }
        Ok(Control::Continue)
    }
}

#[test]
fn a_file_that_changes_ends_the_run_and_the_restored_file_resumes_it() {
    let Sets { read, mapped: _, path, _directory } = &sets(false);
    let images = path.join("train-images-idx3-ubyte");
    let bytes = fs::read(&images).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let architecture = Architecture::new(read.train.pixels(), &[], 10);
    let network = Mlp::<f32>::new(&architecture, Init::Normal, &mut NativeStream::new(0)).unwrap();
    let expected = run(&directory.path().join("whole"), &config(), read, &mut ()).unwrap();
    // The rest of the last page reads as zeros: no signal.
    let shorten: fn(&Path) = |path| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 100).unwrap();
    };
    let overwrite: fn(&Path) = |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for (name, change, message) in
        [("shorter", shorten, "807436 bytes instead of 807536"), ("written", overwrite, "it was written to")]
    {
        let path_of_run = directory.path().join(name);
        let mapped = Datasets::open_dir_mapping(path, 0).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let mut observer = Changes(30, &images, change);
        let error = run(&path_of_run, &config(), &mapped, &mut observer).unwrap_err();
        assert!(matches!(error, Error::Data(mlp_data::Error::ChangedInUse { .. })), "{error}");
        assert!(error.to_string().contains(message), "{error}");
        let position = RunDir::open(&path_of_run).unwrap().checkpoint::<f32>().unwrap().unwrap().position();
        assert_eq!(position, (1, 8), "the last checkpoint is from before the change");
        assert!(matches!(evaluate(&network, &mapped.train, Kernel::Auto), Err(Error::Data(_))));
        fs::write(&images, &bytes).unwrap();
        let restored = Datasets::open_dir_mapping(path, 0).unwrap();
        assert_eq!(run(&path_of_run, &config(), &restored, &mut ()).unwrap(), expected, "{name}");
    }
}
