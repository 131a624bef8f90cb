//! Matrices: how a network's numbers lie in memory (`matrix.rs`), what goes into a network (`csr.rs`), OpenBLAS (`blas.rs`), and
//! the one factorization that is needed (`qr.rs`).

#[cfg_attr(any(feature = "openblas", feature = "openblas-static"), allow(unsafe_code))]
pub(crate) mod blas;
pub(crate) mod csr;
pub(crate) mod matrix;
pub(crate) mod qr;
