//! Matrices: storage (`matrix.rs`), network inputs (`csr.rs`), OpenBLAS (`blas.rs`), QR (`qr.rs`).

#[cfg_attr(any(feature = "openblas", feature = "openblas-static"), allow(unsafe_code))]
pub(crate) mod blas;
pub(crate) mod csr;
pub(crate) mod matrix;
pub(crate) mod qr;
