//! Splits sequences and buffers into parts that threads can write at the same time. A thread
//! usually gets the same part, which keeps its weights in its cache.

use std::marker::PhantomData;
use std::ops::Range;

use crate::kernels::mat::MatMut;

/// Maximum number of threads of a pool, and of parts.
pub(crate) const MAX_THREADS: usize = 64;

/// A split of a sequence into consecutive ranges. Small, because several are copied in every run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    end: usize,    // length of the sequence
    grain: usize,  // cuts are at its multiples
    grains: usize, // at least the length
    blocks: usize, // number of parts before they were merged
    count: usize,
}

impl Partition {
    /// Splits 0..`len` into `count` parts of similar size, at multiples of `grain`.
    pub(crate) fn new(len: usize, grain: usize, count: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&count));
        Self { end: len, grain, grains: len.div_ceil(grain), blocks: count, count }
    }

    /// Merges neighboring parts into `count` parts of similar size.
    pub(crate) fn merged(self, count: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&count));
        assert_eq!(self.blocks, self.count, "merged twice");
        Self { count, ..self }
    }

    /// Returns the end of the first `parts` parts.
    fn cut(&self, parts: usize) -> usize {
        assert!(parts <= self.count);
        if parts == 0 {
            return 0;
        }
        if parts == self.count {
            return self.end;
        }
        let blocks = self.blocks * parts / self.count;
        self.end.min(self.grains * blocks / self.blocks * self.grain)
    }

    /// Returns the nonempty intersections of the parts with `first..first + len`, relative to
    /// `first`.
    pub(crate) fn inside(&self, first: usize, len: usize) -> impl Iterator<Item = Range<usize>> {
        let place = move |cut: usize| cut.saturating_sub(first).min(len);
        self.ranges().map(move |range| place(range.start)..place(range.end)).filter(|range| !range.is_empty())
    }

    /// Returns the same split of a shorter sequence.
    pub(crate) fn up_to(self, len: usize) -> Self {
        Self { end: len.min(self.end), ..self }
    }

    /// Returns the split of a sequence with `factor` elements for each of this one.
    pub(crate) fn scaled(self, factor: usize) -> Self {
        Self { end: self.end * factor, grain: self.grain * factor, ..self }
    }

    /// Returns a part.
    pub(crate) fn range(&self, part: usize) -> Range<usize> {
        self.cut(part)..self.cut(part + 1)
    }

    /// Returns all parts, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.count).map(|part| self.range(part))
    }

    /// Splits a matrix by columns.
    #[track_caller]
    pub(crate) fn columns<'a, A>(&self, block: MatMut<'a, A>) -> MatParts<'a, A> {
        assert_eq!(self.end, block.columns());
        MatParts { whole: Whole::Columns(block), partition: *self }
    }

    /// Splits some rows of a matrix stored in strips, one for each part.
    #[track_caller]
    pub(crate) fn strips<'a, A, S: Strip<A>>(
        &self,
        strips: &'a mut [S],
        rows: Range<usize>,
    ) -> MatParts<'a, A> {
        unsafe fn block<'a, A, S: Strip<A> + 'a>(
            strip: *mut (),
            part: usize,
            rows: Range<usize>,
        ) -> MatMut<'a, A> {
            // SAFETY: `strip` is the first of the strips, one for each part, borrowed for 'a, and
            // `Divide::part` is called once per part.
            unsafe { &mut *strip.cast::<S>().add(part) }.block(rows)
        }
        let widths = strips.iter_mut().map(|strip| strip.block(0..0).columns());
        assert!(widths.eq(self.ranges().map(|range| range.len())), "the strips do not match the parts");
        let whole = Whole::Strips { first: strips.as_mut_ptr().cast(), block: block::<A, S>, rows };
        MatParts { whole, partition: *self }
    }

    /// Splits a matrix by rows.
    #[track_caller]
    pub(crate) fn rows<'a, A>(&self, block: MatMut<'a, A>) -> MatParts<'a, A> {
        assert_eq!(self.end, block.rows());
        MatParts { whole: Whole::Rows(block), partition: *self }
    }

    /// Splits a slice.
    #[track_caller]
    pub(crate) fn slice<'a, T>(&self, slice: &'a mut [T]) -> Slice<'a, T> {
        assert_eq!(self.end, slice.len());
        Slice { first: slice.as_mut_ptr(), starts: None, partition: *self, lifetime: PhantomData }
    }

    /// Splits a slice in which element `i` of the sequence has `starts[i]..starts[i + 1]`.
    #[track_caller]
    pub(crate) fn spans<'a, T>(&self, slice: &'a mut [T], starts: &'a [usize]) -> Slice<'a, T> {
        let starts = &starts[..=self.end];
        assert!(starts[0] == 0 && starts[self.end] == slice.len() && starts.is_sorted());
        Slice { first: slice.as_mut_ptr(), starts: Some(starts), partition: *self, lifetime: PhantomData }
    }
}

/// Some columns of a matrix, stored row by row.
pub(crate) trait Strip<A>: Send {
    /// Returns some of the rows.
    fn block(&mut self, rows: Range<usize>) -> MatMut<'_, A>;
}

/// Data that can be split into disjoint parts.
///
/// # Safety
/// Parts with different numbers must not overlap.
pub(crate) unsafe trait Divide: Sync {
    /// One part.
    type Part;

    /// Returns true if there are `count` parts.
    fn has(&self, count: usize) -> bool;

    /// Returns a part.
    ///
    /// # Safety
    /// Must be called at most once per number, while the whole is not used otherwise.
    unsafe fn part(&self, part: usize) -> Self::Part;
}

