//! The exponential function in `f32`, written so that loops over it vectorize. `f64` uses the
//! system's.

use std::f32::consts::{LN_2, LOG2_E};

/// Adding 1.5·2²³ rounds a small number to an integer in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// ln 2 minus its nearest f32.
const LN_2_REST: f32 = -1.904_654_3e-9;

/// (exp r - 1 - r) / r² as a polynomial from Remez's algorithm. The relative error of exp r is
/// below 3.1·10⁻⁹ for |r| ≤ ln 2 / 2.
const TAIL: [f32; 5] = [0.499_999_94, 0.166_665_21, 0.041_668_39, 0.008_368_716, 0.001_381_460_2];

/// Returns exp x. The error is at most 1.01 ulp (1.0086 is the maximum over all f32). Overflows to
/// ∞, underflows gradually to 0, and exp NaN is NaN.
///
/// x = n ln 2 + r with an integer n, and exp x = 2ⁿ exp r (Cody and Waite 1980, chapter 6).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // The result is ∞ or 0 at and beyond these bounds. NaN fails both comparisons.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let rounded = x.mul_add(LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-LN_2_REST, n.mul_add(-LN_2, x));
    let [c2, c3, c4, c5, c6] = TAIL;
    let tail = c6.mul_add(r, c5).mul_add(r, c4).mul_add(r, c3).mul_add(r, c2);
    let exp_r = (r * r).mul_add(tail, r) + 1.0;
    // 2ⁿ may be out of range even if the result is not, so multiply by two halves.
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
    let half = n >> 1;
    exp_r * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// 2ⁿ for n from -126 to 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(n.wrapping_add(127).cast_unsigned() << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: f64 = 1.01;

    /// The error of exp(x) in ulp of the exact value's f32. The slow f64 exp is skipped where the
    /// exact result is 1, 0 or infinite: 7/8 of all floats.
    #[inline(always)]
    fn error(x: f32) -> f64 {
        let exact = match x {
            x if x.abs() < 2_f32.powi(-25) => 1.0,
            x if x < -104.0 => 0.0,
            x if x > 89.0 => f64::INFINITY,
            x => f64::from(x).exp(),
        };
        let (found, nearest) = (exp(x), exact as f32);
        if found == nearest || (found.is_nan() && x.is_nan()) {
            return 0.0;
        }
        let unit = f64::from(nearest.next_up()) - f64::from(nearest);
        let error = (f64::from(found) - exact).abs() / unit;
        // NaN means that only one of the two is infinite; `max` would ignore it.
        if error.is_nan() { f64::INFINITY } else { error }
    }

    #[test]
    fn special_values_are_exact() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!((exp(f32::INFINITY), exp(f32::MAX)), (f32::INFINITY, f32::INFINITY));
        assert_eq!((exp(f32::NEG_INFINITY), exp(f32::MIN)), (0.0, 0.0));
        assert!(exp(f32::NAN).is_nan());
        // The last finite result and the last nonzero one.
        assert!(exp(88.722_83).is_finite() && exp(88.722_84).is_infinite());
        assert!(exp(-103.972_07) > 0.0 && exp(-103.972_1) == 0.0);
    }

    #[test]
    fn a_sample_of_all_floats_is_within_the_bound() {
        for bits in (0..=u32::MAX).step_by(if cfg!(miri) { 100_003_019 } else { 10_007 }) {
            let x = f32::from_bits(bits);
            assert!(error(x) <= BOUND, "exp({x}) = {}", exp(x));
        }
    }

    /// The largest error of every `step`th float, from that with the bits `first`.
    fn worst_error(first: u64, step: usize) -> f64 {
        #[inline(always)]
        fn worst(first: u64, step: usize) -> f64 {
            let mut worst = 0.0;
            for bits in (first..1 << 32).step_by(step) {
                let error = error(f32::from_bits(bits as u32));
                worst = if error > worst { error } else { worst };
            }
            worst
        }
        // The same numbers, three to six times faster than with calls of `fma`.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn worst_with_fma(first: u64, step: usize) -> f64 {
            worst(first, step)
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has both.
            return unsafe { worst_with_fma(first, step) };
        }
        worst(first, step)
    }

    /// Run by `cargo xtask test --thorough`, or
    /// `cargo test -p mlp-core --lib all_floats -- --ignored --nocapture`.
    #[test]
    #[ignore = "tests 2³² numbers"]
    fn all_floats_are_within_the_bound() {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let worst = std::thread::scope(|scope| {
            // Not in halves: negative numbers take longer, because results underflow.
            let part = |t: usize| move || worst_error(t as u64, threads);
            let threads: Vec<_> = (0..threads).map(|t| scope.spawn(part(t))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).fold(0.0, f64::max)
        });
        println!("largest error of exp: {worst:.4} ulp");
        assert!(worst <= BOUND, "{worst}");
    }
}
