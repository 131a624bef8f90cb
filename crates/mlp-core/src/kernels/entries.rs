//! The entries of sparse rows, in the order in which the kernels visit or sort them.

use std::iter::Zip;
use std::marker::PhantomData;
use std::ops::Range;
use std::slice;

use super::columns::ByColumn;
use super::isa::prefetch;
use super::real::Real;
use crate::linalg::csr::CsrMatrix;

/// Examples per chunk. Their rows of Z or δ, for one tile, take at most 32 KB.
const CHUNK: usize = 128;

/// Smaller batches use a single panel, because they would hardly reuse a row of W.
const FEW: usize = 4;

/// Entries are prefetched this many examples ahead.
const AHEAD: usize = 6;

/// Evaluates `$body` with the entries of `$rows` in their concrete types.
macro_rules! with_entries {
    ($rows:expr, $x:ident => $body:expr) => {{
        use $crate::kernels::entries::{Entries, Levels, Themselves};
        use $crate::linalg::csr::{Columns, Values};
        macro_rules! with {
            ($columns:ident, $values:ident, $decode:expr) => {{
                let $x = Entries { rows: $rows, columns: $columns, values: $values, decode: $decode };
                $body
            }};
        }
        match ($rows.columns(), $rows.values()) {
            (Columns::U16(columns), Values::Numbers(values)) => with!(columns, values, Themselves),
            (Columns::U32(columns), Values::Numbers(values)) => with!(columns, values, Themselves),
            (Columns::U16(columns), Values::Bytes { bytes, levels }) => with!(columns, bytes, Levels(levels)),
            (Columns::U32(columns), Values::Bytes { bytes, levels }) => with!(columns, bytes, Levels(levels)),
        }
    }};
}

pub(super) use with_entries;

/// Processes the entries of an example within a panel.
pub(super) trait Visitor<A> {
    /// `example` counts from the first one visited. `is_first` is true in the first panel. The
    /// column indices in `entries` are below the width of X.
    fn visit(&mut self, example: usize, is_first: bool, entries: impl Iterator<Item = (usize, A)>);
}

/// Sparse rows in one combination of column and value types.
pub(super) struct Entries<'a, A, C, V, D> {
    pub(super) rows: &'a CsrMatrix<'a, A>,
    pub(super) columns: &'a [C],
    pub(super) values: &'a [V],
    pub(super) decode: D,
}

/// Converts a stored value to a number.
pub(super) trait Decode<V, A> {
    fn decode(&self, value: V) -> A;
}

pub(super) struct Themselves;

impl<A> Decode<A, A> for Themselves {
    #[inline(always)]
    fn decode(&self, value: A) -> A {
        value
    }
}

pub(super) struct Levels<'a, A>(pub(super) &'a [A; 256]);

impl<A: Copy> Decode<u8, A> for Levels<'_, A> {
    #[inline(always)]
    fn decode(&self, value: u8) -> A {
        self.0[usize::from(value)]
    }
}

impl<A: Real, C: Copy + Into<u32>, V: Copy, D: Decode<V, A>> Entries<'_, A, C, V, D> {
    /// Visits the entries of some examples: chunk by chunk, then panel by panel, then example by
    /// example.
    #[inline(always)]
    pub(super) fn visit(&self, examples: Range<usize>, panel: usize, mut visitor: impl Visitor<A>) {
        let width = self.rows.width();
        let panel = if examples.len() < FEW { width } else { panel };
        for first in examples.clone().step_by(CHUNK) {
            let chunk = first..examples.end.min(first + CHUNK);
            // The entries of each example that have not been visited.
            let mut rests = [(0, 0); CHUNK];
            for (example, rest) in chunk.clone().zip(&mut rests) {
                let entries = self.rows.range(example);
                *rest = (entries.start, entries.end);
            }
            for &(start, end) in rests.iter().take(AHEAD) {
                self.prefetch(start..end);
            }
            let mut end = 0;
            while end < width || end == 0 {
                let is_first = end == 0;
                end = (end + panel).max(1);
                for (place, example) in chunk.clone().enumerate() {
                    if is_first && let Some(&(start, end)) = rests.get(place + AHEAD) {
                        self.prefetch(start..end);
                    }
                    let rest = &mut rests[place];
                    let (columns, values) = (&self.columns[rest.0..rest.1], &self.values[rest.0..rest.1]);
                    let entries = columns.iter().zip(values);
                    let (end, decode) = (end as u32, &self.decode);
                    let mut entries = UpTo { entries, end, decode, numbers: PhantomData };
                    visitor.visit(example - examples.start, is_first, &mut entries);
                    rest.0 = rest.1 - entries.entries.len();
                }
            }
        }
    }

    /// Sorts the entries of a chunk of examples by column, and those of a column by example.
    pub(super) fn sort(&self, chunk: Range<usize>, sorted: &mut ByColumn<A>) {
        let ByColumn { starts, examples, values } = sorted;
        let place = |column: C| -> usize { Into::<u32>::into(column) as usize };
        // Counted two columns further on. Starts of the next column turn into ends of this one.
        starts.fill(0);
        for example in chunk.clone() {
            self.prefetch(self.rows.range((example + AHEAD).min(chunk.end - 1)));
            for &column in &self.columns[self.rows.range(example)] {
                starts[place(column) + 2] += 1;
            }
        }
        for column in 1..starts.len() {
            starts[column] += starts[column - 1];
        }
        for example in chunk.clone() {
            let entries = self.rows.range(example);
            for (&column, &value) in self.columns[entries.clone()].iter().zip(&self.values[entries]) {
                let end = &mut starts[place(column) + 1];
                examples[*end as usize] = (example - chunk.start) as u8;
                values[*end as usize] = self.decode.decode(value);
                *end += 1;
            }
        }
    }

    #[inline(always)]
    fn prefetch(&self, entries: Range<usize>) {
        prefetch(&self.columns[entries.clone()]);
        prefetch(&self.values[entries]);
    }
}

/// The entries of a row up to a column; the rest stays in `entries`.
struct UpTo<'a, A, C, V, D> {
    entries: Zip<slice::Iter<'a, C>, slice::Iter<'a, V>>,
    end: u32,
    decode: &'a D,
    numbers: PhantomData<A>,
}

impl<A, C: Copy + Into<u32>, V: Copy, D: Decode<V, A>> Iterator for UpTo<'_, A, C, V, D> {
    type Item = (usize, A);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, A)> {
        let mut entries = self.entries.clone();
        let (&column, &value) = entries.next()?;
        let column = column.into();
        if column >= self.end {
            return None;
        }
        self.entries = entries;
        Some((column as usize, self.decode.decode(value)))
    }
}
