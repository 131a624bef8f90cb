//! The gradients are correct: matrix code against plain loops, plain loops against central
//! differences, `f32` against `f64`, and the gradient check against planted errors. `cargo xtask
//! mutate` breaks each equation and runs this file.

use mlp_core::gradcheck::{TOLERANCE, check_gradients, gradcheck};
use mlp_core::{
    Activation, Architecture, Gradients, Init, Layer, Mlp, NativeStream, Objective, RandomStream, Reduction,
    Scalar, Score, Workspace, oracle,
};
use ndarray::{Array2, ArrayView2};

/// A network and a batch. Some matrices are square, so that transposed indices would type-check.
struct Case {
    network: Mlp<f64>,
    x: Array2<f64>,
    labels: Vec<u8>,
    objective: Objective,
}

fn case(activation: Activation, hidden: &[usize], objective: impl Into<Objective>, seed: u64) -> Case {
    let architecture = Architecture::new(7, hidden, 4).with_activation(activation);
    let mut stream = NativeStream::new(seed);
    let network = Mlp::new(&architecture, Init::Normal, &mut stream).unwrap();
    // X is square in every other pair of cases.
    let examples = if (seed / 2).is_multiple_of(2) { 6 } else { 7 };
    let x = Array2::from_shape_simple_fn((examples, 7), || stream.standard_normal());
    let labels = (0..examples).map(|_| (stream.next_u64() % 4) as u8).collect();
    Case { network, x, labels, objective: objective.into() }
}

/// All activations, depths 0 to 3, both reductions; each with and without smoothing and dropout.
fn cases() -> Vec<Case> {
    let shapes: [&[usize]; 6] = [&[], &[5], &[7], &[5, 3], &[6, 6], &[5, 3, 6]];
    let mut cases = Vec::new();
    for activation in Activation::ALL {
        for hidden in shapes {
            for reduction in Reduction::ALL {
                let seed = cases.len() as u64;
                cases.push(case(activation, hidden, reduction, seed));
                let objective = Objective::from(reduction).with_dropout(0.4).with_input_dropout(0.3);
                let objective = objective.with_label_smoothing(0.2).with_seed(seed);
                cases.push(case(activation, hidden, objective, seed));
            }
        }
    }
    cases
}

/// The results of both passes in training.
struct Passes<A> {
    score: Score,
    gradients: Gradients<A>,
    x: Array2<f64>, // inputs after dropout
    masks: Vec<oracle::Rows>,
}

fn passes<A: Scalar>(case: &Case, network: &Mlp<A>, x: ArrayView2<'_, A>) -> Passes<A> {
    let mut workspace = Workspace::new(&network.architecture(), x.nrows());
    workspace.set_objective(case.objective);
    let mut gradients = Gradients::new(&network.architecture());
    let score = network.forward(x, &case.labels, &mut workspace);
    network.backward(x, &mut workspace, &mut gradients);
    let masks =
        (0..network.layers().len() - 1).map(|l| rows(&workspace.dropout_mask(l).map(|s| s.into_f64())));
    let left = workspace.dropped_inputs().unwrap_or_else(|| x.to_owned()).map(|x| x.into_f64());
    Passes { score, gradients, x: left, masks: masks.collect() }
}

/// The plain loops with the same masks.
fn expected<A>(case: &Case, network: &Mlp<f64>, found: &Passes<A>) -> oracle::Passes {
    oracle::passes_in_training(network, &rows(&found.x), &case.labels, case.objective, &found.masks)
}

/// The largest difference of two gradients, relative to the tensor's largest entry.
fn relative_difference<A: Scalar>(gradients: &Gradients<A>, expected: &[oracle::LayerGradient]) -> f64 {
    let mut worst = 0.0_f64;
    assert_eq!(gradients.layers().len(), expected.len());
    for (layer, expected) in gradients.layers().iter().zip(expected) {
        let weights = layer.weights().iter().map(|w| w.into_f64()).collect::<Vec<_>>();
        let biases = layer.biases().iter().map(|b| b.into_f64()).collect::<Vec<_>>();
        for (found, expected) in [(weights, expected.weights.concat()), (biases, expected.biases.clone())] {
            assert_eq!(found.len(), expected.len());
            let scale = expected.iter().fold(f64::MIN_POSITIVE, |scale, e| scale.max(e.abs()));
            for (f, e) in found.iter().zip(&expected) {
                let error = (f - e).abs() / scale;
                worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
            }
        }
    }
    worst
}

