//! Gradient checking on sparse rows. Dense rows are tested in `gradients.rs`.

use mlp_core::gradcheck::{TOLERANCE, check_gradients, gradcheck};
use mlp_core::{
    Activation, Architecture, Compute, CsrMatrix, Gradients, Init, MatmulBackend, Mlp, NativeStream,
    RandomStream, Reduction, Workspace,
};

const INPUTS: usize = 7;
const LABELS: [u8; 6] = [0, 3, 1, 2, 2, 0];
/// Rows of the batch: one appears twice, one is empty.
const BATCH: [u32; 6] = [4, 0, 2, 1, 4, 3];

/// Five rows. The third is empty, the fourth full, and the others have nothing in column 5.
struct Stored {
    offsets: Vec<usize>,
    columns: Vec<u16>,
    values: Vec<f64>,
}

fn stored(seed: u64) -> Stored {
    let mut stream = NativeStream::new(seed);
    let rows: [&[u16]; 5] = [&[0, 3, 6], &[1], &[], &[0, 1, 2, 3, 4, 5, 6], &[2, 4]];
    let ends = rows.iter().scan(0, |end, row| {
        *end += row.len();
        Some(*end)
    });
    let columns = rows.concat();
    let values = columns.iter().map(|_| stream.standard_normal()).collect();
    Stored { offsets: [0].into_iter().chain(ends).collect(), columns, values }
}

impl Stored {
    fn batch(&self) -> CsrMatrix<'_, f64> {
        CsrMatrix::new(INPUTS, &self.offsets, self.columns.as_slice(), self.values.as_slice()).select(&BATCH)
    }
}

fn network(hidden: &[usize], activation: Activation, seed: u64) -> Mlp<f64> {
    let architecture = Architecture::new(INPUTS, hidden, 4).with_activation(activation);
    Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(seed)).unwrap()
}

/// Gradients by three threads with the portable backend.
fn gradients(network: &Mlp<f64>, x: CsrMatrix<'_, f64>, reduction: Reduction) -> Gradients<f64> {
    let compute = Compute::default().with_backend(MatmulBackend::Portable).with_threads(3);
    let mut workspace = Workspace::with_compute(&network.architecture(), x.len(), compute);
    workspace.set_objective(reduction.into());
    let mut gradients = Gradients::new(&network.architecture());
    network.forward(x, &LABELS, &mut workspace);
    network.backward(x, &mut workspace, &mut gradients);
    gradients
}

#[test]
fn gradients_on_sparse_rows_agree_with_central_differences() {
    let (mut checked, mut straddling, mut seed) = (0, 0, 0);
    for activation in Activation::ALL {
        for hidden in [&[][..], &[5], &[6, 4]] {
            for reduction in Reduction::ALL {
                seed += 1;
                let (network, stored) = (network(hidden, activation, seed), stored(seed));
                let report = gradcheck(&network, stored.batch(), &LABELS, reduction);
                assert!(report.passed(), "{activation} {hidden:?} {reduction}: {report:#?}");
                let entries = network.architecture().parameters() + LABELS.len() * INPUTS;
                assert_eq!(report.checked() + report.straddling(), entries);
                checked += report.checked();
                straddling += report.straddling();
            }
        }
    }
    assert!(checked > 100 * straddling, "{straddling} entries skipped, {checked} checked");
}

#[test]
fn gradients_by_three_threads_agree_with_central_differences() {
    for activation in Activation::ALL {
        // Three cache lines of units, one for each thread; and fewer.
        for hidden in [&[][..], &[24], &[20, 17], &[3]] {
            let (network, stored) = (network(hidden, activation, 11), stored(12));
            let gradients = gradients(&network, stored.batch(), Reduction::Sum);
            let report = check_gradients(&network, &gradients, stored.batch(), &LABELS, Reduction::Sum);
            assert!(report.passed(), "{activation} {hidden:?}: {report:#?}");
        }
    }
}

#[test]
fn a_wrong_entry_in_the_last_threads_strip_is_found() {
    let (network, stored) = (network(&[24], Activation::Tanh, 1), stored(2));
    let mut gradients = gradients(&network, stored.batch(), Reduction::Mean);
    gradients.layer_mut(0).0[[6, 23]] += 1e-4;
    let report = check_gradients(&network, &gradients, stored.batch(), &LABELS, Reduction::Mean);
    assert!(!report.passed());
    let wrong = |error: f64| error >= TOLERANCE;
    let tensors = report.tensors.iter().filter(|t| t.worst.is_some_and(|w| wrong(w.relative_error)));
    let found: Vec<_> = tensors.map(|t| (t.name.as_str(), t.equation, t.worst.unwrap().index)).collect();
    assert_eq!(found, [("w_h", "G6", (6, 23))]);
}
