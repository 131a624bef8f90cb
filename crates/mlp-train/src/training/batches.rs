//! The batches of an epoch: features and labels of the examples at each step.
//!
//! Images stay bytes in memory. CSR rows are not gathered, since the kernels look up the rows of a
//! batch by index; dense rows are scaled to [0, 1] batch by batch. Distorted images are made batch
//! by batch too, by the threads that train: they are still in the cache when the step needs them,
//! and no other threads compete for the cores.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use mlp_core::{CsrMatrix, Features, Workspace};
use mlp_data::{Augmenter, Dataset, SparseImages, levels};
use ndarray::{Array2, ArrayView2};

use crate::model::passes::csr_rows;
use crate::{Number, Plan};

/// A training set in the form that a plan needs, dense or CSR.
#[derive(Debug)]
pub struct Examples<'d, A> {
    data: &'d Dataset,
    sparse: Option<SparseImages>, // without augmentation
    levels: [A; 256],             // the value of each byte
}

impl<'d, A: Number> Examples<'d, A> {
    /// Prepares the dataset that the plan was validated against. CSR rows copy all non-zero pixels,
    /// unless images are distorted.
    pub fn new(plan: &Plan, data: &'d Dataset) -> Self {
        let is_copied = plan.takes_csr_rows() && !plan.config().augment;
        Self { data, sparse: is_copied.then(|| data.sparse()), levels: levels() }
    }

    pub(super) fn data(&self) -> &'d Dataset {
        self.data
    }
}

/// Makes batches.
#[derive(Debug)]
pub(super) struct Batches<'d, A> {
    data: &'d Dataset,
    levels: &'d [A; 256],
    source: Source<'d, A>,
    labels: Vec<u8>,   // (batch_size)
    inputs: Array2<A>, // (batch_size, pixels), dense rows only
}

#[derive(Debug)]
enum Source<'d, A> {
    /// CSR rows of all examples.
    Rows(CsrMatrix<'d, A>),
    /// Dense rows.
    Dense,
    /// Distorted images. As CSR rows, the blocks are joined.
    Distorted { augmenters: Vec<Augmenter>, blocks: Vec<Mutex<Block>>, rows: Option<SparseImages> },
}

/// Some consecutive images of a batch. Each thread takes the next block until there are none, so
/// that they finish together.
#[derive(Debug)]
struct Block {
    images: Vec<u8>, // (examples, pixels)
    rows: SparseImages,
}

/// Examples in a block, about 50 µs of work.
const BLOCK: usize = 16;

impl<'d, A: Number> Batches<'d, A> {
    /// Creates the batches of a plan for steps on `threads` threads.
    pub(super) fn new(plan: &Plan, examples: &'d Examples<'d, A>, threads: usize) -> Self {
        let (data, size) = (examples.data, plan.config().batch_size);
        let takes_csr_rows = plan.takes_csr_rows();
        let source = match (plan.config().augmentation(), &examples.sparse) {
            (Some(limits), _) => {
                let augmenter = Augmenter::new(&limits, data.shape(), plan.config().seed);
                let block = || Mutex::new(Block { images: Vec::new(), rows: SparseImages::new() });
                Source::Distorted {
                    augmenters: vec![augmenter; threads],
                    blocks: (0..size.div_ceil(BLOCK)).map(|_| block()).collect(),
                    rows: takes_csr_rows.then(SparseImages::new),
                }
            }
            (None, Some(images)) => Source::Rows(csr_rows(images, &examples.levels)),
            (None, None) => Source::Dense,
        };
        let gathered = if takes_csr_rows { 0 } else { size };
        let inputs = Array2::zeros((gathered, data.pixels()));
        Self { data, levels: &examples.levels, source, labels: vec![0; size], inputs }
    }

