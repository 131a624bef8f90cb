//! Explanations are compared with a network computed by hand and with plain loops, and gradient
//! checks are tested in difficult cases.

use mlp_core::{Activation, Architecture, Init, Layer, Mlp, NativeStream, RandomStream, Reduction, oracle};
use ndarray::{Array2, ArrayView2, array};

use super::check::{Check, Finding, Variable};
use super::differences::Differences;
use super::explanation::Explanation;
use super::quantity::Quantity;
use super::words;

mod rendering;

/// A network with an example for it.
fn example(hidden: &[usize], activation: Activation) -> (Mlp<f64>, Vec<f64>, u8) {
    let architecture = Architecture::new(6, hidden, 4).with_activation(activation);
    let mut stream = NativeStream::new(3);
    let network = Mlp::new(&architecture, Init::Normal, &mut stream).unwrap();
    let x = (0..6).map(|_| stream.standard_normal()).collect();
    (network, x, 2)
}

/// The quantity with this symbol.
#[track_caller]
fn find<'a>(explanation: &'a Explanation, symbol: &str) -> &'a Quantity {
    let mut quantities = explanation.quantities.iter();
    quantities.find(|quantity| quantity.symbol() == symbol).unwrap_or_else(|| panic!("no {symbol}"))
}

/// A 2-2-2 network computed by hand.
fn by_hand() -> Mlp<f64> {
    let hidden = Layer::new(array![[1.0, -1.0], [2.0, 0.0]], array![0.0, 0.5]);
    let output = Layer::new(array![[0.5, 0.0], [1.0, 3.0]], array![0.0, 1.0]);
    Mlp::from_layers(vec![hidden, output], Activation::Relu).unwrap()
}

#[test]
fn the_quantities_of_a_small_network_match_a_hand_calculation() {
    let explanation = Explanation::new(&by_hand(), &[1.0, 0.5], 0, 0.1).unwrap();
    let expected: [(&str, Option<&str>, Array2<f64>); 12] = [
        ("Z^h", None, array![[2.0, -0.5]]),
        ("H", None, array![[2.0, 0.0]]),
        ("Z^o", None, array![[1.0, 1.0]]),
        ("Ŷ", None, array![[0.5, 0.5]]),
        ("J", None, array![[2.0_f64.ln()]]),
        ("∂J/∂Z^o", Some("G1"), array![[-0.5, 0.5]]),
        ("∂J/∂W^o", Some("G2"), array![[-1.0, 1.0], [0.0, 0.0]]),
        ("∂J/∂b^o", Some("G3"), array![[-0.5, 0.5]]),
        ("∂J/∂H", Some("G4"), array![[-0.25, 1.0]]),
        ("∂J/∂Z^h", Some("G5"), array![[-0.25, 0.0]]),
        ("∂J/∂W^h", Some("G6"), array![[-0.25, 0.0], [-0.125, 0.0]]),
        ("∂J/∂b^h", Some("G7"), array![[-0.25, 0.0]]),
    ];
    assert_eq!(explanation.quantities.len(), expected.len());
    for (quantity, (symbol, equation, values)) in explanation.quantities.iter().zip(expected) {
        assert_eq!((quantity.symbol(), quantity.equation(), &quantity.values), (symbol, equation, &values));
    }
    assert_eq!((explanation.prediction, explanation.disagreements()), (0, 0));
}

#[test]
fn a_step_is_predicted_and_measured() {
    let explanation = Explanation::new(&by_hand(), &[1.0, 0.5], 0, 0.1).unwrap();
    // The sum of squares of the gradients above.
    assert_eq!(explanation.gradient_norm.powi(2), 2.0 + 0.5 + 0.0625 + 0.015_625 + 0.0625);
    let step = explanation.steps[0];
    assert!((step.predicted + 0.264_062_5).abs() < 1e-15);
    // After a step of 0.1, the logits are 1.28375 and 0.744375.
    let loss = (0.744_375_f64 - 1.283_75).exp().ln_1p();
    assert!(
        (step.loss - loss).abs() < 1e-15 && (step.actual - (loss - 2.0_f64.ln())).abs() < 1e-15,
        "{step:?}"
    );
    assert!((step.probability - (-loss).exp()).abs() < 1e-15);
    // The error of a first-order prediction shrinks with the step.
    let errors: Vec<f64> =
        explanation.steps.iter().map(|step| (step.actual / step.predicted - 1.0).abs()).collect();
    assert!(errors[1] < 0.2 * errors[0] && errors[2] < 0.2 * errors[1], "{errors:?}");
}

