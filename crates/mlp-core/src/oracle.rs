//! The equations as plain loops over `Vec`s in `f64`: slow and obvious. The matrix code is tested
//! against them; training does not use them. The loops follow [`crate::gradients`] literally.

// Indices as in the formulas.
#![allow(clippy::needless_range_loop)]

use crate::activation::Activation;
use crate::loss::Reduction;
use crate::network::Mlp;
use crate::objective::Objective;

/// A matrix as a list of rows.
pub type Rows = Vec<Vec<f64>>;

/// ∂J/∂W (inputs × outputs) and ∂J/∂b (outputs) of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerGradient {
    /// ∂J/∂W.
    pub weights: Rows,
    /// ∂J/∂b.
    pub biases: Vec<f64>,
}

/// The results of a forward and backward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Passes {
    /// Z of every layer, the logits last.
    pub z: Vec<Rows>,
    /// H of every hidden layer (before dropout), then Ŷ.
    pub h: Vec<Rows>,
    /// The loss J.
    pub loss: f64,
    /// ∂J/∂W and ∂J/∂b of every layer.
    pub gradients: Vec<LayerGradient>,
    /// ∂J/∂X.
    pub inputs: Rows,
}

/// Runs both passes on labeled examples.
///
/// # Panics
/// If a row has the wrong width or a label is not a class.
pub fn passes(network: &Mlp<f64>, x: &[Vec<f64>], labels: &[u8], reduction: Reduction) -> Passes {
    passes_in_training(network, x, labels, reduction.into(), &[])
}

/// Runs both passes as in training, with label smoothing and the dropout masks S of the hidden
/// layers. A mask without rows, or a missing mask, drops nothing. (`objective` gives only the
/// probability of dropout.)
///
/// # Panics
/// Same as [`passes`]; also if a mask has the wrong shape.
pub fn passes_in_training(
    network: &Mlp<f64>,
    x: &[Vec<f64>],
    labels: &[u8],
    objective: Objective,
    masks: &[Rows],
) -> Passes {
    let activation = network.activation();
    let layers: Vec<(Rows, Vec<f64>)> = network
        .layers()
        .iter()
        .map(|layer| {
            (layer.weights().rows().into_iter().map(|row| row.to_vec()).collect(), layer.biases().to_vec())
        })
        .collect();
    let last = layers.len() - 1;

    // The output of a layer: s_iα h_iα.
    let masked = |l: usize, h: &Rows| match masks.get(l) {
        Some(s) if !s.is_empty() => multiply(s, h),
        _ => h.clone(),
    };
    let (mut z, mut h, mut outputs): (Vec<Rows>, Vec<Rows>, Vec<Rows>) = Default::default();
    for (l, (weights, biases)) in layers.iter().enumerate() {
        let input = if l == 0 { x } else { &outputs[l - 1] };
        let here = affine(input, weights, biases);
        h.push(if l < last { map(&here, |z| activation.value(z)) } else { softmax(&here) });
        outputs.push(masked(l, &h[l]));
        z.push(here);
    }

    let (weight, epsilon) = (objective.reduction.weight(x.len()), objective.label_smoothing);
    let classes = h[last][0].len();
    // y_ic, smoothed: (1-ε)·y_ic + ε/k
    let y = |i: usize, c: usize| {
        let one_hot = if c == usize::from(labels[i]) { 1.0 } else { 0.0 };
        (1.0 - epsilon) * one_hot + epsilon / classes as f64
    };
    // J = weight · Σ_i Σ_c y_ic (log Σ_a exp z_ia - z_ic)
    let example = |i: usize| (0..classes).map(|c| y(i, c) * cross_entropy(&z[last][i], c)).sum::<f64>();
    let loss = weight * (0..x.len()).map(example).sum::<f64>();

    // G1: ∂J/∂z^o_ic = (ŷ_ic - y_ic) · weight
    let mut delta: Rows =
        (0..x.len()).map(|i| (0..classes).map(|c| (h[last][i][c] - y(i, c)) * weight).collect()).collect();
    let mut gradients = Vec::new();
    for l in (0..layers.len()).rev() {
        let input = if l == 0 { x } else { &outputs[l - 1] };
        gradients.push(layer_gradient(input, &delta));
        if l > 0 {
            // G8: ∂J/∂h_iα = s_iα ∂J/∂(s_iα h_iα)
            delta = masked(l - 1, &output_delta(&delta, &layers[l].0));
            delta = hidden_delta(activation, &delta, &z[l - 1], &h[l - 1]);
        }
    }
    gradients.reverse();
    // G9: ∂J/∂x_ij = Σ_α δ_iα w_jα
    let inputs = output_delta(&delta, &layers[0].0);
    Passes { z, h, loss, gradients, inputs }
}

