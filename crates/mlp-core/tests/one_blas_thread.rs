//! OpenBLAS uses one thread whatever the environment says. Tested in child processes, because
//! OpenBLAS reads its environment when it is loaded.

use std::process::Command;

use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream, Workspace};
use ndarray::Array2;

const CHILD: &str = "MLP_CORE_TEST_CHILD";

/// FNV-1a of the network's bits after an orthogonal initialization and a step, in f64.
fn fingerprint() -> u64 {
    let architecture = Architecture::new(784, &[512], 10).with_activation(Activation::Tanh);
    let mut network: Mlp<f64> = Mlp::new(&architecture, Init::Orthogonal, &mut NativeStream::new(1)).unwrap();
    let x = Array2::from_shape_fn((64, 784), |(i, j)| ((i * 31 + j * 7) % 19) as f64 / 19.0);
    let mut workspace = Workspace::new(&architecture, 64);
    network.train_step(x.view(), &[3; 64], 0.1, &mut workspace);
    let numbers = network.layers().iter().flat_map(|layer| layer.weights().to_owned().into_iter());
    numbers.fold(0xcbf2_9ce4_8422_2325, |hash, w| (hash ^ w.to_bits()).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn openblas_num_threads_does_not_change_results() {
    if std::env::var_os(CHILD).is_some() {
        println!("fingerprint {:016x}", fingerprint());
        return;
    }
    let run = |threads: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "openblas_num_threads_does_not_change_results", "--nocapture"])
            .env(CHILD, "1")
            .env("OPENBLAS_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let start = text.find("fingerprint ").unwrap_or_else(|| panic!("{text}"));
        text[start..start + 28].to_owned()
    };
    let one = run("1");
    for threads in ["2", "5"] {
        assert_eq!(run(threads), one, "OPENBLAS_NUM_THREADS={threads}");
    }
}
