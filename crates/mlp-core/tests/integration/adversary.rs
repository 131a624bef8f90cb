//! Adversarial examples are as far from the examples as asked, in the direction of the gradient.

use mlp_core::{
    Activation, Adversary, Architecture, Compute, CsrMatrix, Features, Init, Mlp, NativeStream, Scalar,
    Workspace,
};
use ndarray::{Array2, array};

const DISTANCE: f64 = 0.25;

fn check<A: Scalar>() {
    let architecture = Architecture::new(4, &[6, 5], 3).with_activation(Activation::Tanh);
    let network = Mlp::<A>::new(&architecture, Init::Xavier, &mut NativeStream::new(3)).unwrap();
    let number = A::from_f64;
    let (offsets, columns) = ([0, 2, 3], [0_u16, 3, 1]);
    let values = [0.5, -1.0, 2.0].map(number);
    let sparse = CsrMatrix::new(4, &offsets, &columns[..], &values[..]);
    let (dense, labels) = (sparse.to_dense(), [2, 0]);
    let mut workspace = Workspace::with_compute(&architecture, 3, Compute::default().with_threads(2));
    let gradients = network.input_gradients(sparse, &labels, &mut workspace);
    network.score(sparse, &labels, &mut workspace);
    let before = workspace.losses().to_vec();

    let mut adversary = Adversary::new(&architecture, 3, DISTANCE);
    for x in [Features::Sparse(sparse), dense.view().into()] {
        let moved = adversary.perturb(&network, x, &labels, &mut workspace).to_owned();
        for ((moved, x), g) in moved.rows().into_iter().zip(dense.rows()).zip(gradients.rows()) {
            let g = g.mapv(A::into_f64);
            let step = moved.mapv(A::into_f64) - x.mapv(A::into_f64);
            let expected = &g * (DISTANCE / g.dot(&g).sqrt());
            let error = (step - expected).mapv(f64::abs).sum();
            assert!(error < 20.0 * A::EPSILON, "{error}");
        }
        network.score(moved.view(), &labels, &mut workspace);
        assert!(workspace.losses().iter().zip(&before).all(|(after, before)| after > before));
    }
}

#[test]
fn examples_move_their_distance_uphill() {
    check::<f32>();
    check::<f64>();
}

#[test]
fn an_example_without_a_gradient_stays() {
    let architecture = Architecture::new(2, &[], 2);
    let mut network = Mlp::<f32>::new(&architecture, Init::Xavier, &mut NativeStream::new(0)).unwrap();
    network.layer_mut(0).0.fill(0.0);
    let x: Array2<f32> = array![[0.5, -1.0]];
    let mut workspace = Workspace::new(&architecture, 1);
    let mut adversary = Adversary::new(&architecture, 1, DISTANCE);
    assert_eq!(adversary.perturb(&network, x.view(), &[1], &mut workspace), x);
}
