//! A training run: a recipe and its data, checked against each other and trained in a run
//! directory. Used by every command that trains.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use mlp_core::{Mlp, Precision};
use mlp_data::text::printable;
use mlp_train::{
    Checkpoint, Control, Examples, Kernel, Metadata, Network, Number, Observer, Origin, Plan, RunDir,
    RunResult, RunSetup, TrainConfig, Trainer,
};

use crate::data::TrainingData;
use crate::dataset_name::located;
use crate::output::messages::note;
use crate::output::table::counted;
use crate::output::version::PROGRAM;
use crate::ranks;
use crate::recipe::Recipe;
use crate::together::{Group, Letter};

/// A recipe, its data, and the plan made from both.
pub(crate) struct Training {
    pub(crate) recipe: Recipe,
    pub(crate) plan: Plan,
    pub(crate) data: Arc<TrainingData>,
}

impl Training {
    /// Checks a recipe against its data. Recipes with the same sets can share the data.
    pub(crate) fn new(recipe: Recipe, data: Arc<TrainingData>) -> anyhow::Result<Self> {
        let train = TrainConfig { validation: data.held_out, ..recipe.train };
        let plan = train.validate(&data.sets.train)?;
        plan.check_sets(data.validation.is_some(), true)?;
        check_address_space(plan.kernel())?;
        let recipe = Recipe {
            dataset: data.dataset.clone(),
            validation_set: data.validation_set.clone(),
            train: plan.config().clone(),
            name: recipe.name,
        };
        Ok(Self { recipe, plan, data })
    }

    /// The text of `config.toml` for a run in the directory `run`.
    pub(crate) fn config_toml(&self, run: &Path) -> String {
        self.recipe.stored_at(run).to_table(PROGRAM).to_string()
    }

    /// The default name of a run: the dataset's name, or the last component of its path.
    pub(crate) fn run_name(&self) -> &str {
        Path::new(&self.recipe.dataset).file_name().and_then(|name| name.to_str()).unwrap_or("run")
    }

