//! The results of the chapter's NumPy program, from `xtask/reference`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// One run of the chapter's program, in f64.
pub(super) struct Reference {
    /// The printed lines.
    pub(super) lines: Vec<String>,
    /// Mean batch loss per epoch, in full precision.
    pub(super) loss: Vec<f64>,
    /// Mean batch accuracy per epoch.
    pub(super) accuracy: Vec<f64>,
    /// The last line that `mlp` prints, with the loss per 100 images as in the epoch lines.
    pub(super) test_line: String,
}

/// Both datasets have 10,000 test images; the chapter's batches have 100.
const TEST_BATCHES: f64 = 100.0;

impl Reference {
    /// Reads the results of one run, such as `mnist-seed0`, from `directory`.
    pub(super) fn read(directory: &Path, name: &str) -> Result<Self> {
        let read = |extension: &str| {
            let path = directory.join(name).with_extension(extension);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let lines = read("txt")?.lines().map(str::to_owned).collect();
        let json: serde_json::Value =
            serde_json::from_str(&read("json")?).with_context(|| format!("{name}.json is not JSON"))?;
        let number =
            |key: &str| json[key].as_f64().with_context(|| format!("{name}.json has no number {key}"));
        let numbers = |key: &str| {
            let list = json[key].as_array().with_context(|| format!("{name}.json has no list {key}"))?;
            Ok::<Vec<f64>, anyhow::Error>(list.iter().filter_map(serde_json::Value::as_f64).collect())
        };
        let test_loss = number("test_loss")? / TEST_BATCHES;
        let test_accuracy = number("test_accuracy")?;
        Ok(Self {
            lines,
            loss: numbers("loss")?,
            accuracy: numbers("accuracy")?,
            test_line: format!("test  loss {test_loss:.1}  acc {test_accuracy:.4}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_lines_match_reference_numbers() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
        for (name, epochs, test_line) in [
            ("mnist-seed0", 50, "test  loss 17.1  acc 0.9553"),
            ("mnist-seed1", 3, "test  loss 25.2  acc 0.9222"),
            ("mnist-seed7", 3, "test  loss 25.1  acc 0.9216"),
            ("fashion-mnist-seed0", 3, "test  loss 54.1  acc 0.8129"),
        ] {
            let reference = Reference::read(&directory, name).unwrap();
            assert_eq!(reference.lines.len(), epochs);
            assert_eq!(reference.test_line, test_line);
            for (i, line) in reference.lines.iter().enumerate() {
                let (loss, accuracy) = (reference.loss[i], reference.accuracy[i]);
                assert_eq!(*line, format!("{}/{epochs}  loss {loss:.1}  acc {accuracy:.4}", i + 1));
            }
        }
    }
}
