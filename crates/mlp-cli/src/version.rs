//! What `mlp --version` says: the release, and in its long form what does the work on this machine, which is the first thing to know where two
//! machines disagree about a figure.

use std::num::NonZero;
use std::thread;

use mlp_core::Isa;

/// `mlp -V`: the release and what multiplies the matrices.
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (OpenBLAS)");
#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (pure Rust)");

/// `mlp --version`: the same, and what this machine makes of it.
pub(crate) fn long() -> String {
    let available: Vec<&str> = Isa::available().map(Isa::name).collect();
    format!(
        "{VERSION}\n\
         backend  {}\n\
         kernels  {} (of {})\n\
         threads  {}",
        mlp_core::backend(),
        Isa::best().name(),
        available.join(", "),
        thread::available_parallelism().map_or(1, NonZero::get),
    )
}
