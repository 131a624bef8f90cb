//! What every source of random numbers can do.

/// A seeded source of random numbers.
pub trait RandomStream {
    /// The next 64 random bits.
    fn next_u64(&mut self) -> u64;

    /// The next number from the uniform distribution on [0, 1), a multiple of 2⁻⁵³.
    fn uniform(&mut self) -> f64;

    /// The next number from the normal distribution of mean 0 and variance 1.
    fn standard_normal(&mut self) -> f64;

    /// Fills `order` with a random permutation of 0, 1, …, n-1.
    ///
    /// # Panics
    /// If `order` is longer than 2³² - 1.
    fn permutation(&mut self, order: &mut [u32]);
}

/// The length of a permutation as the streams count it.
#[track_caller]
pub(super) fn permutation_length(order: &[u32]) -> u32 {
    assert!(order.len() <= u32::MAX as usize, "a permutation of {} numbers in 32 bits", order.len());
    order.len() as u32
}
