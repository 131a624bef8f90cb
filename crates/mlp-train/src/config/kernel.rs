//! The choice of kernel for training, evaluation and inference. The kernels are in mlp-core.

use mlp_core::{Compute, Isa, MatmulBackend, named};
use mlp_data::{Dataset, SparseImages};
use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// The matmul backend, and whether images enter the first layer as CSR rows.
///
/// Results never depend on the number of threads. Only `Portable` also gives the same bits on every
/// processor: OpenBLAS may round differently on another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kernel {
    /// `Portable` in a build without OpenBLAS. Otherwise `Sparse` if at most
    /// [`Kernel::MAX_DENSITY`] of the pixels are non-zero and mlp-core has vector kernels for this
    /// processor, else `OpenBlas`.
    #[default]
    Auto,
    /// CSR images, multiplied by mlp-core's kernels; OpenBLAS for everything else.
    Sparse,
    /// OpenBLAS for everything, including the first layer.
    OpenBlas,
    /// mlp-core's kernels for everything. Images are CSR rows where that is faster; the bits are
    /// the same either way.
    Portable,
}

named!(
    Kernel,
    "kernel",
    Auto => "auto",
    Sparse => "sparse",
    OpenBlas => "openblas",
    Portable => "portable",
);

impl Kernel {
    /// The largest share of non-zero pixels at which CSR rows are faster than dense ones.
    pub const MAX_DENSITY: f64 = 0.35;

    /// Returns the kernel for these images, with `Auto` resolved.
    ///
    /// # Errors
    /// [`ConfigError::NoOpenBlas`] in a build without it, [`ConfigError::TooWide`] for images too
    /// wide for CSR rows.
    pub fn resolve(self, data: &Dataset) -> Result<Self, ConfigError> {
        let has_openblas = MatmulBackend::OpenBlas.is_available();
        match self {
            Self::Auto if !has_openblas => Ok(Self::Portable),
            Self::Auto if !Isa::best().is_generic() && is_sparse(data) => Ok(Self::Sparse),
            Self::Auto => Ok(Self::OpenBlas),
            Self::Sparse | Self::OpenBlas if !has_openblas => {
                Err(ConfigError::NoOpenBlas { kernel: self.name() })
            }
            Self::Sparse if data.pixels() > SparseImages::MAX_PIXELS => {
                Err(ConfigError::TooWide { found: data.pixels(), most: SparseImages::MAX_PIXELS })
            }
            chosen => Ok(chosen),
        }
    }

    /// Returns whether a resolved kernel takes these images as CSR rows.
    pub(crate) fn takes_csr_rows(self, data: &Dataset) -> bool {
        self == Self::Sparse || (self == Self::Portable && is_sparse(data))
    }

    /// Returns the mlp-core settings of a resolved kernel.
    pub(crate) fn compute(self, threads: usize) -> Compute {
        let backend = if self == Self::Portable { MatmulBackend::Portable } else { MatmulBackend::OpenBlas };
        Compute::default().with_backend(backend).with_threads(threads)
    }
}

/// Returns whether CSR rows fit these images and are faster.
fn is_sparse(data: &Dataset) -> bool {
    data.pixels() <= SparseImages::MAX_PIXELS && data.density() <= Kernel::MAX_DENSITY
}

#[cfg(test)]
mod tests {
    use mlp_data::ImageShape;

    use super::*;

    fn images(width: usize, ones: usize) -> Dataset {
        let pixels = (0..width).map(|i| u8::from(i < ones)).collect();
        Dataset::new(pixels, ImageShape { height: 1, width }, vec![0], 1).unwrap()
    }

    #[test]
    fn auto_goes_by_density_and_explicit_choices_are_kept() {
        let (sparse, dense) = (images(100, 35), images(100, 36));
        let has_openblas = MatmulBackend::OpenBlas.is_available();
        let expected = |of_sparse| match () {
            () if !has_openblas => Kernel::Portable,
            () if of_sparse && !Isa::best().is_generic() => Kernel::Sparse,
            () => Kernel::OpenBlas,
        };
        assert_eq!(Kernel::Auto.resolve(&sparse), Ok(expected(true)));
        assert_eq!(Kernel::Auto.resolve(&dense), Ok(expected(false)));
        assert_eq!(Kernel::Portable.resolve(&dense), Ok(Kernel::Portable));
        assert_eq!([&sparse, &dense].map(|data| Kernel::Portable.takes_csr_rows(data)), [true, false]);
        assert_eq!([&sparse, &dense].map(|data| Kernel::OpenBlas.takes_csr_rows(data)), [false, false]);
        assert_eq!([&sparse, &dense].map(|data| Kernel::Sparse.takes_csr_rows(data)), [true, true]);
        for kernel in [Kernel::Sparse, Kernel::OpenBlas] {
            match kernel.resolve(&dense) {
                Ok(resolved) => assert!(has_openblas && resolved == kernel),
                Err(error) => assert!(!has_openblas && error.to_string().ends_with("use --kernel portable")),
            }
        }
    }

    #[test]
    fn only_the_portable_kernel_does_without_openblas() {
        assert_eq!(Kernel::Portable.compute(1).backend, MatmulBackend::Portable);
        for kernel in [Kernel::Sparse, Kernel::OpenBlas] {
            assert_eq!(kernel.compute(2).backend, MatmulBackend::OpenBlas);
        }
    }

    #[test]
    fn impossible_kernels_are_errors_of_one_line() {
        let wide = images(65_537, 0);
        assert!(Kernel::Auto.resolve(&wide).is_ok_and(|kernel| !kernel.takes_csr_rows(&wide)));
        if MatmulBackend::OpenBlas.is_available() {
            assert_eq!(
                Kernel::Sparse.resolve(&wide).unwrap_err().to_string(),
                "images of 65537 pixels do not fit a CSR matrix; expected at most 65536 (use --kernel openblas)"
            );
        }
        assert_eq!(
            "gpu".parse::<Kernel>().unwrap_err().to_string(),
            "unknown kernel `gpu`; expected one of auto, sparse, openblas, portable"
        );
    }

    #[test]
    fn files_and_flags_use_the_same_names() {
        for kernel in Kernel::ALL {
            assert_eq!(kernel.name().parse(), Ok(kernel));
            assert_eq!(serde_json::to_value(kernel).unwrap(), kernel.name());
        }
    }
}
