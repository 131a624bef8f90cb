//! Dropout masks for hidden layers and inputs. A mask depends only on seed, step, layer, example
//! and unit, so threads and interruptions cannot change it.

use ndarray::{Array2, s};

use super::Ops;
use super::matmul::Input;
use crate::kernels::mat::{MatMut, MatRef};
use crate::kernels::{DroppedRows, LayerMask};
use crate::linalg::csr::{CsrMatrix, Features};
use crate::objective::Objective;
use crate::parallel::Partition;
use crate::scalar::Scalar;

/// The masks of one pass, for the inputs and for each hidden layer.
pub(crate) struct Masking {
    inputs: Option<LayerMask>,
    hidden: Option<LayerMask>,
    first: u64, // number of the inputs' mask
    row: usize, // position of example 0 in the batch
}

impl Masking {
    /// Drops nothing.
    pub(crate) const NONE: Self = Self { inputs: None, hidden: None, first: 0, row: 0 };

    /// Returns the masks of a training step for a network with `layers` layers, and for the
    /// examples from position `row` of the batch on.
    pub(crate) fn new(objective: &Objective, step: u64, layers: usize, row: usize) -> Self {
        let mask = |probability| LayerMask::new(objective.seed, probability);
        let (inputs, hidden) = (mask(objective.input_dropout), mask(objective.dropout));
        Self { inputs, hidden, first: step.wrapping_mul(layers as u64), row }
    }

    /// Returns the mask of the inputs.
    pub(crate) fn inputs(&self) -> Option<LayerMask> {
        self.inputs.as_ref().map(|mask| mask.numbered(self.first).starting_at(self.row))
    }

    /// Returns the mask of hidden layer `l`, counted from 0, from an example on.
    pub(crate) fn hidden(&self, l: usize, example: usize) -> Option<LayerMask> {
        let mask = self.hidden.as_ref()?.numbered(self.first.wrapping_add(l as u64 + 1));
        Some(mask.starting_at(self.row + example))
    }
}

/// A batch after input dropout. The mask skips zeros, so it is the same for dense and sparse rows.
#[derive(Debug)]
pub(crate) struct DroppedInputs<A> {
    rows: usize,        // of the last batch; 0 without dropout
    is_sparse: bool,    // is the last batch sparse?
    dense: Array2<A>,   // (capacity, inputs)
    ends: Vec<usize>,   // (2·capacity): start and end of each example's entries
    columns: Vec<u32>,  // (capacity·inputs)
    values: Vec<A>,     // (capacity·inputs)
    examples: Vec<u32>, // 0, 2, 4, …: index of each example's start in `ends`
    starts: Vec<usize>, // (capacity + 1): starts of the examples' entries before dropout
}

impl<A: Scalar> DroppedInputs<A> {
    pub(crate) fn new(capacity: usize, inputs: usize) -> Self {
        let count = capacity * inputs;
        Self {
            rows: 0,
            is_sparse: false,
            dense: Array2::zeros((capacity, inputs)),
            ends: vec![0; 2 * capacity],
            columns: vec![0; count],
            values: vec![A::zero(); count],
            examples: (0..capacity).map(|example| 2 * example as u32).collect(),
            starts: vec![0; capacity + 1],
        }
    }

