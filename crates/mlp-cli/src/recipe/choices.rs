//! The flags that choose how a network is trained, for every command that trains: a recipe, single keys of it, and names of their own for
//! the keys that people change most.

use mlp_core::{Activation, Init, Precision, Reduction, StreamKind};
use mlp_train::{Kernel, Metric, OptimizerName, ScheduleName};
use serde::Serialize;

use crate::parse::{self, Hidden};
use crate::recipe::Recipe;

/// Where a configuration comes from.
#[derive(clap::Args)]
pub(crate) struct RecipeArgs {
    /// Where the choices come from that no flag makes: textbook, modern-100, fast, wide, or a file [default: textbook]
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<String>,
    /// Any key of a recipe, as in `--set beta2=0.99`; `none` takes a choice back
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

    /// Whether nothing is chosen.
    pub(crate) fn is_empty(&self) -> bool {
        self.recipe.is_none() && self.set.is_empty() && self.flags().is_empty()
    }

    fn flags(&self) -> toml::Table {
        toml::Table::try_from(&self.choices).expect("plain data")
    }
}

/// Flags that override a recipe: by name and value the keys of one.
#[derive(clap::Args, Serialize)]
pub(crate) struct Choices {
    /// A name from `mlp data info`, `synthetic`, or a directory with four IDX files [default: mnist]
    #[arg(long, value_name = "NAME|DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    /// Units of the hidden layers: `100`, `300,100`, or `none`
    #[arg(long, value_name = "SIZES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<Hidden>,
    /// The non-linearity of the hidden layers
    #[arg(long, value_parser = parse::activation())]
    #[serde(skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    /// The distribution of the first weights
    #[arg(long, value_parser = parse::init())]
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
    /// Passes over the training set
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    epochs: Option<usize>,
    /// Examples of a step
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    batch_size: Option<usize>,
    /// Train on the examples left over by the batches, too, in a smaller one
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    keep_remainder: bool,
    /// How a gradient becomes a step
    #[arg(long, alias = "optimiser", value_parser = parse::optimizer(), help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    optimizer: Option<OptimizerName>,
    /// The step along the negative gradient
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_rate: Option<f64>,
    /// How the learning rate changes
    #[arg(long, value_parser = parse::schedule(), help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleName>,
    /// Epochs of linear warm-up
    #[arg(long, value_name = "N", help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    warmup_epochs: Option<f64>,
    /// Of momentum and Nesterov
    #[arg(long, value_name = "SHARE", help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    momentum: Option<f64>,
    /// Decay of the weights, decoupled from the gradient
    #[arg(long, value_name = "RATE", help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_decay: Option<f64>,
    /// The most that the gradient's norm may be
    #[arg(long, value_name = "NORM", help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    clip_norm: Option<f64>,
    /// Keep the moving average of the weights, with this decay, in place of the last ones
    #[arg(long, value_name = "DECAY", help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<f64>,
    /// How the losses of a batch become one
    #[arg(long, value_parser = parse::reduction(), help_heading = "Optimization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    loss_reduction: Option<Reduction>,
    /// The probability with which a hidden unit is left out of an example
    #[arg(long, value_name = "SHARE", help_heading = "Regularization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dropout: Option<f64>,
    /// The probability with which a pixel is left out of an example
    #[arg(long, value_name = "SHARE", help_heading = "Regularization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    input_dropout: Option<f64>,
    /// The share of the target that is spread over all classes
    #[arg(long, value_name = "SHARE", help_heading = "Regularization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    label_smoothing: Option<f64>,
    /// The share of the training set, of each class the same, that is set apart to validate on
    #[arg(long, value_name = "SHARE", help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<f64>,
    /// A dataset whose test images are validated on, a name or a directory
    #[arg(long, value_name = "NAME|DIR", conflicts_with = "validation", help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_set: Option<String>,
    /// What the best epoch is the best by [default: validation-loss, or train-loss without validation]
    #[arg(long, value_parser = parse::metric(), help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    monitor: Option<Metric>,
    /// Epochs that may pass without a better one before training ends
    #[arg(long, value_name = "N", help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    patience: Option<usize>,
    /// Ends training where a metric reaches a value, as in test-accuracy=0.98
    #[arg(long, value_name = "METRIC=VALUE", help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Ends training after this time: `90`, `60s`, `5m`
    #[arg(long = "max-time", value_name = "TIME", value_parser = parse::seconds, help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seconds: Option<f64>,
    /// Of the random numbers
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seed")]
    seed: Option<u64>,
    /// Where random numbers come from: our own stream, or NumPy's legacy one bit for bit
    #[arg(long, value_parser = parse::stream_kind())]
    #[serde(skip_serializing_if = "Option::is_none")]
    rng: Option<StreamKind>,
    /// The floating-point type
    #[arg(long, value_parser = parse::precision())]
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<Precision>,
    /// Multiply only the pixels that are not zero, or all of them, by our own kernels or by OpenBLAS; `auto` decides by how many
    /// are zero
    #[arg(long, value_parser = parse::kernel())]
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<Kernel>,
}

/// TOML's numbers are too small for some; what is larger is refused later.
fn count<S: serde::Serializer>(count: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(count.map_or(0, |count| i64::try_from(count).unwrap_or(i64::MAX)))
}

/// As text: TOML's numbers are too small for some.
fn seed<S: serde::Serializer>(seed: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&seed.unwrap_or_default())
}
