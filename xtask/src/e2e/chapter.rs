//! The results of the chapter's NumPy program, from `xtask/reference`.

use anyhow::{Context, Result};

/// One run of the chapter's program, in f64.
pub(super) struct Reference {
    /// The printed lines.
    pub(super) lines: Vec<&'static str>,
    /// Mean batch loss per epoch, in full precision.
    pub(super) loss: Vec<f64>,
    /// Mean batch accuracy per epoch.
    pub(super) accuracy: Vec<f64>,
    /// The last line that `mlp` prints, with the loss per 100 images as in the epoch lines.
    pub(super) test_line: String,
}

macro_rules! reference {
    ($name:literal) => {
        parse(
            include_str!(concat!("../../reference/", $name, ".txt")),
            include_str!(concat!("../../reference/", $name, ".json")),
        )
    };
}

/// MNIST, seed 0, 50 epochs.
pub(super) fn mnist_seed_0() -> Result<Reference> {
    reference!("mnist-seed0")
}

/// MNIST, seed 1, 3 epochs.
pub(super) fn mnist_seed_1() -> Result<Reference> {
    reference!("mnist-seed1")
}

/// MNIST, seed 7, 3 epochs.
pub(super) fn mnist_seed_7() -> Result<Reference> {
    reference!("mnist-seed7")
}

/// Fashion-MNIST, seed 0, 3 epochs.
pub(super) fn fashion_mnist_seed_0() -> Result<Reference> {
    reference!("fashion-mnist-seed0")
}

/// Both datasets have 10,000 test images; the chapter's batches have 100.
const TEST_BATCHES: f64 = 100.0;

fn parse(lines: &'static str, json: &str) -> Result<Reference> {
    let json: serde_json::Value = serde_json::from_str(json).context("cannot read the reference")?;
    let number =
        |name: &str| json[name].as_f64().with_context(|| format!("no number {name} in the reference"));
    let numbers = |name: &str| {
        let numbers = json[name].as_array().map(|values| values.iter().filter_map(|v| v.as_f64()).collect());
        numbers.with_context(|| format!("no list {name} in the reference"))
    };
    let test_loss = number("test_loss")? / TEST_BATCHES;
    let test_accuracy = number("test_accuracy")?;
    Ok(Reference {
        lines: lines.lines().collect(),
        loss: numbers("loss")?,
        accuracy: numbers("accuracy")?,
        test_line: format!("test  loss {test_loss:.1}  acc {test_accuracy:.4}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_lines_match_reference_numbers() {
        let references = [
            (mnist_seed_0(), 50, "test  loss 17.1  acc 0.9553"),
            (mnist_seed_1(), 3, "test  loss 25.2  acc 0.9222"),
            (mnist_seed_7(), 3, "test  loss 25.1  acc 0.9216"),
            (fashion_mnist_seed_0(), 3, "test  loss 54.1  acc 0.8129"),
        ];
        for (reference, epochs, test_line) in references {
            let reference = reference.unwrap();
            assert_eq!(reference.lines.len(), epochs);
            assert_eq!(reference.test_line, test_line);
            for (i, line) in reference.lines.iter().enumerate() {
                let (loss, accuracy) = (reference.loss[i], reference.accuracy[i]);
                assert_eq!(*line, format!("{}/{epochs}  loss {loss:.1}  acc {accuracy:.4}", i + 1));
            }
        }
    }
}
