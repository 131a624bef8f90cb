//! Scatter plot of hidden activations, reduced to two dimensions by PCA.

use anyhow::bail;
use mlp_data::Dataset;
use mlp_train::Model;

use super::chart::{Axis, Chart, Marker, Role, Series};
use super::drawing::Drawing;
use super::pca::project;
use crate::output::table::counted;

/// Maximum number of points. More would overlap, and their PCA would be slow.
const MAX_POINTS: usize = 1_500;

/// Plots the activations of the last hidden layer on their first two principal components.
///
/// # Errors
/// If the model has no hidden layer, fewer than two units or examples, or activations that are not
/// finite.
pub(crate) fn embedding(model: &Model, data: &Dataset, set: &str) -> anyhow::Result<Drawing> {
    let Some(last) = model.network.architecture().hidden.len().checked_sub(1) else {
        bail!("the network has no hidden layer, so there are no activations to plot");
    };
    let shown = data.len().min(MAX_POINTS);
    let activations =
        model.network.activations(&data.images()[..shown * data.pixels()], last, model.kernel())?;
    let (examples, units) = activations.dim();
    if examples < 2 || units < 2 {
        bail!("{examples} examples and {units} hidden units; an embedding needs at least 2 of each");
    }
    if activations.iter().any(|value| !value.is_finite()) {
        bail!("the hidden activations are not finite; expected a model whose training did not diverge");
    }
    let projected = project(activations.view(), 2);
    let points: Vec<(f64, f64)> = projected.points.rows().into_iter().map(|row| (row[0], row[1])).collect();
    let shares = (projected.shares[0], projected.shares[1]);
    let title = format!("Hidden activations on {set}");
    Ok(scatter(&points, &data.labels()[..shown], &model.metadata.class_names, shares, &title))
}

/// Colors the points by class and puts each class name at the mean of its points. `shares` are the
/// explained variance ratios of the two axes.
fn scatter(
    points: &[(f64, f64)],
    labels: &[u8],
    names: &[String],
    shares: (f64, f64),
    title: &str,
) -> Drawing {
    let axis = |name, share| Axis::linear(format!("{name} ({:.1}% of variance)", 100.0 * share));
    let of_class = |class: usize| {
        let own = points.iter().zip(labels).filter(move |&(_, &label)| usize::from(label) == class);
        own.map(|(&point, _)| point).collect::<Vec<_>>()
    };
    let role = Role::Data;
    let clouds = (0..names.len()).map(|class| Series::markers("", role(class), Marker::Dot, of_class(class)));
    let means = names.iter().enumerate().filter_map(|(class, name)| {
        let own = of_class(class);
        let count = own.len() as f64;
        let sum = own.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        let mean = vec![(sum.0 / count, sum.1 / count)];
        (!own.is_empty()).then(|| Series::markers(name, role(class), Marker::Name, mean))
    });
    let subtitle = format!("PCA of the last hidden layer, {}", counted(points.len(), "example"));
    let (x, y) = (axis("PC 1", shares.0), axis("PC 2", shares.1));
    Drawing::from(Chart { subtitle, ..Chart::new(title, x, y, clouds.chain(means).collect()) })
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    #[test]
    fn each_class_has_its_points_and_a_name_at_their_mean() {
        let points = [(0.0, 0.0), (2.0, 0.0), (5.0, 5.0)];
        let names = ["zero", "one", "none"].map(str::to_owned);
        let drawing = scatter(&points, &[0, 0, 1], &names, (0.5, 0.25), "embedding");
        let svg = drawing.svg();
        let document = Document::parse(&svg).unwrap();
        let count = |tag: &str, class: &str| {
            let nodes = document.descendants().filter(|node| node.has_tag_name(tag));
            nodes.filter(|node| node.attribute("class") == Some(class)).count()
        };
        assert_eq!((count("circle", "f-c0"), count("circle", "f-c1")), (2, 1));
        let texts = drawing.texts();
        let has = |text: &str| texts.iter().any(|found| found == text);
        assert!(has("zero") && has("one") && !has("none") && has("PC 1 (50.0% of variance)"), "{texts:?}");
    }
}
