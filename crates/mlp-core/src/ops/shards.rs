//! The sum of the gradients of a batch's shards, in the order of their tree.

use std::mem;
use std::ops::Range;

use super::Ops;
use crate::layer::{Gradients, Layer};
use crate::parallel::Partition;
use crate::scalar::Scalar;
use crate::shards::{Shards, halves};

/// The memory for the sums of a process.
#[derive(Debug)]
pub(crate) struct Sums<A> {
    nodes: Vec<Range<usize>>,  // of this process
    levels: Vec<Gradients<A>>, // of the tree, below the nodes
    packed: Vec<Vec<A>>,       // the nodes' sums of each layer, if there are other processes
}

impl<A: Scalar> Sums<A> {
    /// Returns memory for gradients of the same shapes as those that `zeros` returns.
    pub(crate) fn new(shards: Shards, zeros: impl Fn() -> Gradients<A>) -> Self {
        let nodes = shards.nodes();
        let numbers = |layer: &Layer<A>| nodes.len() * numbers_of(layer);
        let packed = match shards.has_all() {
            true => Vec::new(),
            false => zeros().layers.iter().map(|layer| vec![A::zero(); numbers(layer)]).collect(),
        };
        Self { levels: (0..shards.levels()).map(|_| zeros()).collect(), packed, nodes }
    }

    /// Takes the sums of a layer to send them to other processes.
    pub(crate) fn take(&mut self, l: usize) -> Vec<A> {
        mem::take(&mut self.packed[l])
    }

    /// Puts a vector back.
    pub(crate) fn put(&mut self, l: usize, sums: Vec<A>) {
        self.packed[l] = sums;
    }
}

fn numbers_of<A: Scalar>(layer: &Layer<A>) -> usize {
    (layer.inputs() + 1) * layer.outputs()
}

impl Ops {
    /// Sums the gradients of layer `l` for the shards of this process, node by node. `gradient`
    /// computes the gradient of one shard. Without other processes, `target` holds the sum.
    pub(crate) fn sum_own_shards<A: Scalar>(
        &mut self,
        Sums { nodes, levels, packed }: &mut Sums<A>,
        l: usize,
        target: &mut Layer<A>,
        gradient: &mut impl FnMut(&mut Self, usize, &mut Layer<A>),
    ) {
        let len = numbers_of(target);
        for (number, node) in nodes.iter().enumerate() {
            self.sum_of_node(node.clone(), target, (levels, l), gradient);
            if let Some(packed) = packed.get_mut(l) {
                self.pack(target, &mut packed[number * len..(number + 1) * len]);
            }
        }
    }

    fn sum_of_node<A: Scalar>(
        &mut self,
        node: Range<usize>,
        sum: &mut Layer<A>,
        (levels, l): (&mut [Gradients<A>], usize),
        gradient: &mut impl FnMut(&mut Self, usize, &mut Layer<A>),
    ) {
        let Some([left, right]) = halves(&node) else {
            return gradient(self, node.start, sum);
        };
        self.sum_of_node(left, sum, (&mut *levels, l), gradient);
        let (term, levels) = levels.split_first_mut().expect("gradients for each level");
        let term = &mut term.layers[l];
        self.sum_of_node(right, term, (levels, l), gradient);
        self.accumulate(term, sum);
    }

    /// Sum ← sum + term.
    fn accumulate<A: Scalar>(&mut self, term: &Layer<A>, sum: &mut Layer<A>) {
        let isa = self.compute.isa;
        let units = self.units::<A>(sum.weights.width()).parts;
        self.pool.run(sum.by_columns(&units), |part, (weights, biases)| {
            let own = units.range(part);
            A::accumulate(isa, term.weights.columns_of(own.clone()), weights);
            A::accumulate(isa, term.biases.columns_of(own), biases);
        });
    }

    /// Copies weights, row by row, and biases.
    fn pack<A: Scalar>(&mut self, layer: &Layer<A>, to: &mut [A]) {
        let (inputs, outputs) = layer.shape();
        let rows = Partition::new(inputs, 1, self.pool.len());
        let (weights, biases) = to.split_at_mut(inputs * outputs);
        self.pool.run(rows.scaled(outputs).slice(weights), |part, to| {
            for (row, to) in rows.range(part).zip(to.chunks_exact_mut(outputs)) {
                layer.weights.copy_row(row, to);
            }
        });
        layer.biases.copy_row(0, biases);
    }

    /// Copies the total of a layer, which a vector that was sent begins with.
    pub(crate) fn copy_total<A: Scalar>(&mut self, sums: &Sums<A>, l: usize, target: &mut Layer<A>) {
        let (inputs, outputs) = target.shape();
        let (weights, biases) = sums.packed[l][..numbers_of(target)].split_at(inputs * outputs);
        let units = self.units::<A>(target.weights.width()).parts;
        self.pool.run(target.by_columns(&units), |part, (mut w, mut b)| {
            let own = units.range(part).start..units.range(part).end.min(outputs);
            if !own.is_empty() {
                for (row, from) in weights.chunks_exact(outputs).enumerate() {
                    w.row_mut(row)[..own.len()].copy_from_slice(&from[own.clone()]);
                }
                b.row_mut(0)[..own.len()].copy_from_slice(&biases[own]);
            }
        });
    }
}