    /// Returns features and labels of the examples `indices` in an epoch, counted from 0.
    pub(super) fn make<'b>(
        &'b mut self,
        epoch: usize,
        indices: &'b [u32],
        workspace: &mut Workspace<A>,
    ) -> (Features<'b, A>, &'b [u8]) {
        let (data, count, pixels) = (self.data, indices.len(), self.data.pixels());
        let labels = &mut self.labels[..count];
        for (label, &index) in labels.iter_mut().zip(indices) {
            *label = data.labels()[index as usize];
        }
        let inputs = self.inputs.as_slice_mut().expect("made contiguous");
        let view =
            |inputs| ArrayView2::from_shape((count, pixels), inputs).expect("rows times pixels numbers");
        let x = match &mut self.source {
            Source::Rows(rows) => rows.select(indices).into(),
            Source::Dense => {
                let inputs = &mut inputs[..count * pixels];
                data.gather(indices, inputs, labels);
                view(&*inputs).into()
            }
            Source::Distorted { augmenters, blocks, rows } => {
                let (next, is_sparse) = (AtomicUsize::new(0), rows.is_some());
                workspace.on_each_thread(augmenters, |_, augmenter| {
                    let next = || indices.chunks(BLOCK).zip(&*blocks).nth(next.fetch_add(1, Relaxed));
                    while let Some((indices, block)) = next() {
                        let mut block = block.lock().unwrap_or_else(PoisonError::into_inner);
                        block.make(augmenter, data, epoch as u64, indices, is_sparse);
                    }
                });
                let blocks =
                    blocks.iter_mut().map(|block| block.get_mut().unwrap_or_else(PoisonError::into_inner));
                let blocks = blocks.take(count.div_ceil(BLOCK)).map(|block| &*block);
                match rows {
                    Some(rows) => {
                        rows.clear();
                        blocks.for_each(|block| rows.append(&block.rows));
                        csr_rows(rows, self.levels).into()
                    }
                    None => {
                        inputs
                            .chunks_mut(BLOCK * pixels)
                            .zip(blocks)
                            .for_each(|(inputs, block)| A::scale(&block.images, inputs));
                        view(&inputs[..count * pixels]).into()
                    }
                }
            }
        };
        (x, labels)
    }
}

impl Block {
    fn make(
        &mut self,
        augmenter: &mut Augmenter,
        data: &Dataset,
        epoch: u64,
        indices: &[u32],
        is_sparse: bool,
    ) {
        self.images.resize(indices.len() * data.pixels(), 0);
        for (&index, image) in indices.iter().zip(self.images.chunks_exact_mut(data.pixels())) {
            augmenter.image(data, epoch, index as usize, image);
        }
        if is_sparse {
            self.rows.fill_with(&self.images, data.pixels());
        }
    }
}

#[cfg(test)]
mod tests {
    use mlp_core::Compute;

    use super::*;
    use crate::{Kernel, TrainConfig};

    #[test]
    fn every_form_of_a_batch_has_the_same_numbers_on_any_number_of_threads() {
        let light = mlp_data::synthetic::digits(60, 10, 0).train;
        let inverted = light.images().iter().map(|pixel| 255 - pixel).collect();
        let dark = Dataset::new(inverted, light.shape(), light.labels().to_vec(), 10).unwrap();
        for (data, augment, is_sparse) in
            [(&light, false, true), (&dark, false, false), (&light, true, true), (&dark, true, false)]
        {
            let config = TrainConfig {
                augment,
                batch_size: 40,
                kernel: Kernel::Portable,
                seed: 5,
                ..TrainConfig::default()
            };
            let plan = config.validate(data).unwrap();
            let indices: Vec<u32> = (0..40).map(|i| i * 7 % 60).collect();
            let mut expected = vec![0; indices.len() * data.pixels()];
            for (&index, image) in indices.iter().zip(expected.chunks_mut(data.pixels())) {
                match plan.config().augmentation() {
                    Some(limits) => {
                        Augmenter::new(&limits, data.shape(), 5).image(data, 4, index as usize, image)
                    }
                    None => image.copy_from_slice(data.image(index as usize)),
                }
            }
            for threads in 1..=9 {
                let compute = Compute::default().with_threads(threads);
                let mut workspace = Workspace::<f32>::with_compute(plan.architecture(), 40, compute);
                let examples = Examples::new(&plan, data);
                let mut batches = Batches::new(&plan, &examples, threads);
                for count in [40, 7, 33] {
                    let (x, labels) = batches.make(4, &indices[..count], &mut workspace);
                    let x = match x {
                        Features::Sparse(x) if is_sparse => x.to_dense(),
                        Features::Dense(x) if !is_sparse => x.to_owned(),
                        _ => panic!("sparse: {}", !is_sparse),
                    };
                    let levels = levels::<f32>();
                    let expected =
                        expected[..count * data.pixels()].iter().map(|&pixel| levels[usize::from(pixel)]);
                    assert!(x.iter().copied().eq(expected), "{threads} threads");
                    assert!(
                        labels.iter().zip(&indices).all(|(&label, &i)| label == data.labels()[i as usize])
                    );
                }
            }
        }
    }
}
