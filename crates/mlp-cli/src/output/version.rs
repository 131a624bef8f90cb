//! The version of the program. The long form shows what computes on this machine, which is the
//! first thing to compare when two machines disagree about a number.

use std::num::NonZero;
use std::thread;

use mlp_core::Isa;

/// The name and version of the program, as files keep it.
pub(crate) const PROGRAM: &str = concat!("mlp ", env!("CARGO_PKG_VERSION"));

/// `mlp -V`: the version and the matmul backend.
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (OpenBLAS)");
#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (pure Rust)");

/// `mlp --version`: the same with the kernels and threads in use.
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
