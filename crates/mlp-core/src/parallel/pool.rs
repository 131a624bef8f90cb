//! The thread pool of a step. A pool is made once; `run` then costs less than a microsecond, because between two runs its threads
//! wait awake for a while. (`rayon` is made for longer tasks: a step has three runs and takes about 100 microseconds.)
//!
//! Every part of a run has a thread that usually does it. The caller, once done with its own part, takes the parts that no thread
//! has started; and where it had to wait long for one that a thread had started, because another process holds a core, it does the
//! next runs alone. Who does a part cannot show in the result.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::hint;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread::{self, JoinHandle};

use super::backoff::Backoff;
use super::partition::{Divide, MAX_THREADS};

/// Rounds of waiting awake before a thread falls asleep.
const SPINS: u32 = if cfg!(miri) { 1 } else { 20_000 };

/// Threads that share the parts of a run; the caller's is the first of them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    backoff: Backoff,
    /// Whether the caller does all parts, so that tests see that it makes no difference.
    #[cfg(test)]
    pub(crate) is_caller_alone: bool,
}

struct Shared {
    /// What to do. Written by the caller while no part is unfinished.
    job: UnsafeCell<Job>,
    /// Counts the runs; a helper that sees it change does its part.
    round: OwnLine<AtomicUsize>,
    /// Parts of this run that are not finished, the caller's own not counted.
    unfinished: OwnLine<AtomicUsize>,
    /// For each helper the last round in which its part was taken, by it or by the caller.
    taken: Vec<OwnLine<AtomicUsize>>,
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

/// A closure by its address, called with the number of a part.
#[derive(Clone, Copy)]
struct Job {
    closure: *const (),
    call: unsafe fn(*const (), usize),
}

// SAFETY: `job` is written only while `unfinished` is 0, and read only by whoever has taken a part of the round that was begun
// after the write, before `unfinished` counts that part down. `panic` is written by whoever turns `panicked` to true and read
// after `unfinished` is 0. What the job points to is `Sync`, see `Pool::run`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads` threads, from 1 to [`MAX_THREADS`]; for one no thread is started.
    ///
    /// # Panics
    /// If it is another number, or the system refuses a thread.
    pub(crate) fn new(threads: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&threads), "a pool of {threads} threads");
        let helpers = threads - 1;
        let idle = Job { closure: std::ptr::null(), call: |_, _| {} };
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(idle),
            round: OwnLine(AtomicUsize::new(0)),
            unfinished: OwnLine(AtomicUsize::new(0)),
            taken: (0..helpers).map(|_| OwnLine(AtomicUsize::new(0))).collect(),
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
        Self {
            shared,
            helpers,
            backoff: Backoff::new(),
            #[cfg(test)]
            is_caller_alone: false,
        }
    }

    /// Returns the number of threads, the caller's included.
    pub(crate) fn len(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Runs `work` once for each part, with the part's number and the part, and returns when all are done.
    ///
    /// # Panics
    /// With the first panic of `work`, after all parts have come to an end.
    pub(crate) fn run<P: Divide>(&mut self, parts: P, work: impl Fn(usize, P::Part) + Sync) {
        let len = self.len();
        assert!(parts.has(len), "parts for another pool");
        // SAFETY: each part's number is used for one call of `part`.
        let work = |part: usize| work(part, unsafe { parts.part(part) });
        #[cfg(test)]
        if self.is_caller_alone {
            return (0..len).for_each(work);
        }
        if len == 1 {
            work(0);
        } else if self.backoff.is_alone() {
            (0..len).for_each(work);
            self.backoff.ran_alone(self.shared.asleep.iter().all(|asleep| asleep.0.load(Relaxed)));
        } else {
            self.run_all(&work);
        }
    }

    fn run_all<F: Fn(usize) + Sync>(&mut self, work: &F) {
        unsafe fn call<F: Fn(usize)>(closure: *const (), part: usize) {
            // SAFETY: `closure` is the address of an `F` that lives until `run_all` returns.
            unsafe { (*closure.cast::<F>())(part) }
        }
        let shared = &*self.shared;
        let job = Job { closure: (&raw const *work).cast(), call: call::<F> };
        // SAFETY: no part is unfinished, and only a unique borrow of the pool gets here.
        unsafe { *shared.job.get() = job };
        shared.unfinished.0.store(self.helpers.len(), Relaxed);
        let round = shared.next_round(&self.helpers);
        let own = panic::catch_unwind(AssertUnwindSafe(|| work(0)));
        for helper in 0..self.helpers.len() {
            shared.take(helper, round);
        }
        let is_done = || shared.unfinished.0.load(Acquire) == 0;
        let mut rounds = 0;
        while !spin_until(is_done, &mut rounds) {
            thread::yield_now();
        }
        self.backoff.waited(rounds);
        if let Err(cause) = own {
            shared.panicked.store(false, Relaxed);
            panic::resume_unwind(cause);
        }
        if shared.panicked.swap(false, Relaxed) {
            // SAFETY: no part is unfinished, so nobody writes to it.
            let cause = unsafe { (*shared.panic.get()).take() };
            panic::resume_unwind(cause.unwrap_or_else(|| Box::new("a thread of the pool panicked")));
        }
    }
}

