//! The interface of random streams.

/// A seeded stream of random numbers.
pub trait RandomStream {
    /// Returns the next 64 random bits.
    fn next_u64(&mut self) -> u64;

    /// Returns a number from the uniform distribution on [0, 1), a multiple of 2⁻⁵³.
    fn uniform(&mut self) -> f64;

    /// Returns a number from the standard normal distribution.
    fn standard_normal(&mut self) -> f64;

    /// Fills `order` with a random permutation of 0, 1, …, n-1.
    ///
    /// # Panics
    /// If `order` is longer than 2³² - 1.
    fn permutation(&mut self, order: &mut [u32]);
}

/// Checks the length of a permutation.
#[track_caller]
pub(super) fn permutation_length(order: &[u32]) -> u32 {
    assert!(
        order.len() <= u32::MAX as usize,
        "a permutation of {} numbers; expected fewer than 2³²",
        order.len()
    );
    order.len() as u32
}