#[test]
fn values_match_the_plain_loops_for_every_depth_and_activation() {
    for activation in Activation::ALL {
        for hidden in [&[][..], &[5], &[5, 3], &[5, 3, 4]] {
            let (network, x, label) = example(hidden, activation);
            let passes = oracle::passes(&network, std::slice::from_ref(&x), &[label], Reduction::Sum);
            let explanation = Explanation::new(&network, &x, label, 0.01).unwrap();
            let last = hidden.len();
            let name = |letter: &str, l: usize| match last {
                last if l == last => format!("{letter}^o"),
                1 => format!("{letter}^h"),
                _ => format!("{letter}^h{}", l + 1),
            };
            let mut expected = vec![("J".to_owned(), vec![vec![passes.loss]])];
            for l in 0..=last {
                let gradient = &passes.gradients[l];
                expected.push((name("Z", l), passes.z[l].clone()));
                expected.push((format!("∂J/∂{}", name("W", l)), gradient.weights.clone()));
                expected.push((format!("∂J/∂{}", name("b", l)), vec![gradient.biases.clone()]));
                // With one example, ∂J/∂Z equals ∂J/∂b.
                expected.push((format!("∂J/∂{}", name("Z", l)), vec![gradient.biases.clone()]));
                let output = match last {
                    last if l == last => "Ŷ".to_owned(),
                    1 => "H".to_owned(),
                    _ => format!("H{}", crate::plot::superscript(l as i32 + 1)),
                };
                expected.push((output.clone(), passes.h[l].clone()));
                if l < last {
                    // G4: ∂J/∂h_α = Σ_c δ_c w_αc
                    let (weights, above) =
                        (network.layers()[l + 1].weights(), &passes.gradients[l + 1].biases);
                    let sum = |row: usize| (0..above.len()).map(|c| above[c] * weights[(row, c)]).sum();
                    expected.push((format!("∂J/∂{output}"), vec![(0..weights.nrows()).map(sum).collect()]));
                }
            }
            assert_eq!(explanation.quantities.len(), expected.len());
            for (symbol, rows) in expected {
                let found = &find(&explanation, &symbol).values;
                assert_eq!(
                    (found.nrows(), found.ncols()),
                    (rows.len(), rows[0].len()),
                    "{symbol} of {hidden:?}"
                );
                let max = rows.iter().flatten().fold(1.0_f64, |max, value| max.max(value.abs()));
                for ((row, column), value) in found.indexed_iter() {
                    // Sums of at most six products, four layers deep.
                    let tolerance = 64.0 * f64::EPSILON * 6.0 * max;
                    let exact = rows[row][column];
                    assert!(
                        (value - exact).abs() <= tolerance,
                        "{activation}, {symbol} of {hidden:?}: {value} {exact}"
                    );
                }
            }
            // Every gradient is checked, and every check agrees or is inconclusive.
            let gradients = explanation.quantities.iter().filter(|quantity| quantity.equation().is_some());
            assert!(gradients.clone().all(|quantity| !quantity.checks.is_empty()));
            assert_eq!(explanation.disagreements(), 0, "{activation}, {hidden:?}");
        }
    }
}

#[test]
fn every_wrong_gradient_is_detected() {
    let (network, x, label) = example(&[5, 3], Activation::Tanh);
    let mut explanation = Explanation::new(&network, &x, label, 0.01).unwrap();
    let x = ArrayView2::from_shape((1, 6), &x).unwrap();
    let mut differences = Differences::new(&network, x, usize::from(label), explanation.loss);
    for (symbol, variable) in [
        ("∂J/∂Z^o", Variable::PreActivations(2)),
        ("∂J/∂W^o", Variable::Weights(2)),
        ("∂J/∂b^o", Variable::Biases(2)),
        ("∂J/∂H²", Variable::Activations(1)),
        ("∂J/∂Z^h2", Variable::PreActivations(1)),
        ("∂J/∂W^h2", Variable::Weights(1)),
        ("∂J/∂H¹", Variable::Activations(0)),
        ("∂J/∂W^h1", Variable::Weights(0)),
    ] {
        let right = find(&explanation, symbol).values.clone();
        assert!(
            differences.check(variable, &right).iter().all(|check| check.finding() == Finding::Agrees),
            "{symbol}"
        );
        for factor in [-1.0, 2.0, 1.000_001] {
            let found = differences.check(variable, &(&right * factor));
            assert!(
                found.iter().any(|check| check.finding() == Finding::Disagrees),
                "{symbol} times {factor}"
            );
            explanation.quantities[0].checks = found;
            assert!(explanation.disagreements() > 0);
        }
    }
}

