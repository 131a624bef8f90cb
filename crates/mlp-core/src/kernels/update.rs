//! The loops that update parameters: optimizer steps, the moving average, sums of gradients, and
//! the sum of squares of a norm. They treat each element alone, so threads and instruction sets do
//! not change a bit.

use super::elementwise::{zip1, zip2, zip3};
use super::isa::Work;
use super::mat::{MatMut, MatRef};
use super::real::Real;
use super::simd::Simd;
use crate::optim::kind::OptimizerKind;

/// The settings of an optimizer step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub(crate) kind: OptimizerKind,
    pub(crate) learning_rate: f64,
    pub(crate) scale: f64,  // of the gradient
    pub(crate) number: u64, // counted from 1
}

/// θ ← kept·θ, then a step of the optimizer, with its state for θ.
pub(super) struct Optimize<'a, 'p, A> {
    pub(super) step: Step,
    pub(super) kept: f64,
    pub(super) gradient: MatRef<'a, A>,
    pub(super) parameters: MatMut<'p, A>,
    pub(super) states: [MatMut<'p, A>; 2],
}

impl<A: Real> Work for Optimize<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, _simd: S) {
        let Step { kind, learning_rate, scale, number } = self.step;
        let (rate, scale, kept) = (A::from_f64(learning_rate), A::from_f64(scale), A::from_f64(self.kept));
        let [first, second] = self.states;
        match kind {
            OptimizerKind::Sgd => {
                zip1(self.parameters, self.gradient, |w, g| *w = kept * *w - rate * (scale * g))
            }
            OptimizerKind::Momentum { momentum } => {
                let momentum = A::from_f64(momentum);
                zip2(self.parameters, self.gradient, first, |w, g, v| {
                    *v = flush(momentum * *v + scale * g);
                    *w = kept * *w - rate * *v;
                });
            }
            OptimizerKind::Nesterov { momentum } => {
                let momentum = A::from_f64(momentum);
                zip2(self.parameters, self.gradient, first, |w, g, v| {
                    let g = scale * g;
                    *v = flush(momentum * *v + g);
                    *w = kept * *w - rate * (g + momentum * *v);
                });
            }
            OptimizerKind::RmsProp { decay, epsilon } => {
                let [decay, rest, epsilon] = [decay, 1.0 - decay, epsilon].map(A::from_f64);
                zip2(self.parameters, self.gradient, first, |w, g, v| {
                    let g = scale * g;
                    *v = flush(decay * *v + rest * (g * g));
                    *w = kept * *w - rate * g / (v.sqrt() + epsilon);
                });
            }
            OptimizerKind::Adam { beta1, beta2, epsilon } => {
                // `libm`'s power gives the same bits on every platform.
                let correction = |beta: f64| 1.0 - libm::pow(beta, number as f64);
                let rate = A::from_f64(learning_rate / correction(beta1));
                let root = A::from_f64(1.0 / correction(beta2).sqrt());
                let [beta1, rest1] = [beta1, 1.0 - beta1].map(A::from_f64);
                let [beta2, rest2] = [beta2, 1.0 - beta2].map(A::from_f64);
                let epsilon = A::from_f64(epsilon);
                zip3(self.parameters, self.gradient, first, second, |w, g, m, v| {
                    let g = scale * g;
                    *m = flush(beta1 * *m + rest1 * g);
                    *v = flush(beta2 * *v + rest2 * (g * g));
                    *w = kept * *w - rate * *m / (root * v.sqrt() + epsilon);
                });
            }
        }
    }
}

/// Replaces tiny numbers by zero. Without gradients, an optimizer's state decays to subnormal
/// numbers, with which some processors calculate more than ten times slower. Numbers this small do
/// not change any parameter.
#[inline(always)]
fn flush<A: Real>(a: A) -> A {
    if a.abs() < A::TINY { A::zero() } else { a }
}

/// Average ← average + share·(target - average).
pub(super) struct Approach<'a, 'p, A> {
    pub(super) share: f64,
    pub(super) target: MatRef<'a, A>,
    pub(super) average: MatMut<'p, A>,
}

impl<A: Real> Work for Approach<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, _simd: S) {
        let share = A::from_f64(self.share);
        zip1(self.average, self.target, |average, target| *average += share * (target - *average));
    }
}

/// Sum ← sum + term.
pub(super) struct Accumulate<'a, 's, A> {
    pub(super) term: MatRef<'a, A>,
    pub(super) sum: MatMut<'s, A>,
}

impl<A: Real> Work for Accumulate<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, _simd: S) {
        zip1(self.sum, self.term, |sum, term| *sum += term);
    }
}

/// Adds the squares of each column to `sums`, in row order.
pub(super) struct AddSquares<'a, 's, A> {
    pub(super) gradient: MatRef<'a, A>,
    pub(super) sums: &'s mut [f64],
}

impl<A: Real> Work for AddSquares<'_, '_, A> {
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
