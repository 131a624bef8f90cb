//! Several threads compute the same gradient as one, in a network with all kinds of layers. Small
//! enough for Miri (`cargo xtask test --thorough`), unlike `determinism.rs`.

use mlp_core::{
    Activation, Architecture, Compute, Gradients, Init, MatmulBackend, Mlp, NativeStream, Objective,
    Workspace,
};
use ndarray::Array2;

#[test]
fn several_threads_compute_the_same_gradient_as_one() {
    let [inputs, hidden, above, examples] = if cfg!(miri) { [3, 9, 9, 2] } else { [9, 40, 20, 6] };
    let activation = Activation::Logistic;
    let architecture = Architecture::new(inputs, &[hidden, above], 3).with_activation(activation);
    let start = Mlp::<f64>::new(&architecture, Init::Normal, &mut NativeStream::new(4)).unwrap();
    let x = Array2::from_shape_fn((examples, inputs), |(i, j)| (i * 7 + j * 3) as f64 / 50.0);
    let labels: Vec<u8> = (0..examples).map(|i| (i % 3) as u8).collect();
    let descended = |threads, trained_on| {
        let mut network = start.clone();
        let compute =
            |threads| Compute::default().with_threads(threads).with_backend(MatmulBackend::Portable);
        // After a step on several threads the weights are in strips, maybe not those of the
        // gradient.
        let mut before = Workspace::with_compute(&architecture, examples, compute(trained_on));
        before.set_objective(Objective::mean());
        network.train_step(x.view(), &labels, 0.1, &mut before);
        let mut workspace = Workspace::with_compute(&architecture, examples, compute(threads));
        let mut gradients = Gradients::new(&architecture);
        workspace.set_objective(Objective::mean());
        network.forward(x.view(), &labels, &mut workspace);
        network.backward(x.view(), &mut workspace, &mut gradients);
        network.descend(&gradients, 0.5);
        network
    };
    let one = descended(1, 1);
    let several: &[usize] = if cfg!(miri) { &[2] } else { &[2, 3] };
    for &threads in several {
        for trained_on in several.iter().map(|threads| threads + 1).chain([1]) {
            assert_eq!(descended(threads, trained_on), one, "{threads} after {trained_on} threads");
        }
    }
}
