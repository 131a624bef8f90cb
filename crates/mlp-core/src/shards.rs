//! Shards: contiguous parts of a batch. The gradient of a batch is the sum of the gradients of its
//! shards, added in a fixed tree, so that its bits do not depend on who computes which shard.

use std::ops::Range;

/// The number of shards of each batch.
///
/// Shard k of K has the examples n·k/K to n·(k+1)/K of a batch of n, rounded down, so that the
/// sizes differ by at most one. If n < K, some are empty, and their gradient is 0. The sum over K
/// shards is that of the first 2ʲ and that of the rest, where 2ʲ is the largest power of two below
/// K, and so on down to single shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shards(usize);

impl Shards {
    /// A batch that is not split.
    pub(crate) const ONE: Self = Self(1);

    /// # Panics
    /// If there are none.
    #[track_caller]
    pub(crate) fn new(count: usize) -> Self {
        assert!(count > 0, "0 shards; expected at least 1");
        Self(count)
    }

    pub(crate) fn count(self) -> usize {
        self.0
    }

    /// Returns the examples of a shard of a batch.
    pub(crate) fn examples(self, shard: usize, batch: usize) -> Range<usize> {
        // The product of two numbers below 2^64.
        let cut = |shard: usize| (batch as u128 * shard as u128 / self.0 as u128) as usize;
        cut(shard)..cut(shard + 1)
    }

    /// Returns the number of levels of the tree above the shards.
    pub(crate) fn levels(self) -> usize {
        self.0.next_power_of_two().ilog2() as usize
    }
}

/// Returns the two nodes below a node of the tree, or `None` for a single shard.
pub(crate) fn halves(node: &Range<usize>) -> Option<[Range<usize>; 2]> {
    let half = node.start + node.len().div_ceil(2).next_power_of_two();
    (node.len() > 1).then(|| [node.start..half, half..node.end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as a formula.
    fn tree(node: Range<usize>) -> String {
        match halves(&node) {
            None => node.start.to_string(),
            Some([left, right]) => format!("({}+{})", tree(left), tree(right)),
        }
    }

    #[test]
    fn the_tree_is_frozen() {
        let formulas = ["0", "(0+1)", "((0+1)+2)", "((0+1)+(2+3))", "(((0+1)+(2+3))+4)"];
        for (count, formula) in (1..).zip(formulas) {
            assert_eq!(tree(0..count), formula);
        }
        assert_eq!(tree(0..7), "(((0+1)+(2+3))+((4+5)+6))");
        assert_eq!([1, 2, 3, 4, 5, 8, 9].map(|count| Shards::new(count).levels()), [0, 1, 2, 2, 3, 3, 4]);
    }

    #[test]
    fn shards_cover_a_batch_in_order_and_differ_by_at_most_one_example() {
        for (count, batch) in [(1, 7), (3, 100), (4, 100), (7, 5), (64, 1000), (usize::MAX, usize::MAX)] {
            let shards = Shards::new(count);
            let mut end = 0;
            for shard in 0..count.min(100) {
                let examples = shards.examples(shard, batch);
                assert_eq!(examples.start, end);
                assert!([batch / count, batch.div_ceil(count)].contains(&examples.len()));
                end = examples.end;
            }
            assert_eq!(shards.examples(count - 1, batch).end, batch);
        }
        assert_eq!([0, 1, 2].map(|shard| Shards::new(3).examples(shard, 100)), [0..33, 33..66, 66..100]);
    }
}
