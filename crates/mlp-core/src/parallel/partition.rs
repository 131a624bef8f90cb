//! Splits sequences and buffers into parts that threads can write at the same time. A thread
//! usually gets the same part, which keeps its weights in its cache.

use std::marker::PhantomData;
use std::ops::Range;

use crate::kernels::mat::MatMut;

/// Maximum number of threads of a pool, and of parts.
pub(crate) const MAX_THREADS: usize = 64;

/// A split of a sequence into consecutive ranges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    cuts: [usize; MAX_THREADS + 1],
    count: usize,
}

impl Partition {
    /// Splits 0..`len` into `count` parts of similar size, at multiples of `grain`.
    pub(crate) fn new(len: usize, grain: usize, count: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&count));
        let grains = len.div_ceil(grain);
        let mut cuts = [len; MAX_THREADS + 1];
        for (index, cut) in cuts[..=count].iter_mut().enumerate() {
            *cut = len.min(grains * index / count * grain);
        }
        Self { cuts, count }
    }

    /// Merges neighboring parts into `count` parts of similar size.
    pub(crate) fn merged(&self, count: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&count));
        let mut cuts = [self.end(); MAX_THREADS + 1];
        for (index, cut) in cuts[..=count].iter_mut().enumerate() {
            *cut = self.cuts[self.count * index / count];
        }
        Self { cuts, count }
    }

    /// Returns the nonempty intersections of the parts with `first..first + len`, relative to
    /// `first`.
    pub(crate) fn inside(&self, first: usize, len: usize) -> impl Iterator<Item = Range<usize>> {
        let place = move |cut: usize| cut.saturating_sub(first).min(len);
        self.ranges().map(move |range| place(range.start)..place(range.end)).filter(|range| !range.is_empty())
    }

    /// Returns the same split of a shorter sequence.
    pub(crate) fn up_to(self, len: usize) -> Self {
        self.map(|cut| len.min(cut))
    }

    /// Returns a split at `f(cut)` for each cut; `f` must be monotonic.
    pub(crate) fn map(mut self, f: impl Fn(usize) -> usize) -> Self {
        self.cuts[..=self.count].iter_mut().for_each(|cut| *cut = f(*cut));
        assert!(self.cuts[..=self.count].is_sorted());
        self
    }

    /// Returns a part.
    pub(crate) fn range(&self, part: usize) -> Range<usize> {
        self.cuts[..=self.count][part]..self.cuts[..=self.count][part + 1]
    }

    /// Returns all parts, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.count).map(|part| self.range(part))
    }

    /// Splits a matrix by columns.
    #[track_caller]
    pub(crate) fn columns<'a, A>(&self, block: MatMut<'a, A>) -> MatParts<'a, A> {
        assert_eq!(self.end(), block.columns());
        MatParts { whole: Whole::Columns(block), partition: *self }
    }

    /// Splits a matrix stored in strips, one for each part.
    #[track_caller]
    pub(crate) fn strips<'a, A>(&self, strips: impl Iterator<Item = MatMut<'a, A>>) -> MatParts<'a, A> {
        let mut all = [const { None }; MAX_THREADS];
        for (part, strip) in strips.enumerate() {
            assert_eq!(strip.columns(), self.range(part).len(), "a strip does not match its part");
            all[part] = Some(strip);
        }
        MatParts { whole: Whole::Strips(all), partition: *self }
    }

    /// Splits a matrix by rows.
    #[track_caller]
    pub(crate) fn rows<'a, A>(&self, block: MatMut<'a, A>) -> MatParts<'a, A> {
        assert_eq!(self.end(), block.rows());
        MatParts { whole: Whole::Rows(block), partition: *self }
    }

    /// Splits a slice.
    #[track_caller]
    pub(crate) fn slice<'a, T>(&self, slice: &'a mut [T]) -> Slice<'a, T> {
        assert_eq!(self.end(), slice.len());
        Slice { start: slice.as_mut_ptr(), partition: *self, lifetime: PhantomData }
    }

    /// Returns the length of the sequence.
    fn end(&self) -> usize {
        self.cuts[self.count]
    }
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

#[expect(clippy::large_enum_variant, reason = "on the stack of one call; a box would allocate in every step")]
enum Whole<'a, A> {
    Columns(MatMut<'a, A>),
    Rows(MatMut<'a, A>),
    Strips([Option<MatMut<'a, A>>; MAX_THREADS]),
}

/// A slice split by [`Partition::slice`].
pub(crate) struct Slice<'a, T> {
    start: *mut T,
    partition: Partition,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: only disjoint parts are handed out, each to one thread.
unsafe impl<T: Send> Sync for Slice<'_, T> {}

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
            Whole::Strips(strips) => {
                let strip = strips[part].as_ref().expect("a strip for each part");
                // SAFETY: no other part has this strip.
                unsafe { strip.alias() }
            }
        }
    }
}

// SAFETY: parts are disjoint ranges of the slice, which ends at the last cut.
unsafe impl<'a, T: Send> Divide for Slice<'a, T> {
    type Part = &'a mut [T];

    fn has(&self, count: usize) -> bool {
        self.partition.count == count
    }

    unsafe fn part(&self, part: usize) -> Self::Part {
        let range = self.partition.range(part);
        // SAFETY: inside the slice, and no other part overlaps.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
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
}
