//! Shuffling on all threads, with the result of one: the native stream's permutation sorts keys
//! that are a function of their position, so that any thread can draw any part. NumPy's shuffle is
//! sequential.

use mlp_core::{NativeStream, RandomStream, Stream};
use rayon::prelude::*;

/// Numbers of the stream drawn by one task.
const CHUNK: usize = 1 << 13;

/// Fills `order` with the permutation that [`RandomStream::permutation`] would give, and leaves the
/// stream where that would.
///
/// `keys` is scratch, kept by the caller so that an epoch allocates nothing.
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
    // The keys differ in their low halves, so that there is one sorted order and it does not matter
    // how it is found.
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
    fn the_parallel_permutation_is_the_sequential_one_whatever_the_threads() {
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
                assert_eq!(parallel.next_u64(), sequential.next_u64(), "{kind}: the streams parted");
            }
        }
    }
}
