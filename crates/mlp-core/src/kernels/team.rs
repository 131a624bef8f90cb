//! The threads of a step. A team is made once; `run` then costs less than a microsecond, because between two runs its members
//! wait awake for a while. `rayon` is made for tasks that are longer than this: a step has five runs and lasts about 100 microseconds.
//!
//! Each member gets a share of every buffer, always the same share, so that it finds its part of the weights in its own cache.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::hint;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread::{self, JoinHandle};

use super::BlockMut;

/// The most members of a team.
pub(crate) const MOST_THREADS: usize = 64;

/// Rounds of waiting awake before the processor is offered to others, and offers before falling asleep.
const SPINS: usize = if cfg!(miri) { 1 } else { 4_000 };
const YIELDS: usize = 200;

/// Threads that do one thing together, the caller's being the first of them.
pub(crate) struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// What to do. Written by the caller while all helpers wait.
    job: UnsafeCell<Job>,
    /// Counts the jobs; a helper that sees it change does the next one.
    round: OwnLine<AtomicUsize>,
    /// Helpers that have not finished.
    working: OwnLine<AtomicUsize>,
    /// Which helpers are asleep.
    asleep: Vec<OwnLine<AtomicBool>>,
    panic: UnsafeCell<Option<Box<dyn Any + Send>>>,
    panicked: AtomicBool,
    /// The next round is the last.
    closing: AtomicBool,
}

/// A value that shares its cache lines with no other (two lines, because processors fetch them in pairs).
#[repr(align(128))]
struct OwnLine<T>(T);

/// A closure by its address, called with the member's number.
#[derive(Clone, Copy)]
struct Job {
    closure: *const (),
    call: unsafe fn(*const (), usize),
}

// SAFETY: `job` is written only while every helper waits for the next round, and read only between the change of `round` that
// follows the write and the decrement of `working` that the writer waits for. `panic` is written by whoever turns `panicked`
// to true and read after `working` is 0. What the job points to is `Sync`, see `Team::run`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Team {
    /// `threads` members, from 1 to [`MOST_THREADS`]; of one member no thread is started.
    pub(crate) fn new(threads: usize) -> Self {
        let helpers = threads.clamp(1, MOST_THREADS) - 1;
        let idle = Job { closure: std::ptr::null(), call: |_, _| {} };
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(idle),
            round: OwnLine(AtomicUsize::new(0)),
            working: OwnLine(AtomicUsize::new(0)),
            asleep: (0..helpers).map(|_| OwnLine(AtomicBool::new(false))).collect(),
            panic: UnsafeCell::new(None),
            panicked: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        });
        let helpers = (0..helpers).map(|helper| {
            let shared = Arc::clone(&shared);
            let name = format!("mlp-{}", helper + 1);
            let body = move || shared.serve(helper);
            thread::Builder::new().name(name).spawn(body).expect("the system can start a thread")
        });
        let helpers = helpers.collect();
        Self { shared, helpers }
    }

    /// Members, the caller included.
    pub(crate) fn len(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Runs `work` once for every member, with the member's number and its part of `parts`, and returns when all are done.
    ///
    /// # Panics
    /// With the first panic of `work`, after all members have come to an end.
    pub(crate) fn run<P: Divide>(&mut self, parts: P, work: impl Fn(usize, P::Part) + Sync) {
        let len = self.len();
        assert_eq!(parts.count(), len, "parts for another team");
        // SAFETY: each member's number is used for one call of `part`.
        let share = |member: usize| work(member, unsafe { parts.part(member) });
        if len == 1 {
            share(0);
        } else {
            self.run_all(&share);
        }
    }

    fn run_all<F: Fn(usize) + Sync>(&mut self, work: &F) {
        unsafe fn call<F: Fn(usize)>(closure: *const (), member: usize) {
            // SAFETY: `closure` is the address of an `F` that lives until `run_all` returns.
            unsafe { (*closure.cast::<F>())(member) }
        }
        let shared = &*self.shared;
        let job = Job { closure: (&raw const *work).cast(), call: call::<F> };
        // SAFETY: all helpers wait for the next round, and only a unique borrow of the team gets here.
        unsafe { *shared.job.get() = job };
        shared.working.0.store(self.helpers.len(), Relaxed);
        shared.next_round(&self.helpers);
        let own = panic::catch_unwind(AssertUnwindSafe(|| work(0)));
        let are_done = || shared.working.0.load(Acquire) == 0;
        if !spin_until(are_done) {
            while !are_done() {
                thread::yield_now();
            }
        }
        if let Err(cause) = own {
            shared.panicked.store(false, Relaxed);
            panic::resume_unwind(cause);
        }
        if shared.panicked.swap(false, Relaxed) {
            // SAFETY: no helper is at work, so that nobody writes to it.
            let cause = unsafe { (*shared.panic.get()).take() };
            panic::resume_unwind(cause.unwrap_or_else(|| Box::new("a member of the team panicked")));
        }
    }
}

impl Shared {
    /// Lets every helper begin.
    fn next_round(&self, helpers: &[JoinHandle<()>]) {
        // Sequentially consistent, here and in `await_round`: either the helper sees the new round before it falls asleep, or it
        // is seen to be asleep and woken.
        self.round.0.fetch_add(1, SeqCst);
        for (asleep, helper) in self.asleep.iter().zip(helpers) {
            if asleep.0.load(SeqCst) {
                helper.thread().unpark();
            }
        }
    }

