//! The batches of an epoch: features and labels of the examples at each step.
//!
//! Images stay bytes. Of a training set in memory, the CSR rows of all images are made once, and a
//! batch is a list of rows. Everything else is made batch by batch, by the threads that train:
//! dense rows, distorted images, and the rows of images that stay in their file.

use std::sync::{Mutex, PoisonError};

use mlp_core::{CsrMatrix, Features, Workspace};
use mlp_data::{Augmenter, Dataset, SparseImages, levels};
use ndarray::{Array2, ArrayView2};

use crate::model::passes::csr_rows;
use crate::training::pages::Pages;
use crate::{Number, Plan};

/// A training set in the form that a plan needs, dense or CSR.
#[derive(Debug)]
pub struct Examples<'d, A> {
    data: &'d Dataset,
    sparse: Option<SparseImages>, // of all images
    levels: [A; 256],             // the value of each byte
}

impl<'d, A: Number> Examples<'d, A> {
    /// Prepares the dataset that the plan was validated against. CSR rows copy all non-zero pixels,
    /// unless images are distorted or in a mapped file.
    pub fn new(plan: &Plan, data: &'d Dataset) -> Self {
        Self { data, sparse: plan.copies_csr_rows(data).then(|| data.sparse()), levels: levels() }
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
    labels: Vec<u8>, // (batch_size)
    pages: Pages,
}

#[derive(Debug)]
enum Source<'d, A> {
    /// CSR rows of all examples.
    Stored(CsrMatrix<'d, A>),
    /// Images made batch by batch. Each thread has a maker.
    Made { makers: Vec<Maker>, form: Form<A> },
}

/// A batch that is made. Each thread takes the next [`BLOCK`] of its images until there are none,
/// so that they finish together.
#[derive(Debug)]
enum Form<A> {
    Dense(Array2<A>), // (batch_size, pixels)
    Sparse { blocks: Vec<SparseImages>, joined: SparseImages },
}

/// Examples in a block: about 25 µs of work if images are distorted, 3 µs if not.
const BLOCK: usize = 8;

impl<'d, A: Number> Batches<'d, A> {
    /// Creates the batches of a plan for steps on `threads` threads.
    pub(super) fn new(plan: &Plan, examples: &'d Examples<'d, A>, threads: usize) -> Self {
        let (data, size) = (examples.data, plan.config().batch_size);
        let made = || {
            let limits = plan.config().augmentation();
            let augmenter = limits.map(|limits| Augmenter::new(&limits, data.shape(), plan.config().seed));
            let form = if plan.takes_csr_rows() {
                let blocks = vec![SparseImages::new(); size.div_ceil(BLOCK)];
                Form::Sparse { blocks, joined: SparseImages::new() }
            } else {
                Form::Dense(Array2::zeros((size, data.pixels())))
            };
            Source::Made { makers: vec![Maker { augmenter, images: Vec::new() }; threads], form }
        };
        let stored = examples.sparse.as_ref();
        let source = stored.map_or_else(made, |rows| Source::Stored(csr_rows(rows, &examples.levels)));
        let pages = Pages::new(data, plan.config().shuffle_block);
        Self { data, levels: &examples.levels, source, labels: vec![0; size], pages }
    }

    /// The training set.
    pub(super) fn data(&self) -> &'d Dataset {
        self.data
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
        let (makers, form) = match &mut self.source {
            Source::Stored(rows) => return (rows.select(indices).into(), labels),
            Source::Made { makers, form } => (makers, form),
        };
        let chunks = indices.chunks(BLOCK);
        let x = match form {
            Form::Dense(inputs) => {
                let inputs = &mut inputs.as_slice_mut().expect("made contiguous")[..count * pixels];
                let work = chunks.zip(inputs.chunks_mut(BLOCK * pixels));
                on_blocks(workspace, makers, work, |maker, (indices, inputs)| {
                    for (&index, input) in indices.iter().zip(inputs.chunks_exact_mut(pixels)) {
                        A::scale(maker.image(data, epoch, index), input);
                    }
                });
                ArrayView2::from_shape((count, pixels), &*inputs).expect("rows times pixels numbers").into()
            }
            Form::Sparse { blocks, joined } => {
                let blocks = &mut blocks[..count.div_ceil(BLOCK)];
                on_blocks(workspace, makers, chunks.zip(&mut *blocks), |maker, (indices, block)| {
                    block.fill_with(maker.images(data, epoch, indices), pixels);
                });
                joined.clear();
                blocks.iter().for_each(|block| joined.append(block));
                csr_rows(joined, self.levels).into()
            }
        };
        self.pages.release_after(count, data);
        (x, labels)
    }
}

/// Calls `make` for each block of `work`, on all threads.
fn on_blocks<A: Number, B: Send>(
    workspace: &mut Workspace<A>,
    makers: &mut [Maker],
    work: impl Iterator<Item = B> + Send,
    make: impl Fn(&mut Maker, B) + Sync,
) {
    let work = Mutex::new(work);
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
    workspace.on_each_thread(makers, |_, maker| {
        while let Some(block) = next() {
            make(maker, block);
        }
    });
}

/// Makes the images of a thread, distorted or as they are.
#[derive(Clone, Debug)]
struct Maker {
    augmenter: Option<Augmenter>,
    images: Vec<u8>, // (examples, pixels)
}

impl Maker {
    fn image<'m>(&'m mut self, data: &'m Dataset, epoch: usize, index: u32) -> &'m [u8] {
        if self.augmenter.is_some() { self.images(data, epoch, &[index]) } else { data.image(index as usize) }
    }

    fn images(&mut self, data: &Dataset, epoch: usize, indices: &[u32]) -> &[u8] {
        self.images.resize(indices.len() * data.pixels(), 0);
        for (&index, image) in indices.iter().zip(self.images.chunks_exact_mut(data.pixels())) {
            match &mut self.augmenter {
                Some(augmenter) => augmenter.image(data, epoch as u64, index as usize, image),
                None => image.copy_from_slice(data.image(index as usize)),
            }
        }
        &self.images
    }
}

#[cfg(test)]
mod tests {
    use mlp_core::Compute;
    use mlp_data::Datasets;

    use super::*;
    use crate::{Kernel, TrainConfig};

    #[test]
    fn every_form_of_a_batch_has_the_same_numbers_on_any_number_of_threads() {
        let light = mlp_data::synthetic::digits(60, 10, 0).train;
        let inverted = light.images().iter().map(|pixel| 255 - pixel).collect();
        let dark = Dataset::new(inverted, light.shape(), light.labels().to_vec(), 10).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mapped = [("light", &light), ("dark", &dark)].map(|(name, train)| {
            let (directory, sets) = (directory.path().join(name), mlp_data::synthetic::digits(1, 1, 0));
            Datasets { train: train.clone(), ..sets }.write_dir(&directory, "drawn", false).unwrap();
            Datasets::open_dir_mapping(&directory, 0).unwrap().train
        });
        let [light_file, dark_file] = &mapped;
        for (data, augment, is_sparse, is_stored) in [
            (&light, false, true, true),
            (&dark, false, false, false),
            (&light, true, true, false),
            (&dark, true, false, false),
            (light_file, false, true, false),
            (dark_file, false, false, false),
            (light_file, true, true, false),
            (dark_file, true, false, false),
        ] {
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
                assert_eq!(matches!(batches.source, Source::Stored(_)), is_stored);
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
