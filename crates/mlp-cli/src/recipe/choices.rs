//! The flags of every command that trains: a recipe, `--set` for any of its keys, and flags for the
//! keys that people change most. To add such a flag, add a field to [`Choices`].

use anyhow::bail;
use mlp_core::{Activation, Init, Precision, Reduction, StreamKind};
use mlp_data::{Augmentation, Dataset};
use mlp_train::{ClassRotation, Kernel, Metric, Model, OptimizerName, ScheduleName, TrainConfig};
use serde::{Serialize, Serializer};
use toml::{Table, Value};

use crate::dataset_name::full_name;
use crate::parse::{self, Hidden};
use crate::recipe::{DATASET, DEFAULT, Recipe, VALIDATION_SET, setting_of};

/// The flags that make up a configuration.
#[derive(clap::Args)]
pub(crate) struct RecipeArgs {
    /// Recipe, by name or file [default: textbook]
    ///
    /// textbook is the chapter's network; modern-100 and augmented-100 have its layer sizes, and
    /// reach 98.6% and 99.2% on MNIST; fast reaches 98.2% in half a second; wide reaches 99.1% in
    /// two and a half minutes without distorting images; augmented reaches 99.6% in five minutes;
    /// record is the most accurate, and takes over half an hour; fashion is for Fashion-MNIST.
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<String>,
    /// Set any key of the recipe, as in `beta2=0.99`; `none` unsets it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    choices: Choices,
}

impl RecipeArgs {
    /// The recipe, overridden by `--set`, overridden by flags.
    pub(crate) fn resolve(&self) -> anyhow::Result<Recipe> {
        Recipe::resolve(self.recipe.as_deref().unwrap_or(DEFAULT), &self.set, self.flags())
    }

    /// Returns true if no flag is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.given().is_empty()
    }

    /// The keys that may change when a sweep is resumed: the new names of its datasets.
    ///
    /// # Errors
    /// If any other key, or a recipe, is given.
    pub(crate) fn changes_on_sweep_resume(&self) -> anyhow::Result<Table> {
        self.changes(&[DATASET, VALIDATION_SET])
    }

    /// The keys that may change when a run is resumed, from `--set` and flags.
    ///
    /// # Errors
    /// If any other key, or a recipe, is given.
    pub(crate) fn changes_on_resume(&self) -> anyhow::Result<Table> {
        self.changes(&["epochs", DATASET, VALIDATION_SET])
    }

    /// The new name of a run's dataset, if it is given.
    pub(crate) fn dataset_on_resume(&self) -> anyhow::Result<Option<String>> {
        let changes = self.changes_on_resume()?;
        Ok(changes.get(DATASET).and_then(Value::as_str).map(str::to_owned))
    }

    fn changes(&self, allowed: &[&str]) -> anyhow::Result<Table> {
        let mut changes = Table::new();
        for setting in &self.set {
            let (key, value) = setting_of(setting)?;
            changes.insert(key, value);
        }
        changes.extend(self.flags());
        if let Some((key, _)) = changes.iter().find(|(_, value)| value.as_str() == Some("none")) {
            bail!("{key} cannot be unset with --resume; expected a value");
        }
        // Relative to the current directory; a run's own names are relative to its project.
        for key in [DATASET, VALIDATION_SET] {
            if let Some(Value::String(name)) = changes.get_mut(key) {
                *name = full_name(name);
            }
        }
        let is_refused = |flag: &str| {
            let key = flag.strip_prefix("--set ").map_or_else(|| flag.trim_start_matches('-'), str::trim);
            let key = key.split('=').next().unwrap_or(key).trim().replace('-', "_");
            !allowed.contains(&key.as_str())
        };
        if let Some(flag) = self.given().into_iter().find(|flag| is_refused(flag)) {
            bail!(
                "{flag} cannot be used with --resume: a run keeps the configuration it started with; only {} may \
                 change",
                allowed.join(", ")
            );
        }
        Ok(changes)
    }

    /// The flags that are given, by name.
    fn given(&self) -> Vec<String> {
        let flag = |key: &str| match key {
            "max_seconds" => "--max-time".to_owned(),
            key => format!("--{}", key.replace('_', "-")),
        };
        let recipe = self.recipe.iter().map(|_| "--recipe".to_owned());
        let set = self.set.iter().map(|setting| format!("--set {setting}"));
        recipe.chain(set).chain(self.flags().keys().map(|key| flag(key))).collect()
    }

    fn flags(&self) -> Table {
        Table::try_from(&self.choices).expect("plain data")
    }
}

pub(crate) const AUGMENTATION: &str = "Augmentation";
const MODEL: &str = "Model";
const TRAINING: &str = "Training";
const VALIDATION: &str = "Validation and stopping";

