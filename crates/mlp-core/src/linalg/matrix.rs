//! Matrix storage. Rows start on a cache line and are padded with zeros to whole lines, so kernels
//! need no special case at the end of a row. Columns can be stored in strips, one per thread:
//! threads that write to neighboring cache lines of one row slow each other down (training on two
//! threads took twice as long).

use std::fmt;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, ShapeBuilder, s};

use crate::kernels::mat::{MatMut, MatRef};
use crate::kernels::real::Real;
use crate::kernels::simd::LANES;
use crate::parallel::partition::{self, MatParts, Partition};

/// Size of a cache line in bytes.
const LINE: usize = 64;

/// Returns the number of values in a cache line.
pub(crate) const fn line<A>() -> usize {
    LINE / size_of::<A>()
}

/// A matrix (rows, columns). Values in the padding do not affect any result.
#[derive(Clone)]
pub struct Matrix<A> {
    rows: usize,
    columns: usize,
    strips: Vec<Strip<A>>, // at least one, in column order
}

/// Some columns of a matrix, stored row by row.
struct Strip<A> {
    first: usize, // its first column
    columns: usize,
    buffer: Vec<A>,
    start: usize,  // index of the first cache line in the buffer
    stride: usize, // between rows, a multiple of the line
}

impl<A: Real> Matrix<A> {
    /// Returns a matrix of zeros in one strip.
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, strips: vec![Strip::zeros(rows, 0..columns)] }
    }

    /// Returns a matrix of zeros with a strip for each part.
    pub(crate) fn zeros_in_strips(rows: usize, columns: usize, partition: &Partition) -> Self {
        let strip =
            |range: Range<usize>| Strip::zeros(rows, range.start.min(columns)..range.end.min(columns));
        Self { rows, columns, strips: partition.ranges().map(strip).collect() }
    }

    /// Copies a matrix of any layout into one strip.
    pub(crate) fn copy_of(source: ArrayView2<'_, A>) -> Self {
        let mut matrix = Self::zeros(source.nrows(), source.ncols());
        matrix.view_mut().assign(&source);
        matrix
    }

    /// Copies the values into a contiguous array.
    pub(crate) fn to_array(&self) -> Array2<A> {
        let mut array = Array2::zeros((self.rows, self.columns));
        for strip in &self.strips {
            array.slice_mut(s![.., strip.first..strip.first + strip.columns]).assign(&strip.view(self.rows));
        }
        array
    }

    /// Moves the columns into a strip for each part, if they are not already there.
    pub(crate) fn arrange(&mut self, partition: &Partition) {
        let cuts = partition.ranges().map(|range| range.end.min(self.columns));
        if !cuts.eq(self.strips.iter().map(|strip| strip.first + strip.columns)) {
            let all = self.to_array();
            *self = Self::zeros_in_strips(self.rows, self.columns, partition);
            for strip in &mut self.strips {
                let columns = strip.first..strip.first + strip.columns;
                strip.view_mut(self.rows).assign(&all.slice(s![.., columns]));
            }
        }
    }

    /// Returns an ndarray view, after merging all strips into one.
    pub(crate) fn view_mut(&mut self) -> ArrayViewMut2<'_, A> {
        if self.strips.len() > 1 {
            *self = Self::copy_of(self.to_array().view());
        }
        self.strips[0].view_mut(self.rows)
    }

    /// self ← self + alpha·other. The strips of the two may differ.
    pub(crate) fn scaled_add(&mut self, alpha: A, other: &Self) {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        for strip in &mut self.strips {
            let (first, end) = (strip.first, strip.first + strip.columns);
            let mut view = strip.view_mut(self.rows);
            for source in &other.strips {
                let common = first.max(source.first)..end.min(source.first + source.columns);
                if !common.is_empty() {
                    let from = source.view(self.rows);
                    let from = from.slice(s![.., common.start - source.first..common.end - source.first]);
                    view.slice_mut(s![.., common.start - first..common.end - first]).scaled_add(alpha, &from);
                }
            }
        }
    }

    /// Returns a mutable reference to an element.
    #[track_caller]
    pub(crate) fn at_mut(&mut self, row: usize, column: usize) -> &mut A {
        assert!(row < self.rows && column < self.columns);
        let strip = self.strips.iter_mut().find(|strip| column < strip.first + strip.columns);
        let strip = strip.expect("the strips have all columns");
        &mut strip.buffer[strip.start + row * strip.stride + column - strip.first]
    }
}

