//! Classifies two interleaved spirals with shuffled mini-batches and Adam, then draws the decision
//! regions.
//!
//! `cargo run -p mlp-core --example spiral`

use mlp_core::ndarray::{Array2, Axis, array};
use mlp_core::prelude::*;

/// Points on each spiral.
const POINTS: usize = 200;
const BATCH: usize = 40;
/// Columns of the drawing. It has half as many rows, since characters are twice as high as wide.
const COLUMNS: usize = 64;

/// Returns the points (2·POINTS×2) and the spiral of each, 0 or 1.
fn spirals() -> (Array2<f32>, Vec<u8>) {
    let mut x = Array2::zeros((2 * POINTS, 2));
    for (i, mut point) in x.rows_mut().into_iter().enumerate() {
        let along = (i / 2) as f32 / POINTS as f32;
        let angle = std::f32::consts::TAU * (1.25 * along + 0.5 * (i % 2) as f32);
        point.assign(&(array![angle.cos(), angle.sin()] * (0.1 + 0.85 * along)));
    }
    (x, (0..2 * POINTS).map(|i| (i % 2) as u8).collect())
}

fn main() -> Result<(), NetworkError> {
    let (x, labels) = spirals();
    let architecture = Architecture::new(2, &[64, 32], 2).with_activation(Activation::Relu);
    let mut stream = NativeStream::new(0);
    let mut network = Mlp::<f32>::new(&architecture, Init::He, &mut stream)?;
    let mut optimizer =
        Optimizer::new(OptimizerKind::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }, &architecture);
    let mut workspace = Workspace::new(&architecture, labels.len());
    workspace.set_objective(Objective::mean());
    let mut order = vec![0; labels.len()];

    for epoch in 1..=80 {
        let mut epoch_score = Score::default();
        stream.permutation(&mut order);
        for batch in order.chunks(BATCH) {
            let rows: Vec<usize> = batch.iter().map(|&index| index as usize).collect();
            let x = x.select(Axis(0), &rows);
            let labels: Vec<u8> = rows.iter().map(|&row| labels[row]).collect();
            epoch_score += optimizer.train_step(&mut network, x.view(), &labels, 0.01, &mut workspace);
        }
        if epoch % 20 == 0 {
            let loss = epoch_score.loss(Reduction::Mean);
            println!("epoch {epoch:3}  loss {loss:.4}  accuracy {:.3}", epoch_score.accuracy());
        }
    }

    draw(&network);
    let accuracy = network.score(x.view(), &labels, &mut workspace).accuracy();
    assert!(accuracy > 0.98, "accuracy is only {accuracy}");
    Ok(())
}

/// Draws the predicted class at each place of the square from -1 to 1.
fn draw(network: &Mlp<f32>) {
    let place = |cell: usize, cells: usize| 2.0 * (cell as f32 + 0.5) / cells as f32 - 1.0;
    let mut workspace = Workspace::new(&network.architecture(), COLUMNS);
    for row in 0..COLUMNS / 2 {
        let x = Array2::from_shape_fn((COLUMNS, 2), |(column, axis)| {
            if axis == 0 { place(column, COLUMNS) } else { -place(row, COLUMNS / 2) }
        });
        let logits = network.logits(x.view(), &mut workspace);
        let line: String = logits.rows().into_iter().map(|z| if z[1] > z[0] { '#' } else { '.' }).collect();
        println!("{line}");
    }
}
