//! Parallel shuffling with the same result as sequential shuffling. The native stream's permutation
//! sorts keys that depend only on their position, so any thread can draw any part. NumPy's shuffle
//! is sequential.

use mlp_core::{NativeStream, RandomStream, Stream};
use rayon::prelude::*;

/// Numbers drawn by one task.
const CHUNK: usize = 1 << 13;

/// Fills `order` with the same permutation as [`RandomStream::permutation`] and leaves the stream
/// in the same state. `keys` is a scratch buffer, so that an epoch allocates nothing.
pub(crate) fn permutation(stream: &mut Stream, order: &mut [u32], keys: &mut Vec<u64>) {
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

    #[test]
    fn parallel_and_sequential_permutations_are_equal_on_any_number_of_threads() {
        for kind in StreamKind::ALL {
            for threads in [1, 2, 3, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (mut parallel, mut sequential) = (kind.seeded(4).unwrap(), kind.seeded(4).unwrap());
                let mut keys = Vec::new();
                for n in [0, 1, 100, CHUNK, 3 * CHUNK + 17] {
                    let (mut order, mut expected) = (vec![0; n], vec![0; n]);
                    pool.install(|| permutation(&mut parallel, &mut order, &mut keys));
                    sequential.permutation(&mut expected);
                    assert_eq!(order, expected, "{kind}, {threads} threads, {n} numbers");
                }
                assert_eq!(parallel.next_u64(), sequential.next_u64(), "{kind}: the streams differ");
            }
        }
    }
}