impl<A> Matrix<A> {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the number of columns, rounded up to whole [`LANES`].
    pub(crate) fn width(&self) -> usize {
        self.columns.next_multiple_of(LANES)
    }

    /// Returns an ndarray view of a matrix in one strip.
    #[track_caller]
    pub(crate) fn view(&self) -> ArrayView2<'_, A> {
        assert_eq!(self.strips.len(), 1);
        self.strips[0].view(self.rows)
    }

    /// Returns a kernel view of a matrix in one strip.
    #[track_caller]
    pub(crate) fn mat(&self) -> MatRef<'_, A> {
        self.columns_of(0..self.width())
    }

    /// Returns a mutable kernel view of a matrix in one strip.
    #[track_caller]
    pub(crate) fn mat_mut(&mut self) -> MatMut<'_, A> {
        assert_eq!(self.strips.len(), 1);
        self.strips[0].mat_mut(self.rows)
    }

    /// Copies a row, without the padding.
    pub(crate) fn copy_row(&self, row: usize, to: &mut [A])
    where
        A: Copy,
    {
        for strip in &self.strips {
            let from = &strip.buffer[strip.start + row * strip.stride..][..strip.columns];
            to[strip.first..strip.first + strip.columns].copy_from_slice(from);
        }
    }

    fn row(&self, row: usize) -> impl Iterator<Item = &A> {
        self.strips
            .iter()
            .flat_map(move |strip| &strip.buffer[strip.start + row * strip.stride..][..strip.columns])
    }

    /// Returns a kernel view of some columns in one strip.
    #[track_caller]
    pub(crate) fn columns_of(&self, range: Range<usize>) -> MatRef<'_, A> {
        let mut pieces = self.pieces(range.clone());
        let (piece, block) = pieces.next().unwrap_or_else(|| {
            let strip = &self.strips[0];
            (range.clone(), strip.mat(self.rows).columns_of(0..0))
        });
        assert_eq!(piece, range, "columns of several strips");
        block
    }

    /// Returns kernel views of some columns, strip by strip, each with its range of columns.
    pub(crate) fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, MatRef<'_, A>)> {
        self.strips.iter().filter_map(move |strip| {
            let block = strip.mat(self.rows);
            let piece = range.start.max(strip.first)..range.end.min(strip.first + block.columns());
            let inside = |column| column - strip.first;
            (piece.start < piece.end)
                .then(|| (piece.clone(), block.columns_of(inside(piece.start)..inside(piece.end))))
        })
    }
}

impl<A: Send> Matrix<A> {
    /// Splits some rows by columns. The strips, if there are several, must match the parts.
    #[track_caller]
    pub(crate) fn by_columns(&mut self, rows: Range<usize>, partition: &Partition) -> MatParts<'_, A> {
        assert!(rows.end <= self.rows);
        match &mut self.strips[..] {
            [strip] => partition.columns(strip.mat_mut(rows.end).rows_of(rows)),
            strips => partition.strips(strips, rows),
        }
    }
}

impl<A: Real> Strip<A> {
    fn zeros(rows: usize, columns: Range<usize>) -> Self {
        let lines = columns.len().div_ceil(line::<A>());
        // Avoid strides that are multiples of 512 bytes: such rows compete for the same cache sets.
        let stride = if lines > 0 && lines.is_multiple_of(8) { lines + 1 } else { lines } * line::<A>();
        // ndarray requires memory for one row even if there is none.
        let buffer = vec![A::zero(); rows.max(1) * stride + line::<A>()];
        let (first, columns) = (columns.start, columns.len());
        Self { first, columns, start: next_line(&buffer), buffer, stride }
    }
}

impl<A> Strip<A> {
    fn view(&self, rows: usize) -> ArrayView2<'_, A> {
        let shape = (rows, self.columns).strides((self.stride, 1));
        ArrayView2::from_shape(shape, &self.buffer[self.start..]).expect("the buffer holds all rows")
    }

    fn view_mut(&mut self, rows: usize) -> ArrayViewMut2<'_, A> {
        let shape = (rows, self.columns).strides((self.stride, 1));
        ArrayViewMut2::from_shape(shape, &mut self.buffer[self.start..]).expect("the buffer holds all rows")
    }

    fn mat(&self, rows: usize) -> MatRef<'_, A> {
        let width = self.columns.next_multiple_of(LANES);
        MatRef::from_rows(&self.buffer[self.start..], rows, width, self.stride)
    }

    fn mat_mut(&mut self, rows: usize) -> MatMut<'_, A> {
        let width = self.columns.next_multiple_of(LANES);
        MatMut::from_rows(&mut self.buffer[self.start..], rows, width, self.stride)
    }
}

