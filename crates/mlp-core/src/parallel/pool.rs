//! The thread pool of a training step. Helpers spin for a while between two runs, so starting a run
//! costs less than a microsecond. (A step has three runs and takes about 100 µs; `rayon` is made
//! for longer tasks.)
//!
//! Each part of a run has a preferred thread. After its own part, the caller takes the parts that
//! no helper has started. If it waited long for a helper, because another process holds a core, it
//! does the next runs alone (`backoff.rs`). Results do not depend on it.

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

/// Spins before a helper without work goes to sleep, about a millisecond.
const IDLE_SPINS: u32 = if cfg!(miri) { 1 } else { 100_000 };
/// Spins before the caller lets other threads run.
const BUSY_SPINS: u32 = if cfg!(miri) { 1 } else { 20_000 };

/// A pool of threads. The caller's thread is the first.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    backoff: Backoff,
    /// True if the caller does all parts, for tests.
    #[cfg(test)]
    pub(crate) is_caller_alone: bool,
}

struct Shared {
    /// The current job. The caller writes it while no part is unfinished.
    job: UnsafeCell<Job>,
    /// Number of the run. A helper that sees it change does its part.
    round: OwnLine<AtomicUsize>,
    /// Unfinished parts of this run, without the caller's own.
    unfinished: OwnLine<AtomicUsize>,
    /// For each helper, the last run in which its part was taken, by it or by the caller.
    taken: Vec<OwnLine<AtomicUsize>>,
    /// For each helper, true while it sleeps.
    asleep: Vec<OwnLine<AtomicBool>>,
    panic: UnsafeCell<Option<Box<dyn Any + Send>>>,
    panicked: AtomicBool,
    /// True if the next run ends the pool.
    closing: AtomicBool,
}

/// A value with two cache lines of its own, because processors fetch lines in pairs.
#[repr(align(128))]
struct OwnLine<T>(T);

/// A type-erased closure that takes the number of a part.
#[derive(Clone, Copy)]
struct Job {
    closure: *const (),
    call: unsafe fn(*const (), usize),
}

// SAFETY: `job` is written only while `unfinished` is 0. It is read only by a thread that took a
// part of a run started after the write, before that thread decrements `unfinished`. `panic` is
// written only by the thread that sets `panicked`, and read after `unfinished` is 0. The job's
// closure is `Sync`, see `Pool::run`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Pool {
    /// Returns a pool of 1 to [`MAX_THREADS`] threads. A pool of 1 starts no thread.
    ///
    /// # Panics
    /// If the number is out of range or the system cannot start a thread.
    pub(crate) fn new(threads: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&threads), "{threads} threads; expected 1 to {MAX_THREADS}");
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

    /// Returns the number of threads, including the caller's.
    pub(crate) fn len(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Calls `work` with the number and data of each part, and waits for all of them.
    ///
    /// # Panics
    /// With the first panic of `work`, after all parts have ended.
    pub(crate) fn run<P: Divide>(&mut self, parts: P, work: impl Fn(usize, P::Part) + Sync) {
        let len = self.len();
        assert!(parts.has(len), "the number of parts is not the number of threads");
        // SAFETY: `part` is called once per number.
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
        // SAFETY: no part is unfinished, and the pool is borrowed uniquely.
        unsafe { *shared.job.get() = job };
        shared.unfinished.0.store(self.helpers.len(), Relaxed);
        let round = shared.next_round(&self.helpers);
        let own = panic::catch_unwind(AssertUnwindSafe(|| work(0)));
        for helper in 0..self.helpers.len() {
            shared.take(helper, round);
        }
        let is_done = || shared.unfinished.0.load(Acquire) == 0;
        let mut rounds = 0;
        while !spin_until(is_done, BUSY_SPINS, &mut rounds) {
            thread::yield_now();
        }
        self.backoff.waited(rounds);
        if let Err(cause) = own {
            shared.panicked.store(false, Relaxed);
            panic::resume_unwind(cause);
        }
        if shared.panicked.swap(false, Relaxed) {
            // SAFETY: no part is unfinished, so no thread writes it.
            let cause = unsafe { (*shared.panic.get()).take() };
            panic::resume_unwind(cause.unwrap_or_else(|| Box::new("a thread of the pool panicked")));
        }
    }
}

impl Shared {
    /// Starts the next run, wakes sleeping helpers, and returns the number of the run.
    fn next_round(&self, helpers: &[JoinHandle<()>]) -> usize {
        // Sequentially consistent, here and in `await_round`: either the helper sees the new run
        // before it sleeps, or we see that it sleeps and wake it.
        let round = self.round.0.fetch_add(1, SeqCst) + 1;
        for (asleep, helper) in self.asleep.iter().zip(helpers) {
            if asleep.0.load(SeqCst) {
                helper.thread().unpark();
            }
        }
        round
    }

    /// Does a helper's part of a run, unless it is already taken.
    fn take(&self, helper: usize, round: usize) {
        // Each part is taken once per run, so `taken` holds the previous run. A late helper finds
        // this run or a later one.
        if self.taken[helper].0.compare_exchange(round - 1, round, AcqRel, Relaxed).is_err() {
            return;
        }
        // SAFETY: this part is unfinished, so the job belongs to its run.
        let job = unsafe { *self.job.get() };
        // SAFETY: the closure lives until all parts are finished.
        let done = panic::catch_unwind(AssertUnwindSafe(|| unsafe { (job.call)(job.closure, helper + 1) }));
        if let Err(cause) = done
            && !self.panicked.swap(true, Relaxed)
        {
            // SAFETY: only the first panic gets here, and the caller reads after all parts are
            // finished.
            unsafe { *self.panic.get() = Some(cause) };
        }
        self.unfinished.0.fetch_sub(1, Release);
    }

    /// The main loop of a helper.
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

    /// Waits for a run other than `seen`, spinning first, and returns it.
    fn await_round(&self, helper: usize, seen: usize) -> usize {
        if !spin_until(|| self.round.0.load(Acquire) != seen, IDLE_SPINS, &mut 0) {
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

/// Spins until `is_done`, at most `limit` times, counted in `rounds`. Returns false if it gives up.
fn spin_until(is_done: impl Fn() -> bool, limit: u32, rounds: &mut u32) -> bool {
    for _ in 0..limit {
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
            // A panic in a helper has already been passed on.
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
    fn every_part_runs_once_per_run() {
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
    fn a_sleeping_pool_wakes_up() {
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
    fn a_panic_in_any_part_reaches_the_caller_and_the_pool_stays_usable() {
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
