//! Instruction sets: which ones this machine has, and running a kernel compiled for one of them.
//!
//! `Isa::run` is where a kernel's one body becomes several machine programs: the function that calls it enables the instructions,
//! and the body, being `#[inline(always)]`, is compiled inside.

use std::fmt;

use super::simd::{Simd, Vectors};

/// A set of vector instructions that this machine has. There is no other way to get one than to ask which there are.
///
/// Results do not depend on it, only time does.
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
    /// What the compiler makes of plain loops; on x86-64 a call for every fused multiply-add.
    Generic,
}

/// A kernel with its operands.
pub(crate) trait Work {
    /// Its numbers.
    type Number: Vectors;

    /// Does it. Has to be `#[inline(always)]`, or it is compiled for the baseline.
    fn run<S: Simd<Self::Number>>(self, simd: S);
}

impl Isa {
    /// Those that this machine can run, the fastest first, the generic one last.
    pub fn available() -> impl Iterator<Item = Self> {
        Kind::ALL.iter().copied().filter(|kind| kind.is_present()).map(Self)
    }

    /// The fastest.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self(Kind::Generic))
    }

    /// The one of this name, if the machine has it.
    pub fn find(name: &str) -> Option<Self> {
        Self::available().find(|isa| isa.name() == name)
    }

    /// Its name: `avx512`, `avx2`, `neon` or `generic`.
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

    /// Returns true if these are plain loops and not vector instructions: on x86-64 several times slower than OpenBLAS.
    pub fn is_generic(self) -> bool {
        self.0 == Kind::Generic
    }

    /// Runs a kernel with these instructions.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) {
        match self.0 {
            // SAFETY: a value of this kind is only made where `is_present` has found the instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => work.run::<<W::Number as Vectors>::Neon>(unsafe { Simd::assume() }),
            // SAFETY: this every machine has.
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
    // SAFETY: this function is only called where there are these instructions.
    work.run::<<W::Number as Vectors>::Avx512>(unsafe { Simd::assume() });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<W: Work>(work: W) {
    // SAFETY: this function is only called where there are these instructions.
    work.run::<<W::Number as Vectors>::Avx2>(unsafe { Simd::assume() });
}

/// Asks for some memory to be fetched into the cache, without waiting for it. Nothing depends on whether it comes.
#[inline(always)]
pub(super) fn prefetch<T>(memory: &[T]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        for line in 0..size_of_val(memory).div_ceil(64) {
            let address = memory.as_ptr().cast::<i8>().wrapping_add(line * 64);
            // SAFETY: every x86-64 has this instruction, and at no address it has an effect that can be seen.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
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
            // SAFETY: there is room for the vectors.
            unsafe {
                simd.store(simd.multiply_add(a, b, c), found[1..].as_mut_ptr());
                let half = simd.half();
                let [a, b, c] = [a, b, c].map(|number| simd.halve(number));
                half.store(half.multiply_add(a, b, c), found[1 + S::LANES..].as_mut_ptr());
            }
        }
    }

    #[test]
    fn every_set_fuses_the_product_with_the_sum() {
        // (1 + 2⁻¹²)² = 1 + 2⁻¹¹ + 2⁻²⁴, whose last term a product rounded to f32 loses.
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
    fn names_find_what_is_there_and_nothing_else() {
        for isa in Isa::available() {
            assert_eq!(Isa::find(isa.name()), Some(isa));
            assert_eq!(isa.is_generic(), isa.name() == "generic");
        }
        assert_eq!(Isa::find("sse9"), None);
    }
}
