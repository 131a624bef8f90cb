//! The library's own random stream: ChaCha with 8 rounds, a counter-based generator (Bernstein
//! 2008). Every draw takes one word, so number i depends only on the seed and i, the state is just
//! (seed, position), and threads can draw parts of a stream in parallel.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::stream::{RandomStream, permutation_length};

/// A stream of ChaCha8 words. Word i is bytes 8i to 8i+7 of the key stream.
///
/// ```
/// use mlp_core::{NativeStream, RandomStream};
///
/// let mut stream = NativeStream::new(42);
/// let first = stream.next_u64();
/// stream.seek(0);
/// assert_eq!(stream.next_u64(), first);
/// assert_eq!(stream.position(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct NativeStream {
    generator: ChaCha8Rng,
}

impl NativeStream {
    /// Returns the stream of a seed, at position 0.
    pub fn new(seed: u64) -> Self {
        Self { generator: generator(seed) }
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        let key = self.generator.get_seed();
        u64::from_le_bytes(key[..8].try_into().expect("eight bytes"))
    }

    /// Returns the position: the number of words drawn.
    pub fn position(&self) -> u64 {
        (self.generator.get_word_pos() / 2) as u64
    }

    /// Seeks to a position.
    pub fn seek(&mut self, position: u64) {
        self.generator.set_word_pos(u128::from(position) * 2);
    }

    /// Fills `keys` with the sort keys of a permutation: key i has 32 random bits in its high half
    /// and `first` + i in its low half. After sorting, the low halves are the permutation. (Equal
    /// random bits, with probability 2⁻³² per pair, leave two items in order.) `first` +
    /// `keys.len()` is at most 2³².
    pub fn permutation_keys(&mut self, first: u32, keys: &mut [u64]) {
        for (index, key) in (u64::from(first)..).zip(keys) {
            *key = (self.next_u64() & 0xFFFF_FFFF_0000_0000) | index;
        }
    }
}

/// Returns the generator of a seed. The key is the seed as 8 little-endian bytes, and 24 zeros.
pub(crate) fn generator(seed: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

impl RandomStream for NativeStream {
    fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uses the inverse distribution function, at the middle of one of 2⁵² equal intervals, which
    /// makes the result finite.
    fn standard_normal(&mut self) -> f64 {
        inverse_normal_distribution(middle_of_interval(self.next_u64()))
    }

    /// Sorts random keys. This takes n words, and threads can share it.
    fn permutation(&mut self, order: &mut [u32]) {
        permutation_length(order);
        let mut keys = vec![0; order.len()];
        self.permutation_keys(0, &mut keys);
        keys.sort_unstable();
        for (place, key) in order.iter_mut().zip(keys) {
            *place = key as u32;
        }
    }
}

/// Returns (k + 1/2) / 2⁵², exactly, for k the upper 52 bits of `word`.
fn middle_of_interval(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
}

/// Φ⁻¹(p) for 0 < p < 1, to about 16 digits: Wichura's PPND16 (Applied Statistics 37, 1988,
/// algorithm AS 241). Uses `libm`'s logarithm, which gives the same bits on every platform.
fn inverse_normal_distribution(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&CENTER_NUMERATOR, r) / polynomial(&CENTER_DENOMINATOR, r);
    }
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let tail = if r <= 5.0 {
        polynomial(&TAIL_NUMERATOR, r - 1.6) / polynomial(&TAIL_DENOMINATOR, r - 1.6)
    } else {
        polynomial(&FAR_NUMERATOR, r - 5.0) / polynomial(&FAR_DENOMINATOR, r - 5.0)
    };
    if q < 0.0 { -tail } else { tail }
}

/// Horner's rule, the highest power first.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