    /// A helper's life.
    fn serve(&self, helper: usize) {
        let mut seen = 0;
        loop {
            self.await_round(helper, seen);
            seen = seen.wrapping_add(1);
            if self.closing.load(Relaxed) {
                return;
            }
            // SAFETY: the round has changed, so that the job is written, and stays until `working` is 0.
            let job = unsafe { *self.job.get() };
            // SAFETY: the closure lives until `working` is 0.
            let done =
                panic::catch_unwind(AssertUnwindSafe(|| unsafe { (job.call)(job.closure, helper + 1) }));
            if let Err(cause) = done
                && !self.panicked.swap(true, Relaxed)
            {
                // SAFETY: only the first to panic gets here, and the caller reads after `working` is 0.
                unsafe { *self.panic.get() = Some(cause) };
            }
            self.working.0.fetch_sub(1, Release);
        }
    }

    /// Waits for a round other than `seen`, at first awake.
    fn await_round(&self, helper: usize, seen: usize) {
        let has_begun = || self.round.0.load(Acquire) != seen;
        if spin_until(has_begun) {
            return;
        }
        for _ in 0..YIELDS {
            if has_begun() {
                return;
            }
            thread::yield_now();
        }
        let asleep = &self.asleep[helper].0;
        asleep.store(true, SeqCst);
        while self.round.0.load(SeqCst) == seen {
            thread::park();
        }
        asleep.store(false, SeqCst);
    }
}

/// Waits awake for a while, and returns whether it came to pass.
fn spin_until(is_done: impl Fn() -> bool) -> bool {
    for _ in 0..SPINS {
        if is_done() {
            return true;
        }
        hint::spin_loop();
    }
    false
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.closing.store(true, Relaxed);
        self.shared.next_round(&self.helpers);
        for helper in self.helpers.drain(..) {
            // A panic of a helper's has been passed on when it happened.
            let _ = helper.join();
        }
    }
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("threads", &self.len()).finish()
    }
}

/// Where a sequence is cut: one range for each member, one after the other, together all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    cuts: [usize; MOST_THREADS + 1],
    count: usize,
}

impl Shares {
    /// 0..`len` in `count` shares that are as equal as cuts at multiples of `grain` allow.
    pub(crate) fn new(len: usize, grain: usize, count: usize) -> Self {
        assert!((1..=MOST_THREADS).contains(&count));
        let grains = len.div_ceil(grain);
        let mut cuts = [len; MOST_THREADS + 1];
        for (index, cut) in cuts[..=count].iter_mut().enumerate() {
            *cut = len.min(grains * index / count * grain);
        }
        Self { cuts, count }
    }

    /// The same cuts, in a shorter sequence.
    pub(crate) fn up_to(mut self, len: usize) -> Self {
        self.cuts.iter_mut().for_each(|cut| *cut = len.min(*cut));
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
        let mut apart = [const { None }; MOST_THREADS];
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
    Apart([Option<BlockMut<'a, A>>; MOST_THREADS]),
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

    #[test]
    fn every_member_writes_its_own_part_round_after_round() {
        for threads in [1, 2, 3, 5] {
            let mut team = Team::new(threads);
            let (mut numbers, mut matrix) = (vec![0_usize; 23], vec![0_usize; 60]);
            for round in 1..=50 {
                let shares = Shares::new(23, 1, threads);
                let columns = Shares::new(10, 2, threads);
                let block = BlockMut::of_rows(&mut matrix, 5, 10, 12);
                let parts = (shares.slice(&mut numbers), columns.columns(block));
                team.run(parts, |member, (numbers, mut block)| {
                    numbers.iter_mut().for_each(|n| *n += member + 1);
                    for row in 0..5 {
                        block.row_mut(row).iter_mut().for_each(|n| *n += 1);
                    }
                });
                for member in 0..threads {
                    assert!(numbers[shares.range(member)].iter().all(|&n| n == round * (member + 1)));
                }
                assert!(matrix.iter().enumerate().all(|(i, &n)| n == if i % 12 < 10 { round } else { 0 }));
            }
        }
    }

    #[test]
    fn a_team_that_has_fallen_asleep_wakes_up() {
        let mut team = Team::new(3);
        let shares = Shares::new(3, 1, 3);
        let mut done = [0; 3];
        for _ in 0..3 {
            if !cfg!(miri) {
                thread::sleep(std::time::Duration::from_millis(30));
            }
            team.run(shares.slice(&mut done), |_, part| part[0] += 1);
        }
        assert_eq!(done, [3; 3]);
    }

    #[test]
    fn a_panic_of_any_member_reaches_the_caller_and_the_team_lives_on() {
        let mut team = Team::new(3);
        let shares = Shares::new(3, 1, 3);
        for culprit in 0..3 {
            let mut parts = [0; 3];
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                team.run(shares.slice(&mut parts), |member, _| {
                    assert!(member != culprit, "member {member}");
                });
            }));
            let cause = caught.unwrap_err();
            assert_eq!(cause.downcast_ref::<String>(), Some(&format!("member {culprit}")));
            team.run(shares.slice(&mut parts), |member, part| part[0] = member);
            assert_eq!(parts, [0, 1, 2]);
        }
    }
}
