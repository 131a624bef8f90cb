//! Steps from the inputs of a network along the gradient.

use std::ops::Range;

use ndarray::ArrayView2;

use super::mat::MatMut;
use super::real::Real;
use crate::linalg::csr::CsrMatrix;

/// Scales each row to a Euclidean length. A row of zeros stays.
pub(super) fn set_lengths<A: Real>(length: f64, mut rows: MatMut<'_, A>) {
    for row in 0..rows.rows() {
        let row = rows.row_mut(row);
        let squares = row.iter().map(|&entry| entry.into_f64() * entry.into_f64());
        let norm = squares.sum::<f64>().sqrt();
        let scale = A::from_f64(if norm == 0.0 { 0.0 } else { length / norm });
        row.iter_mut().for_each(|entry| *entry *= scale);
    }
}

/// Out ← Out + X, for a dense X.
pub(super) fn add_dense<A: Real>(x: ArrayView2<'_, A>, mut out: MatMut<'_, A>) {
    for (row, x) in x.rows().into_iter().enumerate() {
        out.row_mut(row).iter_mut().zip(x).for_each(|(out, &x)| *out += x);
    }
}

/// Out ← Out + X, for some rows of a sparse X.
pub(super) fn add_sparse<A: Real>(x: &CsrMatrix<'_, A>, rows: Range<usize>, mut out: MatMut<'_, A>) {
    for (place, row) in rows.enumerate() {
        let out = out.row_mut(place);
        x.range(row).for_each(|entry| out[x.columns().at(entry)] += x.values().at(entry));
    }
}
