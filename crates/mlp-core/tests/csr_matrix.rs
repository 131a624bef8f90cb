//! Sparse rows give the same bits as plain loops over their entries, and the same values as dense
//! rows. Invalid matrices panic. These networks have one hidden layer, because only the first layer
//! sees sparse rows.

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

/// The random parameters of a case.
#[derive(Clone, Debug)]
struct Sizes {
    inputs: usize,
    hidden: usize,
    stored: usize,
    /// Rows of the batch; `None` uses all stored rows.
    selected: Option<usize>,
    density: f64,
    wide_columns: bool,
    bytes: bool,
    reduction: Reduction,
    seed: u64,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    // Widths around a tile's, batches around the 128 examples of a chunk; smaller for Miri.
    let [max_inputs, max_hidden, max_rows] = if cfg!(miri) { [6_usize, 10, 3] } else { [300, 70, 140] };
    let [wide, large] = if cfg!(miri) { [17_usize, 4] } else { [130, 256] };
    // Wide enough to be updated column by column, on any number of threads.
    let widest = if cfg!(miri) { 20_usize } else { 650 };
    let inputs = prop_oneof![1 => Just(1_usize), 9 => 1..max_inputs];
    let hidden = prop_oneof![8 => 1..max_hidden, 1 => Just(wide), 1 => Just(widest)];
    let rows = move || prop_oneof![8 => 1..max_rows, 1 => large..large + 4];
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

/// A network and a sparse batch, with the entries in all forms.
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
        // Xavier's biases are 0, which would hide a chain without them.
        network.layer_mut(0).1.mapv_inplace(|_| A::from_f64(stream.standard_normal()));
        // Byte 7 stands for 0: stored entries may be 0.
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

    /// The batch in the form of this case.
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

    /// (column, value) of each entry of example `i`, without the code under test.
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

    /// Slightly larger than the batch.
    fn workspace(&self, compute: Compute) -> Workspace<A> {
        let spare = (self.sizes.seed % 3) as usize;
        let capacity = self.labels.len() + spare;
        let mut workspace = Workspace::with_compute(&self.network.architecture(), capacity, compute);
        workspace.set_objective(self.sizes.reduction.into());
        workspace
    }

    fn gradients(&self, x: Features<'_, A>, workspace: &mut Workspace<A>) -> Gradients<A> {
        let mut gradients = Gradients::new(&self.network.architecture());
        // To be overwritten.
        gradients.layer_mut(0).0.fill(A::nan());
        gradients.layer_mut(0).1.fill(A::nan());
        self.network.forward(x, &self.labels, workspace);
        self.network.backward(x, workspace, &mut gradients);
        gradients
    }
}

/// Compares bits, including the sign of zero. (`f32` converts to `f64` exactly.)
fn same_bits<'a, A: Scalar>(
    found: impl IntoIterator<Item = &'a A>,
    expected: impl IntoIterator<Item = &'a A>,
) -> bool {
    let bits = |value: &A| (*value).into_f64().to_bits();
    found.into_iter().map(bits).eq(expected.into_iter().map(bits))
}

fn all_computes(products: MatmulBackend) -> impl Iterator<Item = Compute> {
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
    for compute in all_computes(MatmulBackend::Portable) {
        let (mut workspace, mut network) = (case.workspace(compute), case.network.clone());
        network.train_step(x, &case.labels, LEARNING_RATE, &mut workspace);
        prop_assert!(same_bits(&workspace.pre_activations(0), &z), "Z, {compute:?}");
        let delta = workspace.deltas(0);
        prop_assert!(delta.iter().any(|&delta| delta != A::zero()), "all deltas are zero");
        let alpha = A::from_f64(-LEARNING_RATE);
        let (weights, biases) = case.update(alpha, &delta, layer.weights(), layer.biases());
        prop_assert!(same_bits(&network.layers()[0].weights(), &weights), "W after a step, {compute:?}");
        prop_assert!(same_bits(&network.layers()[0].biases(), &biases), "b after a step, {compute:?}");

        let gradients = case.gradients(x.into(), &mut workspace);
        prop_assert!(same_bits(&workspace.deltas(0), &delta), "delta by backward, {compute:?}");
        let zeros = (Array2::zeros(weights.dim()), Array1::zeros(biases.len()));
        let (weights, biases) = case.update(A::one(), &delta, zeros.0, zeros.1);
        prop_assert!(same_bits(&gradients.layers()[0].weights(), &weights), "dJ/dW, {compute:?}");
        prop_assert!(same_bits(&gradients.layers()[0].biases(), &biases), "dJ/db, {compute:?}");
    }
    Ok(())
}

