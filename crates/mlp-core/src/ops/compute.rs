//! How a step is computed: who multiplies dense matrices, with which instructions, on how many threads.

use crate::kernels::Isa;
use crate::names::named;
use crate::parallel::MAX_THREADS;

/// How the steps of a [`Workspace`](crate::Workspace) are computed.
///
/// The result depends on the [`MatmulBackend`] only: not on the number of threads, and not on the instruction set.
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
    /// Who multiplies dense matrices: OpenBLAS by default, in a build that has it. Products with sparse rows are always this
    /// crate's own.
    pub backend: MatmulBackend,
    /// The instruction set of this crate's own kernels: by default the best that the machine has.
    pub isa: Isa,
    /// Threads that share each step, from 1, the default, to [`Compute::MAX_THREADS`].
    pub threads: usize,
}

impl Compute {
    /// The largest number of threads that can share a step.
    pub const MAX_THREADS: usize = MAX_THREADS;

    /// Returns the same with another matmul backend.
    #[must_use]
    pub fn with_backend(self, backend: MatmulBackend) -> Self {
        Self { backend, ..self }
    }

    /// Returns the same with another instruction set.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// Returns the same with another number of threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    #[track_caller]
    pub(crate) fn check(self) {
        let Self { backend, threads, .. } = self;
        assert!((1..=MAX_THREADS).contains(&threads), "{threads} threads; expected 1 to {MAX_THREADS}");
        assert!(backend.is_available(), "this build has no {backend}");
    }
}

impl Default for Compute {
    fn default() -> Self {
        Self { backend: MatmulBackend::default(), isa: Isa::best(), threads: 1 }
    }
}

/// Who multiplies dense matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatmulBackend {
    /// OpenBLAS, in a build that has it. Another processor may round differently.
    OpenBlas,
    /// The kernels of this crate: one chain of fused multiply-adds for each number, the same bits on every processor.
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
    /// Returns true if this build has it.
    pub const fn is_available(self) -> bool {
        match self {
            Self::OpenBlas => cfg!(feature = "_blas"),
            Self::Portable => true,
        }
    }
}
