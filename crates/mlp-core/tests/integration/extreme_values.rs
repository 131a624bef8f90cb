//! Where the exact result is finite, so is the computed one: huge weights, saturated units, extreme
//! logits. In `f32`, which ends at 3.4e38.

use mlp_core::{Activation, Gradients, Layer, Mlp, Reduction, Workspace};
use ndarray::{Array1, Array2, array};

/// A 2-2-2 network with hidden weights ±`hidden` and output weights ±`output`.
fn network(hidden: f32, output: f32, activation: Activation) -> Mlp<f32> {
    let signs = array![[1.0, -1.0], [-1.0, 1.0]];
    let layer = |size: f32| Layer::new(&signs * size, Array1::zeros(2));
    Mlp::from_layers(vec![layer(hidden), layer(output)], activation).unwrap()
}

fn run(network: &Mlp<f32>, x: &Array2<f32>, labels: &[u8]) -> (f64, Gradients<f32>, Array2<f32>) {
    let mut workspace = Workspace::new(&network.architecture(), x.nrows());
    let mut gradients = Gradients::new(&network.architecture());
    let score = network.forward(x.view(), labels, &mut workspace);
    let probabilities = workspace.probabilities().to_owned();
    network.backward(x.view(), &mut workspace, &mut gradients);
    (score.loss(Reduction::Sum), gradients, probabilities)
}

fn all_finite(gradients: &Gradients<f32>) -> bool {
    gradients.layers().iter().all(|layer| {
        layer.weights().iter().all(|w| w.is_finite()) && layer.biases().iter().all(|b| b.is_finite())
    })
}

#[test]
fn saturated_hidden_units_have_zero_gradients() {
    // z = ±1e30, so h is exactly 1 or 0, and f' is 0.
    let x = array![[1.0, 0.0], [0.0, 1.0]];
    let (loss, gradients, _) = run(&network(1e30, 1.0, Activation::Logistic), &x, &[0, 1]);
    // Both examples have logits (1, -1), the right class first: J = 2 log(1 + exp(-2)).
    assert!((loss - 2.0 * (-2.0_f64).exp().ln_1p()).abs() < 1e-6, "{loss}");
    assert!(gradients.layers()[0].weights().iter().all(|&w| w == 0.0));
    assert!(all_finite(&gradients));
}

#[test]
fn huge_weights_give_the_exact_loss_of_a_confident_error() {
    for activation in [Activation::Logistic, Activation::Tanh] {
        let x = array![[1.0, 0.0]];
        let (right, gradients, probabilities) = run(&network(1e30, 1e30, activation), &x, &[0]);
        assert_eq!((right, probabilities), (0.0, array![[1.0, 0.0]]), "{activation}");
        assert!(all_finite(&gradients), "{activation}");
        // The difference of the logits: 2e30 for h = (1, 0), 4e30 for h = (1, -1).
        let expected = if activation == Activation::Tanh { 4e30 } else { 2e30 };
        let (wrong, gradients, _) = run(&network(1e30, 1e30, activation), &x, &[1]);
        assert!((wrong / expected - 1.0).abs() < 1e-6, "{activation}: {wrong}");
        assert!(all_finite(&gradients), "{activation}");
        // ∂J/∂W^o = Hᵀ(Ŷ - Y): the first unit is on, and the first class wrongly predicted.
        assert_eq!(gradients.layers()[1].weights()[[0, 0]], 1.0, "{activation}");
        assert_eq!(gradients.layers()[1].weights()[[0, 1]], -1.0, "{activation}");
    }
}

#[test]
fn unbounded_activations_stay_finite_within_range() {
    for activation in [Activation::Relu, Activation::LeakyRelu, Activation::Gelu, Activation::Identity] {
        for (hidden, output) in [(1e30, 1e3), (1e3, 1e30), (1e-30, 1e-30), (1e18, 1e18)] {
            for label in [0, 1] {
                let x = array![[1.0, 0.5]];
                let (loss, gradients, probabilities) =
                    run(&network(hidden, output, activation), &x, &[label]);
                assert!(loss.is_finite() && loss >= 0.0, "{activation}, {hidden:e}, {output:e}: {loss}");
                assert!((probabilities.sum() - 1.0).abs() < 1e-6, "{activation}, {hidden:e}, {output:e}");
                assert!(all_finite(&gradients), "{activation}, {hidden:e}, {output:e}");
            }
        }
    }
}
