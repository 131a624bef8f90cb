//! Matrix views of the kernels: a pointer, a shape and strides. Unlike slices, they let several
//! threads write different columns of a matrix, which needs `unsafe`.

use std::marker::PhantomData;
use std::ops::Range;
use std::slice;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, ShapeBuilder};

use super::isa;

/// A read-only view of a matrix of any layout.
#[derive(Debug)]
pub struct MatRef<'a, A> {
    start: *const A,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
    lifetime: PhantomData<&'a A>,
}

/// A mutable view of a matrix whose rows are contiguous.
#[derive(Debug)]
pub struct MatMut<'a, A> {
    start: *mut A,
    rows: usize,
    columns: usize,
    row_stride: usize,
    lifetime: PhantomData<&'a mut A>,
}

// SAFETY: a `MatRef` is a shared borrow of its elements, like `&[A]`.
unsafe impl<A: Sync> Send for MatRef<'_, A> {}
// SAFETY: as above.
unsafe impl<A: Sync> Sync for MatRef<'_, A> {}
// SAFETY: a `MatMut` is a unique borrow of its elements, like `&mut [A]`.
unsafe impl<A: Send> Send for MatMut<'_, A> {}
// SAFETY: a shared `MatMut` only allows reading.
unsafe impl<A: Sync> Sync for MatMut<'_, A> {}

impl<A> Clone for MatRef<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for MatRef<'_, A> {}

impl<'a, A> MatRef<'a, A> {
    /// Returns a view of a buffer with a row every `stride` elements.
    #[track_caller]
    pub(crate) fn from_rows(buffer: &'a [A], rows: usize, columns: usize, stride: usize) -> Self {
        check_size(buffer.len(), rows, columns, stride);
        let (row_stride, column_stride) = (stride as isize, 1);
        Self { start: buffer.as_ptr(), rows, columns, row_stride, column_stride, lifetime: PhantomData }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the transpose.
    pub(crate) fn transposed(self) -> Self {
        let Self { start, rows, columns, row_stride, column_stride, lifetime } = self;
        let (rows, columns, row_stride, column_stride) = (columns, rows, column_stride, row_stride);
        Self { start, rows, columns, row_stride, column_stride, lifetime }
    }

    /// Returns some of the rows.
    #[track_caller]
    pub(crate) fn rows_of(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows, "rows {range:?} of {}", self.rows);
        // Wrapping, because the offset of an empty range may be out of bounds.
        let start = self.start.wrapping_offset(range.start as isize * self.row_stride);
        Self { start, rows: range.len(), ..self }
    }

    /// Returns some of the columns.
    #[track_caller]
    pub(crate) fn columns_of(self, range: Range<usize>) -> Self {
        self.transposed().rows_of(range).transposed()
    }

    /// Returns the intersection with some rows and columns.
    #[inline(always)]
    pub(crate) fn part(self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let inside = |range: Range<usize>, len: usize| range.start.min(len)..range.end.min(len);
        let (rows, columns) = (inside(rows, self.rows), inside(columns, self.columns));
        self.rows_of(rows).columns_of(columns)
    }

    /// Returns true if the elements of a row are neighbors in memory.
    #[inline(always)]
    pub(crate) fn has_contiguous_rows(&self) -> bool {
        self.column_stride == 1
    }

    /// Returns the distance between neighbors in a row.
    #[inline(always)]
    pub(crate) fn column_stride(&self) -> isize {
        self.column_stride
    }

    /// Prefetches the share of the matrix that `part` is of `whole`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, part: Range<usize>, whole: usize) {
        let lines = if self.has_contiguous_rows() { *self } else { self.transposed() };
        for line in lines.rows * part.start / whole..lines.rows * part.end / whole {
            isa::prefetch_far(lines.row(line));
        }
    }

    /// Returns a row. Rows must be contiguous.
    #[track_caller]
    #[inline]
    pub(crate) fn row(&self, row: usize) -> &'a [A] {
        assert!(row < self.rows && (self.column_stride == 1 || self.columns <= 1));
        // SAFETY: the row exists, is contiguous and borrowed for 'a.
        unsafe { slice::from_raw_parts(self.start.offset(row as isize * self.row_stride), self.columns) }
    }

    /// Returns an element.
    ///
    /// # Safety
    /// `row` and `column` must exist.
    #[inline(always)]
    pub(crate) unsafe fn at(&self, row: usize, column: usize) -> A
    where
        A: Copy,
    {
        debug_assert!(row < self.rows && column < self.columns);
        // SAFETY: the caller promises that this element exists.
        unsafe { *self.start.offset(row as isize * self.row_stride + column as isize * self.column_stride) }
    }

    /// Returns the address of an element. Rows must be contiguous.
    ///
    /// # Safety
    /// The row must exist, and so must the column unless there are none.
    #[inline(always)]
    pub(crate) unsafe fn address(&self, row: usize, column: usize) -> *const A {
        debug_assert!(row < self.rows && column <= self.columns && self.column_stride == 1);
        // SAFETY: the caller promises that the address is inside the view.
        unsafe { self.start.offset(row as isize * self.row_stride + column as isize) }
    }

    /// Returns an ndarray view.
    pub(crate) fn view(&self) -> ArrayView2<'a, A> {
        // ndarray takes the lowest address and positive strides. Axes with negative strides are
        // inverted afterwards.
        let axes = [(self.rows, self.row_stride), (self.columns, self.column_stride)];
        let mut lowest = self.start;
        for (len, stride) in axes.into_iter().filter(|&(len, stride)| len > 0 && stride < 0) {
            lowest = lowest.wrapping_offset((len as isize - 1) * stride);
        }
        let strides = (self.row_stride.unsigned_abs(), self.column_stride.unsigned_abs());
        // SAFETY: shape and strides stay inside the view, which is borrowed for 'a.
        let mut view =
            unsafe { ArrayView2::from_shape_ptr((self.rows, self.columns).strides(strides), lowest) };
        for (axis, (_, stride)) in axes.into_iter().enumerate() {
            if stride < 0 {
                view.invert_axis(Axis(axis));
            }
        }
        view
    }
}

