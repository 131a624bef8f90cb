//! The version of the program. The long form also shows backend, kernels and threads, which explain
//! most differences between two machines.

use std::num::NonZero;
use std::thread;

use mlp_core::Isa;

/// Name and version of the program, as written to files.
pub(crate) const PROGRAM: &str = concat!("mlp ", env!("CARGO_PKG_VERSION"));

/// `mlp -V`: the version and the matmul backend.
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (OpenBLAS)");
#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (pure Rust)");

/// `mlp --version`: also kernels and threads.
pub(crate) fn long() -> String {
    let available: Vec<&str> = Isa::available().map(Isa::name).collect();
    let backend =
        mlp_core::openblas_core().map_or("pure Rust".to_owned(), |core| format!("OpenBLAS, {core} kernels"));
    format!(
        "{VERSION}\n\
         backend  {backend}\n\
         kernels  {} (of {})\n\
         threads  {}",
        Isa::best().name(),
        available.join(", "),
        thread::available_parallelism().map_or(1, NonZero::get),
    )
}
