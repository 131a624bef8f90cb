//! Instruction sets: which ones this machine has, and running a kernel compiled for one of them.
//!
//! `Isa::run` is where a kernel's one body becomes several machine programs: the function that calls it enables the instructions,
//! and the body, being `#[inline(always)]`, is compiled inside.

use std::fmt;

/// A set of vector instructions that this machine has. There is no other way to get one than to ask which there are.
///
/// Results do not depend on it, only time does.
///
/// ```
/// use mlp_core::Isa;
///
/// let names: Vec<&str> = Isa::available().map(Isa::name).collect();
/// assert_eq!(names.last(), Some(&"portable"));
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
    /// What the target's baseline has: NEON on AArch64; on x86-64 a call for every fused multiply-add.
    Baseline,
}

/// A kernel with its operands.
pub(crate) trait Work {
    /// What it returns.
    type Output;

    /// Does it. Has to be `#[inline(always)]`, or it is compiled for the baseline.
    fn run(self) -> Self::Output;
}

impl Isa {
    /// Those that this machine can run, the fastest first, the portable one last.
    pub fn available() -> impl Iterator<Item = Self> {
        Kind::ALL.iter().copied().filter(|kind| kind.is_present()).map(Self)
    }

    /// The fastest.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self(Kind::Baseline))
    }

    /// The one of this name, if the machine has it.
    pub fn find(name: &str) -> Option<Self> {
        Self::available().find(|isa| isa.name() == name)
    }

    /// Its name: `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            Kind::Baseline if cfg!(target_arch = "aarch64") => "neon",
            Kind::Baseline => "portable",
        }
    }

    /// Runs a kernel with these instructions.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            // SAFETY: a value of this kind is only made where `is_present` has found the instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2(work) },
            Kind::Baseline => work.run(),
        }
    }
}

impl Kind {
    #[cfg(target_arch = "x86_64")]
    const ALL: &[Self] = &[Self::Avx512, Self::Avx2, Self::Baseline];
    #[cfg(not(target_arch = "x86_64"))]
    const ALL: &[Self] = &[Self::Baseline];

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
            Self::Baseline => true,
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn avx512<W: Work>(work: W) -> W::Output {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<W: Work>(work: W) -> W::Output {
    work.run()
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
    use super::*;

    struct FusedMultiplyAdd([f32; 3]);

    impl Work for FusedMultiplyAdd {
        type Output = f32;

        #[inline(always)]
        fn run(self) -> f32 {
            self.0[0].mul_add(self.0[1], self.0[2])
        }
    }

    #[test]
    fn every_set_fuses_the_product_with_the_sum() {
        // (1 + 2⁻¹²)² = 1 + 2⁻¹¹ + 2⁻²⁴, whose last term a product rounded to f32 loses.
        let x = 1.0 + f32::powi(2.0, -12);
        for isa in Isa::available() {
            let found = isa.run(FusedMultiplyAdd([x, x, -1.0 - f32::powi(2.0, -11)]));
            assert_eq!(found, f32::powi(2.0, -24), "{isa}");
        }
    }

    #[test]
    fn names_find_what_is_there_and_nothing_else() {
        for isa in Isa::available() {
            assert_eq!(Isa::find(isa.name()), Some(isa));
        }
        assert_eq!(Isa::find("sse9"), None);
    }
}
