//! The figures of a run and of a model, from what is known of them: what `mlp plot` draws one at a time and `mlp report` all together.

use anyhow::bail;
use mlp_core::{Mlp, Pca, Scalar};
use mlp_data::Dataset;
use mlp_train::{Kernel, Model, Network};

use crate::judgement::Judgement;
use crate::plot::{Curves, Drawing, Shown};
use crate::run_list::RunSummary;
use crate::{plot, table};

/// The most points of an embedding: more would cover each other, and decomposing them takes time.
const MAX_POINTS: usize = 1_500;

/// Loss and accuracy by epoch.
pub(crate) fn curves(runs: &[RunSummary]) -> Drawing {
    // The directories' own names, unless two are called alike.
    let own = |run: &RunSummary| run.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_unique = |name: &String| runs.iter().filter(|run| own(run).as_ref() == Some(name)).count() == 1;
    let names =
        |run: &RunSummary| own(run).filter(is_unique).unwrap_or_else(|| run.path.display().to_string());
    let curves: Vec<Curves<'_>> = runs
        .iter()
        .map(|run| Curves {
            name: names(run),
            records: &run.records,
            best: run.result.as_ref().and_then(|result| Some(result.best?.epoch)),
        })
        .collect();
    plot::curves(&curves)
}

/// Who is taken for whom.
pub(crate) fn confusion(model: &Model, judgement: &Judgement, set: &str) -> Drawing {
    plot::confusion(&judgement.confusion, &model.metadata.class_names, &format!("Confusion on {set}"))
}

/// What each unit of the first layer looks for, or the first so many of them.
///
/// # Errors
/// If there are no hidden units.
pub(crate) fn weights(model: &Model, most: usize) -> anyhow::Result<Drawing> {
    if model.network.architecture().hidden.is_empty() {
        bail!("the network has no hidden layer; expected one whose weights can be shown");
    }
    let mut units = first_layer(&model.network);
    let all = units.len();
    units.truncate(most);
    let which =
        if units.len() < all { format!("the first {} of {all}", units.len()) } else { format!("{all}") };
    let note = format!("{which} units of the first layer, one image each, in order row by row");
    Ok(plot::weights(&units, model.metadata.image_shape, "What the hidden units look for", &note))
}

/// The weights of each unit of the first layer.
pub(crate) fn first_layer(network: &Network) -> Vec<Vec<f64>> {
    match network {
        Network::F32(network) => columns(network),
        Network::F64(network) => columns(network),
    }
}

/// The same, of a network of known precision.
fn columns<A: Scalar>(network: &Mlp<A>) -> Vec<Vec<f64>> {
    let weights = network.layers()[0].weights();
    weights.columns().into_iter().map(|unit| unit.iter().map(|&weight| weight.into_f64()).collect()).collect()
}

/// The mistakes that the network was surest of.
pub(crate) fn mistakes(
    model: &Model,
    judgement: &Judgement,
    data: &Dataset,
    count: usize,
    set: &str,
) -> Drawing {
    let (all, names) = (judgement.mistakes(), &model.metadata.class_names);
    let shown: Vec<Shown<'_>> = all
        .iter()
        .take(count)
        .map(|mistake| Shown {
            pixels: data.image(mistake.index),
            index: mistake.index,
            label: &names[mistake.label],
            prediction: &names[mistake.prediction],
            probability: mistake.probability,
        })
        .collect();
    let note = if all.is_empty() {
        format!("none: all {} are right", table::thousands(data.len()))
    } else {
        let all = table::thousands(all.len());
        format!("the {} surest of {all} mistakes in {} examples", shown.len(), table::thousands(data.len()))
    };
    plot::mistakes(&shown, data.shape(), &format!("Mistakes on {set}"), &note)
}

/// Whether its probabilities can be believed.
pub(crate) fn calibration(judgement: &Judgement, set: &str) -> Drawing {
    plot::calibration(&judgement.calibration(), &format!("Calibration on {set}"))
}

/// The last hidden layer in two dimensions.
///
/// # Errors
/// If there is no hidden layer, or too little to look at.
pub(crate) fn embedding(model: &Model, data: &Dataset, set: &str) -> anyhow::Result<Drawing> {
    let Some(last) = model.network.architecture().hidden.len().checked_sub(1) else {
        bail!("the network has no hidden layer; expected one whose activations can be shown");
    };
    let shown = data.len().min(MAX_POINTS);
    let activations =
        model.network.activations(&data.images()[..shown * data.pixels()], last, Kernel::Auto)?;
    let (examples, units) = activations.dim();
    if examples < 2 || units < 2 {
        bail!(
            "{examples} examples and {units} hidden units; expected at least two of each for a picture of them"
        );
    }
    if activations.iter().any(|value| !value.is_finite()) {
        bail!(
            "the hidden units' activations are not all finite; expected a model whose training did not diverge"
        );
    }
    let pca = Pca::fit(activations.view(), 2);
    let points = pca.project(activations.view());
    let points: Vec<(f64, f64)> = points.rows().into_iter().map(|row| (row[0], row[1])).collect();
    let labels: Vec<usize> = data.labels()[..shown].iter().map(|&label| usize::from(label)).collect();
    let (shares, names) = (pca.shares(), &model.metadata.class_names);
    let title = format!("Hidden activations on {set}");
    Ok(plot::embedding(&points, &labels, names, (shares[0], shares[1]), &title))
}
