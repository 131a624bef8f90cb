//! A counting allocator shows that a training step allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use mlp_core::{
    Activation, Adversary, Architecture, Compute, CsrMatrix, Ema, Gradients, Init, Mlp, NativeStream,
    Objective, Optimizer, OptimizerKind, Scalar, Workspace,
};
use ndarray::Array2;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all calls go to the system's allocator. Counting uses a thread-local `Cell` without a
// destructor, which does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this layout, through `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(mut work: impl FnMut()) -> usize {
    work(); // one-time setup
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

fn check<A: Scalar>(hidden: &[usize], batch: usize) {
    for activation in Activation::ALL {
        let architecture = Architecture::new(20, hidden, 10).with_activation(activation);
        let mut network: Mlp<A> = Mlp::new(&architecture, Init::Xavier, &mut NativeStream::new(1)).unwrap();
        let mut workspace = Workspace::new(&architecture, 100);
        let mut gradients = Gradients::new(&architecture);
        let x = Array2::from_shape_fn((batch, 20), |(i, j)| A::from_f64((i * j % 7) as f64 / 7.0));
        let labels: Vec<u8> = (0..batch).map(|i| (i % 10) as u8).collect();

        let step = allocations(|| {
            network.train_step(x.view(), &labels, 0.01, &mut workspace);
        });
        assert_eq!(step, 0, "train_step, {activation}, hidden {hidden:?}, batch {batch}");

        let offsets: Vec<usize> = (0..=batch).map(|row| row * 3).collect();
        let columns: Vec<u16> = (0..batch).flat_map(|row| [0, 7, 8 + (row % 12) as u16]).collect();
        let values = vec![A::from_f64(0.5); columns.len()];
        let sparse = CsrMatrix::new(20, &offsets, columns.as_slice(), values.as_slice());
        let compute = Compute::default().with_threads(2);
        let mut shared = Workspace::with_compute(&architecture, 100, compute);
        let step = allocations(|| {
            network.train_step(sparse, &labels, 0.01, &mut shared);
        });
        assert_eq!(step, 0, "train_step on sparse rows, {activation}, hidden {hidden:?}, batch {batch}");

        let objective = Objective::mean().with_dropout(0.5).with_input_dropout(0.2);
        shared.set_objective(objective.with_label_smoothing(0.1));
        for kind in [OptimizerKind::Sgd, OptimizerKind::Nesterov { momentum: 0.9 }] {
            let mut optimizer = Optimizer::new(kind, &architecture).with_weight_decay(0.1).with_clipping(1.0);
            let mut ema = Ema::new(&network, 0.9);
            // The first update moves layers into strips.
            ema.update(&network, &mut shared);
            optimizer.train_step(&mut network, sparse, &labels, 0.01, &mut shared);
            let step = allocations(|| {
                optimizer.train_step(&mut network, sparse, &labels, 0.01, &mut shared);
                ema.update(&network, &mut shared);
            });
            assert_eq!(step, 0, "{kind:?} with all options, {activation}, hidden {hidden:?}, batch {batch}");
        }

        let mut adversary = Adversary::new(&architecture, 100, 0.5);
        let step = allocations(|| {
            let x = adversary.perturb(&network, sparse, &labels, &mut shared);
            network.train_step(x, &labels, 0.01, &mut shared);
        });
        assert_eq!(step, 0, "on adversarial examples, {activation}, hidden {hidden:?}, batch {batch}");

        shared.set_shards(5);
        let mut optimizer = Optimizer::new(OptimizerKind::Sgd, &architecture);
        let step = allocations(|| {
            optimizer.train_step(&mut network, sparse, &labels, 0.01, &mut shared);
            network.train_step(sparse, &labels, 0.01, &mut shared);
        });
        assert_eq!(step, 0, "in shards, {activation}, hidden {hidden:?}, batch {batch}");
        let separate = allocations(|| {
            network.forward(x.view(), &labels, &mut workspace);
            network.backward(x.view(), &mut workspace, &mut gradients);
            network.descend(&gradients, 0.01);
        });
        assert_eq!(separate, 0, "separate calls, {activation}, hidden {hidden:?}, batch {batch}");
    }
}

#[test]
fn a_training_step_allocates_nothing() {
    for hidden in [&[30][..], &[], &[30, 20, 10]] {
        for batch in [100, 37, 1] {
            check::<f32>(hidden, batch);
            check::<f64>(hidden, batch);
        }
    }
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0_u8; 100]))), 1);
}
