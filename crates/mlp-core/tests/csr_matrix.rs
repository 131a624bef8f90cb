//! Sparse rows give the numbers that their documentation promises: to the last bit those of plain loops over their entries, and those of
//! the same rows dense. And what is no matrix in compressed form is not taken for one.
//!
//! Only the first layer sees its rows as they are, so these networks have one hidden layer. That the number of threads does not
//! matter, for whole trainings, is in `determinism.rs`.

use mlp_core::{
    Activation, Architecture, Columns, Compute, CsrMatrix, Features, Gradients, Init, Isa, MatmulBackend,
    Mlp, NativeStream, RandomStream, Reduction, Scalar, Values, Workspace,
};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

const CLASSES: usize = 5;
const CASES: u32 = if cfg!(miri) { 2 } else { 32 };
const THREADS: &[usize] = if cfg!(miri) { &[2] } else { &[1, 2, 3] };
const LEARNING_RATE: f64 = 0.1;

/// What a case is drawn by.
#[derive(Clone, Debug)]
struct Sizes {
    inputs: usize,
    hidden: usize,
    stored: usize,
    /// Rows of a batch that selects them; `None` takes all that are stored.
    selected: Option<usize>,
    density: f64,
    wide_columns: bool,
    bytes: bool,
    reduction: Reduction,
    seed: u64,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    // Widths on either side of a tile's, batches on either side of the 128 examples of a chunk; few for Miri, which interprets.
    let [most_inputs, most_hidden, most_rows] = if cfg!(miri) { [6_usize, 10, 3] } else { [300, 70, 140] };
    let [wide, large] = if cfg!(miri) { [17_usize, 4] } else { [130, 256] };
    let inputs = prop_oneof![1 => Just(1_usize), 9 => 1..most_inputs];
    let hidden = prop_oneof![9 => 1..most_hidden, 1 => Just(wide)];
    let rows = move || prop_oneof![8 => 1..most_rows, 1 => large..large + 4];
    let density = prop_oneof![1 => Just(0.0), 1 => Just(1.0), 6 => 0.0..1.0];
    let reduction = prop_oneof![Just(Reduction::Sum), Just(Reduction::Mean)];
    let numbers = (inputs, hidden, rows(), proptest::option::weighted(0.7, rows()), density);
    (numbers, any::<bool>(), any::<bool>(), reduction, any::<u64>()).prop_map(
        |((inputs, hidden, stored, selected, density), wide_columns, bytes, reduction, seed)| Sizes {
            inputs,
            hidden,
            stored,
            selected,
            density,
            wide_columns,
            bytes,
            reduction,
            seed,
        },
    )
}

/// A network and a sparse batch for it. The entries are kept in every form.
struct Case<A> {
    sizes: Sizes,
    network: Mlp<A>,
    offsets: Vec<usize>,
    columns: Vec<u32>,
    narrow: Vec<u16>,
    values: Vec<A>,
    bytes: Vec<u8>,
    levels: [A; 256],
    batch: Option<Vec<u32>>,
    labels: Vec<u8>,
}

impl<A: Scalar> Case<A> {
    fn new(sizes: &Sizes) -> Self {
        let mut stream = NativeStream::new(sizes.seed);
        let architecture =
            Architecture::new(sizes.inputs, &[sizes.hidden], CLASSES).with_activation(Activation::Tanh);
        let mut network = Mlp::new(&architecture, Init::Xavier, &mut stream).unwrap();
        // Xavier's biases are 0, and a chain that forgot them would go unnoticed.
        network.layer_mut(0).1.mapv_inplace(|_| A::from_f64(stream.standard_normal()));
        // An entry may be 0: the byte 7 is.
        let levels = std::array::from_fn(|byte| A::from_f64((byte as f64 - 7.0) / 250.0));

        let (mut offsets, mut columns, mut bytes) = (vec![0], Vec::new(), Vec::new());
        for _ in 0..sizes.stored {
            let is_empty = stream.uniform() < 0.125;
            for column in 0..sizes.inputs {
                if !is_empty && stream.uniform() < sizes.density {
                    columns.push(column as u32);
                    bytes.push((stream.next_u64() >> 56) as u8);
                }
            }
            offsets.push(columns.len());
        }
        let mut below = |bound: usize| (stream.next_u64() % bound as u64) as u32;
        let batch = sizes.selected.map(|rows| (0..rows).map(|_| below(sizes.stored)).collect::<Vec<_>>());
        let rows = sizes.selected.unwrap_or(sizes.stored);
        Self {
            labels: (0..rows).map(|_| below(CLASSES) as u8).collect(),
            sizes: sizes.clone(),
            network,
            offsets,
            narrow: columns.iter().map(|&column| column as u16).collect(),
            columns,
            values: bytes.iter().map(|&byte| levels[usize::from(byte)]).collect(),
            bytes,
            levels,
            batch,
        }
    }

