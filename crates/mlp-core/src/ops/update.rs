//! The operations after a backward pass: optimizer step, gradient norm and moving average. Each
//! thread has its own units.

use super::Ops;
use crate::kernels::Step;
use crate::layer::Layer;
use crate::scalar::Scalar;

impl Ops {
    /// Takes an optimizer step, after decaying W to kept·W.
    pub(crate) fn optimize<A: Scalar>(
        &mut self,
        step: Step,
        kept: f64,
        gradient: &Layer<A>,
        layer: &mut Layer<A>,
        states: [&mut Layer<A>; 2],
    ) {
        let isa = self.compute.isa;
        let units = self.units::<A>(layer.weights.width()).parts;
        let [first, second] = states.map(|state| state.by_columns(&units));
        self.pool.run(
            (layer.by_columns(&units), first, second),
            |part, ((w, b), (first_w, first_b), (second_w, second_b))| {
                let own = units.range(part);
                let w_grad = gradient.weights.columns_of(own.clone());
                let b_grad = gradient.biases.columns_of(own);
                A::optimize(isa, step, kept, w_grad, w, [first_w, second_w]);
                A::optimize(isa, step, 1.0, b_grad, b, [first_b, second_b]);
            },
        );
    }

    /// Returns the sum of squares of a gradient: first down each column, then across the columns,
    /// so it does not depend on the number of threads. `squares` is scratch of the layer's width.
    pub(crate) fn sum_of_squares<A: Scalar>(&mut self, gradient: &Layer<A>, squares: &mut [f64]) -> f64 {
        let isa = self.compute.isa;
        let units = self.units::<A>(squares.len()).parts;
        self.pool.run(units.slice(squares), |part, squares| {
            squares.fill(0.0);
            for matrix in [&gradient.weights, &gradient.biases] {
                A::add_squares(isa, matrix.columns_of(units.range(part)), squares);
            }
        });
        // Without the padding.
        squares[..gradient.outputs()].iter().sum()
    }

    /// Average ← average + share·(target - average).
    pub(crate) fn approach<A: Scalar>(&mut self, share: f64, target: &Layer<A>, average: &mut Layer<A>) {
        let isa = self.compute.isa;
        let units = self.units::<A>(target.weights.width()).parts;
        self.pool.run(average.by_columns(&units), |part, (weights, biases)| {
            let own = units.range(part);
            for (mut average, target) in [(weights, &target.weights), (biases, &target.biases)] {
                for (piece, target) in target.pieces(own.clone()) {
                    let inside = piece.start - own.start..piece.end - own.start;
                    A::approach(isa, share, target, average.reborrow().columns_of(inside));
                }
            }
        });
    }
}