/// z_ij = Σ_k x_ik w_kj + b_j
fn affine(x: &[Vec<f64>], weights: &Rows, biases: &[f64]) -> Rows {
    let mut z = vec![biases.to_vec(); x.len()];
    for i in 0..x.len() {
        for j in 0..biases.len() {
            for k in 0..weights.len() {
                z[i][j] += x[i][k] * weights[k][j];
            }
        }
    }
    z
}

/// ŷ_ic = exp z_ic / Σ_d exp z_id
fn softmax(z: &Rows) -> Rows {
    z.iter()
        .map(|row| {
            let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|z| (z - max).exp()).sum();
            row.iter().map(|z| (z - max).exp() / sum).collect()
        })
        .collect()
}

/// log Σ_a exp z_ia - z_ic
fn cross_entropy(z: &[f64], c: usize) -> f64 {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    z.iter().map(|z| (z - max).exp()).sum::<f64>().ln() - (z[c] - max)
}

/// G2, G6: ∂J/∂w_ac = Σ_i h_ia δ_ic;  G3, G7: ∂J/∂b_c = Σ_i δ_ic
fn layer_gradient(input: &[Vec<f64>], delta: &Rows) -> LayerGradient {
    let (inputs, outputs) = (input[0].len(), delta[0].len());
    let mut gradient =
        LayerGradient { weights: vec![vec![0.0; outputs]; inputs], biases: vec![0.0; outputs] };
    for i in 0..delta.len() {
        for c in 0..outputs {
            for a in 0..inputs {
                gradient.weights[a][c] += input[i][a] * delta[i][c];
            }
            gradient.biases[c] += delta[i][c];
        }
    }
    gradient
}

/// G4, G9: ∂J/∂h_ia = Σ_c δ_ic w_ac
fn output_delta(delta: &Rows, weights: &Rows) -> Rows {
    let mut below = vec![vec![0.0; weights.len()]; delta.len()];
    for i in 0..delta.len() {
        for a in 0..weights.len() {
            for c in 0..delta[i].len() {
                below[i][a] += delta[i][c] * weights[a][c];
            }
        }
    }
    below
}

/// G5: ∂J/∂z_ia = f'(z_ia) ∂J/∂h_ia
fn hidden_delta(activation: Activation, delta: &Rows, z: &Rows, h: &Rows) -> Rows {
    let mut below = delta.clone();
    for i in 0..delta.len() {
        for a in 0..delta[i].len() {
            below[i][a] *= activation.derivative(z[i][a], h[i][a]);
        }
    }
    below
}

fn multiply(s: &Rows, h: &Rows) -> Rows {
    assert_eq!((s.len(), s[0].len()), (h.len(), h[0].len()), "a mask of the wrong shape");
    s.iter().zip(h).map(|(s, h)| s.iter().zip(h).map(|(s, h)| s * h).collect()).collect()
}

fn map(rows: &Rows, f: impl Fn(f64) -> f64) -> Rows {
    rows.iter().map(|row| row.iter().map(|&value| f(value)).collect()).collect()
}
