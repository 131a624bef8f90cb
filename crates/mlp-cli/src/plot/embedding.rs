//! What a network makes of a dataset, seen from the side from which it spreads most: hidden activations in two dimensions.

use super::chart::{Axis, Chart, Marker, Role, Scale, Series};
use super::drawing::Drawing;

/// Points (n×2) colored by class, each class's name at its middle. `shares` are what the two directions have of the whole variance.
pub(crate) fn embedding(
    points: &[(f64, f64)],
    labels: &[usize],
    names: &[String],
    shares: (f64, f64),
    title: &str,
) -> Drawing {
    let axis = |name: &str, share: f64| Axis {
        label: format!("{name} component, {:.1}% of the variance", 100.0 * share),
        scale: Scale::Linear,
        whole: false,
        range: None,
    };
    let of_class = |class: usize| {
        let own = points.iter().zip(labels).filter(move |&(_, &label)| label == class);
        own.map(|(&point, _)| point).collect::<Vec<_>>()
    };
    let series = |label: String, points, class, marker| Series {
        label,
        points,
        role: Role::Data(class),
        stroke: None,
        marker: Some(marker),
    };
    let clouds = (0..names.len()).map(|class| series(String::new(), of_class(class), class, Marker::Dot));
    let middles = names.iter().enumerate().filter_map(|(class, name)| {
        let own = of_class(class);
        let count = own.len() as f64;
        let sum = own.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        let middle = vec![(sum.0 / count, sum.1 / count)];
        (!own.is_empty()).then(|| series(name.clone(), middle, class, Marker::Name))
    });
    let chart = Chart {
        title: title.to_owned(),
        subtitle: format!(
            "{} examples; principal components of the last hidden layer's activations",
            points.len()
        ),
        x: axis("first", shares.0),
        y: axis("second", shares.1),
        series: clouds.chain(middles).collect(),
        notes: Vec::new(),
    };
    Drawing::from(chart)
}

#[cfg(test)]
mod tests {
    use resvg::usvg::roxmltree::Document;

    use super::*;

    #[test]
    fn each_class_has_its_points_and_its_name_in_their_middle() {
        let points = [(0.0, 0.0), (2.0, 0.0), (5.0, 5.0)];
        let names = ["zero", "one", "none"].map(str::to_owned);
        let drawing = embedding(&points, &[0, 0, 1], &names, (0.5, 0.25), "embedding");
        let document = Document::parse(drawing.svg()).unwrap();
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