/// Terms with a zero factor can turn -0 into 0, so this compares values, not bits.
fn check_against_dense_rows<A: Scalar>(sizes: &Sizes) -> Result<(), TestCaseError> {
    let case = Case::<A>::new(sizes);
    let (x, dense) = (case.sparse(), case.sparse().to_dense());
    for (i, row) in dense.rows().into_iter().enumerate() {
        let mut expected = Array1::zeros(sizes.inputs);
        case.entries(i).for_each(|(j, x)| expected[j] = x);
        prop_assert_eq!(row, expected.view(), "dense row {}", i);
    }
    for &threads in THREADS {
        let compute = Compute::default().with_backend(MatmulBackend::Portable).with_threads(threads);
        let [mut sparsely, mut densely] = [(); 2].map(|()| (case.network.clone(), case.workspace(compute)));
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

/// The maximum difference of two sums of products in any order: twice γ·Σ|x||w|, with γ = nu/(1 -
/// nu), u = eps/2 and n = `terms` + 1 (Higham 2002, section 3.1). For our sizes nu < 2⁻¹⁴, so 1.01
/// covers (1 + nu)/(1 - nu).
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
        let compute = Compute::default().with_backend(MatmulBackend::OpenBlas).with_threads(threads);
        let (mut sparsely, mut densely) = (case.workspace(compute), case.workspace(compute));
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
        // The deltas differ too, so each gradient is compared with its own.
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
    fn f32_products_are_bitwise_equal_to_plain_loops(sizes in sizes()) {
        check_against_plain_loops::<f32>(&sizes)?;
    }

    #[test]
    fn f64_products_are_bitwise_equal_to_plain_loops(sizes in sizes()) {
        check_against_plain_loops::<f64>(&sizes)?;
    }

    #[test]
    fn sparse_and_dense_rows_give_the_same_step(sizes in sizes()) {
        check_against_dense_rows::<f32>(&sizes)?;
        check_against_dense_rows::<f64>(&sizes)?;
    }

    #[test]
    fn openblas_agrees_with_sparse_rows_up_to_rounding(sizes in sizes()) {
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
fn matrices_without_rows_are_empty() {
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
fn too_few_values_panic() {
    CsrMatrix::new(3, &OFFSETS, COLUMNS.as_slice(), &VALUES[..2]);
}

#[test]
#[should_panic(expected = "4 values for 3 columns")]
fn too_many_bytes_panic() {
    let values = Values::Bytes { bytes: &[1; 4], levels: &[1.0; 256] };
    CsrMatrix::<f32>::new(3, &OFFSETS, COLUMNS.as_slice(), values);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn missing_offsets_panic() {
    rows(3, &[], &COLUMNS);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn offsets_that_do_not_start_at_0_panic() {
    rows(3, &[1, 2, 3], &COLUMNS);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn offsets_that_end_too_early_panic() {
    rows(3, &[0, 2, 2], &COLUMNS);
}

#[test]
#[should_panic(expected = "offsets do not ascend from 0 to the number of columns, 3")]
fn descending_offsets_panic() {
    rows(3, &[0, 2, 1, 3], &COLUMNS);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 3")]
fn descending_columns_panic() {
    rows(3, &OFFSETS, &[2, 0, 2]);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 3")]
fn a_repeated_column_panics() {
    rows(3, &OFFSETS, &[2, 2, 2]);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 2")]
fn a_column_beyond_the_width_panics() {
    rows(2, &OFFSETS, &COLUMNS);
}

#[test]
#[should_panic(expected = "the columns of a row do not ascend below its width, 3")]
fn a_wide_column_is_not_truncated() {
    let columns: [u32; 3] = [0, 2, 1 << 16];
    CsrMatrix::new(3, &OFFSETS, columns.as_slice(), VALUES.as_slice());
}

#[test]
#[should_panic(expected = "row 2 of 2")]
fn selecting_a_missing_row_panics() {
    rows(3, &OFFSETS, &COLUMNS).select(&[1, 0, 2]);
}

#[test]
#[should_panic(expected = "rows have already been selected")]
fn selecting_twice_panics() {
    rows(3, &OFFSETS, &COLUMNS).select(&[1, 0]).select(&[0]);
}