/// Flags that override a recipe. Each is a key of [`TrainConfig`] or of
/// [`Recipe`]. Flags that are not given are not serialized. The defaults in the help come from the
/// recipe; see [`defaults`](super::defaults).
#[derive(clap::Args, Serialize)]
pub(crate) struct Choices {
    /// Dataset: a name from `mlp data info` or a directory
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    /// Random seed
    #[arg(long, value_name = "N")]
    #[serde(serialize_with = "seed")]
    seed: Option<u64>,
    /// Random number generator: our own, or NumPy's legacy generator, bit for bit
    #[arg(long, value_parser = parse::stream_kind(), hide_short_help = true)]
    rng: Option<StreamKind>,
    #[command(flatten)]
    #[serde(flatten)]
    kernel: KernelArgs,
    /// Hidden layer sizes: `100`, `300,100`, or `none`
    #[arg(long, value_name = "SIZES", help_heading = MODEL)]
    hidden: Option<Hidden>,
    /// Activation of the hidden layers
    #[arg(long, value_name = "NAME", value_parser = parse::activation(), help_heading = MODEL)]
    activation: Option<Activation>,
    /// Distribution of the initial weights
    #[arg(long, value_name = "NAME", help_heading = MODEL)]
    #[arg(value_parser = parse::init(), hide_short_help = true)]
    init: Option<Init>,
    /// Dropout probability of hidden units
    #[arg(long, value_name = "P", help_heading = MODEL)]
    dropout: Option<f64>,
    /// Dropout probability of inputs
    #[arg(long, value_name = "P", hide_short_help = true, help_heading = MODEL)]
    input_dropout: Option<f64>,
    /// Floating-point type
    #[arg(long, value_name = "TYPE", help_heading = MODEL)]
    #[arg(value_parser = parse::precision(), hide_short_help = true)]
    precision: Option<Precision>,
    /// Number of epochs
    #[arg(long, value_name = "N", help_heading = TRAINING)]
    #[serde(serialize_with = "count")]
    epochs: Option<usize>,
    /// Batch size
    #[arg(long, value_name = "N", help_heading = TRAINING)]
    #[serde(serialize_with = "count")]
    batch_size: Option<usize>,
    /// Drop the last batch of an epoch if it is incomplete
    #[arg(long, value_name = "BOOL", hide_short_help = true, help_heading = TRAINING)]
    drop_last: Option<bool>,
    /// Shuffle blocks of N consecutive examples, for datasets larger than memory
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = TRAINING)]
    #[serde(serialize_with = "count")]
    shuffle_block: Option<usize>,
    /// Parts of a batch whose gradients are summed in a fixed order
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = TRAINING)]
    #[serde(serialize_with = "count")]
    shards: Option<usize>,
    /// How to combine the losses of a batch
    #[arg(long, value_name = "NAME", help_heading = TRAINING)]
    #[arg(value_parser = parse::reduction(), hide_short_help = true)]
    loss_reduction: Option<Reduction>,
    /// Label smoothing
    #[arg(long, value_name = "FRAC", hide_short_help = true, help_heading = TRAINING)]
    label_smoothing: Option<f64>,
    /// Optimizer
    #[arg(long, value_name = "NAME", alias = "optimiser", help_heading = TRAINING)]
    #[arg(value_parser = parse::optimizer())]
    optimizer: Option<OptimizerName>,
    /// Learning rate
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, help_heading = TRAINING)]
    learning_rate: Option<f64>,
    /// Learning-rate schedule
    #[arg(long, value_name = "NAME", value_parser = parse::schedule(), help_heading = TRAINING)]
    schedule: Option<ScheduleName>,
    /// Epochs of linear warmup
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = TRAINING)]
    warmup_epochs: Option<f64>,
    /// Momentum coefficient
    #[arg(long, value_name = "MU", hide_short_help = true, help_heading = TRAINING)]
    momentum: Option<f64>,
    /// Decoupled weight decay [default: 0, or 0.01 with adamw]
    #[arg(long, value_name = "RATE", help_heading = TRAINING)]
    weight_decay: Option<f64>,
    /// Distort training images at random, anew in each epoch
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", hide_possible_values = true, help_heading = TRAINING)]
    augment: Option<bool>,
    #[command(flatten)]
    #[serde(flatten)]
    limits: AugmentationArgs,
    /// Train on adversarial examples: move each one this far in the direction that raises its loss
    /// most, where pixels are 0 to 1
    #[arg(long, value_name = "DIST", hide_short_help = true, help_heading = TRAINING)]
    adversarial: Option<f64>,
    /// Maximum gradient norm
    #[arg(long, value_name = "NORM", hide_short_help = true, help_heading = TRAINING)]
    clip_norm: Option<f64>,
    /// Evaluate and save an exponential moving average of the weights
    #[arg(long, value_name = "DECAY", hide_short_help = true, help_heading = TRAINING)]
    ema_decay: Option<f64>,
    /// Fraction of the training set to hold out for validation
    #[arg(long, value_name = "FRAC", help_heading = VALIDATION)]
    validation: Option<f64>,
    /// Dataset whose test images to validate on, a name or a directory
    #[arg(long, value_name = "NAME|DIR", help_heading = VALIDATION)]
    #[arg(conflicts_with = "validation", hide_short_help = true)]
    validation_set: Option<String>,
    /// Metric that selects the best epoch [default: validation-loss, or train-loss without
    /// validation]
    #[arg(long, value_name = "METRIC", help_heading = VALIDATION)]
    #[arg(value_parser = parse::metric(), hide_short_help = true)]
    monitor: Option<Metric>,
    /// Stop after this many epochs without improvement
    #[arg(long, value_name = "N", help_heading = VALIDATION)]
    #[serde(serialize_with = "count")]
    patience: Option<usize>,
    /// Stop when a metric reaches a value, as in test-accuracy=0.98
    #[arg(long, value_name = "METRIC=VALUE", hide_short_help = true, help_heading = VALIDATION)]
    until: Option<String>,
    /// Stop after this time: `90`, `60s`, `5m`
    #[arg(long = "max-time", value_name = "TIME", help_heading = VALIDATION)]
    #[arg(value_parser = parse::seconds, hide_short_help = true)]
    max_seconds: Option<f64>,
}

