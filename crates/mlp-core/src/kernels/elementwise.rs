//! Element-wise loops: activations, their derivatives and dropout masks.

use super::isa::Work;
use super::mat::{MatMut, MatRef};
use super::real::Real;
use super::simd::Simd;
use crate::activation::{Activation, Function, dispatch};

/// Calls `f(out, a)` for each pair of elements.
#[inline(always)]
pub(super) fn zip1<A: Real>(mut out: MatMut<'_, A>, a: MatRef<'_, A>, f: impl Fn(&mut A, A)) {
    for row in 0..out.rows() {
        out.row_mut(row).iter_mut().zip(a.row(row)).for_each(|(out, &a)| f(out, a));
    }
}

/// Calls `f(out, a, state)` for all elements.
#[inline(always)]
pub(super) fn zip2<A: Real>(
    mut out: MatMut<'_, A>,
    a: MatRef<'_, A>,
    mut state: MatMut<'_, A>,
    f: impl Fn(&mut A, A, &mut A),
) {
    for row in 0..out.rows() {
        let numbers = out.row_mut(row).iter_mut().zip(a.row(row));
        numbers.zip(state.row_mut(row)).for_each(|((out, &a), state)| f(out, a, state));
    }
}

/// Calls `f(out, a, first, second)` for all elements.
#[inline(always)]
pub(super) fn zip3<A: Real>(
    mut out: MatMut<'_, A>,
    a: MatRef<'_, A>,
    mut first: MatMut<'_, A>,
    mut second: MatMut<'_, A>,
    f: impl Fn(&mut A, A, &mut A, &mut A),
) {
    for row in 0..out.rows() {
        let numbers = out.row_mut(row).iter_mut().zip(a.row(row));
        let states = first.row_mut(row).iter_mut().zip(second.row_mut(row));
        numbers.zip(states).for_each(|((out, &a), (first, second))| f(out, a, first, second));
    }
}

/// H ← f(Z).
pub(super) struct Activate<'a, 'h, A> {
    pub(super) activation: Activation,
    pub(super) z: MatRef<'a, A>,
    pub(super) h: MatMut<'h, A>,
}

impl<A: Real> Work for Activate<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, _simd: S) {
        dispatch!(self.activation, F => zip1(self.h, self.z, |h, z| *h = F::value(z)));
    }
}

/// D ← D ⊙ f'(Z), given H = f(Z).
pub(super) struct MultiplyByDerivative<'a, 'd, A> {
    pub(super) activation: Activation,
    pub(super) z: MatRef<'a, A>,
    pub(super) h: MatRef<'a, A>,
    pub(super) d: MatMut<'d, A>,
}

impl<A: Real> Work for MultiplyByDerivative<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        dispatch!(self.activation, F => for row in 0..self.d.rows() {
            let (z, h) = (self.z.row(row), self.h.row(row));
            for ((d, &z), &h) in self.d.row_mut(row).iter_mut().zip(z).zip(h) {
                *d *= F::derivative(z, h);
            }
        });
    }
}

/// Out ← S ⊙ H.
pub(super) struct Multiply<'a, 'o, A> {
    pub(super) s: MatRef<'a, A>,
    pub(super) h: MatRef<'a, A>,
    pub(super) out: MatMut<'o, A>,
}

impl<A: Real> Work for Multiply<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        for row in 0..self.out.rows() {
            let (s, h) = (self.s.row(row), self.h.row(row));
            for ((out, &s), &h) in self.out.row_mut(row).iter_mut().zip(s).zip(h) {
                *out = s * h;
            }
        }
    }
}

/// Sums ← sums + alpha·A, row by row. Also the chain of fma(1, alpha·a, sum), because multiplying
/// by 1 is exact.
pub(super) struct AddRows<'a, 's, A> {
    pub(super) alpha: A,
    pub(super) a: MatRef<'a, A>,
    pub(super) sums: &'s mut [A],
}

impl<A: Real> Work for AddRows<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, _simd: S) {
        for row in 0..self.a.rows() {
            for (sum, &a) in self.sums.iter_mut().zip(self.a.row(row)) {
                *sum += self.alpha * a;
            }
        }
    }
}

/// D ← S ⊙ D.
pub(super) struct Mask<'a, 'd, A> {
    pub(super) s: MatRef<'a, A>,
    pub(super) d: MatMut<'d, A>,
}

impl<A: Real> Work for Mask<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, _simd: S) {
        zip1(self.d, self.s, |d, s| *d *= s);
    }
}
