//! Mutates valid inputs, reproducibly from a seed, for smoke tests without a fuzzer. The fuzzer
//! knows more mutations and learns which ones pay off.

/// A source of mutated inputs.
pub struct Mutator {
    state: u64,
}

/// Numbers at the edges of their types, which are small, negative or too large as a size.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 40, i64::MAX as u64, u64::MAX];

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of the seeds with one to eight changes.
    pub fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, seeds);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        // Most headers are at the start, so half of the changes are too.
        let near = if self.below(2) == 0 { 64 } else { usize::MAX };
        let at = self.below(input.len().min(near));
        let len = (1 + self.below(16)).min(input.len() - at);
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next() as u8,
            // A digit, for formats of text.
            2 if at < input.len() => input[at] = b'0' + self.below(10) as u8,
            3 => {
                let edge = EDGES[self.below(EDGES.len())];
                let width = [1, 2, 4, 8][self.below(4)];
                let little = edge.to_le_bytes();
                let big = edge.to_be_bytes();
                let bytes = if self.below(2) == 0 { &little[..width] } else { &big[8 - width..] };
                let end = (at + width).min(input.len());
                input[at..end].copy_from_slice(&bytes[..end - at]);
            }
            4 => drop(input.drain(at..at + len)),
            5 => input.truncate(at),
            6 => {
                let copy = input[at..at + len].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            7 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len());
                let part = other[from..(from + 4 * len).min(other.len())].to_vec();
                input.splice(at..at + len, part);
            }
            _ => input.extend(std::iter::repeat_n(self.next() as u8, len)),
        }
    }
}
