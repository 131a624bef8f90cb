//! What each member of a team works on: where a sequence is cut, and buffers cut there into parts that can be written at the same
//! time. A member always gets the same share, so that it finds its part of the weights in its own cache.
//!
//! A file of its own because it is about memory, not about threads: those are in `team.rs`.

use std::marker::PhantomData;
use std::ops::Range;

use super::BlockMut;

/// The most members of a team.
pub(crate) const MAX_THREADS: usize = 64;

/// Where a sequence is cut: one range for each member, one after the other, together all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    cuts: [usize; MAX_THREADS + 1],
    count: usize,
}

impl Shares {
    /// 0..`len` in `count` shares that are as equal as cuts at multiples of `grain` allow.
    pub(crate) fn new(len: usize, grain: usize, count: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&count));
        let grains = len.div_ceil(grain);
        let mut cuts = [len; MAX_THREADS + 1];
        for (index, cut) in cuts[..=count].iter_mut().enumerate() {
            *cut = len.min(grains * index / count * grain);
        }
        Self { cuts, count }
    }

    /// The same cuts, in a shorter sequence.
    pub(crate) fn up_to(self, len: usize) -> Self {
        self.map(|cut| len.min(cut))
    }

    /// The same shares of something else, of which the first `cut` of these are the first `f(cut)`; `f` ascends.
    pub(crate) fn map(mut self, f: impl Fn(usize) -> usize) -> Self {
        self.cuts[..=self.count].iter_mut().for_each(|cut| *cut = f(*cut));
        assert!(self.cuts[..=self.count].is_sorted());
        self
    }

    /// A member's share.
    pub(crate) fn range(&self, member: usize) -> Range<usize> {
        self.cuts[..=self.count][member]..self.cuts[..=self.count][member + 1]
    }

    /// All shares, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.count).map(|member| self.range(member))
    }

    /// A matrix cut between columns.
    #[track_caller]
    pub(crate) fn columns<'a, A>(&self, block: BlockMut<'a, A>) -> ByColumns<'a, A> {
        assert_eq!(self.end(), block.columns());
        ByColumns { whole: Columns::Together(block), shares: *self }
    }

    /// A matrix whose columns lie in strips that end where the shares do.
    #[track_caller]
    pub(crate) fn strips<'a, A>(&self, strips: impl Iterator<Item = BlockMut<'a, A>>) -> ByColumns<'a, A> {
        let mut apart = [const { None }; MAX_THREADS];
        for (member, strip) in strips.enumerate() {
            assert_eq!(strip.columns(), self.range(member).len(), "a strip that is no share");
            apart[member] = Some(strip);
        }
        ByColumns { whole: Columns::Apart(apart), shares: *self }
    }

    /// A matrix cut between rows.
    #[track_caller]
    pub(crate) fn rows<'a, A>(&self, block: BlockMut<'a, A>) -> ByRows<'a, A> {
        assert_eq!(self.end(), block.rows());
        ByRows(block, *self)
    }

    /// A slice cut where this is cut.
    #[track_caller]
    pub(crate) fn slice<'a, T>(&self, slice: &'a mut [T]) -> Slice<'a, T> {
        assert_eq!(self.end(), slice.len());
        Slice { start: slice.as_mut_ptr(), shares: *self, lifetime: PhantomData }
    }

    fn end(&self) -> usize {
        self.cuts[self.count]
    }
}

/// Something that is cut into disjoint parts, one for each member of a team.
///
/// # Safety
/// Parts of different numbers have no element in common.
pub(crate) unsafe trait Divide: Sync {
    /// A member's part.
    type Part;

    /// How many parts there are.
    fn count(&self) -> usize;

    /// A member's part.
    ///
    /// # Safety
    /// Is called once for each number, and the whole is not used meanwhile.
    unsafe fn part(&self, member: usize) -> Self::Part;
}

/// See [`Shares::columns`] and [`Shares::strips`].
pub(crate) struct ByColumns<'a, A> {
    whole: Columns<'a, A>,
    shares: Shares,
}

#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack of one call; a box would be an allocation in every step"
)]
enum Columns<'a, A> {
    Together(BlockMut<'a, A>),
    Apart([Option<BlockMut<'a, A>>; MAX_THREADS]),
}

/// See [`Shares::rows`].
pub(crate) struct ByRows<'a, A>(BlockMut<'a, A>, Shares);

/// See [`Shares::slice`].
pub(crate) struct Slice<'a, T> {
    start: *mut T,
    shares: Shares,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: it only hands out disjoint parts, each to be used by one thread.
unsafe impl<T: Send> Sync for Slice<'_, T> {}

// SAFETY: shares are disjoint ranges of columns, or strips, of which each has one owner.
unsafe impl<'a, A: Send + Sync> Divide for ByColumns<'a, A> {
    type Part = BlockMut<'a, A>;

    fn count(&self) -> usize {
        self.shares.count
    }

    unsafe fn part(&self, member: usize) -> Self::Part {
        match &self.whole {
            // SAFETY: no other part has these columns.
            Columns::Together(block) => unsafe { block.alias() }.columns_of(self.shares.range(member)),
            Columns::Apart(strips) => {
                let strip = strips[member].as_ref().expect("a strip for each share");
                // SAFETY: no other part has this strip.
                unsafe { strip.alias() }
            }
        }
    }
}

// SAFETY: shares are disjoint ranges of rows.
unsafe impl<'a, A: Send + Sync> Divide for ByRows<'a, A> {
    type Part = BlockMut<'a, A>;

    fn count(&self) -> usize {
        self.1.count
    }

    unsafe fn part(&self, member: usize) -> Self::Part {
        // SAFETY: no other part has these rows.
        unsafe { self.0.alias() }.rows_of(self.1.range(member))
    }
}

// SAFETY: shares are disjoint ranges, all inside the slice, whose end is the last cut.
unsafe impl<'a, T: Send> Divide for Slice<'a, T> {
    type Part = &'a mut [T];

    fn count(&self) -> usize {
        self.shares.count
    }

    unsafe fn part(&self, member: usize) -> Self::Part {
        let range = self.shares.range(member);
        // SAFETY: inside the slice, and no other part has these elements.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

macro_rules! divide_together {
    ($($whole:ident $index:tt),+) => {
        // SAFETY: each of them is divided into disjoint parts.
        unsafe impl<$($whole: Divide),+> Divide for ($($whole,)+) {
            type Part = ($($whole::Part,)+);

            fn count(&self) -> usize {
                let count = self.0.count();
                assert!([$(self.$index.count()),+].iter().all(|&other| other == count));
                count
            }

            unsafe fn part(&self, member: usize) -> Self::Part {
                // SAFETY: what the caller promises holds for each of them.
                unsafe { ($(self.$index.part(member),)+) }
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
    fn shares_are_all_of_it_in_order_and_cut_at_the_grain() {
        for (len, grain, count) in [(104, 16, 2), (0, 16, 3), (5, 16, 4), (100, 1, 7), (112, 8, 64)] {
            let shares = Shares::new(len, grain, count);
            let mut end = 0;
            for member in 0..count {
                let range = shares.range(member);
                assert_eq!(range.start, end);
                assert!(range.end.is_multiple_of(grain) || range.end == len);
                end = range.end;
            }
            assert_eq!(end, len);
        }
        assert_eq!(Shares::new(104, 16, 2).range(0), 0..48);
    }
}
