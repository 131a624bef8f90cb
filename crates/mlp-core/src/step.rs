//! The loops of the optimizers, number by number. A file of its own because they are kernels: every number of the network is treated by
//! itself, by the same operations in the same order, so that no bit depends on threads or instruction sets.

use crate::kernels::{Block, BlockMut, Simd, Work};
use crate::{Isa, Rule, Scalar};

/// One step of a rule.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub(crate) rule: Rule,
    pub(crate) learning_rate: f64,
    pub(crate) scale: f64,  // of the gradient
    pub(crate) number: u64, // counted from 1
}

/// θ ← kept·θ, and then the step of θ along a gradient, with what the rule remembers of θ.
pub(crate) fn optimize<A: Scalar>(
    isa: Isa,
    step: Step,
    kept: f64,
    gradient: Block<'_, A>,
    parameters: BlockMut<'_, A>,
    states: [BlockMut<'_, A>; 2],
) {
    isa.run(Optimize { step, kept, gradient, parameters, states });
}

struct Optimize<'a, 'p, A> {
    step: Step,
    kept: f64,
    gradient: Block<'a, A>,
    parameters: BlockMut<'p, A>,
    states: [BlockMut<'p, A>; 2],
}

impl<A: Scalar> Work for Optimize<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        let Step { rule, learning_rate, scale, number } = self.step;
        let (rate, scale, kept) = (A::from_f64(learning_rate), A::from_f64(scale), A::from_f64(self.kept));
        match rule {
            Rule::Sgd => self.stateless(|w, g| *w = kept * *w - rate * (scale * g)),
            Rule::Momentum { momentum } => {
                let momentum = A::from_f64(momentum);
                self.with_one(|w, g, v| {
                    *v = momentum * *v + scale * g;
                    *w = kept * *w - rate * *v;
                });
            }
            Rule::Nesterov { momentum } => {
                let momentum = A::from_f64(momentum);
                self.with_one(|w, g, v| {
                    let g = scale * g;
                    *v = momentum * *v + g;
                    *w = kept * *w - rate * (g + momentum * *v);
                });
            }
            Rule::RmsProp { decay, epsilon } => {
                let [decay, rest, epsilon] = [decay, 1.0 - decay, epsilon].map(A::from_f64);
                self.with_one(|w, g, v| {
                    let g = scale * g;
                    *v = decay * *v + rest * (g * g);
                    *w = kept * *w - rate * g / (v.sqrt() + epsilon);
                });
            }
            Rule::Adam { beta1, beta2, epsilon } => {
                // `libm`'s power is the same on every machine.
                let correction = |beta: f64| 1.0 - libm::pow(beta, number as f64);
                let rate = A::from_f64(learning_rate / correction(beta1));
                let root = A::from_f64(1.0 / correction(beta2).sqrt());
                let [beta1, rest1] = [beta1, 1.0 - beta1].map(A::from_f64);
                let [beta2, rest2] = [beta2, 1.0 - beta2].map(A::from_f64);
                let epsilon = A::from_f64(epsilon);
                self.with_two(|w, g, m, v| {
                    let g = scale * g;
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * (g * g);
                    *w = kept * *w - rate * *m / (root * v.sqrt() + epsilon);
                });
            }
        }
    }
}

impl<A: Scalar> Optimize<'_, '_, A> {
    #[inline(always)]
    fn stateless(&mut self, step: impl Fn(&mut A, A)) {
        for row in 0..self.parameters.rows() {
            let gradient = self.gradient.row(row);
            self.parameters.row_mut(row).iter_mut().zip(gradient).for_each(|(w, &g)| step(w, g));
        }
    }

    #[inline(always)]
    fn with_one(&mut self, step: impl Fn(&mut A, A, &mut A)) {
        for row in 0..self.parameters.rows() {
            let parameters = self.parameters.row_mut(row).iter_mut().zip(self.gradient.row(row));
            parameters.zip(self.states[0].row_mut(row)).for_each(|((w, &g), v)| step(w, g, v));
        }
    }

    #[inline(always)]
    fn with_two(&mut self, step: impl Fn(&mut A, A, &mut A, &mut A)) {
        let [first, second] = &mut self.states;
        for row in 0..self.parameters.rows() {
            let parameters = self.parameters.row_mut(row).iter_mut().zip(self.gradient.row(row));
            let states = first.row_mut(row).iter_mut().zip(second.row_mut(row));
            parameters.zip(states).for_each(|((w, &g), (m, v))| step(w, g, m, v));
        }
    }
}

/// Sums + the squares of each column, from the first row to the last.
pub(crate) fn add_squares<A: Scalar>(isa: Isa, gradient: Block<'_, A>, sums: &mut [f64]) {
    isa.run(AddSquares { gradient, sums });
}

struct AddSquares<'a, 's, A> {
    gradient: Block<'a, A>,
    sums: &'s mut [f64],
}

impl<A: Scalar> Work for AddSquares<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, _simd: S) {
        for row in 0..self.gradient.rows() {
            for (sum, &g) in self.sums.iter_mut().zip(self.gradient.row(row)) {
                *sum += g.into_f64() * g.into_f64();
            }
        }
    }
}