const CENTER_NUMERATOR: [f64; 8] = [
    2_509.080_928_730_122_7,
    33_430.575_583_588_13,
    67_265.770_927_008_7,
    45_921.953_931_549_87,
    13_731.693_765_509_46,
    1_971.590_950_306_551_3,
    133.141_667_891_784_38,
    3.387_132_872_796_366_5,
];
const CENTER_DENOMINATOR: [f64; 8] = [
    5_226.495_278_852_854,
    28_729.085_735_721_943,
    39_307.895_800_092_71,
    21_213.794_301_586_597,
    5_394.196_021_424_751,
    687.187_007_492_057_9,
    42.313_330_701_600_91,
    1.0,
];
const TAIL_NUMERATOR: [f64; 8] = [
    0.000_774_545_014_278_341_4,
    0.022_723_844_989_269_184,
    0.241_780_725_177_450_6,
    1.270_458_252_452_368_4,
    3.647_848_324_763_204_5,
    5.769_497_221_460_691,
    4.630_337_846_156_546,
    1.423_437_110_749_683_5,
];
const TAIL_DENOMINATOR: [f64; 8] = [
    1.050_750_071_644_416_9e-9,
    0.000_547_593_808_499_534_5,
    0.015_198_666_563_616_457,
    0.148_103_976_427_480_08,
    0.689_767_334_985_1,
    1.676_384_830_183_803_8,
    2.053_191_626_637_759,
    1.0,
];
const FAR_NUMERATOR: [f64; 8] = [
    2.010_334_399_292_288_1e-7,
    2.711_555_568_743_487_6e-5,
    0.001_242_660_947_388_078_4,
    0.026_532_189_526_576_124,
    0.296_560_571_828_504_87,
    1.784_826_539_917_291_3,
    5.463_784_911_164_114,
    6.657_904_643_501_103,
];
const FAR_DENOMINATOR: [f64; 8] = [
    2.044_263_103_389_939_7e-15,
    1.421_511_758_316_446e-7,
    1.846_318_317_510_054_8e-5,
    0.000_786_869_131_145_613_3,
    0.014_875_361_290_850_615,
    0.136_929_880_922_735_8,
    0.599_832_206_555_888,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_frozen() {
        // The words are the ChaCha8 key stream for a key of zeros, 3e00ef2f895f40d6
        // 7f5bb8e81f09a5a1 2c840ec3ce9a7f3b.
        let mut stream = NativeStream::new(0);
        assert_eq!(
            [stream.next_u64(), stream.next_u64(), stream.next_u64()],
            [15438444565445410878, 11647726043916688255, 4287315583106450476]
        );
        let mut stream = NativeStream::new(0);
        let normals = [stream.standard_normal(), stream.standard_normal(), stream.standard_normal()];
        assert_eq!(normals, [0.9818769223986532, 0.3356285234645551, -0.7309139953877205]);
        let (mut stream, mut order) = (NativeStream::new(7), [0; 10]);
        stream.permutation(&mut order);
        assert_eq!(order, [2, 7, 3, 5, 6, 4, 1, 8, 0, 9]);
    }

    #[test]
    fn all_normal_numbers_are_finite() {
        let ends = [0, u64::MAX].map(|word| inverse_normal_distribution(middle_of_interval(word)));
        // Φ⁻¹(2⁻⁵³), by symmetry on both sides.
        assert_eq!(ends[0], -ends[1]);
        assert!((ends[1] - 8.209_536_151_601_387).abs() < 1e-13, "{ends:?}");
    }

    #[test]
    fn seeking_gives_the_numbers_of_that_position() {
        let (mut whole, mut part) = (NativeStream::new(5), NativeStream::new(5));
        let numbers: Vec<f64> = (0..100).map(|_| whole.standard_normal()).collect();
        part.seek(37);
        assert_eq!(part.standard_normal(), numbers[37]);
        assert_eq!(part.position(), 38);

        let mut keys = vec![0; 100];
        NativeStream::new(9).permutation_keys(0, &mut keys);
        let mut stream = NativeStream::new(9);
        stream.seek(60);
        let mut tail = vec![0; 40];
        stream.permutation_keys(60, &mut tail);
        assert_eq!(keys[60..], tail);
    }

    #[test]
    fn the_inverse_distribution_agrees_with_python() {
        // [(p, statistics.NormalDist().inv_cdf(p)) for p in (...)], Python 3.11
        let table: [(f64, f64); 7] = [
            (1e-12, -7.034483825301132),
            (1e-5, -4.2648907939228256),
            (0.02, -2.0537489106318225),
            (0.3, -0.5244005127080407),
            (0.6, 0.2533471031357998),
            (0.97, 1.8807936081512504),
            (0.999999999, 5.997807019601638),
        ];
        for (p, expected) in table {
            let found = inverse_normal_distribution(p);
            assert!(
                (found - expected).abs() <= 4.0 * f64::EPSILON * expected.abs(),
                "{p}: {found}, expected {expected}"
            );
        }
    }
}
