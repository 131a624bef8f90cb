//! Random streams chosen by name at run time.

use thiserror::Error;

use super::native::NativeStream;
use super::numpy::NumpyStream;
use super::stream::RandomStream;
use crate::names::named;

/// A kind of random stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum StreamKind {
    /// [`NativeStream`].
    #[default]
    Native,
    /// [`NumpyStream`].
    Numpy,
}

impl StreamKind {
    /// Returns a stream of this kind.
    ///
    /// # Errors
    /// If `seed` is above 2³²-1 and the kind is [`StreamKind::Numpy`].
    pub fn seeded(self, seed: u64) -> Result<Stream, SeedTooLarge> {
        match self {
            Self::Native => Ok(Stream::Native(NativeStream::new(seed))),
            Self::Numpy => {
                let seed = u32::try_from(seed).map_err(|_| SeedTooLarge { seed })?;
                Ok(Stream::Numpy(NumpyStream::new(seed)))
            }
        }
    }
}

named!(StreamKind, "random stream", Native => "native", Numpy => "numpy");

/// A random stream of either kind.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one stream and never moves it")]
pub enum Stream {
    /// Our own.
    Native(NativeStream),
    /// NumPy's.
    Numpy(NumpyStream),
}

/// The state of a stream. See [`Stream::state`] and [`Stream::restore`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StreamState {
    /// State of a [`NativeStream`].
    Native {
        /// The seed.
        seed: u64,
        /// Number of words drawn.
        position: u64,
    },
    /// State of a [`NumpyStream`]: `keys`, `pos` and `cached_gaussian` of `np.random.get_state`.
    Numpy {
        /// The 624 words of the generator.
        words: Vec<u32>,
        /// Index of the next word.
        next: u64,
        /// The second number of a pair of normal numbers, if only the first has been used.
        cached_normal: Option<f64>,
    },
}

impl Stream {
    /// Returns the state.
    ///
    /// ```
    /// use mlp_core::{RandomStream, Stream, StreamKind};
    ///
    /// let mut stream = StreamKind::Numpy.seeded(1)?;
    /// stream.standard_normal();
    /// let mut again = Stream::restore(&stream.state()).unwrap();
    /// assert_eq!(again.standard_normal(), stream.standard_normal());
    /// # Ok::<(), mlp_core::SeedTooLarge>(())
    /// ```
    pub fn state(&self) -> StreamState {
        match self {
            Self::Native(stream) => StreamState::Native { seed: stream.seed(), position: stream.position() },
            Self::Numpy(stream) => {
                let (words, next, cached_normal) = stream.parts();
                StreamState::Numpy { words: words.to_vec(), next: next as u64, cached_normal }
            }
        }
    }

    /// Returns a stream that continues from a state; `None` if the state is invalid.
    pub fn restore(state: &StreamState) -> Option<Self> {
        match state {
            &StreamState::Native { seed, position } => {
                let mut stream = NativeStream::new(seed);
                stream.seek(position);
                Some(Self::Native(stream))
            }
            StreamState::Numpy { words, next, cached_normal } => {
                let next = usize::try_from(*next).ok()?;
                NumpyStream::of_parts(words, next, *cached_normal).map(Self::Numpy)
            }
        }
    }

    fn inner(&mut self) -> &mut dyn RandomStream {
        match self {
            Self::Native(stream) => stream,
            Self::Numpy(stream) => stream,
        }
    }
}

impl RandomStream for Stream {
    fn next_u64(&mut self) -> u64 {
        self.inner().next_u64()
    }

    fn uniform(&mut self) -> f64 {
        self.inner().uniform()
    }

    fn standard_normal(&mut self) -> f64 {
        self.inner().standard_normal()
    }

    fn permutation(&mut self, order: &mut [u32]) {
        self.inner().permutation(order);
    }
}

/// The error of a seed that is too large for the stream.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("seed {seed} is too large for the numpy stream; expected at most 4294967295, like np.random.seed")]
pub struct SeedTooLarge {
    /// The seed.
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_and_moments_are_correct() {
        for kind in StreamKind::ALL {
            let mut stream = kind.seeded(11).unwrap();
            for n in [0, 1, 2, 3, 1000] {
                let mut order = vec![7; n];
                stream.permutation(&mut order);
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.iter().copied().eq(0..n as u32), "{kind}: {n}");
                assert!(n < 1000 || order != sorted, "{kind}: the order did not change");
            }
            // Standard errors of the mean and of the second moment: 1/√n and √(2/n).
            let n = 100_000;
            let draws: Vec<f64> = (0..n).map(|_| stream.standard_normal()).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let second = draws.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
            assert!(mean.abs() < 5.0 / f64::from(n).sqrt(), "{kind}: mean {mean}");
            assert!((second - 1.0).abs() < 5.0 * (2.0 / f64::from(n)).sqrt(), "{kind}: variance {second}");
        }
    }

    #[test]
    fn all_permutations_of_three_are_equally_likely() {
        for kind in StreamKind::ALL {
            let (mut stream, mut counts, n) = (kind.seeded(2).unwrap(), [0_u32; 6], 60_000);
            for _ in 0..n {
                let mut order = [0; 3];
                stream.permutation(&mut order);
                counts[(order[0] * 2 + u32::from(order[1] > order[2])) as usize] += 1;
            }
            // Binomial with p = 1/6: five standard deviations.
            let (expected, deviation) = (f64::from(n) / 6.0, (f64::from(n) * 5.0 / 36.0).sqrt());
            for count in counts {
                assert!((f64::from(count) - expected).abs() < 5.0 * deviation, "{kind}: {counts:?}");
            }
        }
    }

    #[test]
    fn a_restored_stream_continues_from_any_position() {
        for kind in StreamKind::ALL {
            let mut stream = kind.seeded(8).unwrap();
            for draws in [0, 1, 2, 7, 1000] {
                for _ in 0..draws {
                    stream.standard_normal();
                }
                let mut again = Stream::restore(&stream.state()).unwrap();
                let (mut order, mut expected) = (vec![0; 50], vec![0; 50]);
                again.permutation(&mut order);
                stream.permutation(&mut expected);
                assert_eq!(order, expected);
                assert_eq!(
                    [again.uniform(), again.standard_normal()],
                    [stream.uniform(), stream.standard_normal()]
                );
                assert_eq!(again.state(), stream.state(), "{kind}");
            }
        }
        let words = vec![0; 623];
        assert!(Stream::restore(&StreamState::Numpy { words, next: 0, cached_normal: None }).is_none());
        let words = vec![0; 624];
        assert!(Stream::restore(&StreamState::Numpy { words, next: 625, cached_normal: None }).is_none());
    }

    #[test]
    fn a_seed_too_large_for_numpy_is_an_error() {
        let error = StreamKind::Numpy.seeded(1 << 32).unwrap_err();
        assert_eq!(
            error.to_string(),
            "seed 4294967296 is too large for the numpy stream; expected at most 4294967295, like np.random.seed"
        );
        assert!(StreamKind::Native.seeded(u64::MAX).is_ok());
        assert_eq!("numpy".parse(), Ok(StreamKind::Numpy));
    }
}