impl<'a, A> From<&'a ArrayView2<'_, A>> for MatRef<'a, A> {
    fn from(view: &'a ArrayView2<'_, A>) -> Self {
        let (rows, columns) = view.dim();
        let (row_stride, column_stride) = (view.strides()[0], view.strides()[1]);
        Self { start: view.as_ptr(), rows, columns, row_stride, column_stride, lifetime: PhantomData }
    }
}

impl<'a, A> MatMut<'a, A> {
    /// See [`MatRef::from_rows`].
    #[track_caller]
    pub(crate) fn from_rows(buffer: &'a mut [A], rows: usize, columns: usize, stride: usize) -> Self {
        check_size(buffer.len(), rows, columns, stride);
        Self { start: buffer.as_mut_ptr(), rows, columns, row_stride: stride, lifetime: PhantomData }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Reborrows the view.
    pub(crate) fn reborrow(&mut self) -> MatMut<'_, A> {
        MatMut { lifetime: PhantomData, ..*self }
    }

    /// Returns a read-only view.
    pub(crate) fn as_mat(&self) -> MatRef<'_, A> {
        MatRef {
            start: self.start,
            rows: self.rows,
            columns: self.columns,
            row_stride: self.row_stride as isize,
            column_stride: 1,
            lifetime: PhantomData,
        }
    }

    /// Returns some of the rows.
    #[track_caller]
    pub(crate) fn rows_of(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows, "rows {range:?} of {}", self.rows);
        Self { start: self.start.wrapping_add(range.start * self.row_stride), rows: range.len(), ..self }
    }

    /// Returns some of the columns.
    #[track_caller]
    pub(crate) fn columns_of(self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.columns,
            "columns {range:?} of {}",
            self.columns
        );
        Self { start: self.start.wrapping_add(range.start), columns: range.len(), ..self }
    }

    /// Returns another handle to the same elements, to split them into parts.
    ///
    /// # Safety
    /// No element may be accessed through two handles while one of them writes to it.
    pub(crate) unsafe fn alias(&self) -> Self {
        Self { ..*self }
    }

    /// Returns a row.
    #[track_caller]
    #[inline]
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [A] {
        assert!(row < self.rows);
        // SAFETY: the row exists, and `self` is borrowed uniquely.
        unsafe { slice::from_raw_parts_mut(self.start.add(row * self.row_stride), self.columns) }
    }

    /// Returns the mutable address of an element.
    ///
    /// # Safety
    /// See [`MatRef::address`].
    #[inline(always)]
    pub(crate) unsafe fn address_mut(&mut self, row: usize, column: usize) -> *mut A {
        debug_assert!(row < self.rows && column <= self.columns);
        // SAFETY: the caller promises that the address is inside; `self` is borrowed uniquely.
        unsafe { self.start.add(row * self.row_stride + column) }
    }

    /// Returns a mutable ndarray view.
    pub(crate) fn view_mut(&mut self) -> ArrayViewMut2<'_, A> {
        let shape = (self.rows, self.columns).strides((self.row_stride, 1));
        // SAFETY: shape and strides stay inside the view, and `self` is borrowed uniquely.
        unsafe { ArrayViewMut2::from_shape_ptr(shape, self.start) }
    }
}

#[track_caller]
fn check_size(len: usize, rows: usize, columns: usize, stride: usize) {
    assert!(columns <= stride || rows <= 1, "{columns} columns with a stride of {stride}");
    let needed = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
    assert!(needed <= len, "{rows} rows of {columns} in {len} numbers");
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;

    #[test]
    fn views_of_any_layout_round_trip() {
        let source = Array2::from_shape_fn((5, 7), |(i, j)| i * 10 + j);
        let views = [
            source.view(),
            source.t(),
            source.slice(s![..;-1, ..]),
            source.slice(s![1..;2, ..;-3]),
            source.slice(s![..0, ..;-1]),
        ];
        for view in views {
            let block = MatRef::from(&view);
            assert_eq!(block.view(), view);
            assert_eq!(block.transposed().view(), view.t());
        }
    }
}
