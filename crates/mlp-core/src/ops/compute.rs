//! The configuration of a computation: matmul backend, instruction set and number of threads.

use crate::architecture::Architecture;
use crate::kernels::Isa;
use crate::linalg::blas;
use crate::linalg::matrix::line;
use crate::names::named;
use crate::parallel::MAX_THREADS;

/// How a [`Workspace`](crate::Workspace) computes. Results depend on the [`MatmulBackend`], but not
/// on the number of threads or the instruction set.
///
/// ```
/// use mlp_core::{Compute, MatmulBackend};
///
/// let compute = Compute::default().with_threads(2).with_backend(MatmulBackend::Portable);
/// assert_eq!(compute.isa, mlp_core::Isa::best());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compute {
    /// The backend for products of dense matrices: OpenBLAS by default, if this build has it.
    /// Products with sparse rows always use this crate's kernels.
    pub backend: MatmulBackend,
    /// The instruction set of this crate's kernels, by default the best available.
    pub isa: Isa,
    /// The number of threads, from 1 (the default) to [`Compute::MAX_THREADS`].
    pub threads: usize,
}

impl Compute {
    /// Maximum number of threads.
    pub const MAX_THREADS: usize = MAX_THREADS;

    /// Sets the matmul backend.
    #[must_use]
    pub fn with_backend(self, backend: MatmulBackend) -> Self {
        Self { backend, ..self }
    }

    /// Sets the instruction set.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Returns how many threads can share a step of a network in precision `A`. Each needs at least
    /// a cache line of the units of a hidden layer, or with OpenBLAS a block of them.
    ///
    /// ```
    /// use mlp_core::{Architecture, Compute, MatmulBackend};
    ///
    /// let portable = Compute::default().with_backend(MatmulBackend::Portable);
    /// let architecture = Architecture::new(784, &[100], 10);
    /// assert_eq!(portable.useful_threads::<f32>(&architecture), 7); // 6 with 16 units, and one
    /// assert_eq!(portable.useful_threads::<f64>(&architecture), 13);
    /// ```
    pub fn useful_threads<A>(self, architecture: &Architecture) -> usize {
        let widest = architecture.hidden.iter().copied().max().unwrap_or(architecture.outputs);
        let parts = match self.backend {
            MatmulBackend::OpenBlas => {
                blas::blocks(widest, line::<A>()).ranges().filter(|part| !part.is_empty()).count()
            }
            MatmulBackend::Portable => widest.div_ceil(line::<A>()),
        };
        parts.clamp(1, MAX_THREADS)
    }

    #[track_caller]
    pub(crate) fn check(self) {
        let Self { backend, threads, .. } = self;
        assert!((1..=MAX_THREADS).contains(&threads), "{threads} threads; expected 1 to {MAX_THREADS}");
        assert!(backend.is_available(), "this build does not have the backend {backend}");
    }
}

impl Default for Compute {
    fn default() -> Self {
        Self { backend: MatmulBackend::default(), isa: Isa::best(), threads: 1 }
    }
}

/// A backend for products of dense matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatmulBackend {
    /// OpenBLAS. Rounding may differ between processors.
    OpenBlas,
    /// This crate's kernels: each element is one chain of fused multiply-adds, with the same bits
    /// on every processor.
    Portable,
}

named!(MatmulBackend, "matmul backend", OpenBlas => "openblas", Portable => "portable");

/// OpenBLAS, if this build has it.
impl Default for MatmulBackend {
    fn default() -> Self {
        if Self::OpenBlas.is_available() { Self::OpenBlas } else { Self::Portable }
    }
}

impl MatmulBackend {
    /// Returns true if this build has the backend.
    pub const fn is_available(self) -> bool {
        match self {
            Self::OpenBlas => cfg!(feature = "_blas"),
            Self::Portable => true,
        }
    }
}
