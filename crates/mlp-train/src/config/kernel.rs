//! Which kernels train and evaluate: on sparse rows, on dense rows, or on dense rows by OpenBLAS. The choice is made here, by the
//! share of pixels that are not zero; how the products are computed is mlp-core's business.

use mlp_core::{Compute, CsrMatrix, Isa, MatmulBackend, Values, named};
use mlp_data::{Dataset, SparseImages};
use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
use crate::number::Number;

/// How images go through a network.
///
/// `Sparse` and `Dense` give the same bits on every machine and for any number of threads. OpenBLAS rounds otherwise: the same for any
/// number of threads, but not on another machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernel {
    /// `Sparse` where at most [`Kernel::DENSITY`] of the pixels are not zero and the processor has vector instructions that mlp-core knows;
    /// else `OpenBlas`, or `Dense` in a build without it.
    #[default]
    Auto,
    /// Only the pixels that are not zero are multiplied.
    Sparse,
    /// All pixels, by mlp-core's own kernels.
    Dense,
    /// All pixels, by OpenBLAS.
    OpenBlas,
}

named!(
    Kernel,
    "kernel",
    Auto => "auto",
    Sparse => "sparse",
    Dense => "dense",
    OpenBlas => "openblas",
);

impl Kernel {
    /// The share of pixels other than zero up to which sparse rows are the quicker ones.
    pub const DENSITY: f64 = 0.35;

    /// The kernel for these images: itself, or what `Auto` stands for.
    ///
    /// # Errors
    /// [`ConfigError::NoOpenBlas`] in a build without it, [`ConfigError::TooWide`] of sparse images that are too large.
    pub fn resolve(self, data: &Dataset) -> Result<Self, ConfigError> {
        let fits = data.pixels() <= SparseImages::MAX_PIXELS;
        match self {
            Self::OpenBlas if !MatmulBackend::OpenBlas.are_available() => Err(ConfigError::NoOpenBlas),
            Self::Sparse if !fits => {
                Err(ConfigError::TooWide { found: data.pixels(), most: SparseImages::MAX_PIXELS })
            }
            Self::Auto => {
                let has_openblas = MatmulBackend::OpenBlas.are_available();
                let is_quick = !(has_openblas && Isa::best().is_portable());
                if fits && is_quick && data.density() <= Self::DENSITY {
                    Ok(Self::Sparse)
                } else if has_openblas {
                    Ok(Self::OpenBlas)
                } else {
                    Ok(Self::Dense)
                }
            }
            chosen => Ok(chosen),
        }
    }

    /// What it asks of mlp-core.
    pub(crate) fn kernels(self, threads: usize) -> Compute {
        let products = if self == Self::OpenBlas { MatmulBackend::OpenBlas } else { MatmulBackend::Portable };
        Compute { products, threads, ..Compute::default() }
    }
}

/// Sparse images as mlp-core takes them.
pub(crate) fn sparse_rows<'a, A: Number>(images: &'a SparseImages, levels: &'a [A; 256]) -> CsrMatrix<'a, A> {
    let values = Values::Bytes { bytes: images.values(), levels };
    CsrMatrix::new(images.pixels(), images.offsets(), images.columns(), values)
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
    fn the_density_decides_and_a_choice_is_kept() {
        let has_openblas = MatmulBackend::OpenBlas.are_available();
        let dense = if has_openblas { Kernel::OpenBlas } else { Kernel::Dense };
        let sparse = if has_openblas && Isa::best().is_portable() { dense } else { Kernel::Sparse };
        assert_eq!(Kernel::Auto.resolve(&images(100, 35)), Ok(sparse));
        assert_eq!(Kernel::Auto.resolve(&images(100, 36)), Ok(dense));
        assert_eq!(Kernel::Sparse.resolve(&images(100, 100)), Ok(Kernel::Sparse));
        assert_eq!(Kernel::Dense.resolve(&images(100, 0)), Ok(Kernel::Dense));
    }

    #[test]
    fn what_cannot_be_is_refused_in_one_line() {
        let wide = images(65_537, 0);
        assert!(Kernel::Auto.resolve(&wide).is_ok_and(|kernel| kernel != Kernel::Sparse));
        assert_eq!(
            Kernel::Sparse.resolve(&wide).unwrap_err().to_string(),
            "images of 65537 pixels as sparse rows; expected at most 65536 (take the kernel dense)"
        );
        assert_eq!(
            "gpu".parse::<Kernel>().unwrap_err().to_string(),
            "unknown kernel `gpu`; expected one of auto, sparse, dense, openblas"
        );
        if !MatmulBackend::OpenBlas.are_available() {
            assert_eq!(
                Kernel::OpenBlas.resolve(&wide).unwrap_err().to_string(),
                "this build has no OpenBLAS; expected one of the kernels auto, sparse, dense"
            );
        }
    }

    #[test]
    fn names_in_files_are_the_names_in_flags() {
        for kernel in Kernel::ALL {
            assert_eq!(kernel.name().parse(), Ok(kernel));
            assert_eq!(serde_json::to_value(kernel).unwrap(), kernel.name());
        }
    }
}
