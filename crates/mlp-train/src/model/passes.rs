//! Parallel forward passes over a dataset, for evaluation and inference. Only this file chooses
//! between dense and CSR rows for them.

use mlp_core::{CsrMatrix, Features, Mlp, Values, Workspace};
use mlp_data::{Dataset, SparseImages, levels};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::config::memory::{CHUNK, Sizes};
use crate::{ConfigError, Kernel, Number};

/// Calls `pass` with the features and labels of each chunk of `data`. Results are in chunk order,
/// whatever the number of threads.
pub(crate) fn in_chunks<A: Number, T: Send>(
    network: &Mlp<A>,
    data: &Dataset,
    kernel: Kernel,
    pass: impl Fn(Features<'_, A>, &[u8], &mut Workspace<A>) -> T + Sync,
) -> Result<Vec<T>, ConfigError> {
    let kernel = kernel.resolve(data)?;
    Sizes::new(&network.architecture(), size_of::<A>()).check_evaluation(data.len())?;
    let (takes_csr_rows, pixels) = (kernel.takes_csr_rows(data), data.pixels());
    let (architecture, capacity) = (network.architecture(), CHUNK.min(data.len()).max(1));
    let levels = levels();
    let begin = || {
        let workspace = Workspace::with_compute(&architecture, capacity, kernel.compute(1));
        (workspace, SparseImages::new(), Vec::new())
    };
    let chunks = (0..data.len().div_ceil(CHUNK)).into_par_iter();
    let results = chunks.map_init(begin, |(workspace, images, features), chunk| {
        let range = chunk * CHUNK..data.len().min((chunk + 1) * CHUNK);
        let labels = &data.labels()[range.clone()];
        if takes_csr_rows {
            images.fill(data, range.clone());
            data.release(range);
            pass(csr_rows(images, &levels).into(), labels, workspace)
        } else {
            let count = range.len();
            features.resize(capacity * pixels, A::default());
            let features = &mut features[..count * pixels];
            data.features(range.clone(), features);
            data.release(range);
            let x = ArrayView2::from_shape((count, pixels), features).expect("rows times pixels numbers");
            pass(x.into(), labels, workspace)
        }
    });
    Ok(results.collect())
}

/// Views sparse images as the matrix type of mlp-core.
pub(crate) fn csr_rows<'a, A: Number>(images: &'a SparseImages, levels: &'a [A; 256]) -> CsrMatrix<'a, A> {
    let values = Values::Bytes { bytes: images.values(), levels };
    CsrMatrix::new(images.pixels(), images.offsets(), images.columns(), values)
}