    /// The batch as the network gets it.
    fn sparse(&self) -> CsrMatrix<'_, A> {
        let columns =
            if self.sizes.wide_columns { Columns::U32(&self.columns) } else { Columns::U16(&self.narrow) };
        let values = if self.sizes.bytes {
            Values::Bytes { bytes: &self.bytes, levels: &self.levels }
        } else {
            Values::Numbers(&self.values)
        };
        let rows = CsrMatrix::new(self.sizes.inputs, &self.offsets, columns, values);
        match &self.batch {
            Some(batch) => rows.select(batch),
            None => rows,
        }
    }

    /// (column, value) of each entry of example `i` of the batch, found without the code under test.
    fn entries(&self, i: usize) -> impl Iterator<Item = (usize, A)> {
        let row = self.batch.as_ref().map_or(i, |batch| batch[i] as usize);
        (self.offsets[row]..self.offsets[row + 1])
            .map(|entry| (self.columns[entry] as usize, self.values[entry]))
    }

    /// X·W + b of the first layer.
    fn affine(&self) -> Array2<A> {
        let layer = &self.network.layers()[0];
        let (weights, biases) = (layer.weights(), layer.biases());
        Array2::from_shape_fn((self.labels.len(), self.sizes.hidden), |(i, c)| {
            self.entries(i).fold(biases[c], |z, (j, x)| x.mul_add(weights[[j, c]], z))
        })
    }

    /// W + alpha·Xᵀ·δ and b + alpha·1·δ.
    fn update(
        &self,
        alpha: A,
        delta: &Array2<A>,
        mut weights: Array2<A>,
        mut biases: Array1<A>,
    ) -> (Array2<A>, Array1<A>) {
        for (i, delta) in delta.rows().into_iter().enumerate() {
            for (j, x) in self.entries(i) {
                for (w, &delta) in weights.row_mut(j).iter_mut().zip(delta) {
                    *w = x.mul_add(alpha * delta, *w);
                }
            }
            for (b, &delta) in biases.iter_mut().zip(delta) {
                *b += alpha * delta;
            }
        }
        (weights, biases)
    }

    /// With a little more room than the batch needs.
    fn workspace(&self, kernels: Compute) -> Workspace<A> {
        let spare = (self.sizes.seed % 3) as usize;
        let capacity = self.labels.len() + spare;
        let mut workspace = Workspace::with_compute(&self.network.architecture(), capacity, kernels);
        workspace.set_objective(self.sizes.reduction.into());
        workspace
    }

    fn gradients(&self, x: Features<'_, A>, workspace: &mut Workspace<A>) -> Gradients<A> {
        let mut gradients = Gradients::new(&self.network.architecture());
        // Something to be replaced.
        gradients.layer_mut(0).0.fill(A::nan());
        gradients.layer_mut(0).1.fill(A::nan());
        self.network.forward(x, &self.labels, workspace);
        self.network.backward(x, workspace, &mut gradients);
        gradients
    }
}

/// The same bits, the sign of zero included. (An `f32` keeps its own in `f64`.)
fn same_bits<'a, A: Scalar>(
    found: impl IntoIterator<Item = &'a A>,
    expected: impl IntoIterator<Item = &'a A>,
) -> bool {
    let bits = |value: &A| (*value).into_f64().to_bits();
    found.into_iter().map(bits).eq(expected.into_iter().map(bits))
}

fn all_kernels(products: MatmulBackend) -> impl Iterator<Item = Compute> {
    Isa::available().flat_map(move |isa| {
        THREADS.iter().map(move |&threads| {
            Compute::default().with_backend(products).with_isa(isa).with_threads(threads)
        })
    })
}