impl Shared {
    /// Lets every helper start, and returns the number of the round.
    fn next_round(&self, helpers: &[JoinHandle<()>]) -> usize {
        // Sequentially consistent, here and in `await_round`: either the helper sees the new round before it falls asleep, or it
        // is seen to be asleep and woken.
        let round = self.round.0.fetch_add(1, SeqCst) + 1;
        for (asleep, helper) in self.asleep.iter().zip(helpers) {
            if asleep.0.load(SeqCst) {
                helper.thread().unpark();
            }
        }
        round
    }

    /// Does a helper's part of a round, unless somebody has taken it.
    fn take(&self, helper: usize, round: usize) {
        // In each round every part is taken once, so that the one before is what stands there. A helper that comes late finds
        // this round or a later one.
        if self.taken[helper].0.compare_exchange(round - 1, round, AcqRel, Relaxed).is_err() {
            return;
        }
        // SAFETY: this part is unfinished, so that the job is that of its round.
        let job = unsafe { *self.job.get() };
        // SAFETY: the closure lives until no part is unfinished.
        let done = panic::catch_unwind(AssertUnwindSafe(|| unsafe { (job.call)(job.closure, helper + 1) }));
        if let Err(cause) = done
            && !self.panicked.swap(true, Relaxed)
        {
            // SAFETY: only the first to panic gets here, and the caller reads when no part is unfinished.
            unsafe { *self.panic.get() = Some(cause) };
        }
        self.unfinished.0.fetch_sub(1, Release);
    }

    /// A helper's life.
    fn serve(&self, helper: usize) {
        let mut seen = 0;
        loop {
            seen = self.await_round(helper, seen);
            if self.closing.load(Relaxed) {
                return;
            }
            self.take(helper, seen);
        }
    }

    /// Waits for a round other than `seen`, at first awake, and returns it.
    fn await_round(&self, helper: usize, seen: usize) -> usize {
        if !spin_until(|| self.round.0.load(Acquire) != seen, &mut 0) {
            let asleep = &self.asleep[helper].0;
            asleep.store(true, SeqCst);
            while self.round.0.load(SeqCst) == seen {
                thread::park();
            }
            asleep.store(false, SeqCst);
        }
        self.round.0.load(Acquire)
    }
}

/// Waits awake for a while, counting the rounds, and returns whether it came to pass.
fn spin_until(is_done: impl Fn() -> bool, rounds: &mut u32) -> bool {
    for _ in 0..SPINS {
        if is_done() {
            return true;
        }
        *rounds = rounds.saturating_add(1);
        hint::spin_loop();
    }
    false
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.closing.store(true, Relaxed);
        self.shared.next_round(&self.helpers);
        for helper in self.helpers.drain(..) {
            // A panic of a helper's has been passed on when it happened.
            let _ = helper.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {

    use super::super::partition::Partition;
    use super::*;
    use crate::kernels::mat::MatMut;

    #[test]
    fn every_part_is_written_by_one_thread_round_after_round() {
        for threads in [1, 2, 3, 5] {
            let mut pool = Pool::new(threads);
            let (mut numbers, mut matrix) = (vec![0_usize; 23], vec![0_usize; 60]);
            for round in 1..=if cfg!(miri) { 3 } else { 50 } {
                let partition = Partition::new(23, 1, threads);
                let columns = Partition::new(10, 2, threads);
                let block = MatMut::from_rows(&mut matrix, 5, 10, 12);
                let parts = (partition.slice(&mut numbers), columns.columns(block));
                pool.is_caller_alone = round % 3 == 0;
                pool.run(parts, |part, (numbers, mut block)| {
                    numbers.iter_mut().for_each(|n| *n += part + 1);
                    for row in 0..5 {
                        block.row_mut(row).iter_mut().for_each(|n| *n += 1);
                    }
                });
                for part in 0..threads {
                    assert!(numbers[partition.range(part)].iter().all(|&n| n == round * (part + 1)));
                }
                assert!(matrix.iter().enumerate().all(|(i, &n)| n == if i % 12 < 10 { round } else { 0 }));
            }
        }
    }

    #[test]
    fn a_pool_that_has_fallen_asleep_wakes_up() {
        let mut pool = Pool::new(3);
        let partition = Partition::new(3, 1, 3);
        let mut done = [0; 3];
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(30));
            pool.run(partition.slice(&mut done), |_, part| part[0] += 1);
        }
        assert_eq!(done, [3; 3]);
    }

    #[test]
    fn a_panic_of_any_part_reaches_the_caller_and_the_pool_lives_on() {
        let mut pool = Pool::new(3);
        let partition = Partition::new(3, 1, 3);
        for culprit in 0..3 {
            let mut parts = [0; 3];
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                pool.run(partition.slice(&mut parts), |part, _| {
                    assert!(part != culprit, "part {part}");
                });
            }));
            let cause = caught.unwrap_err();
            assert_eq!(cause.downcast_ref::<String>(), Some(&format!("part {culprit}")));
            pool.run(partition.slice(&mut parts), |number, part| part[0] = number);
            assert_eq!(parts, [0, 1, 2]);
        }
    }
}
