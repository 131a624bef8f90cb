//! Instruction sets: detecting them and running kernels with them. `Isa::run` calls a function that
//! enables the instructions, and the kernel's body, which is `#[inline(always)]`, is compiled
//! inside it.

use std::fmt;

use super::simd::{Simd, Vectors};

/// An instruction set that this machine has. It affects only speed, not results.
///
/// ```
/// use mlp_core::Isa;
///
/// let names: Vec<&str> = Isa::available().map(Isa::name).collect();
/// assert_eq!(names.last(), Some(&"generic"));
/// assert_eq!(Isa::best(), Isa::available().next().unwrap());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// Plain loops; on x86-64 without FMA, a function call for every fused multiply-add.
    Generic,
}

/// A kernel and its operands.
pub(crate) trait Work {
    /// The number type.
    type Number: Vectors;

    /// Runs the kernel. Must be `#[inline(always)]`, or it is compiled for the baseline.
    fn run<S: Simd<Self::Number>>(self, simd: S);
}

impl Isa {
    /// Returns the available instruction sets, the fastest first and the generic one last.
    pub fn available() -> impl Iterator<Item = Self> {
        Kind::ALL.iter().copied().filter(|kind| kind.is_present()).map(Self)
    }

    /// Returns the fastest instruction set.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self(Kind::Generic))
    }

    /// Returns the instruction set with this name, if available.
    pub fn find(name: &str) -> Option<Self> {
        Self::available().find(|isa| isa.name() == name)
    }

    /// Returns the name: `avx512`, `avx2`, `neon` or `generic`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Generic => "generic",
        }
    }

    /// Returns true for plain loops, on x86-64 several times slower than OpenBLAS.
    pub fn is_generic(self) -> bool {
        self.0 == Kind::Generic
    }

    /// Runs a kernel with this instruction set.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) {
        match self.0 {
            // SAFETY: `Isa` values exist only for kinds whose `is_present` is true.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => work.run::<<W::Number as Vectors>::Neon>(unsafe { Simd::assume() }),
            // SAFETY: every machine has it.
            Kind::Generic => work.run::<<W::Number as Vectors>::Generic>(unsafe { Simd::assume() }),
        }
    }
}

impl Kind {
    #[cfg(target_arch = "x86_64")]
    const ALL: &[Self] = &[Self::Avx512, Self::Avx2, Self::Generic];
    #[cfg(target_arch = "aarch64")]
    const ALL: &[Self] = &[Self::Neon, Self::Generic];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    const ALL: &[Self] = &[Self::Generic];

    fn is_present(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            Self::Generic => true,
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn avx512<W: Work>(work: W) {
    // SAFETY: callers have checked for these instructions.
    work.run::<<W::Number as Vectors>::Avx512>(unsafe { Simd::assume() });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<W: Work>(work: W) {
    // SAFETY: callers have checked for these instructions.
    work.run::<<W::Number as Vectors>::Avx2>(unsafe { Simd::assume() });
}

/// Prefetches memory into the nearest cache.
#[inline(always)]
pub(super) fn prefetch<T>(memory: &[T]) {
    prefetch_with::<0, T>(memory);
}

/// Prefetches memory into the second-level cache.
#[inline(always)]
pub(super) fn prefetch_far<T>(memory: &[T]) {
    prefetch_with::<1, T>(memory);
}

#[inline(always)]
fn prefetch_with<const LEVEL: u8, T>(memory: &[T]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};

        for line in 0..size_of_val(memory).div_ceil(64) {
            let address = memory.as_ptr().cast::<i8>().wrapping_add(line * 64);
            // SAFETY: part of every x86-64, and harmless at any address.
            unsafe {
                match LEVEL {
                    0 => _mm_prefetch::<_MM_HINT_T0>(address),
                    _ => _mm_prefetch::<_MM_HINT_T1>(address),
                }
            };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = memory;
}

impl Default for Isa {
    fn default() -> Self {
        Self::best()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::LANES;
    use super::*;

    struct FusedMultiplyAdd<'a>([f32; 3], &'a mut [f32]);

    impl Work for FusedMultiplyAdd<'_> {
        type Number = f32;

        #[inline(always)]
        fn run<S: Simd<f32>>(self, simd: S) {
            let Self([a, b, c], found) = self;
            found[0] = a.mul_add(b, c);
            let [a, b, c] = [a, b, c].map(|number| simd.splat(number));
            assert!(found.len() > 2 * S::LANES);
            // SAFETY: `found` is long enough.
            unsafe {
                simd.store(simd.multiply_add(a, b, c), found[1..].as_mut_ptr());
                let half = simd.half();
                let [a, b, c] = [a, b, c].map(|number| simd.halve(number));
                half.store(half.multiply_add(a, b, c), found[1 + S::LANES..].as_mut_ptr());
            }
        }
    }

    #[test]
    fn every_instruction_set_fuses_multiply_and_add() {
        // (1 + 2⁻¹²)² = 1 + 2⁻¹¹ + 2⁻²⁴, whose last term is lost if the product is rounded to f32.
        let x = 1.0 + f32::powi(2.0, -12);
        for isa in Isa::available() {
            let mut found = [0.0; 33];
            isa.run(FusedMultiplyAdd([x, x, -1.0 - f32::powi(2.0, -11)], &mut found));
            let filled = found.iter().filter(|&&number| number != 0.0).count();
            assert!(filled > 2 * LANES, "{isa}");
            assert!(found[..filled].iter().all(|&number| number == f32::powi(2.0, -24)), "{isa}: {found:?}");
        }
    }

    #[test]
    fn instruction_sets_are_found_by_name() {
        for isa in Isa::available() {
            assert_eq!(Isa::find(isa.name()), Some(isa));
            assert_eq!(isa.is_generic(), isa.name() == "generic");
        }
        assert_eq!(Isa::find("sse9"), None);
    }
}
