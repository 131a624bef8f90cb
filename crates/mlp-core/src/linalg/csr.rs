//! What goes into a network: dense rows, or sparse rows, of which only the numbers that are not zero are kept and multiplied.

use ndarray::ArrayView2;

use crate::kernels::real::Real;

/// A batch of examples, one a row.
///
/// Functions that take features take anything that becomes them: an `ArrayView2` or [`CsrMatrix`].
#[derive(Clone, Copy, Debug)]
pub enum Features<'a, A> {
    /// Every number, (examples, inputs).
    Dense(ArrayView2<'a, A>),
    /// The numbers that are not zero.
    Sparse(CsrMatrix<'a, A>),
}

impl<A: Copy> Features<'_, A> {
    /// (examples, inputs).
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

/// Rows in compressed form (CSR): for each row the columns of its numbers that are not zero, ascending, and these numbers.
///
/// Borrowed, and cheap to copy. [`CsrMatrix::select`] names the rows of a batch by their numbers: nothing is gathered for it.
///
/// ```
/// use mlp_core::CsrMatrix;
///
/// // 0.5 0  0
/// // 0   0  0
/// // 0   1  2
/// let offsets = [0, 1, 1, 3]; // where each row begins, and the end of the last
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

/// The column of each number.
#[derive(Clone, Copy, Debug)]
pub enum Columns<'a> {
    /// Of at most 65,536 columns.
    U16(&'a [u16]),
    /// Of more.
    U32(&'a [u32]),
}

/// The numbers.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a, A> {
    /// Themselves.
    Numbers(&'a [A]),
    /// As bytes, `levels[byte]` being the number: the pixels of an image, without the space that they would take as floats.
    Bytes {
        /// One for each number.
        bytes: &'a [u8],
        /// What each byte is worth.
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
                row.is_sorted_by(|a, b| a < b)
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
    /// Rows of `width` numbers: row i has the columns and values from `offsets[i]` to `offsets[i + 1]`.
    ///
    /// # Panics
    /// If `offsets` do not ascend from 0 to the number of columns, which is the number of values; or if the columns of a row do not
    /// ascend or are not below `width`. All of them are looked at, so make the whole once and [`select`](Self::select) batches.
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

    /// Rows that this crate has made itself: those with the numbers `rows` among what lies between one offset and the next. Where
    /// their columns ascend below `width`, so do all that are looked at.
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

    /// The rows of these numbers, in this order, in place of all.
    ///
    /// # Panics
    /// If there is no such row, or rows have been selected already.
    #[track_caller]
    pub fn select(self, rows: &'a [u32]) -> Self {
        assert!(self.selection.is_none(), "rows have been selected already");
        let all = self.len();
        if let Some(row) = rows.iter().find(|&&row| row as usize >= all) {
            panic!("row {row} of {all}");
        }
        Self { selection: Some(rows), ..self }
    }

    /// How many of the numbers of these rows are kept.
    pub fn non_zeros(&self) -> usize {
        (0..self.len()).map(|row| self.range(row).len()).sum()
    }

    /// All numbers, the zeros too: (rows, width).
    pub fn to_dense(&self) -> ndarray::Array2<A> {
        let mut dense = ndarray::Array2::zeros((self.len(), self.width));
        for (row, mut dense) in dense.rows_mut().into_iter().enumerate() {
            for entry in self.range(row) {
                dense[self.columns.at(entry)] = self.values.at(entry);
            }
        }
        dense
    }

    /// Where the numbers of a row are.
    #[inline]
    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        let row = self.selection.map_or(row, |rows| rows[row] as usize);
        self.offsets[row]..self.offsets[row + 1]
    }
}

impl<A: Copy> CsrMatrix<'_, A> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.selection.map_or(self.offsets.len() - 1, <[u32]>::len)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        self.columns
    }

    pub(crate) fn values(&self) -> Values<'_, A> {
        self.values
    }

    /// Numbers of a row, zeros included.
    pub fn width(&self) -> usize {
        self.width
    }
}
