//! The inputs of a network: dense rows, or sparse rows that store and multiply only nonzero values.

use ndarray::ArrayView2;

use crate::kernels::real::Real;

/// A batch of examples, one per row. `ArrayView2` and [`CsrMatrix`] convert into it.
#[derive(Clone, Copy, Debug)]
pub enum Features<'a, A> {
    /// All values (examples, inputs).
    Dense(ArrayView2<'a, A>),
    /// The nonzero values.
    Sparse(CsrMatrix<'a, A>),
}

impl<A: Copy> Features<'_, A> {
    /// Returns (examples, inputs).
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Self::Dense(x) => x.dim(),
            Self::Sparse(x) => (x.len(), x.width()),
        }
    }
}

impl<'a, A> From<ArrayView2<'a, A>> for Features<'a, A> {
    fn from(x: ArrayView2<'a, A>) -> Self {
        Self::Dense(x)
    }
}

impl<'a, A> From<CsrMatrix<'a, A>> for Features<'a, A> {
    fn from(x: CsrMatrix<'a, A>) -> Self {
        Self::Sparse(x)
    }
}

/// A borrowed CSR matrix: for each row the columns of its nonzero values, ascending, and these
/// values. [`CsrMatrix::select`] picks the rows of a batch by index, without copying.
///
/// ```
/// use mlp_core::CsrMatrix;
///
/// // 0.5 0  0
/// // 0   0  0
/// // 0   1  2
/// let offsets = [0, 1, 1, 3]; // start of each row, and end of the last
/// let columns: [u16; 3] = [0, 1, 2];
/// let values = [0.5_f32, 1.0, 2.0];
/// let rows = CsrMatrix::new(3, &offsets, columns.as_slice(), values.as_slice());
/// assert_eq!((rows.len(), rows.width(), rows.non_zeros()), (3, 3, 3));
///
/// let batch = rows.select(&[2, 0]);
/// assert_eq!(batch.to_dense(), ndarray::array![[0.0, 1.0, 2.0], [0.5, 0.0, 0.0]]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CsrMatrix<'a, A> {
    width: usize,
    offsets: &'a [usize], // (rows + 1)
    columns: Columns<'a>, // (non-zeros)
    values: Values<'a, A>,
    selection: Option<&'a [u32]>,
}

/// The column of each value.
#[derive(Clone, Copy, Debug)]
pub enum Columns<'a> {
    /// For up to 65,536 columns.
    U16(&'a [u16]),
    /// For more columns.
    U32(&'a [u32]),
}

/// The stored values.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a, A> {
    /// As numbers.
    Numbers(&'a [A]),
    /// As bytes that stand for `levels[byte]`, such as pixels: a quarter of the memory of `f32`.
    Bytes {
        /// A byte for each value.
        bytes: &'a [u8],
        /// The value of each byte.
        levels: &'a [A; 256],
    },
}

impl<'a> From<&'a [u16]> for Columns<'a> {
    fn from(columns: &'a [u16]) -> Self {
        Self::U16(columns)
    }
}

impl<'a> From<&'a [u32]> for Columns<'a> {
    fn from(columns: &'a [u32]) -> Self {
        Self::U32(columns)
    }
}

impl<'a, A> From<&'a [A]> for Values<'a, A> {
    fn from(values: &'a [A]) -> Self {
        Self::Numbers(values)
    }
}

impl Columns<'_> {
    fn len(&self) -> usize {
        match self {
            Self::U16(columns) => columns.len(),
            Self::U32(columns) => columns.len(),
        }
    }

    pub(crate) fn at(&self, entry: usize) -> usize {
        match self {
            Self::U16(columns) => columns[entry].into(),
            Self::U32(columns) => columns[entry] as usize,
        }
    }

    fn check(&self, offsets: &[usize], width: usize) -> bool {
        fn ascending<C: Copy + Ord + Into<u32>>(columns: &[C], offsets: &[usize], width: usize) -> bool {
            offsets.windows(2).all(|ends| {
                let row = &columns[ends[0]..ends[1]];
                // Without an early end, so that it vectorizes: batches made anew are checked anew.
                let pairs = row.iter().zip(&row[row.len().min(1)..]);
                pairs.fold(true, |all, (a, b)| all & (a < b))
                    && row.last().is_none_or(|&last| (last.into() as usize) < width)
            })
        }
        match self {
            Self::U16(columns) => ascending(columns, offsets, width),
            Self::U32(columns) => ascending(columns, offsets, width),
        }
    }
}

