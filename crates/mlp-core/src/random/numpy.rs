//! A bit-exact copy of NumPy's legacy `RandomState`, as used by `np.random.seed`, `randn` and
//! `shuffle`, and frozen by NEP 19: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998),
//! Marsaglia's polar method, and the Fisher-Yates shuffle with masked rejection.

use super::stream::{RandomStream, permutation_length};

const N: usize = 624; // words of state
const M: usize = 397; // the middle word of the recurrence

/// The random stream of `np.random.RandomState(seed)`. Normal numbers use the platform's logarithm,
/// as NumPy does.
///
/// ```
/// use mlp_core::{NumpyStream, RandomStream};
///
/// let mut stream = NumpyStream::new(0); // np.random.seed(0)
/// assert_eq!(stream.standard_normal(), 1.764052345967664); // np.random.randn()
/// ```
#[derive(Clone, Debug)]
pub struct NumpyStream {
    state: [u32; N],
    next: usize, // index of the next word in `state`; N at the end of the block
    cached_normal: Option<f64>,
}

impl NumpyStream {
    /// Returns the stream after `np.random.seed(seed)`.
    pub fn new(seed: u32) -> Self {
        let (mut state, mut word) = ([0; N], seed);
        for (place, index) in state.iter_mut().zip(1..) {
            *place = word;
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(index);
        }
        Self { state, next: N, cached_normal: None }
    }

    /// Returns the words, the index of the next one, and the cached normal number.
    pub(super) fn parts(&self) -> (&[u32], usize, Option<f64>) {
        (&self.state, self.next, self.cached_normal)
    }

    /// Returns the stream with these [`parts`](Self::parts), if they are valid.
    pub(super) fn of_parts(words: &[u32], next: usize, cached_normal: Option<f64>) -> Option<Self> {
        let state = words.try_into().ok()?;
        (next <= N).then_some(Self { state, next, cached_normal })
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.generate_block();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    fn generate_block(&mut self) {
        for i in 0..N {
            let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7FFF_FFFF);
            let twist = if joined & 1 == 0 { 0 } else { 0x9908_B0DF };
            self.state[i] = self.state[(i + M) % N] ^ (joined >> 1) ^ twist;
        }
        self.next = 0;
    }

    /// Returns a number from 0 to `max`, inclusive, by rejection under a bit mask.
    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.next_u32() & mask;
            if value <= max {
                return value;
            }
        }
    }
}

impl RandomStream for NumpyStream {
    /// The first word is the high half.
    fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        high << 32 | u64::from(self.next_u32())
    }

    /// Equals `np.random.random_sample()`.
    fn uniform(&mut self) -> f64 {
        let (a, b) = (self.next_u32() >> 5, self.next_u32() >> 6);
        (f64::from(a) * 67_108_864.0 + f64::from(b)) / 9_007_199_254_740_992.0
    }

    /// Equals `np.random.randn()`. The polar method makes two numbers at a time; the second is kept
    /// for the next call.
    fn standard_normal(&mut self) -> f64 {
        if let Some(cached) = self.cached_normal.take() {
            return cached;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let r2 = x * x + y * y;
            if r2 < 1.0 && r2 != 0.0 {
                let factor = (-2.0 * r2.ln() / r2).sqrt();
                self.cached_normal = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// Equals `order = np.arange(n); np.random.shuffle(order)`.
    fn permutation(&mut self, order: &mut [u32]) {
        let n = permutation_length(order);
        for (place, value) in order.iter_mut().zip(0..n) {
            *place = value;
        }
        for i in (1..n).rev() {
            order.swap(i as usize, self.up_to(i) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // NumPy 2.4.6 printed the expected numbers.

    #[test]
    fn the_generator_is_the_mersenne_twister() {
        // The 10,000th number of the default seed, from the C++ standard (std::mt19937).
        let mut stream = NumpyStream::new(5489);
        let last = (0..10_000).map(|_| stream.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn uniform_is_random_sample() {
        let mut stream = NumpyStream::new(0);
        let drawn = [stream.uniform(), stream.uniform(), stream.uniform()];
        assert_eq!(drawn, [0.5488135039273248, 0.7151893663724195, 0.6027633760716439]);
    }

    #[test]
    fn standard_normal_is_randn() {
        let mut stream = NumpyStream::new(0);
        let drawn: Vec<f64> = (0..5).map(|_| stream.standard_normal()).collect();
        let expected = [
            1.764052345967664,
            0.4001572083672233,
            0.9787379841057392,
            2.240893199201458,
            1.8675579901499675,
        ];
        assert_eq!(drawn, expected);
        let mut stream = NumpyStream::new(1);
        assert_eq!((0..100_000).map(|_| stream.standard_normal()).last(), Some(-0.7475562464191521));
    }

    #[test]
    fn permutation_is_arange_shuffled() {
        let mut order = [0; 10];
        NumpyStream::new(u32::MAX).permutation(&mut order);
        assert_eq!(order, [6, 9, 5, 1, 8, 0, 7, 4, 2, 3]);

        let mut order = vec![0; 60_000];
        NumpyStream::new(0).permutation(&mut order);
        assert_eq!(order[..8], [3048, 19563, 58303, 8870, 40228, 31488, 21860, 56864]);
        let fingerprint: u64 = (0_u64..).zip(&order).map(|(i, &o)| i * u64::from(o)).sum();
        assert_eq!(fingerprint, 53_999_460_709_267);
    }

    #[test]
    fn a_shuffle_keeps_the_cached_normal() {
        // r = np.random.RandomState(12345); r.randn(3); r.shuffle(np.arange(10)); r.randn()
        let mut stream = NumpyStream::new(12345);
        let drawn = [stream.standard_normal(), stream.standard_normal(), stream.standard_normal()];
        assert_eq!(drawn, [-0.20470765948471295, 0.47894333805754824, -0.5194387150567381]);
        let mut order = [0; 10];
        stream.permutation(&mut order);
        assert_eq!(order, [0, 4, 7, 8, 3, 6, 1, 9, 2, 5]);
        assert_eq!(stream.standard_normal(), -0.55573030434749);
    }
}
