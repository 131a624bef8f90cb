//! SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), the random stream for drawing digits and
//! splitting datasets. A test freezes its first numbers. Training uses the streams of `mlp-core`.

#[derive(Debug, Clone)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A separate stream per (seed, set, index), so that items do not depend on each other.
    pub(crate) fn for_item(seed: u64, set: u64, index: u64) -> Self {
        let mut stream = Self::new(seed);
        for part in [set, index] {
            stream = Self::new(stream.next_u64() ^ part.wrapping_mul(0xd134_2543_de82_ef95));
        }
        Self::new(stream.next_u64())
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound` without bias (Lemire's multiplication with rejection).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "cannot draw from an empty range");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Uniform in `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        low + (high - low) * unit
    }

    /// Fisher-Yates shuffle, from the end.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_match_the_reference_implementation() {
        // The reference implementation's output for seed 1234567.
        let mut stream = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..5).map(|_| stream.next_u64()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn draws_below_a_bound_are_uniform() {
        let mut stream = SplitMix64::new(1);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        // Six standard deviations of a binomial with n = 70000, p = 1/7.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 556), "{counts:?}");
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_changes_the_order() {
        let mut items: Vec<u32> = (0..100).collect();
        SplitMix64::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn every_item_has_its_own_stream() {
        let mut seen = std::collections::HashSet::new();
        for seed in 0..10 {
            for set in 0..2 {
                for index in 0..100 {
                    assert!(seen.insert(SplitMix64::for_item(seed, set, index).next_u64()));
                }
            }
        }
    }
}
