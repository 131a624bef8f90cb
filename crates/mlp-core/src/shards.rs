//! Shards: contiguous parts of a batch. The gradient of a batch is the sum of the gradients of its
//! shards, added in a fixed tree, so that its bits do not depend on where a shard is computed:
//! several processes, each with some of the shards, train the same network as one.
//!
//! Processes could own units of each layer instead, as threads do, and gather H. For one hidden
//! layer and small batches, that sends less: 0.5 instead of 3.3 MB a step of 784-1024-10 with
//! batches of 256. But the messages grow with the batch and the depth (50 instead of 23 MB for
//! 784-2048-2048-10 and batches of 4096), the next product has to wait for them, and checkpoints
//! would have to gather weights. Sharing a step pays only for wide layers and large batches, where
//! gradients are the smaller part, and are sent while the layers below are computed.

use std::ops::{AddAssign, Range};

/// The number of shards of each batch, and which of them this process computes.
///
/// Shard k of K has the examples n·k/K to n·(k+1)/K of a batch of n, rounded down, so that the
/// sizes differ by at most one. If n < K, some are empty, and their gradient is 0.
///
/// In the tree, the sum over K shards is that of the first 2ʲ and that of the rest, where 2ʲ is the
/// largest power of two below K, and so on down to single shards.
///
/// ```
/// use mlp_core::Shards;
///
/// // The second of two processes, with five shards: the tree is ((0+1)+(2+3))+4.
/// let shards = Shards::of_process(5, 1, 2);
/// assert_eq!(shards.own(), 2..5);
/// assert_eq!(shards.examples(100), 40..100);
/// assert_eq!(shards.nodes(), [2..4, 4..5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards {
    count: usize,
    first: usize,
    end: usize,
}

impl Shards {
    /// A batch that is not split.
    pub(crate) const ONE: Self = Self { count: 1, first: 0, end: 1 };

    /// All shards in one process.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(count: usize) -> Self {
        Self::of_process(count, 0, 1)
    }

    /// The shards of one of several processes, numbered from 0.
    ///
    /// # Panics
    /// If `count < processes` or `process >= processes`.
    #[track_caller]
    pub fn of_process(count: usize, process: usize, processes: usize) -> Self {
        assert!(process < processes, "process {process} of {processes}");
        assert!(count >= processes, "{count} shards; expected at least {processes}");
        Self { count, first: share(count, process, processes), end: share(count, process + 1, processes) }
    }

    /// Returns the number of shards.
    pub fn count(self) -> usize {
        self.count
    }

    /// Returns the shards of this process.
    pub fn own(self) -> Range<usize> {
        self.first..self.end
    }

    /// Returns true if this process has all shards.
    pub fn has_all(self) -> bool {
        self.own() == (0..self.count)
    }

    /// Returns the positions of this process's examples in a batch.
    pub fn examples(self, batch: usize) -> Range<usize> {
        share(batch, self.first, self.count)..share(batch, self.end, self.count)
    }

    /// Returns the rows of a shard, counted from this process's first example.
    pub(crate) fn rows(self, shard: usize, batch: usize) -> Range<usize> {
        let cut = |shard| share(batch, shard, self.count) - share(batch, self.first, self.count);
        cut(shard)..cut(shard + 1)
    }

    /// Returns the nodes of the tree that this process can sum: the largest that have only its own
    /// shards, in order.
    pub fn nodes(self) -> Vec<Range<usize>> {
        let mut nodes = Vec::new();
        self.find_nodes(0..self.count, &mut nodes);
        nodes
    }

    fn find_nodes(self, node: Range<usize>, nodes: &mut Vec<Range<usize>>) {
        if self.first <= node.start && node.end <= self.end {
            nodes.push(node);
        } else if node.start < self.end && self.first < node.end {
            halves(&node).into_iter().flatten().for_each(|half| self.find_nodes(half, nodes));
        }
    }

    /// Returns the number of levels below the highest node of this process.
    pub(crate) fn levels(self) -> usize {
        let levels = |node: Range<usize>| node.len().next_power_of_two().ilog2() as usize;
        self.nodes().into_iter().map(levels).max().unwrap_or(0)
    }
}

/// All shards in one process.
impl From<usize> for Shards {
    #[track_caller]
    fn from(count: usize) -> Self {
        Self::new(count)
    }
}

/// The start of part `part` of `parts` of a sequence.
fn share(len: usize, part: usize, parts: usize) -> usize {
    // The product of two numbers below 2^64.
    (len as u128 * part as u128 / parts as u128) as usize
}

/// Returns the two nodes below a node of the tree, or `None` for a single shard.
pub(crate) fn halves(node: &Range<usize>) -> Option<[Range<usize>; 2]> {
    let half = node.start + node.len().div_ceil(2).next_power_of_two();
    (node.len() > 1).then_some([node.start..half, half..node.end])
}