/// The flags for the limits of augmentation.
#[derive(clap::Args, Serialize)]
pub(crate) struct AugmentationArgs {
    /// Maximum rotation in degrees [default: 15]
    #[arg(long, value_name = "DEG", hide_short_help = true, help_heading = AUGMENTATION)]
    rotation: Option<f64>,
    /// Other maximum rotations for single classes, by label, as in 1=7.5,7=7.5
    #[arg(long, value_name = "LABEL=DEG,…", hide_short_help = true, help_heading = AUGMENTATION)]
    class_rotation: Option<ClassRotation>,
    /// Maximum change of width and height, as a fraction [default: 0.15]
    #[arg(long, value_name = "FRAC", hide_short_help = true, help_heading = AUGMENTATION)]
    scale: Option<f64>,
    /// Maximum horizontal shear in pixels per row [default: 0.1]
    #[arg(long, value_name = "PIXELS", hide_short_help = true, help_heading = AUGMENTATION)]
    shear: Option<f64>,
    /// Maximum translation in pixels [default: 1]
    #[arg(long, value_name = "PIXELS", hide_short_help = true, help_heading = AUGMENTATION)]
    translate: Option<f64>,
    /// Strength of the elastic deformation: pixels of noise before smoothing [default: 36]
    #[arg(long, value_name = "PIXELS", hide_short_help = true, help_heading = AUGMENTATION)]
    elastic_alpha: Option<f64>,
    /// Standard deviation of the smoothing in pixels [default: 5]
    #[arg(long, value_name = "PIXELS", hide_short_help = true, help_heading = AUGMENTATION)]
    elastic_sigma: Option<f64>,
    /// Mirror half of the images left to right
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, hide_short_help = true)]
    #[arg(default_missing_value = "true", hide_possible_values = true, help_heading = AUGMENTATION)]
    flip: Option<bool>,
}

impl AugmentationArgs {
    /// Returns the limits for images like these, or `None` without `--augment`.
    pub(crate) fn with(&self, augment: bool, images: &Dataset) -> anyhow::Result<Option<Augmentation>> {
        let given: TrainConfig = Table::try_from(self)?.try_into()?;
        let config = TrainConfig { augment, ..given };
        config.check()?;
        config.check_augmented(images)?;
        Ok(config.augmentation())
    }
}

/// The flag for the kernel, for every command that computes.
#[derive(clap::Args, Serialize)]
pub(crate) struct KernelArgs {
    /// Matrix kernels: `sparse` skips zero pixels and uses OpenBLAS for the rest, `openblas` uses
    /// it for everything, `portable` gives the same bits on every processor [default: auto]
    #[arg(long, value_name = "NAME", value_parser = parse::kernel(), hide_short_help = true)]
    kernel: Option<Kernel>,
}

impl KernelArgs {
    /// The kernel given by the flag, or the one to apply a model with.
    pub(crate) fn of(&self, model: &Model) -> Kernel {
        self.kernel.unwrap_or_else(|| model.kernel())
    }
}

/// Saturates a count at TOML's largest integer. Validation rejects such counts later.
fn count<S: Serializer>(count: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    count.map(|count| i64::try_from(count).unwrap_or(i64::MAX)).serialize(serializer)
}

/// Serializes a seed as text, because TOML's integers are too small for some seeds.
fn seed<S: Serializer>(seed: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    seed.map(|seed| seed.to_string()).serialize(serializer)
}