    /// The default setup of a run in the directory `run`, with a checkpoint only at the end of each
    /// epoch.
    pub(crate) fn setup(&self, run: &Path) -> RunSetup<'_> {
        let sets = &self.data.sets;
        let (dataset, names) = (self.recipe.stored_at(run).dataset, sets.class_names.clone());
        let mut metadata = Metadata::new(dataset, names, sets.train.shape(), PROGRAM);
        metadata.preprocessing = sets.preprocessing;
        metadata.polarity = sets.polarity;
        metadata.config = Some(self.plan.config().clone());
        let mut origin = self.origin();
        origin.dataset = metadata.dataset.clone();
        let mut setup = RunSetup::new(origin, metadata);
        setup.test = Some(&sets.test);
        setup
    }

    /// The program, the data, and the processor if results depend on it.
    pub(crate) fn origin(&self) -> Origin {
        let mut origin = self.data.origin.clone();
        origin.processor = ranks::processor().filter(|_| self.plan.kernel() != Kernel::Portable);
        origin
    }

    /// Describes the examples that `drop_last` drops in each epoch, if there are any.
    pub(crate) fn left_over(&self) -> Option<String> {
        let (config, examples) = (self.plan.config(), self.data.sets.train.len());
        let left = if config.drop_last { examples % config.batch_size } else { 0 };
        (left > 0).then(|| {
            format!(
                "{left} of {} do not fill a batch of {} and are left out of each epoch; --drop-last false keeps \
                 them",
                counted(examples, "example"),
                config.batch_size
            )
        })
    }

    /// Checks that a run has the data that it began with, as far as its checkpoint can be read.
    ///
    /// # Errors
    /// If a set is another one.
    pub(crate) fn check_data(&self, run: &RunDir) -> anyhow::Result<()> {
        let origin = match self.plan.config().precision {
            Precision::F32 => run.checkpoint::<f32>().map(|found| found.map(|found| found.origin().clone())),
            Precision::F64 => run.checkpoint::<f64>().map(|found| found.map(|found| found.origin().clone())),
        };
        match origin {
            Ok(Some(origin)) => check_same(run.path(), &origin, &self.data.origin),
            _ => Ok(()),
        }
    }

    /// Trains in a run directory, resuming from its checkpoint if there is one.
    pub(crate) fn train(
        &self,
        run: &RunDir,
        setup: &RunSetup<'_>,
        observers: &mut [&mut dyn Observer],
    ) -> anyhow::Result<RunResult> {
        self.train_with(run, &self.config_toml(run.path()), setup, observers, None)
    }

    /// Like [`Training::train`], with the text of `config.toml`, which depends on where the run
    /// will be in the end, and perhaps together with other ranks.
    pub(crate) fn train_with(
        &self,
        run: &RunDir,
        config: &str,
        setup: &RunSetup<'_>,
        observers: &mut [&mut dyn Observer],
        group: Option<&Group>,
    ) -> anyhow::Result<RunResult> {
        match self.plan.config().precision {
            Precision::F32 => self.train_as::<f32>(run, config, setup, observers, group),
            Precision::F64 => self.train_as::<f64>(run, config, setup, observers, group),
        }
    }

    fn train_as<A: Number>(
        &self,
        run: &RunDir,
        config: &str,
        setup: &RunSetup<'_>,
        observers: &mut [&mut dyn Observer],
        group: Option<&Group>,
    ) -> anyhow::Result<RunResult>
    where
        Network: From<Mlp<A>>,
    {
        let (plan, data) = (self.plan.clone(), &self.data);
        let examples = Examples::<A>::new(&plan, &data.sets.train);
        let (validation, test) = (data.validation.as_ref(), Some(&data.sets.test));
        let mut bytes = Vec::new();
        let mut trainer = match run.checkpoint::<A>()? {
            None => Trainer::with_sets(plan, &examples, validation, test)?,
            Some(checkpoint) => {
                let (was, is) = (checkpoint.origin(), &setup.origin);
                check_same(run.path(), was, is)?;
                if let Some(reason) = checkpoint.fallback() {
                    note(reason);
                }
                if let (Some(was), Some(is)) = (&was.processor, &is.processor)
                    && was != is
                {
                    note(&format!(
                        "the run began on {was}, this is {is}: the result may differ in the last bits (not with the portable kernel)"
                    ));
                }
                if was.program != PROGRAM {
                    note(&format!(
                        "the checkpoint was written by {}; with {PROGRAM} the result may not be bit-identical",
                        was.program
                    ));
                }
                if group.is_some() {
                    bytes = checkpoint.to_bytes();
                }
                Trainer::resume(checkpoint, plan, &examples, validation, test)
                    .with_context(|| format!("{} (its config.toml must not change)", run.path().display()))?
            }
        };
        // Not earlier: only now is it certain that the training can resume with the changes.
        if RunDir::read_config(run.path())? != config {
            run.remove_result()?;
            run.write_config(config)?;
        }
        if let Some(group) = group {
            group.send(&self.letter(run.path()), &bytes);
            trainer = group.share(trainer)?;
        }
        Ok(run.train(&mut trainer, setup, observers)?)
    }

    /// What other ranks have to know to take part in the training of a run at `place`.
    fn letter(&self, place: &Path) -> Letter {
        let mut recipe = self.recipe.clone();
        recipe.dataset = located(&recipe.dataset, place);
        recipe.validation_set = recipe.validation_set.map(|name| located(&name, place));
        let recipe = recipe.to_table(PROGRAM).to_string();
        Letter { run: place.to_owned(), recipe, origin: self.origin() }
    }

    /// Trains together with the first rank, from its checkpoint if there is one.
    pub(crate) fn follow(&self, group: &Group, checkpoint: &[u8]) -> anyhow::Result<()> {
        match self.plan.config().precision {
            Precision::F32 => self.follow_as::<f32>(group, checkpoint),
            Precision::F64 => self.follow_as::<f64>(group, checkpoint),
        }
    }

    fn follow_as<A: Number>(&self, group: &Group, checkpoint: &[u8]) -> anyhow::Result<()> {
        let (plan, data) = (self.plan.clone(), &self.data);
        let examples = Examples::<A>::new(&plan, &data.sets.train);
        let (validation, test) = (data.validation.as_ref(), Some(&data.sets.test));
        let trainer = match checkpoint {
            [] => Trainer::with_sets(plan, &examples, validation, test)?,
            bytes => {
                let file = tempfile::NamedTempFile::new().context("cannot create a temporary file")?;
                std::fs::write(file.path(), bytes).context("cannot write a temporary file")?;
                Trainer::resume(Checkpoint::load(file.path())?, plan, &examples, validation, test)?
            }
        };
        group.share(trainer)?.drive(|_, _| Ok(Control::Continue))?;
        Ok(())
    }
}

