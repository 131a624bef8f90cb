//! Hidden activations in two dimensions, by principal components.

use anyhow::bail;
use mlp_data::Dataset;
use mlp_train::{Kernel, Model};

use super::chart::{Axis, Chart, Marker, Role, Series};
use super::drawing::Drawing;
use super::pca::project;

/// The maximum number of points: more would cover each other, and computing their components takes
/// time.
const MAX_POINTS: usize = 1_500;

/// The activations of the last hidden layer, projected onto their first two principal components.
///
/// # Errors
/// If the model has no hidden layer, fewer than two units or examples, or activations that are not
/// finite.
pub(crate) fn embedding(model: &Model, data: &Dataset, set: &str) -> anyhow::Result<Drawing> {
    let Some(last) = model.network.architecture().hidden.len().checked_sub(1) else {
        bail!("the network has no hidden layer; expected one whose activations can be shown");
    };
    let shown = data.len().min(MAX_POINTS);
    let activations =
        model.network.activations(&data.images()[..shown * data.pixels()], last, Kernel::Auto)?;
    let (examples, units) = activations.dim();
    if examples < 2 || units < 2 {
        bail!("{examples} examples and {units} hidden units; expected at least two of each for an embedding");
    }
    if activations.iter().any(|value| !value.is_finite()) {
        bail!("the hidden activations are not all finite; expected a model whose training did not diverge");
    }
    let projected = project(activations.view(), 2);
    let points: Vec<(f64, f64)> = projected.points.rows().into_iter().map(|row| (row[0], row[1])).collect();
    let shares = (projected.shares[0], projected.shares[1]);
    let title = format!("Hidden activations on {set}");
    Ok(scatter(&points, &data.labels()[..shown], &model.metadata.class_names, shares, &title))
}

/// Points colored by class, with the name of each class at its mean. `shares` are the fractions of
/// the variance along the axes.
fn scatter(
    points: &[(f64, f64)],
    labels: &[u8],
    names: &[String],
    shares: (f64, f64),
    title: &str,
) -> Drawing {
    let axis = |name, share| Axis::linear(format!("{name} component, {:.1}% of the variance", 100.0 * share));
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
    let subtitle = format!("{} examples; principal components of the last hidden layer", points.len());
    let (x, y) = (axis("first", shares.0), axis("second", shares.1));
    Drawing::from(Chart { subtitle, ..Chart::new(title, x, y, clouds.chain(means).collect()) })
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    #[test]
    fn each_class_has_its_points_and_its_name_in_their_middle() {
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
        let texts: Vec<_> =
            document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
        assert!(texts.contains(&"zero") && texts.contains(&"one") && !texts.contains(&"none"), "{texts:?}");
        assert!(texts.contains(&"first component, 50.0% of the variance"), "{texts:?}");
    }
}
