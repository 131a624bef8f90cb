//! Times training epochs and inference with each kernel.

use std::hint::black_box;
use std::time::Instant;

use mlp_core::{
    Architecture, Compute, CsrMatrix, Features, MatmulBackend, Mlp, NativeStream, RandomStream, Values,
    Workspace,
};
use mlp_data::{Dataset, SparseImages};
use mlp_train::Plan;
use ndarray::ArrayView2;

use super::standardize::Standardization;

/// The kernels of `mlp train --kernel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Built-in kernels for everything, with CSR rows if possible.
    Portable,
    /// Built-in kernels for CSR rows, OpenBLAS for everything else.
    Sparse,
    /// OpenBLAS for everything.
    OpenBlas,
}

impl Kernel {
    /// The kernels of this build; with `dense_only`, those that do not need CSR rows.
    fn available(dense_only: bool) -> impl Iterator<Item = Self> {
        [Self::Portable, Self::Sparse, Self::OpenBlas]
            .into_iter()
            .filter(move |&kernel| kernel.backend().is_available() && !(dense_only && kernel == Self::Sparse))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Sparse => "sparse",
            Self::OpenBlas => "openblas",
        }
    }

    fn backend(self) -> MatmulBackend {
        match self {
            Self::Portable => MatmulBackend::Portable,
            Self::Sparse | Self::OpenBlas => MatmulBackend::OpenBlas,
        }
    }

    fn workspace(self, architecture: &Architecture, capacity: usize, threads: usize) -> Workspace<f32> {
        let compute = Compute::default().with_backend(self.backend()).with_threads(threads);
        Workspace::with_compute(architecture, capacity, compute)
    }
}

/// What to measure.
pub(super) struct Task<'a> {
    pub(super) plan: &'a Plan,
    /// Number of timed epochs, after one for warmup.
    pub(super) epochs: usize,
    pub(super) train: &'a Dataset,
    pub(super) test: &'a Dataset,
    /// Applied to the pixels, if any.
    pub(super) standardization: Option<&'a Standardization>,
}

impl Task<'_> {
    /// The kernels that can train on these images.
    pub(super) fn kernels(&self) -> impl Iterator<Item = Kernel> {
        Kernel::available(!self.fits_csr_rows())
    }

    /// Returns true if the images can be CSR rows. Standardized images have no zeros to skip.
    fn fits_csr_rows(&self) -> bool {
        self.standardization.is_none() && self.train.pixels() <= SparseImages::MAX_PIXELS
    }

    fn uses_csr_rows(&self, kernel: Kernel) -> bool {
        kernel != Kernel::OpenBlas && self.fits_csr_rows()
    }

    /// Trains a network. Returns it with the median time of an epoch: shuffle, batches and steps.
    pub(super) fn train(&self, kernel: Kernel, threads: usize) -> (Mlp<f32>, f64) {
        let (architecture, config) = (self.plan.architecture(), self.plan.config());
        let mut stream = NativeStream::new(config.seed);
        let mut network = Mlp::new(architecture, config.init, &mut stream).expect("planned sizes");
        let mut workspace = kernel.workspace(architecture, config.batch_size, threads);
        workspace.set_objective(config.loss_reduction.into());
        let sparse = self.uses_csr_rows(kernel).then(|| self.train.sparse());
        let levels = mlp_data::levels::<f32>();
        let rows = sparse.as_ref().map(|images| rows(images, &levels));
        let pixels = self.train.pixels();
        let mut dense = vec![0_f32; if rows.is_none() { config.batch_size * pixels } else { 0 }];
        let mut labels = vec![0_u8; config.batch_size];
        let mut order = vec![0_u32; self.train.len()];
        let mut epoch = || {
            stream.permutation(&mut order);
            for batch in order.chunks_exact(config.batch_size) {
                let x = if let Some(rows) = rows {
                    for (label, &image) in labels.iter_mut().zip(batch) {
                        *label = self.train.labels()[image as usize];
                    }
                    Features::Sparse(rows.select(batch))
                } else {
                    self.train.gather(batch, &mut dense, &mut labels);
                    self.standardize(&mut dense);
                    Features::Dense(matrix(&dense, pixels))
                };
                network.train_step(x, &labels, config.learning_rate, &mut workspace);
            }
        };
        epoch();
        let seconds = median((0..self.epochs).map(|_| seconds(&mut epoch)).collect());
        (network, seconds)
    }

    /// The median time to compute the logits of all test images from their bytes.
    pub(super) fn infer(&self, network: &Mlp<f32>, kernel: Kernel, threads: usize) -> f64 {
        let mut workspace = kernel.workspace(self.plan.architecture(), INFERENCE_BATCH, threads);
        let uses_csr_rows = self.uses_csr_rows(kernel);
        let (mut sparse, levels) = (SparseImages::new(), mlp_data::levels::<f32>());
        let pixels = self.test.pixels();
        let mut dense = vec![0_f32; if uses_csr_rows { 0 } else { INFERENCE_BATCH * pixels }];
        let mut pass = || {
            for start in (0..self.test.len()).step_by(INFERENCE_BATCH) {
                let range = start..self.test.len().min(start + INFERENCE_BATCH);
                let x = if uses_csr_rows {
                    sparse.fill(self.test, range);
                    Features::Sparse(rows(&sparse, &levels))
                } else {
                    let dense = &mut dense[..range.len() * pixels];
                    self.test.features(range, dense);
                    self.standardize(dense);
                    Features::Dense(matrix(dense, pixels))
                };
                black_box(network.logits(x, &mut workspace));
            }
        };
        pass();
        median((0..INFERENCE_PASSES).map(|_| seconds(&mut pass)).collect())
    }

    fn standardize(&self, features: &mut [f32]) {
        if let Some(standardization) = self.standardization {
            standardization.apply(features);
        }
    }
}

