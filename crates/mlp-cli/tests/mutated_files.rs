//! Readers of foreign bytes on mutated files, and on valid ones with too little memory: they must
//! neither panic nor abort, and take memory and time in proportion to the input. `cargo xtask fuzz`
//! runs the same readers in a fuzzer.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mlp_core::Init;
use mlp_train::{Examples, Kernel, OptimizerName, TrainConfig, Trainer};

use fuzz::mutator::Mutator;
use fuzz::targets::{TARGETS, Target};

#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;

/// The system's allocator with a limit on the sum of all large allocations. Small ones do not
/// depend on the input, and error messages need them.
struct Limited;

const SMALL: usize = 300_000;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

impl Limited {
    /// Counts an allocation, unless it exceeds the limit.
    fn admits(size: usize) -> bool {
        if size <= SMALL {
            return true;
        }
        let in_use = IN_USE.fetch_add(size, Relaxed) + size;
        let admitted = in_use <= LIMIT.load(Relaxed);
        if admitted {
            PEAK.fetch_max(in_use, Relaxed);
        } else {
            IN_USE.fetch_sub(size, Relaxed);
        }
        admitted
    }
}

// SAFETY: all calls go to the system's allocator, or fail as they may. Counting does not allocate.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !Self::admits(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !Self::admits(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if layout.size() > SMALL {
            IN_USE.fetch_sub(layout.size(), Relaxed);
        }
        // SAFETY: `pointer` came from `System` with this layout, through `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;

/// The memory of all tests is counted together, so they run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Returns the peak memory of `work`, not counting small allocations.
fn peak(work: impl FnOnce()) -> usize {
    let before = IN_USE.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    PEAK.load(Relaxed) - before
}

/// The memory that reading an input may take: the limit of a picture, and deflate's best ratio.
fn budget(input: &[u8]) -> usize {
    (96 << 20) + 1100 * input.len()
}

/// Much longer than reading takes, even on a busy machine.
const SLOW: Duration = Duration::from_secs(20);

/// Reads an input and returns true if it is accepted. Keeps an input that shows a fault in a file.
fn read(target: &Target, input: &[u8]) -> bool {
    let (began, mut accepted) = (Instant::now(), None);
    let bytes = peak(|| accepted = catch_unwind(AssertUnwindSafe(|| (target.read)(input))).ok());
    let problem = match accepted {
        None => "panics".to_owned(),
        Some(_) if bytes > budget(input) => format!("takes {bytes} bytes"),
        Some(_) if began.elapsed() > SLOW => format!("takes {:?}", began.elapsed()),
        Some(accepted) => return accepted,
    };
    let path = std::env::temp_dir().join(format!("mlp-{}-{}", target.name, std::process::id()));
    std::fs::write(&path, input).unwrap();
    panic!("the reader `{}` {problem} on {}, of {} bytes", target.name, path.display(), input.len());
}

/// Reads this many mutated inputs with each reader.
fn smoke(inputs: usize, seed: u64) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for target in TARGETS {
        let (began, seeds) = (Instant::now(), (target.seeds)(1));
        let mut mutator = Mutator::new(seed);
        let accepted = (0..inputs).filter(|_| read(target, &mutator.mutated(&seeds))).count();
        println!("{:>12}: {accepted} of {inputs} accepted, {:?}", target.name, began.elapsed());
        assert!(accepted < inputs, "no input of `{}` is refused", target.name);
    }
}

#[test]
fn valid_files_are_accepted() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for target in TARGETS {
        for scale in [1, 100] {
            let seeds = (target.seeds)(scale);
            let refused = seeds.iter().position(|seed| !read(target, seed));
            assert_eq!(refused, None, "`{}` refuses its seed, scale {scale}", target.name);
        }
    }
}

#[test]
fn mutated_files_cause_no_panic_and_take_memory_in_proportion() {
    smoke(300, 1);
}

#[test]
#[ignore = "takes half a minute; cargo xtask test --thorough runs it"]
fn many_mutated_files_cause_no_panic_and_take_memory_in_proportion() {
    smoke(10_000, 2);
}

/// Does `work` with all limits of memory, in eighths of what it takes; an allocation that fails
/// where it must not aborts the test.
fn with_too_little_memory(name: &str, mut work: impl FnMut()) {
    // The first time, memory that stays is allocated.
    work();
    let (before, most) = (IN_USE.load(Relaxed), peak(&mut work));
    for eighth in 0..8 {
        println!("{name} with {eighth}/8 of {most} bytes");
        LIMIT.store(before + most * eighth / 8, Relaxed);
        work();
        LIMIT.store(usize::MAX, Relaxed);
    }
}

#[test]
fn without_enough_memory_files_are_refused_and_nothing_aborts() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for target in TARGETS {
        for seed in (target.seeds)(160) {
            with_too_little_memory(target.name, || _ = (target.read)(&seed));
        }
    }
}

#[test]
fn without_enough_memory_training_is_refused_and_nothing_aborts() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let data = mlp_data::synthetic::digits(600, 100, 0);
    for config in [
        TrainConfig { hidden: vec![400], batch_size: 10, ..TrainConfig::default() },
        TrainConfig { hidden: vec![20, 300], batch_size: 500, dropout: 0.5, ..TrainConfig::default() },
        TrainConfig {
            hidden: vec![100, 100],
            optimizer: OptimizerName::Adam,
            ema_decay: Some(0.9),
            init: Init::Orthogonal,
            kernel: Kernel::Portable,
            ..TrainConfig::default()
        },
    ] {
        let config = TrainConfig { epochs: 1, learning_rate: 1e-3, ..config };
        let mut reasons = Vec::new();
        with_too_little_memory("training", || match config.clone().validate(&data.train) {
            Err(error) => reasons.push(error.to_string()),
            Ok(plan) => {
                let examples = Examples::<f32>::new(&plan, &data.train);
                let mut trainer = Trainer::with_sets(plan, &examples, Some(&data.test), None).unwrap();
                trainer.run(&mut ()).unwrap();
            }
        });
        assert!(reasons.iter().all(|reason| reason.starts_with("training needs ")), "{reasons:?}");
        assert!(reasons.len() > 4, "{reasons:?}");
    }
}