/// A matrix split by [`Partition::columns`], [`Partition::strips`] or [`Partition::rows`].
pub(crate) struct MatParts<'a, A> {
    whole: Whole<'a, A>,
    partition: Partition,
}

/// Returns some rows of the strip with a number, counted from the first.
type BlockOf<'a, A> = unsafe fn(*mut (), usize, Range<usize>) -> MatMut<'a, A>;

enum Whole<'a, A> {
    Columns(MatMut<'a, A>),
    Rows(MatMut<'a, A>),
    Strips { first: *mut (), block: BlockOf<'a, A>, rows: Range<usize> },
}

/// A slice split by [`Partition::slice`] or [`Partition::spans`].
pub(crate) struct Slice<'a, T> {
    first: *mut T,
    starts: Option<&'a [usize]>,
    partition: Partition,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: only disjoint parts are handed out, each to one thread.
unsafe impl<T: Send> Sync for Slice<'_, T> {}

// SAFETY: only disjoint parts are handed out, each to one thread, and strips are `Send`.
unsafe impl<A: Send + Sync> Sync for MatParts<'_, A> {}

// SAFETY: parts are disjoint ranges of columns or rows, or different strips.
unsafe impl<'a, A: Send + Sync> Divide for MatParts<'a, A> {
    type Part = MatMut<'a, A>;

    fn has(&self, count: usize) -> bool {
        self.partition.count == count
    }

    unsafe fn part(&self, part: usize) -> Self::Part {
        let range = self.partition.range(part);
        match &self.whole {
            // SAFETY: no other part has these columns.
            Whole::Columns(block) => unsafe { block.alias() }.columns_of(range),
            // SAFETY: no other part has these rows.
            Whole::Rows(block) => unsafe { block.alias() }.rows_of(range),
            // SAFETY: no other part has this strip.
            Whole::Strips { first, block, rows } => unsafe { block(*first, part, rows.clone()) },
        }
    }
}

// SAFETY: parts are disjoint ranges of the slice, which ends at the last cut. `starts` are sorted.
unsafe impl<'a, T: Send> Divide for Slice<'a, T> {
    type Part = &'a mut [T];

    fn has(&self, count: usize) -> bool {
        self.partition.count == count
    }

    unsafe fn part(&self, part: usize) -> Self::Part {
        let range = self.partition.range(part);
        let range = self.starts.map_or(range.clone(), |starts| starts[range.start]..starts[range.end]);
        // SAFETY: inside the slice, and no other part overlaps.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(range.start), range.len()) }
    }
}

/// `None` splits into `None`s.
// SAFETY: the parts of `P` are disjoint.
unsafe impl<P: Divide> Divide for Option<P> {
    type Part = Option<P::Part>;

    fn has(&self, count: usize) -> bool {
        self.as_ref().is_none_or(|whole| whole.has(count))
    }

    unsafe fn part(&self, part: usize) -> Self::Part {
        // SAFETY: the caller's promise.
        self.as_ref().map(|whole| unsafe { whole.part(part) })
    }
}

macro_rules! divide_together {
    ($($whole:ident $index:tt),+) => {
        // SAFETY: the parts of each element are disjoint.
        unsafe impl<$($whole: Divide),+> Divide for ($($whole,)+) {
            type Part = ($($whole::Part,)+);

            fn has(&self, count: usize) -> bool {
                [$(self.$index.has(count)),+].iter().all(|&has| has)
            }

            unsafe fn part(&self, part: usize) -> Self::Part {
                // SAFETY: the caller's promise.
                unsafe { ($(self.$index.part(part),)+) }
            }
        }
    };
}

divide_together!(A 0, B 1);
divide_together!(A 0, B 1, C 2);
divide_together!(A 0, B 1, C 2, D 3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_sequence_in_order_and_end_at_multiples_of_the_grain() {
        for (len, grain, count) in [(104, 16, 2), (0, 16, 3), (5, 16, 4), (100, 1, 7), (112, 8, 64)] {
            let partition = Partition::new(len, grain, count);
            let mut end = 0;
            for part in 0..count {
                let range = partition.range(part);
                assert_eq!(range.start, end);
                assert!(range.end.is_multiple_of(grain) || range.end == len);
                end = range.end;
            }
            assert_eq!(end, len);
        }
        assert_eq!(Partition::new(104, 16, 2).range(0), 0..48);
    }

    #[test]
    fn merged_parts_consist_of_whole_blocks() {
        for (len, grain, blocks, count) in [(112, 16, 4, 3), (1024, 16, 2, 5), (100, 1, 64, 7), (0, 8, 2, 2)]
        {
            let fine = Partition::new(len, grain, blocks);
            let ends: Vec<usize> = fine.ranges().map(|range| range.end).collect();
            let merged = fine.merged(count);
            assert_eq!(merged.ranges().map(|range| range.len()).sum::<usize>(), len);
            assert!(merged.ranges().all(|range| range.is_empty() || ends.contains(&range.end)));
        }
    }

    #[test]
    fn shorter_and_scaled_sequences_have_their_cuts_at_the_same_places() {
        let partition = Partition::new(104, 16, 3);
        let ends = |partition: Partition| partition.ranges().map(|range| range.end).collect::<Vec<_>>();
        assert_eq!(ends(partition), [32, 64, 104]);
        assert_eq!(ends(partition.up_to(50)), [32, 50, 50]);
        assert_eq!(ends(partition.scaled(2)), [64, 128, 208]);
    }
}
