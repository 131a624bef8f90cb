//! The flags that choose how a network is trained, for every command that trains: a recipe, any key
//! of it, and flags of their own for the keys that people change most. To add such a flag, add a
//! field to [`Choices`].

use anyhow::bail;
use mlp_core::{Activation, Init, Precision, Reduction, StreamKind};
use mlp_train::{Kernel, Metric, OptimizerName, ScheduleName};
use serde::{Serialize, Serializer};

use crate::parse::{self, Hidden};
use crate::recipe::Recipe;

/// Where a configuration comes from.
#[derive(clap::Args)]
pub(crate) struct RecipeArgs {
    /// Recipe to start from: textbook, modern-100, fast, wide, or a file [default: textbook]
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<String>,
    /// Set any key of a recipe, as in `--set beta2=0.99`; `none` unsets it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    choices: Choices,
}

impl RecipeArgs {
    /// The recipe, changed by `--set`, changed by flags.
    pub(crate) fn resolve(&self) -> anyhow::Result<Recipe> {
        Recipe::resolve(self.recipe.as_deref().unwrap_or("textbook"), &self.set, self.flags())
    }

    /// Returns true if no flag is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.given().is_empty()
    }

    /// Refuses the flags beside `--resume`: a run keeps the configuration that it started with.
    pub(crate) fn refuse_beside_resume(&self) -> anyhow::Result<()> {
        if let Some(flag) = self.given().first() {
            bail!("{flag} cannot be used with --resume: a run keeps the configuration it started with");
        }
        Ok(())
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

    fn flags(&self) -> toml::Table {
        toml::Table::try_from(&self.choices).expect("plain data")
    }
}

/// Flags that override a recipe. Each is a key of [`TrainConfig`](mlp_train::TrainConfig) or of a
/// recipe, with its value; TOML leaves out those that are not given.
#[derive(clap::Args, Serialize)]
pub(crate) struct Choices {
    /// Dataset: a name from `mlp data info`, `synthetic`, or a directory with four IDX files
    /// [default: mnist]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    /// Units of the hidden layers: `100`, `300,100`, or `none`
    #[arg(long, value_name = "SIZES")]
    hidden: Option<Hidden>,
    /// Non-linearity of the hidden layers
    #[arg(long, value_parser = parse::activation())]
    activation: Option<Activation>,
    /// Distribution of the initial weights
    #[arg(long, value_parser = parse::init())]
    init: Option<Init>,
    /// Number of epochs
    #[arg(long, value_name = "N")]
    #[serde(serialize_with = "count")]
    epochs: Option<usize>,
    /// Examples in a batch
    #[arg(long, value_name = "N")]
    #[serde(serialize_with = "count")]
    batch_size: Option<usize>,
    /// Drop the last batch of an epoch if it is incomplete [default: true]
    #[arg(long, value_name = "BOOL")]
    drop_last: Option<bool>,
    /// Optimizer
    #[arg(long, alias = "optimiser", value_parser = parse::optimizer(), help_heading = "Optimization")]
    optimizer: Option<OptimizerName>,
    /// Learning rate
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, help_heading = "Optimization")]
    learning_rate: Option<f64>,
    /// Learning-rate schedule
    #[arg(long, value_parser = parse::schedule(), help_heading = "Optimization")]
    schedule: Option<ScheduleName>,
    /// Epochs of linear warm-up
    #[arg(long, value_name = "N", help_heading = "Optimization")]
    warmup_epochs: Option<f64>,
    /// Momentum coefficient
    #[arg(long, value_name = "SHARE", help_heading = "Optimization")]
    momentum: Option<f64>,
    /// Weight decay, decoupled from the gradient
    #[arg(long, value_name = "RATE", help_heading = "Optimization")]
    weight_decay: Option<f64>,
    /// Maximum norm of the gradient
    #[arg(long, value_name = "NORM", help_heading = "Optimization")]
    clip_norm: Option<f64>,
    /// Evaluate and save an exponential moving average of the weights
    #[arg(long, value_name = "DECAY", help_heading = "Optimization")]
    ema_decay: Option<f64>,
    /// How the losses of a batch become one
    #[arg(long, value_parser = parse::reduction(), help_heading = "Optimization")]
    loss_reduction: Option<Reduction>,
    /// Probability of dropping a hidden unit
    #[arg(long, value_name = "SHARE", help_heading = "Regularization")]
    dropout: Option<f64>,
    /// Probability of dropping a pixel
    #[arg(long, value_name = "SHARE", help_heading = "Regularization")]
    input_dropout: Option<f64>,
    /// Share of the target that is spread over all classes
    #[arg(long, value_name = "SHARE", help_heading = "Regularization")]
    label_smoothing: Option<f64>,
    /// Share of the training set to hold out for validation, the same of each class
    #[arg(long, value_name = "SHARE", help_heading = "Evaluation")]
    validation: Option<f64>,
    /// Dataset whose test images are the validation set, a name or a directory
    #[arg(long, value_name = "NAME|DIR", conflicts_with = "validation", help_heading = "Evaluation")]
    validation_set: Option<String>,
    /// Metric of the best epoch [default: validation-loss, or train-loss without validation]
    #[arg(long, value_parser = parse::metric(), help_heading = "Evaluation")]
    monitor: Option<Metric>,
    /// Stop after this many epochs without improvement
    #[arg(long, value_name = "N", help_heading = "Evaluation")]
    #[serde(serialize_with = "count")]
    patience: Option<usize>,
    /// Stop when a metric reaches a value, as in test-accuracy=0.98
    #[arg(long, value_name = "METRIC=VALUE", help_heading = "Evaluation")]
    until: Option<String>,
    /// Stop after this time: `90`, `60s`, `5m`
    #[arg(long = "max-time", value_name = "TIME", value_parser = parse::seconds, help_heading = "Evaluation")]
    max_seconds: Option<f64>,
    /// Random seed
    #[arg(long)]
    #[serde(serialize_with = "seed")]
    seed: Option<u64>,
    /// Random stream: this program's own, or NumPy's legacy stream bit for bit
    #[arg(long, value_parser = parse::stream_kind())]
    rng: Option<StreamKind>,
    /// Floating-point type
    #[arg(long, value_parser = parse::precision())]
    precision: Option<Precision>,
    #[command(flatten)]
    #[serde(flatten)]
    kernel: KernelArgs,
}

/// The choice of kernel, for every command that computes.
#[derive(clap::Args, Serialize)]
pub(crate) struct KernelArgs {
    /// Who multiplies matrices: `sparse` skips zero pixels and takes OpenBLAS for the rest,
    /// `openblas` takes it for everything, `portable` gives the same bits on every processor
    /// [default: auto]
    #[arg(long, value_parser = parse::kernel())]
    kernel: Option<Kernel>,
}

impl KernelArgs {
    pub(crate) fn get(&self) -> Kernel {
        self.kernel.unwrap_or_default()
    }
}

/// TOML's integers are too small for some counts; what is larger is refused later.
fn count<S: Serializer>(count: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    count.map(|count| i64::try_from(count).unwrap_or(i64::MAX)).serialize(serializer)
}

/// As text: TOML's integers are too small for some seeds.
fn seed<S: Serializer>(seed: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    seed.map(|seed| seed.to_string()).serialize(serializer)
}
