//! The kernels: what the time of a training step is spent in. Everything that needs `unsafe`, apart from one call to OpenBLAS in
//! `products.rs`, is in this folder.
//!
//! **One chain.** Every element of a product is computed as a single chain of fused multiply-adds in the order of the index that
//! is summed over: `acc ← fma(a, b, acc)`, beginning with the bias, with what was there, or with zero. Neither the width of a
//! vector, nor the size of a tile, nor the share of a thread, nor a zero that is left out appears in that definition, and
//! therefore none of them has an influence on a bit of the result. (A term with a zero factor leaves a finite chain as it is;
//! that is why sparse and dense rows give the same numbers, up to the sign of a zero.)
//!
//! **One body.** A kernel is plain Rust over arrays of [`LANES`] numbers, compiled once for each instruction set
//! (`isa.rs`). There are no intrinsics, and the portable version, which Miri runs, is the same text.
//!
//! | file | holds |
//! |---|---|
//! | `isa.rs` | which instruction sets there are, and calling a kernel compiled for one |
//! | `team.rs` | the threads of a step, and cutting buffers into shares for them |
//! | `block.rs` | matrices with a row stride, of which a thread writes its own part |
//! | `dense.rs` | C = A·B and C += A·B |
//! | `sparse.rs` | X·W + b and W += alpha·Xᵀ·δ with sparse rows |
//! | `exp.rs` | the exponential function |

mod block;
mod dense;
mod exp;
mod isa;
mod sparse;
mod team;

pub(crate) use block::{Block, BlockMut};
pub(crate) use dense::{Start, column_sums, product, transpose};
pub(crate) use exp::exp;
pub use isa::Isa;
pub(crate) use isa::Work;
pub(crate) use sparse::{sparse_affine, sparse_transposed_product};
pub(crate) use team::{ByColumns, Shares, Team};

/// Numbers that a kernel handles together: widths are multiples of it.
pub(crate) const LANES: usize = 8;