impl<A: Copy> Values<'_, A> {
    pub(crate) fn at(&self, entry: usize) -> A {
        match self {
            Self::Numbers(values) => values[entry],
            Self::Bytes { bytes, levels } => levels[usize::from(bytes[entry])],
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Bytes { bytes, .. } => bytes.len(),
        }
    }
}

impl<'a, A: Real> CsrMatrix<'a, A> {
    /// Returns a matrix with `width` columns. Row i has the entries `offsets[i]` to `offsets[i +
    /// 1]`.
    ///
    /// # Panics
    /// If `offsets` do not ascend from 0 to the number of columns, if there is not one value per
    /// column, or if the columns of a row do not ascend or are not below `width`. This checks all
    /// entries, so build the matrix once and [`select`](Self::select) batches.
    #[track_caller]
    pub fn new(
        width: usize,
        offsets: &'a [usize],
        columns: impl Into<Columns<'a>>,
        values: impl Into<Values<'a, A>>,
    ) -> Self {
        let (columns, values) = (columns.into(), values.into());
        let (count, found) = (columns.len(), values.len());
        assert_eq!(found, count, "{found} values for {count} columns");
        assert!(
            offsets.first() == Some(&0) && offsets.last() == Some(&count) && offsets.is_sorted(),
            "offsets do not ascend from 0 to the number of columns, {count}"
        );
        assert!(columns.check(offsets, width), "the columns of a row do not ascend below its width, {width}");
        Self { width, offsets, columns, values, selection: None }
    }

    /// Returns the given `rows` of a matrix built by this crate, without checks.
    pub(crate) fn from_parts(
        width: usize,
        offsets: &'a [usize],
        columns: &'a [u32],
        values: &'a [A],
        rows: &'a [u32],
    ) -> Self {
        let (columns, values) = (columns.into(), values.into());
        Self { width, offsets, columns, values, selection: Some(rows) }
    }

    /// Selects rows by index, in the given order.
    ///
    /// # Panics
    /// If a row does not exist, or rows have already been selected.
    #[track_caller]
    pub fn select(self, rows: &'a [u32]) -> Self {
        assert!(self.selection.is_none(), "rows have already been selected");
        let all = self.len();
        if let Some(row) = rows.iter().find(|&&row| row as usize >= all) {
            panic!("row {row} of {all}");
        }
        Self { selection: Some(rows), ..self }
    }

    /// Returns consecutive rows.
    pub(crate) fn rows_of(self, range: std::ops::Range<usize>) -> Self {
        match self.selection {
            Some(rows) => Self { selection: Some(&rows[range]), ..self },
            None => Self { offsets: &self.offsets[range.start..=range.end], ..self },
        }
    }

    /// Returns the number of stored values in these rows.
    pub fn non_zeros(&self) -> usize {
        (0..self.len()).map(|row| self.range(row).len()).sum()
    }

    /// Returns all values, including zeros (rows, width).
    pub fn to_dense(&self) -> ndarray::Array2<A> {
        let mut dense = ndarray::Array2::zeros((self.len(), self.width));
        for (row, mut dense) in dense.rows_mut().into_iter().enumerate() {
            for entry in self.range(row) {
                dense[self.columns.at(entry)] = self.values.at(entry);
            }
        }
        dense
    }

    /// Returns the entries of a row.
    #[inline]
    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        let row = self.selection.map_or(row, |rows| rows[row] as usize);
        self.offsets[row]..self.offsets[row + 1]
    }
}

impl<A: Copy> CsrMatrix<'_, A> {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.selection.map_or(self.offsets.len() - 1, <[u32]>::len)
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        self.columns
    }

    pub(crate) fn values(&self) -> Values<'_, A> {
        self.values
    }

    /// Returns the number of columns.
    pub fn width(&self) -> usize {
        self.width
    }
}