    /// Returns the number of inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.dense.ncols()
    }

    /// Returns S ⊙ X, or X without a mask.
    pub(crate) fn drop_from<'a>(
        &'a mut self,
        x: &'a Features<'_, A>,
        mask: Option<LayerMask>,
        ops: &mut Ops,
    ) -> Input<'a, A> {
        self.rows = 0;
        if let Some(mask) = mask {
            self.fill(&mask, x, ops);
        }
        self.rest_of(x)
    }

    /// Returns the result of the last [`drop_from`](Self::drop_from).
    pub(crate) fn rest_of<'a>(&'a self, x: &'a Features<'_, A>) -> Input<'a, A> {
        match self.rows {
            0 => Input::from(x),
            _ if self.is_sparse => Input::Sparse(self.sparse()),
            rows => {
                let (dense, inputs) = (self.dense.as_slice().expect("made contiguous"), self.inputs());
                Input::Dense(MatRef::from_rows(dense, rows, inputs, inputs))
            }
        }
    }

    /// Applies the mask. Each thread has its own examples.
    fn fill(&mut self, mask: &LayerMask, x: &Features<'_, A>, ops: &mut Ops) {
        let ((rows, inputs), pool) = (x.dim(), &mut ops.pool);
        let examples = Partition::new(rows, 1, pool.len());
        (self.rows, self.is_sparse) = (rows, matches!(x, Features::Sparse(_)));
        match x {
            Features::Dense(x) => {
                let dense = self.dense.as_slice_mut().expect("made contiguous");
                pool.run(examples.scaled(inputs).slice(&mut dense[..rows * inputs]), |part, dense| {
                    let own = examples.range(part);
                    let x = x.slice(s![own.clone(), ..]);
                    A::drop_dense(mask, own.start, x, MatMut::from_rows(dense, own.len(), inputs, inputs));
                });
            }
            Features::Sparse(x) => {
                for row in 0..rows {
                    self.starts[row + 1] = self.starts[row] + x.range(row).len();
                }
                let (starts, total) = (&self.starts, self.starts[rows]);
                let columns = examples.spans(&mut self.columns[..total], starts);
                let kept = (columns, examples.spans(&mut self.values[..total], starts));
                let ends = examples.scaled(2).slice(&mut self.ends[..2 * rows]);
                pool.run((kept, ends), |part, ((columns, values), ends)| {
                    let rows = examples.range(part);
                    A::drop_sparse(mask, x, DroppedRows { rows, starts, ends, columns, values });
                });
            }
        }
    }

    /// Returns the last batch (examples × inputs), or `None` without dropout.
    pub(crate) fn to_array(&self) -> Option<Array2<A>> {
        match self.rows {
            0 => None,
            _ if self.is_sparse => Some(self.sparse().to_dense()),
            rows => Some(self.dense.slice(s![..rows, ..]).to_owned()),
        }
    }

    fn sparse(&self) -> CsrMatrix<'_, A> {
        let (ends, examples) = (&self.ends[..2 * self.rows], &self.examples[..self.rows]);
        CsrMatrix::from_parts(self.inputs(), ends, &self.columns, &self.values, examples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::matrix::{Matrix, line};
    use crate::parallel::Pool;

    fn mask<A: Scalar>(dropout: f64, units: usize, cuts: usize) -> ndarray::Array2<A> {
        let mut s = Matrix::zeros(40, units);
        let partition = Partition::new(s.width(), line::<A>(), cuts);
        s.arrange(&partition);
        let mask = LayerMask::new(3, dropout).unwrap().numbered(5);
        let mut pool = Pool::new(cuts);
        pool.run(s.by_columns(0..40, &partition), |number, part| {
            A::draw_mask(&mask, units, partition.range(number).start, part);
        });
        s.to_array()
    }

    #[test]
    fn a_mask_does_not_depend_on_the_number_of_threads() {
        for units in [1, 10, 33, 100] {
            let all = mask::<f32>(0.3, units, 1);
            for cuts in [2, 3, 5] {
                assert_eq!(mask::<f32>(0.3, units, cuts), all, "{units} units, {cuts} threads");
            }
            let doubles = mask::<f64>(0.3, units, 2);
            assert!(all.iter().zip(&doubles).all(|(&s, &d)| s == d as f32));
        }
    }

    #[test]
    fn a_mask_drops_its_fraction_and_has_mean_one() {
        for dropout in [0.1, 0.5, 0.9] {
            let s = mask::<f64>(dropout, 1000, 1);
            let n = s.len() as f64;
            let out = s.iter().filter(|&&s| s == 0.0).count() as f64;
            // Five standard deviations of a binomial distribution.
            assert!((out - n * dropout).abs() < 5.0 * (n * dropout * (1.0 - dropout)).sqrt());
            let kept = s.iter().copied().fold(0.0, f64::max);
            assert!((kept - 1.0 / (1.0 - dropout)).abs() < 1e-3);
        }
        assert!(LayerMask::new(3, 0.0).is_none());
    }

    #[test]
    fn the_masks_are_frozen() {
        let s = mask::<f32>(0.5, 24, 1);
        let bits: Vec<u8> = s.row(1).iter().map(|&s| u8::from(s > 0.0)).collect();
        assert_eq!(bits, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0]);
    }
}