/// Adds the sums of the nodes of all processes, in the order of the tree, to the first one. `sums`
/// has equally many numbers for each node, and `nodes` are those of all processes, in order.
///
/// ```
/// use mlp_core::{Shards, add_nodes};
///
/// let nodes = (0..2).flat_map(|process| Shards::of_process(5, process, 2).nodes());
/// let nodes: Vec<_> = nodes.collect();
/// assert_eq!(nodes, [0..2, 2..4, 4..5]);
/// let mut sums = [1.0, 10.0, 2.0, 20.0, 4.0, 40.0];
/// add_nodes(&nodes, &mut sums);
/// assert_eq!(sums[..2], [7.0, 70.0]);
/// ```
///
/// # Panics
/// If the nodes are not those of all processes.
#[track_caller]
pub fn add_nodes<A: Copy + AddAssign>(nodes: &[Range<usize>], sums: &mut [A]) {
    let whole = 0..nodes.last().map_or(0, |node| node.end);
    let len = sums.len() / nodes.len().max(1);
    assert_eq!(len * nodes.len(), sums.len(), "{} numbers for {} nodes", sums.len(), nodes.len());
    add_below(whole, nodes, sums, len);
}

#[track_caller]
fn add_below<A: Copy + AddAssign>(node: Range<usize>, nodes: &[Range<usize>], sums: &mut [A], len: usize) {
    if nodes == std::slice::from_ref(&node) {
        return;
    }
    let [left, right] = halves(&node).expect("the nodes of all processes");
    let count = nodes.partition_point(|node| node.start < right.start);
    let (sum, term) = sums.split_at_mut(count * len);
    add_below(left, &nodes[..count], sum, len);
    add_below(right, &nodes[count..], term, len);
    sum[..len].iter_mut().zip(&term[..len]).for_each(|(sum, &term)| *sum += term);
}

/// The other processes of a training, which compute the other shards of each batch.
pub trait Peers<A> {
    /// Starts to add a layer's sums over all processes. `sums` has those of this process's
    /// [nodes](Shards::nodes), one after the other, each the weights row by row and then the
    /// biases. Called from the output layer down, while the backward pass continues below, so it
    /// should not wait for other processes.
    fn start(&mut self, layer: usize, sums: Vec<A>);

    /// Returns a vector that was passed to [`start`](Self::start), with the total at its beginning:
    /// the sums of all nodes, added by [`add_nodes`]. Called in the same order, after all layers
    /// were started.
    fn finish(&mut self, layer: usize) -> Vec<A>;
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
        for (count, batch) in [(1, 7), (3, 100), (4, 100), (7, 5), (64, 1000), (1 << 40, usize::MAX)] {
            let shards = Shards::new(count);
            let mut end = 0;
            for shard in 0..count.min(100) {
                let examples = shards.rows(shard, batch);
                assert_eq!(examples.start, end);
                assert!([batch / count, batch.div_ceil(count)].contains(&examples.len()));
                end = examples.end;
            }
            assert_eq!(shards.rows(count - 1, batch).end, batch);
        }
        assert_eq!([0, 1, 2].map(|shard| Shards::new(3).rows(shard, 100)), [0..33, 33..66, 66..100]);
    }

    #[test]
    fn processes_have_all_shards_and_examples_once() {
        for count in 1..20 {
            for processes in 1..=count {
                let all = (0..processes).map(|process| Shards::of_process(count, process, processes));
                let own: Vec<usize> = all.clone().flat_map(Shards::own).collect();
                assert!(own.into_iter().eq(0..count), "{count} shards, {processes} processes");
                let examples: Vec<usize> = all.clone().flat_map(|shards| shards.examples(50)).collect();
                assert!(examples.into_iter().eq(0..50));
                for shards in all {
                    let rows: Vec<usize> = shards.own().flat_map(|shard| shards.rows(shard, 50)).collect();
                    assert!(rows.into_iter().eq(0..shards.examples(50).len()));
                }
            }
        }
    }

    /// A sum that remembers its formula.
    #[derive(Clone, Copy)]
    struct Formula(&'static str);

    impl AddAssign for Formula {
        fn add_assign(&mut self, other: Self) {
            self.0 = format!("({}+{})", self.0, other.0).leak();
        }
    }

    #[test]
    fn any_number_of_processes_adds_in_the_order_of_the_tree() {
        for count in 1..20 {
            for processes in 1..=count {
                let all = (0..processes).map(|process| Shards::of_process(count, process, processes));
                let nodes: Vec<_> = all.flat_map(Shards::nodes).collect();
                let mut sums: Vec<Formula> =
                    nodes.iter().map(|node| Formula(tree(node.clone()).leak())).collect();
                add_nodes(&nodes, &mut sums);
                assert_eq!(sums[0].0, tree(0..count), "{count} shards, {processes} processes");
            }
        }
    }

    #[test]
    #[should_panic(expected = "the nodes of all processes")]
    fn a_missing_node_is_noticed() {
        add_nodes(&[0..1, 2..3], &mut [1.0, 2.0]);
    }

    #[test]
    #[should_panic(expected = "3 shards; expected at least 4")]
    fn every_process_has_a_shard() {
        Shards::of_process(3, 0, 4);
    }
}