fn check_against_plain_loops<A: Scalar>(sizes: &Sizes) -> Result<(), TestCaseError> {
    let case = Case::<A>::new(sizes);
    let (x, layer) = (case.sparse(), &case.network.layers()[0]);
    let z = case.affine();
    for kernels in all_kernels(MatmulBackend::Portable) {
        let (mut workspace, mut network) = (case.workspace(kernels), case.network.clone());
        network.train_step(x, &case.labels, LEARNING_RATE, &mut workspace);
        prop_assert!(same_bits(&workspace.pre_activations(0), &z), "Z, {kernels:?}");
        let delta = workspace.deltas(0);
        prop_assert!(delta.iter().any(|&delta| delta != A::zero()), "nothing to learn: a vacuous case");
        let alpha = A::from_f64(-LEARNING_RATE);
        let (weights, biases) = case.update(alpha, &delta, layer.weights(), layer.biases());
        prop_assert!(same_bits(&network.layers()[0].weights(), &weights), "W after a step, {kernels:?}");
        prop_assert!(same_bits(&network.layers()[0].biases(), &biases), "b after a step, {kernels:?}");

        let gradients = case.gradients(x.into(), &mut workspace);
        prop_assert!(same_bits(&workspace.deltas(0), &delta), "delta by backward, {kernels:?}");
        let zeros = (Array2::zeros(weights.dim()), Array1::zeros(biases.len()));
        let (weights, biases) = case.update(A::one(), &delta, zeros.0, zeros.1);
        prop_assert!(same_bits(&gradients.layers()[0].weights(), &weights), "dJ/dW, {kernels:?}");
        prop_assert!(same_bits(&gradients.layers()[0].biases(), &biases), "dJ/db, {kernels:?}");
    }
    Ok(())
}

/// A term with a zero factor leaves a finite chain as it is, but for turning -0 into 0: equal, not of equal bits.
fn check_against_dense_rows<A: Scalar>(sizes: &Sizes) -> Result<(), TestCaseError> {
    let case = Case::<A>::new(sizes);
    let (x, dense) = (case.sparse(), case.sparse().to_dense());
    for (i, row) in dense.rows().into_iter().enumerate() {
        let mut expected = Array1::zeros(sizes.inputs);
        case.entries(i).for_each(|(j, x)| expected[j] = x);
        prop_assert_eq!(row, expected.view(), "row {} made dense", i);
    }
    for &threads in THREADS {
        let kernels = Compute::default().with_backend(MatmulBackend::Portable).with_threads(threads);
        let [mut sparsely, mut densely] = [(); 2].map(|()| (case.network.clone(), case.workspace(kernels)));
        let step = |(network, workspace): &mut (Mlp<A>, Workspace<A>), x: Features<'_, A>| {
            network.train_step(x, &case.labels, LEARNING_RATE, workspace)
        };
        prop_assert_eq!(step(&mut sparsely, x.into()), step(&mut densely, dense.view().into()));
        prop_assert_eq!(sparsely.1.pre_activations(0), densely.1.pre_activations(0));
        prop_assert_eq!(sparsely.1.logits(), densely.1.logits());
        prop_assert_eq!(sparsely.1.deltas(0), densely.1.deltas(0));
        for (found, expected) in sparsely.0.layers().iter().zip(densely.0.layers()) {
            prop_assert_eq!(found.weights(), expected.weights());
            prop_assert_eq!(found.biases(), expected.biases());
        }
    }
    Ok(())
}

/// The rounding error of a sum of products with `terms` terms in any order, fused or not, is at most γ·Σ|x||w| with γ = nu/(1 - nu),
/// u = eps/2 and n = `terms` + 1 roundings that a term goes through at most (Higham 2002, section 3.1). Two such sums differ by
/// twice that. Of our sizes nu is below 2⁻¹⁴ and Σ|x||w| itself as exact: 1.01 is more than (1 + nu)/(1 - nu).
fn two_sums<A: Scalar>(terms: usize, magnitude: f64) -> f64 {
    1.01 * A::EPSILON * (terms + 1) as f64 * magnitude
}

