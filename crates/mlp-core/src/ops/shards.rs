//! The sum of the gradients of a batch's shards, in the order of their tree.

use std::ops::Range;

use super::Ops;
use crate::layer::{Gradients, Layer};
use crate::scalar::Scalar;
use crate::shards::halves;

impl Ops {
    /// Sums the gradients of layer `l` for the shards of a node of the tree. `gradient` computes
    /// that of one shard. `scratch` has gradients for each level of the node.
    pub(crate) fn sum_of_shards<A: Scalar>(
        &mut self,
        node: Range<usize>,
        sum: &mut Layer<A>,
        (scratch, l): (&mut [Gradients<A>], usize),
        gradient: &mut impl FnMut(&mut Self, usize, &mut Layer<A>),
    ) {
        let Some([left, right]) = halves(&node) else {
            return gradient(self, node.start, sum);
        };
        self.sum_of_shards(left, sum, (&mut *scratch, l), gradient);
        let (term, scratch) = scratch.split_first_mut().expect("gradients for each level");
        let term = &mut term.layers[l];
        self.sum_of_shards(right, term, (scratch, l), gradient);
        self.add(term, sum);
    }

    /// Sum ← sum + term.
    fn add<A: Scalar>(&mut self, term: &Layer<A>, sum: &mut Layer<A>) {
        let isa = self.compute.isa;
        let units = self.units::<A>(sum.weights.width()).parts;
        self.pool.run(sum.by_columns(&units), |part, (weights, biases)| {
            let own = units.range(part);
            A::accumulate(isa, term.weights.columns_of(own.clone()), weights);
            A::accumulate(isa, term.biases.columns_of(own), biases);
        });
    }
}