fn rows(x: &Array2<f64>) -> oracle::Rows {
    x.rows().into_iter().map(|row| row.to_vec()).collect()
}

/// A bound on the rounding error relative to the tensor's largest entry: one eps for each of the
/// depth·width multiplications of a term, and a factor below 100 for cancellation.
fn rounding(eps: f64, case: &Case) -> f64 {
    let operations = case.network.layers().iter().map(|l| l.inputs() + l.outputs() + 8).sum::<usize>();
    100.0 * eps * operations as f64
}

#[test]
fn the_matrix_code_agrees_with_the_plain_loops() {
    for (number, case) in cases().iter().enumerate() {
        let found = passes(case, &case.network, case.x.view());
        let expected = expected(case, &case.network, &found);
        let difference = relative_difference(&found.gradients, &expected.gradients);
        assert!(difference < rounding(f64::EPSILON, case), "case {number}: {difference}");
        let loss = found.score.loss(case.objective.reduction);
        assert!((loss - expected.loss).abs() < rounding(f64::EPSILON, case) * expected.loss);
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for (number, case) in cases().iter().enumerate() {
        // Use numbers that f32 can represent.
        let (network, x) = (case.network.cast::<f32>(), case.x.mapv(|x| x as f32));
        let wide = network.cast::<f64>();
        let found = passes(case, &network, x.view());
        let expected = expected(case, &wide, &found);
        let difference = relative_difference(&found.gradients, &expected.gradients);
        assert!(difference < rounding(f64::from(f32::EPSILON), case), "case {number}: {difference}");
    }
}

#[test]
fn the_matrix_code_agrees_with_central_differences() {
    let (mut checked, mut straddling) = (0, 0);
    for (number, case) in cases().iter().enumerate() {
        let report = gradcheck(&case.network, case.x.view(), &case.labels, case.objective);
        assert!(report.passed(), "case {number}: {report:#?}");
        let entries = case.network.architecture().parameters() + case.x.len();
        assert_eq!(report.checked() + report.straddling(), entries);
        checked += report.checked();
        straddling += report.straddling();
    }
    assert!(checked > 100 * straddling, "{straddling} entries skipped, {checked} checked");
}

#[test]
fn the_plain_loops_agree_with_central_differences() {
    for (number, case) in cases().iter().enumerate() {
        let found = passes(case, &case.network, case.x.view());
        let passes = expected(case, &case.network, &found);
        let mut gradients = Gradients::new(&case.network.architecture());
        for (l, gradient) in passes.gradients.iter().enumerate() {
            let (mut weights, mut biases) = gradients.layer_mut(l);
            weights.indexed_iter_mut().for_each(|((i, j), w)| *w = gradient.weights[i][j]);
            biases.iter_mut().zip(&gradient.biases).for_each(|(b, &value)| *b = value);
        }
        let report = check_gradients(&case.network, &gradients, case.x.view(), &case.labels, case.objective);
        assert!(report.passed(), "case {number}: {report:#?}");
    }
}

#[test]
fn gradients_of_inputs_agree_with_the_plain_loops() {
    fn check<A: Scalar>(number: usize, case: &Case, network: &Mlp<A>) {
        let (wide, x) = (network.cast::<f64>(), case.x.mapv(A::from_f64));
        let mut workspace = Workspace::new(&network.architecture(), x.nrows());
        // It is the gradient without dropout, smoothing and mean.
        workspace.set_objective(case.objective);
        let found = network.input_gradients(x.view(), &case.labels, &mut workspace);
        let x = rows(&x.mapv(A::into_f64));
        let expected = oracle::passes(&wide, &x, &case.labels, Reduction::Sum).inputs.concat();
        let scale = expected.iter().fold(f64::MIN_POSITIVE, |scale, e| scale.max(e.abs()));
        for (f, e) in found.iter().zip(&expected) {
            let error = (f.into_f64() - e).abs() / scale;
            assert!(error < rounding(A::EPSILON, case), "case {number}: {error}");
        }
    }
    for (number, case) in cases().iter().enumerate() {
        check(number, case, &case.network);
        check(number, case, &case.network.cast::<f32>());
    }
}

#[test]
fn the_gradient_check_locates_a_wrong_entry() {
    let case = case(Activation::Tanh, &[5, 3], Reduction::Sum, 1);
    let mut gradients = passes(&case, &case.network, case.x.view()).gradients;
    gradients.layer_mut(1).0[[4, 2]] *= 1.0 + 1e-5;
    let report = check_gradients(&case.network, &gradients, case.x.view(), &case.labels, case.objective);
    assert!(!report.passed());
    let wrong: Vec<_> =
        report.tensors.iter().filter(|t| t.worst.is_some_and(|w| w.relative_error >= TOLERANCE)).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!((wrong[0].name.as_str(), wrong[0].equation), ("w_h2", "G2"));
    assert_eq!(wrong[0].worst.unwrap().index, (4, 2));
}

#[test]
fn a_nan_gradient_fails_the_check() {
    let case = case(Activation::Logistic, &[5], Reduction::Sum, 1);
    let mut gradients = passes(&case, &case.network, case.x.view()).gradients;
    gradients.layer_mut(0).1[3] = f64::NAN;
    let report = check_gradients(&case.network, &gradients, case.x.view(), &case.labels, case.objective);
    assert!(!report.passed());
    assert_eq!(report.worst_error(), f64::INFINITY);
}

#[test]
fn entries_across_a_kink_are_skipped_and_counted() {
    // A ReLU unit with pre-activation 0, so all entries of its weights straddle the kink.
    let hidden = Layer::new(ndarray::array![[1.0], [1.0]], ndarray::array![0.0]);
    let output = Layer::new(ndarray::array![[1.0, -1.0]], ndarray::array![0.0, 0.0]);
    let network = Mlp::from_layers(vec![hidden, output], Activation::Relu).unwrap();
    let report = gradcheck(&network, ndarray::array![[1.0, -1.0]].view(), &[0], Reduction::Sum);
    let counts: Vec<_> = report.tensors.iter().map(|t| (t.name.as_str(), t.checked, t.straddling)).collect();
    assert_eq!(counts, [("w_h", 0, 2), ("b_h", 0, 1), ("w_o", 2, 0), ("b_o", 2, 0), ("x", 0, 2)]);
    assert!(report.passed());
}

#[test]
fn a_train_step_equals_backward_and_descend() {
    for (number, case) in cases().iter().enumerate() {
        let (mut stepped, mut workspace) =
            (case.network.clone(), Workspace::new(&case.network.architecture(), case.labels.len()));
        workspace.set_objective(case.objective);
        let score = stepped.train_step(case.x.view(), &case.labels, 0.125, &mut workspace);

        let passes = passes(case, &case.network, case.x.view());
        assert_eq!(score, passes.score);
        let mut descended = case.network.clone();
        descended.descend(&passes.gradients, 0.125);
        let expected: Vec<_> = descended
            .layers()
            .iter()
            .map(|l| oracle::LayerGradient {
                weights: l.weights().rows().into_iter().map(|r| r.to_vec()).collect(),
                biases: l.biases().to_vec(),
            })
            .collect();
        let mut found = Gradients::new(&case.network.architecture());
        for (l, layer) in stepped.layers().iter().enumerate() {
            let (mut weights, mut biases) = found.layer_mut(l);
            weights.assign(&layer.weights());
            biases.assign(&layer.biases());
        }
        let difference = relative_difference(&found, &expected);
        assert!(difference < rounding(f64::EPSILON, case), "case {number}: {difference}");
    }
}