impl<A: Send> partition::Strip<A> for Strip<A> {
    fn block(&mut self, rows: Range<usize>) -> MatMut<'_, A> {
        self.mat_mut(rows.end).rows_of(rows)
    }
}

/// Returns the index of the first cache line in a buffer.
fn next_line<A>(buffer: &[A]) -> usize {
    (LINE - buffer.as_ptr().addr() % LINE) % LINE / size_of::<A>()
}

/// A clone has another address, so its first cache line may have another index.
impl<A: Clone> Clone for Strip<A> {
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

/// Compares values, not strips.
impl<A: PartialEq> PartialEq for Matrix<A> {
    fn eq(&self, other: &Self) -> bool {
        (self.rows, self.columns) == (other.rows, other.columns)
            && (0..self.rows).all(|row| self.row(row).eq(other.row(row)))
    }
}

impl<A: fmt::Debug> fmt::Debug for Matrix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.strips.iter().map(|strip| strip.view(self.rows))).finish()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn check<A: Real>() {
        let sizes = [(0, 3), (0, 100), (1, 1), (2, 0), (4, 17), (3, 10), (5, 16), (3, 100)];
        for (rows, columns) in sizes.into_iter().take(if cfg!(miri) { 5 } else { sizes.len() }) {
            let source = Array2::from_shape_fn((rows, columns), |(i, j)| A::from_f64((i * 100 + j) as f64));
            for threads in [1, 2, 3] {
                let mut matrix = Matrix::copy_of(source.view());
                let partition = Partition::new(matrix.width(), line::<A>(), threads);
                matrix.arrange(&partition);
                let copy = matrix.clone();
                assert_eq!(matrix, copy);
                assert_eq!((matrix.to_array(), copy.to_array()), (source.clone(), source.clone()));
                for matrix in [&matrix, &copy] {
                    let pieces: Vec<_> = matrix.pieces(0..matrix.width()).collect();
                    assert_eq!(pieces.iter().map(|(range, _)| range.len()).sum::<usize>(), matrix.width());
                    for (range, block) in pieces {
                        for (i, row) in source.rows().into_iter().enumerate() {
                            assert_eq!(block.row(i).as_ptr().addr() % LINE, 0);
                            let (inside, pads) = block.row(i).split_at(range.end.min(columns) - range.start);
                            assert!(inside.iter().eq(row.iter().skip(range.start).take(inside.len())));
                            assert!(pads.iter().all(|&pad| pad == A::zero()));
                        }
                    }
                }
                assert_eq!(matrix.view_mut(), source);
            }
        }
    }

    #[test]
    fn rows_start_on_a_cache_line_and_are_padded_with_zeros() {
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn matrices_in_different_strips_can_be_added() {
        let source = Array2::from_shape_fn((3, 40), |(i, j)| (i * 100 + j) as f64);
        for threads in [(1, 1), (1, 3), (3, 1), (2, 3), (3, 3)] {
            let mut matrices = [threads.0, threads.1].map(|threads| {
                let mut matrix = Matrix::copy_of(source.view());
                matrix.arrange(&Partition::new(matrix.width(), line::<f64>(), threads));
                matrix
            });
            let [to, from] = &mut matrices;
            to.scaled_add(-0.5, from);
            assert_eq!(to.to_array(), &source * 0.5, "{threads:?}");
        }
    }

    #[test]
    fn elements_are_found_in_any_strip() {
        let mut matrix: Matrix<f32> = Matrix::zeros(2, 40);
        matrix.arrange(&Partition::new(40, 16, 3));
        *matrix.at_mut(1, 39) = 5.0;
        *matrix.at_mut(0, 16) = 3.0;
        let array = matrix.to_array();
        assert_eq!((array[[1, 39]], array[[0, 16]], array.sum()), (5.0, 3.0, 8.0));
    }
}