/// Checks that a run is trained on its own data.
pub(crate) fn check_same(run: &Path, was: &Origin, is: &Origin) -> anyhow::Result<()> {
    for (set, was, found) in [
        ("training", Some(&was.sha256), Some(&is.sha256)),
        ("validation", was.validation_sha256.as_ref(), is.validation_sha256.as_ref()),
        ("test", was.test_sha256.as_ref(), is.test_sha256.as_ref()),
    ] {
        if was != found {
            let text = |sha256: Option<&String>| sha256.map_or("none", String::as_str).to_owned();
            bail!(
                "{}: the {set} set of {} is not the one the run started with; expected hash {}, found {}: \
                 give the right dataset with --dataset, or train again",
                run.display(),
                is.dataset,
                text(was),
                text(found)
            );
        }
    }
    // The same pixels with another meaning make another model.
    let changed = |what: &str, was: &str, found: &str| {
        bail!(
            "{}: {what} of {} is not the one that the run began with; expected {}, found {}: change its dataset.toml \
             back, or train again",
            run.display(),
            is.dataset,
            printable(was),
            printable(found)
        )
    };
    for class in 0..was.class_names.len().max(is.class_names.len()) {
        let name = |origin: &Origin| origin.class_names.get(class).map_or("none", String::as_str).to_owned();
        if was.class_names.get(class) != is.class_names.get(class) {
            return changed(&format!("the name of class {class}"), &name(was), &name(is));
        }
    }
    if was.preprocessing != is.preprocessing {
        return changed("the preprocessing", was.preprocessing.name(), is.preprocessing.name());
    }
    if was.polarity != is.polarity {
        return changed("the polarity", was.polarity.name(), is.polarity.name());
    }
    Ok(())
}

/// Checks that OpenBLAS gets its memory under a limit of the address space (`ulimit -v`): it would
/// try forever.
fn check_address_space(kernel: Kernel) -> anyhow::Result<()> {
    /// Bytes that OpenBLAS reserves for each thread, on x86-64.
    const BUFFER: u64 = 128 << 20;
    let read = |file: &str, key: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let limit = read("/proc/self/limits", "Max address space").filter(|_| kernel != Kernel::Portable);
    let (Some(limit), Some(used)) = (limit, read("/proc/self/status", "VmSize:")) else { return Ok(()) };
    let needed = used * 1024 + BUFFER * (rayon::current_num_threads() as u64 + 1);
    if limit < needed {
        bail!(
            "the address space is limited to {} MiB and OpenBLAS needs {} MiB; raise it (ulimit -v), or use --kernel portable or fewer --threads",
            limit >> 20,
            needed >> 20
        );
    }
    Ok(())
}

/// Starts the global thread pool; 0 threads means one per core.
pub(crate) fn start_threads(count: usize) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(count).build_global().context("cannot start the threads")
}
