//! Checks that memory is available before it is used. Rust aborts if an allocation fails; a caller
//! that knows the size can check first, and return an error instead.

use std::hint::black_box;

/// Bytes that must remain for small allocations, which nobody checks, and the stacks of threads.
const MARGIN: usize = 32 << 20;

/// Returns whether this many bytes can be allocated, under a limit such as `ulimit -v` or where the
/// system does not promise more memory than it has. Above a megabyte, 32 more must be free, for
/// allocations without a check. Other threads may take the memory afterwards.
///
/// # Example
/// ```
/// use mlp_data::memory::is_available;
/// assert!(is_available(1 << 20));
/// assert!(!is_available(u64::MAX));
/// ```
pub fn is_available(bytes: u64) -> bool {
    let Ok(bytes) = usize::try_from(bytes) else { return false };
    let margin = if bytes > 1 << 20 { MARGIN } else { 0 };
    let mut room: Vec<u8> = Vec::new();
    let reserved = room.try_reserve_exact(bytes.saturating_add(margin));
    // Keeps the compiler from removing the allocation, whose pages are never touched.
    drop(black_box(room));
    reserved.is_ok()
}

/// Formats bytes as whole megabytes, rounded up.
pub fn megabytes(bytes: u64) -> String {
    format!("{} MB", crate::text::thousands(bytes.div_ceil(1 << 20) as usize))
}
