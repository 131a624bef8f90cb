//! The order of the examples in an epoch: a permutation of all of them, or of blocks and then
//! within a window of blocks. Parallel shuffling has the same result as sequential shuffling: the
//! native stream's permutation sorts keys that depend only on their position, so any thread can
//! draw any part. NumPy's shuffle is sequential.

use mlp_core::{NativeStream, RandomStream, Stream};
use rayon::prelude::*;

/// Numbers drawn by one task.
const CHUNK: usize = 1 << 13;

/// Blocks whose examples are shuffled together.
pub(crate) const WINDOW: usize = 64;

/// Shuffles examples. Keeps its buffers, so that an epoch allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Shuffler {
    block: Option<usize>,
    keys: Vec<u64>,
    blocks: Vec<u32>,
    examples: Vec<u32>, // of a window
}

impl Shuffler {
    /// Shuffles blocks of this many consecutive examples, or all examples.
    pub(crate) fn new(block: Option<usize>) -> Self {
        Self { block, ..Self::default() }
    }

    /// Fills `order` with a permutation.
    ///
    /// Without blocks, it is [`RandomStream::permutation`] of all examples. With blocks, it draws a
    /// permutation of the blocks, and then, for each window of [`WINDOW`] blocks in that order, a
    /// permutation of the places in it: place p of the window gets the example at permutation[p].
    pub(crate) fn shuffle(&mut self, stream: &mut Stream, order: &mut [u32]) {
        let Some(block) = self.block.map(|block| block.min(order.len().max(1))) else {
            return permutation(stream, order, &mut self.keys);
        };
        self.blocks.resize(order.len().div_ceil(block), 0);
        permutation(stream, &mut self.blocks, &mut self.keys);
        let (count, mut rest) = (order.len(), order);
        for window in self.blocks.chunks(WINDOW) {
            let first = |block_index: u32| block_index as usize * block;
            self.examples.clear();
            for &index in window {
                self.examples.extend(first(index) as u32..count.min(first(index) + block) as u32);
            }
            let (places, others) = rest.split_at_mut(self.examples.len());
            permutation(stream, places, &mut self.keys);
            places.iter_mut().for_each(|place| *place = self.examples[*place as usize]);
            rest = others;
        }
    }
}

/// Fills `order` with the same permutation as [`RandomStream::permutation`] and leaves the stream
/// in the same state.
fn permutation(stream: &mut Stream, order: &mut [u32], keys: &mut Vec<u64>) {
    match stream {
        Stream::Numpy(stream) => stream.permutation(order),
        Stream::Native(stream) => sort_random_keys(stream, order, keys),
    }
}

fn sort_random_keys(stream: &mut NativeStream, order: &mut [u32], keys: &mut Vec<u64>) {
    keys.resize(order.len(), 0);
    let start = stream.position();
    keys.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, keys)| {
        let first = chunk * CHUNK;
        let mut stream = stream.clone();
        stream.seek(start + first as u64);
        stream.permutation_keys(first as u32, keys);
    });
    stream.seek(start + order.len() as u64);
    // The low halves of the keys differ, so the sorted order is unique.
    keys.par_sort_unstable();
    order
        .par_iter_mut()
        .zip(keys.par_iter())
        .with_min_len(CHUNK)
        .for_each(|(place, &key)| *place = key as u32);
}

#[cfg(test)]
mod tests {
    use mlp_core::StreamKind;

    use super::*;

    fn shuffled(stream: &mut Stream, n: usize, block: Option<usize>) -> Vec<u32> {
        let mut order = vec![0; n];
        Shuffler::new(block).shuffle(stream, &mut order);
        order
    }

    #[test]
    fn parallel_and_sequential_permutations_are_equal_on_any_number_of_threads() {
        for kind in StreamKind::ALL {
            for threads in [1, 2, 3, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (mut parallel, mut sequential) = (kind.seeded(4).unwrap(), kind.seeded(4).unwrap());
                let mut shuffler = Shuffler::new(None);
                for n in [0, 1, 100, CHUNK, 3 * CHUNK + 17] {
                    let (mut order, mut expected) = (vec![0; n], vec![0; n]);
                    pool.install(|| shuffler.shuffle(&mut parallel, &mut order));
                    sequential.permutation(&mut expected);
                    assert_eq!(order, expected, "{kind}, {threads} threads, {n} numbers");
                }
                assert_eq!(parallel.next_u64(), sequential.next_u64(), "{kind}: the streams differ");
            }
        }
    }

    #[test]
    fn blocks_follow_the_documented_draws() {
        for kind in StreamKind::ALL {
            for (n, block) in [(1000, 7), (1000, 3), (64, 1), (5, 5), (5, 9), (1, 1), (0, 3), (448, 7)] {
                let (mut stream, mut draws) = (kind.seeded(9).unwrap(), kind.seeded(9).unwrap());
                let order = shuffled(&mut stream, n, Some(block));
                let mut permutation = |n: usize| {
                    let mut order = vec![0; n];
                    draws.permutation(&mut order);
                    order
                };
                let mut expected = Vec::new();
                for window in permutation(n.div_ceil(block)).chunks(WINDOW) {
                    let examples: Vec<u32> = window
                        .iter()
                        .flat_map(|&index| (0..n as u32).skip(index as usize * block).take(block))
                        .collect();
                    expected.extend(permutation(examples.len()).iter().map(|&p| examples[p as usize]));
                }
                assert_eq!(order, expected, "{kind}: {n} in blocks of {block}");
                assert_eq!(stream.next_u64(), draws.next_u64(), "{kind}: the streams differ");
                let mut sorted = order;
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..n as u32), "{n} in blocks of {block}");
            }
        }
    }

    #[test]
    fn a_window_reads_few_blocks_and_mixes_them() {
        let mut stream = StreamKind::Native.seeded(1).unwrap();
        let order = shuffled(&mut stream, 100 * WINDOW * 10, Some(100));
        let mut windows = Vec::new();
        for window in order.chunks(100 * WINDOW) {
            let mut blocks: Vec<u32> = window.iter().map(|example| example / 100).collect();
            assert!(blocks[..100].iter().any(|&block| block != blocks[0]));
            blocks.sort_unstable();
            blocks.dedup();
            assert_eq!(blocks.len(), WINDOW);
            windows.push(blocks);
        }
        assert!(windows[0].windows(2).any(|pair| pair[1] != pair[0] + 1), "blocks are not in order");
        assert_ne!(shuffled(&mut stream, 100, Some(10)), shuffled(&mut stream, 100, Some(10)));
    }

    #[test]
    fn shuffled_blocks_are_frozen_and_do_not_depend_on_the_number_of_threads() {
        let order = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| shuffled(&mut StreamKind::Native.seeded(0).unwrap(), 40_000, Some(300)))
        };
        let expected = order(1);
        assert_eq!(expected[..8], [26706, 23334, 36734, 1774, 26824, 23306, 9513, 14176]);
        for threads in [2, 3, 8] {
            assert_eq!(order(threads), expected, "{threads} threads");
        }
    }
}
