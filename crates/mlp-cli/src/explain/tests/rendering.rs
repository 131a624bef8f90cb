//! Rendering of explanations in a terminal and on a page.

use mlp_core::Activation;
use mlp_data::ImageShape;

use super::super::{Explanation, Subject, Terminal, page};
use super::example;
use crate::output::tiles::Colors;

fn subject(class_names: Vec<String>) -> Subject {
    Subject {
        model: "model.mlp".to_owned(),
        network: "6-5-4".to_owned(),
        place: "synthetic (test), sample 0".to_owned(),
        pixels: vec![0, 50, 100, 150, 200, 250],
        shape: ImageShape { height: 2, width: 3 },
        class_names,
        label: 2,
        remarks: vec!["The model was imported.".to_owned()],
    }
}

fn names() -> Vec<String> {
    (0..4).map(|class| class.to_string()).collect()
}

#[test]
fn a_huge_step_shows_not_finite() {
    let (network, x, label) = example(&[5], Activation::Relu);
    let explanation = Explanation::new(&network, &x, label, 1e308).unwrap();
    assert!(!explanation.steps[0].loss.is_finite(), "{:?}", explanation.steps);
    let terminal = Terminal { colors: Colors::None, width: 80 };
    let text = terminal.sections(&explanation, &subject(names())).pop().unwrap();
    assert!(text.contains("not finite") && !text.contains("NaN") && !text.contains("inf"), "{text}");
    assert_lines_fit(&[text], 80);
}

#[test]
fn the_terminal_has_a_section_for_each_quantity() {
    let (network, x, label) = example(&[5], Activation::Logistic);
    let explanation = Explanation::new(&network, &x, label, 0.01).unwrap();
    let terminal = Terminal { colors: Colors::None, width: 80 };
    let sections: Vec<String> = terminal
        .sections(&explanation, &subject(names()))
        .iter()
        .map(|section| anstream::adapter::strip_str(section).to_string())
        .collect();
    assert_eq!(sections.len(), 14);
    assert!(sections[0].starts_with("model.mlp\n6-5-4\nsynthetic (test), sample 0\n\n"), "{}", sections[0]);
    let formula = "  ∂J/∂W^h  =  Xᵀ   ∂J/∂Z^h\n    6×5       6×1    1×5\n";
    assert!(sections[11].starts_with(&format!("G6  ∂J/∂W^h\n{formula}")), "{}", sections[11]);
    assert!(sections[11].contains("pixel (") && sections[11].contains("→ unit "), "{}", sections[11]);
    assert!(sections[13].contains("  0.001 "), "{}", sections[13]);
    assert_lines_fit(&sections, 80);
}

#[track_caller]
fn assert_lines_fit(sections: &[String], width: usize) {
    for line in sections.iter().flat_map(|section| section.lines()) {
        assert!(anstream::adapter::strip_str(line).to_string().chars().count() <= width, "{line}");
    }
}

#[test]
fn long_text_is_wrapped_or_truncated() {
    let long = "an extraordinarily long name of a class ".repeat(9);
    for (hidden, factor) in [(&[300, 2000][..], 1e-150), (&[100], -1e3), (&[16, 16], 1.0)] {
        let (mut network, x, label) = example(hidden, Activation::Gelu);
        network.layer_mut(hidden.len()).0.mapv_inplace(|weight| factor * weight);
        let explanation = Explanation::new(&network, &x, label, 1e-300).unwrap();
        let subject =
            Subject { model: "directory/".repeat(20) + "model.mlp", ..subject(vec![long.clone(); 4]) };
        for width in [80, 200] {
            let sections = Terminal { colors: Colors::True, width }.sections(&explanation, &subject);
            assert_lines_fit(&sections, width);
            assert!(sections[0].contains("directory/model.mlp"), "{}", sections[0]);
        }
    }
    let (network, x, label) = example(&[5], Activation::Gelu);
    let explanation = Explanation::new(&network, &x, label, 0.1).unwrap();
    let wide =
        Subject { pixels: vec![9; 100], shape: ImageShape { height: 1, width: 100 }, ..subject(names()) };
    let sections = Terminal { colors: Colors::None, width: 80 }.sections(&explanation, &wide);
    assert!(sections[0].contains("(1x100 image, too wide for this terminal)"), "{}", sections[0]);
}

#[test]
fn the_page_is_well_formed_and_escapes_names() {
    let hostile = "<script>alert(\"&'\")</script>";
    let class_names = vec![hostile.to_owned(), "1".to_owned(), hostile.to_owned(), "3".to_owned()];
    for hidden in [&[][..], &[5], &[5, 3]] {
        let (network, x, label) = example(hidden, Activation::Gelu);
        let explanation = Explanation::new(&network, &x, label, 0.01).unwrap();
        let subject =
            Subject { model: hostile.to_owned(), place: hostile.to_owned(), ..subject(class_names.clone()) };
        let page = page(&explanation, &subject);
        crate::report::page::tests::check(&page);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
        for quantity in &explanation.quantities {
            assert!(page.contains(quantity.equation().unwrap_or_default()));
        }
    }
}
