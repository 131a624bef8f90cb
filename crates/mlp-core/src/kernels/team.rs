//! The threads of a step. A team is made once; `run` then costs less than a microsecond, because between two runs its members
//! wait awake for a while. `rayon` is made for tasks that are longer than this: a step has five runs and lasts about 100 microseconds.
//!
//! A file of its own because here stands what one thread may assume of another: in what order things happen. What each of them
//! may write to is in `shares.rs`.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::hint;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread::{self, JoinHandle};

use super::shares::{Divide, MAX_THREADS};

/// Rounds of waiting awake before the processor is offered to others, and offers before falling asleep.
const SPINS: usize = if cfg!(miri) { 1 } else { 4_000 };
const YIELDS: usize = 200;

/// Threads that do one thing together, the caller's being the first of them.
pub(crate) struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// Whether the caller does the parts of all, one after the other.
    pub(crate) is_caller_alone: bool,
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
    /// `threads` members, from 1 to [`MAX_THREADS`]; of one member no thread is started.
    ///
    /// # Panics
    /// If it is another number, or the system refuses a thread.
    pub(crate) fn new(threads: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&threads), "a team of {threads}");
        let helpers = threads - 1;
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
        Self { shared, helpers, is_caller_alone: false }
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
        if len == 1 || self.is_caller_alone {
            (0..len).for_each(share);
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

#[cfg(test)]
mod tests {
    use super::super::BlockMut;
    use super::super::shares::Shares;
    use super::*;

    #[test]
    fn every_member_writes_its_own_part_round_after_round() {
        for threads in [1, 2, 3, 5] {
            let mut team = Team::new(threads);
            let (mut numbers, mut matrix) = (vec![0_usize; 23], vec![0_usize; 60]);
            for round in 1..=if cfg!(miri) { 3 } else { 50 } {
                let shares = Shares::new(23, 1, threads);
                let columns = Shares::new(10, 2, threads);
                let block = BlockMut::of_rows(&mut matrix, 5, 10, 12);
                let parts = (shares.slice(&mut numbers), columns.columns(block));
                team.is_caller_alone = round % 3 == 0;
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
            thread::sleep(std::time::Duration::from_millis(30));
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
