//! `mlp summary`: describe a model.

use std::path::PathBuf;
use std::process::ExitCode;

use mlp_data::Polarity;
use mlp_data::text::printable;
use mlp_train::Model;

use crate::output::messages::print;
use crate::output::table::{Table, counted, thousands};
use crate::runs::load_model;

/// Show a model's layers and how it was trained.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  mlp summary runs/mnist")]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (path, model) = load_model(&args.model)?;
    print(&text(&path.display().to_string(), &model))?;
    Ok(ExitCode::SUCCESS)
}

fn text(path: &str, model: &Model) -> String {
    let (architecture, metadata) = (model.network.architecture(), &model.metadata);
    let sizes = architecture.layer_sizes();
    let mut layers = Table::new(["layer", "weights", "biases", "activation", "parameters"]);
    for (index, &(inputs, outputs)) in sizes.iter().enumerate() {
        let last = index + 1 == sizes.len();
        layers.row([
            if last { "output".to_owned() } else { format!("hidden {}", index + 1) },
            format!("{inputs} x {outputs}"),
            outputs.to_string(),
            if last { "softmax".to_owned() } else { architecture.activation.to_string() },
            thousands(inputs * outputs + outputs),
        ]);
    }
    layers.row(
        ["total", "", "", ""].map(str::to_owned).into_iter().chain([thousands(architecture.parameters())]),
    );
    let training = metadata.config.as_ref().map_or("unknown: the model was imported".to_owned(), |config| {
        format!(
            "{}, batches of {}, learning rate {}, {} loss, {} initialization, seed {} ({})",
            counted(config.epochs, "epoch"),
            config.batch_size,
            config.learning_rate,
            config.loss_reduction,
            config.init,
            config.seed,
            config.rng,
        )
    });
    let polarity = match metadata.polarity {
        Polarity::Auto => String::new(),
        polarity => format!(", polarity {polarity}"),
    };
    format!(
        "{}\n\
         written by    {}\n\
         trained on    {}, images of {}\n\
         classes       {}\n\
         preprocessing {}{polarity}\n\
         precision     {}\n\
         training      {training}\n\
         SHA-256       {}\n\n{layers}",
        printable(path),
        printable(&metadata.program),
        printable(&metadata.dataset),
        metadata.image_shape,
        printable(&metadata.class_names.join(", ")),
        metadata.preprocessing,
        model.network.precision(),
        model.sha256(),
    )
}