/// Batch size of inference.
pub(super) const INFERENCE_BATCH: usize = 500;

/// Number of timed passes, after one for warmup.
const INFERENCE_PASSES: usize = 9;

fn rows<'a>(images: &'a SparseImages, levels: &'a [f32; 256]) -> CsrMatrix<'a, f32> {
    let values = Values::Bytes { bytes: images.values(), levels };
    CsrMatrix::new(images.pixels(), images.offsets(), images.columns(), values)
}

fn matrix(features: &[f32], pixels: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((features.len() / pixels, pixels), features).expect("whole rows")
}

fn seconds(work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The median; for an even count, the mean of the two middle values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

#[cfg(test)]
mod tests {
    use mlp_train::TrainConfig;

    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_two() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), 3.0);
    }

    /// Calls a test with a task on 250 training images.
    fn with_task(test: impl FnOnce(Task<'_>)) {
        let sets = mlp_data::synthetic::digits(250, 20, 0);
        let config = TrainConfig { hidden: vec![8], ..TrainConfig::default() };
        let plan = config.validate(&sets.train).unwrap();
        test(Task { plan: &plan, epochs: 1, train: &sets.train, test: &sets.test, standardization: None });
    }

    #[test]
    fn every_kernel_trains_the_same_network() {
        with_task(|task| {
            let (reference, _) = task.train(Kernel::Portable, 1);
            let weights = reference.layers()[0].weights();
            for kernel in task.kernels() {
                let (network, seconds) = task.train(kernel, 2);
                assert!(seconds > 0.0 && task.infer(&network, kernel, 2) > 0.0, "{}", kernel.name());
                // Four steps from the same weights. Only OpenBLAS rounds in another order.
                let difference = (network.layers()[0].weights() - &weights).mapv(f32::abs);
                let largest = difference.iter().copied().fold(0.0, f32::max);
                let tolerance = if kernel == Kernel::Portable { 0.0 } else { 784.0 * f32::EPSILON };
                assert!(largest <= tolerance, "{}: {largest:e}", kernel.name());
            }
        });
    }

    #[test]
    fn standardized_images_give_another_network_and_are_never_csr_rows() {
        with_task(|plain| {
            let standardization = Standardization::over(plain.train);
            let task = Task { standardization: Some(&standardization), ..plain };
            assert!(task.kernels().all(|kernel| kernel != Kernel::Sparse && !task.uses_csr_rows(kernel)));
            let (network, _) = task.train(Kernel::Portable, 1);
            assert!(task.infer(&network, Kernel::Portable, 1) > 0.0);
            let plain = Task { standardization: None, ..task };
            assert!(plain.uses_csr_rows(Kernel::Portable) && !plain.uses_csr_rows(Kernel::OpenBlas));
            assert_ne!(network, plain.train(Kernel::Portable, 1).0);
        });
    }

    #[test]
    fn kernels_depend_on_the_build_and_sparse_needs_csr_rows() {
        let names = |dense_only| Kernel::available(dense_only).map(Kernel::name).collect::<Vec<_>>();
        if MatmulBackend::OpenBlas.is_available() {
            assert_eq!(names(false), ["portable", "sparse", "openblas"]);
            assert_eq!(names(true), ["portable", "openblas"]);
        } else {
            assert_eq!(names(false), ["portable"]);
        }
    }
}