#[test]
fn gradients_of_a_tiny_loss_can_be_checked() {
    // The logits 0 and 18 give a loss of 1.5e-8, for which `log Σ exp` has only eight digits.
    let layer = Layer::new(array![[0.0, 9.0], [0.0, 9.0]], array![0.0, 0.0]);
    let network = Mlp::from_layers(vec![layer], Activation::Identity).unwrap();
    let explanation = Explanation::new(&network, &[1.0, 1.0], 1, 0.1).unwrap();
    assert!((explanation.loss / (-18.0_f64).exp() - 1.0).abs() < 1e-7);
    let check = explanation.quantities.last().unwrap().checks[0];
    assert_eq!((explanation.disagreements(), check.finding()), (0, Finding::Agrees), "{check:?}");
    assert!((explanation.steps[2].actual / explanation.steps[2].predicted - 1.0).abs() < 1e-3);
}

#[test]
fn a_difference_across_a_kink_is_inconclusive() {
    // The first unit's sum is 0, so every difference crosses its kink.
    let hidden = Layer::new(array![[1.0, -1.0], [-2.0, 1.0]], array![0.0, 2.0]);
    let output = Layer::new(array![[0.5, 0.0], [1.0, 3.0]], array![0.0, 1.0]);
    let network = Mlp::from_layers(vec![hidden, output], Activation::Relu).unwrap();
    let explanation = Explanation::new(&network, &[1.0, 0.5], 0, 0.1).unwrap();
    let biases = explanation.quantities.last().unwrap();
    let found: Vec<Finding> = biases.checks.iter().map(Check::finding).collect();
    assert_eq!((biases.symbol(), &found[..]), ("∂J/∂b^h", &[Finding::Agrees, Finding::AcrossKink][..]));
    assert_eq!(
        (explanation.disagreements(), words::verdict(&biases.checks[1])),
        (0, "across a kink".to_owned())
    );
}

#[test]
fn a_gradient_below_the_rounding_error_is_inconclusive() {
    // ŷ of the correct class is 1 up to rounding, so the backward pass has 0 or ε instead of
    // exp(-40).
    let layer = Layer::new(array![[0.0, 40.0], [0.0, 0.0]], array![0.0, 0.0]);
    let network = Mlp::from_layers(vec![layer], Activation::Identity).unwrap();
    let explanation = Explanation::new(&network, &[1.0, 1.0], 1, 0.1).unwrap();
    let checks: Vec<_> = explanation.quantities.iter().flat_map(|quantity| &quantity.checks).collect();
    assert!(checks.iter().all(|check| check.finding() == Finding::RoundedAway), "{checks:?}");
    assert_eq!((explanation.disagreements(), words::verdict(checks[0])), (0, "rounded away".to_owned()));
}

#[test]
fn the_step_is_shortened_for_large_inputs() {
    // A step of ∛ε would move the logits by 0.06, too far for the loss to be linear to seven
    // digits.
    let layer = Layer::new(array![[1e-4, -2e-4]], array![0.0, 0.0]);
    let network = Mlp::from_layers(vec![layer], Activation::Identity).unwrap();
    let explanation = Explanation::new(&network, &[1e4], 1, 1e-9).unwrap();
    let weights = find(&explanation, "∂J/∂W^o");
    assert!(weights.checks.iter().all(|check| check.finding() == Finding::Agrees), "{:?}", weights.checks);
}

#[test]
fn checks_work_for_weights_of_any_size() {
    for activation in [Activation::Relu, Activation::Gelu, Activation::Identity, Activation::Tanh] {
        for factor in [1e-3, 3.0, 30.0, 1e3] {
            let (mut network, mut x, _) = example(&[40, 30], activation);
            (0..3).for_each(|l| network.layer_mut(l).0.mapv_inplace(|weight| factor * weight));
            x.iter_mut().for_each(|x| *x *= 20.0);
            for label in 0..4 {
                let explanation = Explanation::new(&network, &x, label, 0.01).unwrap();
                assert_eq!(
                    explanation.disagreements(),
                    0,
                    "{activation}, weights times {factor}, class {label}"
                );
                // With the largest weights, no step is both small enough for the loss and large
                // enough for the logits.
                if factor > 10.0 || explanation.loss < 1e-9 {
                    continue;
                }
                let view = ArrayView2::from_shape((1, 6), &x).unwrap();
                let mut differences = Differences::new(&network, view, usize::from(label), explanation.loss);
                let right = &find(&explanation, "∂J/∂W^o").values;
                let found = differences.check(Variable::Weights(2), &-right);
                assert!(
                    found.iter().any(|check| check.finding() == Finding::Disagrees),
                    "{activation} {factor} {found:?}"
                );
            }
        }
    }
}

#[test]
fn a_network_that_is_not_finite_is_an_error() {
    let (mut network, x, label) = example(&[5], Activation::Logistic);
    network.layer_mut(1).1[2] = f64::NAN;
    let error = Explanation::new(&network, &x, label, 0.01).err().unwrap();
    assert_eq!(error.to_string(), "b_o is not finite; expected a model whose training did not diverge");
}
