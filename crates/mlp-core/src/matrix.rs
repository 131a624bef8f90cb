//! The matrix in which a network keeps its numbers: rows begin on a cache line and are padded with zeros to whole lines. So a
//! kernel never has a tail to treat and two threads never write to one line. To the outside it is an ndarray view.

use std::fmt;

use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};

use crate::Scalar;
use crate::kernels::{Block, BlockMut, LANES};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Numbers of a cache line.
pub(crate) const fn line<A>() -> usize {
    LINE / size_of::<A>()
}

/// (rows, columns), row-major; what lies in the padding has no influence on anything.
pub(crate) struct Matrix<A> {
    buffer: Vec<A>,
    start: usize, // where in the buffer a line begins
    rows: usize,
    columns: usize,
    stride: usize, // from row to row, a multiple of the line
}

impl<A: Scalar> Matrix<A> {
    /// All zeros, the padding too.
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        let stride = columns.next_multiple_of(line::<A>());
        let buffer = vec![A::zero(); rows * stride + line::<A>()];
        Self { start: next_line(&buffer), buffer, rows, columns, stride }
    }

    /// A copy of a matrix of any layout.
    pub(crate) fn copy_of(source: ArrayView2<'_, A>) -> Self {
        let mut matrix = Self::zeros(source.nrows(), source.ncols());
        matrix.view_mut().assign(&source);
        matrix
    }
}

impl<A> Matrix<A> {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn view(&self) -> ArrayView2<'_, A> {
        let shape = (self.rows, self.columns).strides((self.stride, 1));
        ArrayView2::from_shape(shape, &self.buffer[self.start..]).expect("the buffer holds all rows")
    }

    pub(crate) fn view_mut(&mut self) -> ArrayViewMut2<'_, A> {
        let shape = (self.rows, self.columns).strides((self.stride, 1));
        ArrayViewMut2::from_shape(shape, &mut self.buffer[self.start..]).expect("the buffer holds all rows")
    }

    /// An element, to be changed.
    #[track_caller]
    pub(crate) fn at_mut(&mut self, row: usize, column: usize) -> &mut A {
        assert!(row < self.rows && column < self.columns);
        &mut self.buffer[self.start + row * self.stride + column]
    }

    /// The whole matrix for a kernel: as wide as its columns, rounded up to whole [`LANES`].
    pub(crate) fn block(&self) -> Block<'_, A> {
        let width = self.columns.next_multiple_of(LANES);
        Block::of_rows(&self.buffer[self.start..], self.rows, width, self.stride)
    }

    /// [`Matrix::block`] to write to.
    pub(crate) fn block_mut(&mut self) -> BlockMut<'_, A> {
        let width = self.columns.next_multiple_of(LANES);
        BlockMut::of_rows(&mut self.buffer[self.start..], self.rows, width, self.stride)
    }
}

/// Where in a buffer the first line begins.
fn next_line<A>(buffer: &[A]) -> usize {
    (LINE - buffer.as_ptr().addr() % LINE) % LINE / size_of::<A>()
}

/// A clone lies elsewhere in memory, and its lines begin elsewhere in its buffer.
impl<A: Clone> Clone for Matrix<A> {
    fn clone(&self) -> Self {
        let mut buffer = self.buffer.clone();
        let start = next_line(&buffer);
        if start <= self.start {
            buffer.rotate_left(self.start - start);
        } else {
            buffer.rotate_right(start - self.start);
        }
        Self { buffer, start, ..*self }
    }
}

/// Equal numbers, whatever is in the padding.
impl<A: PartialEq> PartialEq for Matrix<A> {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl<A: fmt::Debug> fmt::Debug for Matrix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn check<A: Scalar>() {
        for (rows, columns) in [(0, 3), (1, 1), (3, 10), (5, 16), (4, 17), (2, 0)] {
            let source = Array2::from_shape_fn((rows, columns), |(i, j)| A::from_f64((i * 100 + j) as f64));
            let matrix = Matrix::copy_of(source.view());
            let copy = matrix.clone();
            assert_eq!((matrix.view(), copy.view()), (source.view(), source.view()));
            for matrix in [matrix, copy] {
                let block = matrix.block();
                for (i, row) in source.rows().into_iter().enumerate() {
                    assert_eq!(block.row(i).as_ptr().addr() % LINE, 0);
                    assert_eq!(block.row(i)[..columns], row.to_vec());
                    assert!(block.row(i)[columns..].iter().all(|&pad| pad == A::zero()));
                }
            }
        }
    }

    #[test]
    fn rows_begin_on_a_line_and_end_in_zeros_in_clones_too() {
        check::<f32>();
        check::<f64>();
    }
}