fn check_against_openblas<A: Scalar>(sizes: &Sizes) -> Result<(), TestCaseError> {
    if !MatmulBackend::OpenBlas.is_available() {
        return Ok(());
    }
    let case = Case::<A>::new(sizes);
    let (layer, dense) = (&case.network.layers()[0], case.sparse().to_dense());
    let (weights, biases) = (layer.weights(), layer.biases());
    for threads in [1, 2] {
        let kernels = Compute::default().with_backend(MatmulBackend::OpenBlas).with_threads(threads);
        let (mut sparsely, mut densely) = (case.workspace(kernels), case.workspace(kernels));
        let on_sparse = case.gradients(case.sparse().into(), &mut sparsely);
        let on_dense = case.gradients(dense.view().into(), &mut densely);
        let (found, expected) = (sparsely.pre_activations(0), densely.pre_activations(0));
        for ((i, c), z) in found.indexed_iter() {
            let products =
                dense.row(i).into_iter().zip(weights.column(c)).map(|(&x, &w)| (x * w).into_f64().abs());
            let bound = two_sums::<A>(sizes.inputs + 1, products.sum::<f64>() + biases[c].into_f64().abs());
            let difference = (*z - expected[[i, c]]).into_f64().abs();
            prop_assert!(difference <= bound, "z at {i}, {c}: {difference:e} > {bound:e}");
        }
        // The deltas differ, too, through all that lies between: each gradient is held against its own.
        for (gradients, workspace) in [(on_sparse, sparsely), (on_dense, densely)] {
            let (found, delta) = (gradients.layers()[0].weights(), workspace.deltas(0));
            for ((j, c), w_grad) in found.indexed_iter() {
                let terms = || {
                    let column = dense.column(j).into_iter().zip(delta.column(c));
                    column.map(|(x, delta)| x.into_f64() * delta.into_f64())
                };
                let bound = two_sums::<A>(case.labels.len(), terms().map(f64::abs).sum());
                let difference = (w_grad.into_f64() - terms().sum::<f64>()).abs();
                prop_assert!(difference <= bound, "dJ/dw at {j}, {c}: {difference:e} > {bound:e}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn f32_products_are_plain_loops_over_the_entries_bit_for_bit(sizes in sizes()) {
        check_against_plain_loops::<f32>(&sizes)?;
    }

    #[test]
    fn f64_products_are_plain_loops_over_the_entries_bit_for_bit(sizes in sizes()) {
        check_against_plain_loops::<f64>(&sizes)?;
    }

    #[test]
    fn rows_give_the_same_step_sparse_and_dense(sizes in sizes()) {
        check_against_dense_rows::<f32>(&sizes)?;
        check_against_dense_rows::<f64>(&sizes)?;
    }

    #[test]
    fn openblas_agrees_with_sparse_rows_within_rounding(sizes in sizes()) {
        check_against_openblas::<f32>(&sizes)?;
        check_against_openblas::<f64>(&sizes)?;
    }
}

/// Two rows, (1, 0, 2) and (0, 0, 3).
const OFFSETS: [usize; 3] = [0, 2, 3];
const COLUMNS: [u16; 3] = [0, 2, 2];
const VALUES: [f32; 3] = [1.0, 2.0, 3.0];

fn rows(width: usize, offsets: &'static [usize], columns: &'static [u16]) -> CsrMatrix<'static, f32> {
    CsrMatrix::new(width, offsets, columns, VALUES.as_slice())
}

#[test]
fn a_selection_of_no_rows_and_a_matrix_of_none_are_empty() {
    let all = rows(3, &OFFSETS, &COLUMNS);
    assert_eq!(all.to_dense(), array![[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]);
    assert_eq!((all.is_empty(), all.non_zeros()), (false, 3));
    let none = all.select(&[]);
    assert_eq!((none.is_empty(), none.len(), none.non_zeros(), none.width()), (true, 0, 0, 3));
    let nothing: [u16; 0] = [];
    assert!(CsrMatrix::<f32>::new(3, &[0], nothing.as_slice(), [].as_slice()).is_empty());
}

#[test]
#[should_panic(expected = "2 values for 3 columns")]
fn fewer_values_than_columns() {
    CsrMatrix::new(3, &OFFSETS, COLUMNS.as_slice(), &VALUES[..2]);
}

#[test]
#[should_panic(expected = "4 values for 3 columns")]
fn more_bytes_than_columns() {
    let values = Values::Bytes { bytes: &[1; 4], levels: &[1.0; 256] };
    CsrMatrix::<f32>::new(3, &OFFSETS, COLUMNS.as_slice(), values);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn no_offsets() {
    rows(3, &[], &COLUMNS);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn offsets_that_begin_late() {
    rows(3, &[1, 2, 3], &COLUMNS);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn offsets_that_end_early() {
    rows(3, &[0, 2, 2], &COLUMNS);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn offsets_that_go_back() {
    rows(3, &[0, 2, 1, 3], &COLUMNS);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 3")]
fn columns_that_go_back() {
    rows(3, &OFFSETS, &[2, 0, 2]);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 3")]
fn a_column_that_comes_twice() {
    rows(3, &OFFSETS, &[2, 2, 2]);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 2")]
fn a_column_beyond_the_width() {
    rows(2, &OFFSETS, &COLUMNS);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 3")]
fn a_wide_column_that_would_fit_if_it_were_cut_off() {
    let columns: [u32; 3] = [0, 2, 1 << 16];
    CsrMatrix::new(3, &OFFSETS, columns.as_slice(), VALUES.as_slice());
}

#[test]
#[should_panic(expected = "row 2 of 2")]
fn a_row_that_is_not_there() {
    rows(3, &OFFSETS, &COLUMNS).select(&[1, 0, 2]);
}

#[test]
#[should_panic(expected = "rows have been selected already")]
fn a_selection_of_a_selection() {
    rows(3, &OFFSETS, &COLUMNS).select(&[1, 0]).select(&[0]);
}
