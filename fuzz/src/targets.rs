//! The readers of foreign bytes. To add one, write a function and add a line to [`TARGETS`].

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::LazyLock;

use mlp_data::picture::{GrayPicture, Polarity};
use mlp_data::{Datasets, Description, ImageShape, Preprocessing, idx};
use mlp_train::formats::{Format, Known, import};
use mlp_train::{Checkpoint, Control, Error, Event, Examples, Model, Observer, RunDir, TrainConfig, Trainer};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::seeds;

/// A reader and valid inputs for it.
pub struct Target {
    pub name: &'static str,
    /// Reads an input and returns whether it is accepted. Panics if what is accepted is wrong.
    pub read: fn(&[u8]) -> bool,
    /// Returns valid inputs: small ones with 1, and ones with arrays of half a megabyte with
    /// 160.
    pub seeds: fn(usize) -> Vec<Vec<u8>>,
}

pub const TARGETS: &[Target] = &[
    Target { name: "idx", read: idx_file, seeds: seeds::idx_files },
    Target { name: "dataset", read: dataset, seeds: seeds::datasets },
    Target { name: "description", read: description, seeds: seeds::descriptions },
    Target { name: "picture", read: picture, seeds: seeds::pictures },
    Target { name: "recipe", read: recipe, seeds: seeds::recipes },
    Target { name: "model", read: model, seeds: seeds::models },
    Target { name: "checkpoint", read: checkpoint, seeds: seeds::checkpoints },
    Target { name: "run", read: run, seeds: seeds::runs },
    Target { name: "safetensors", read: safetensors, seeds: seeds::safetensors },
    Target { name: "npz", read: npz, seeds: seeds::npz },
    Target { name: "npy", read: npy, seeds: seeds::npy },
    Target { name: "onnx", read: onnx, seeds: seeds::onnx },
];

/// The memory that a picture may take.
const PICTURE_BYTES: u64 = 64 << 20;

fn idx_file(bytes: &[u8]) -> bool {
    let Ok(array) = idx::parse(bytes, Path::new("input")) else { return false };
    // Without overflow: other dimensions may be huge if one is zero.
    let is_empty = array.shape().contains(&0);
    let count = if is_empty { 0 } else { array.shape().iter().product() };
    assert_eq!(count, array.data().len());
    true
}

/// A directory whose training and test sets are the same: the length of the file of images, this
/// file, and the file of labels.
fn dataset(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    let (images, labels) = rest.split_at(rest.len().min(u32::from_le_bytes(*length) as usize));
    in_directory(|directory| {
        for set in ["train", "t10k"] {
            fs::write(directory.join(format!("{set}-images-idx3-ubyte")), images).unwrap();
            fs::write(directory.join(format!("{set}-labels-idx1-ubyte")), labels).unwrap();
        }
        let (read, mapped) = (Datasets::open_dir(directory), Datasets::open_dir_mapping(directory, 0));
        let is_of_memory = |error: &mlp_data::Error| error.to_string().contains(" memory");
        let sets = match (read, mapped) {
            (Ok(read), Ok(mapped)) => {
                assert_eq!(mapped.train, read.train);
                read
            }
            (Err(read), Err(mapped)) => {
                let differ = read.to_string() != mapped.to_string();
                assert!(!differ || is_of_memory(&read) || is_of_memory(&mapped), "{read}\n{mapped}");
                return false;
            }
            // A mapped file takes less memory.
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => {
                assert!(is_of_memory(&error), "{error}");
                return false;
            }
        };
        assert_eq!(sets.class_names.len(), sets.train.classes());
        assert_eq!(sets.train.images().len(), sets.train.len() * sets.train.pixels());
        sets.oddities();
        true
    })
}

fn description(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(description) = Description::parse(text, Path::new("input")) else { return false };
    let again = description.to_toml(Path::new("input")).expect("it was accepted");
    assert_eq!(Description::parse(&again, Path::new("input")).unwrap(), description);
    true
}

fn picture(bytes: &[u8]) -> bool {
    let Ok(picture) = GrayPicture::decode_within(bytes, PICTURE_BYTES) else { return false };
    assert_eq!(picture.pixels().len(), picture.width() * picture.height());
    let shape = ImageShape { height: 28, width: 28 };
    let preprocessed = Preprocessing::Digit.preprocess(&picture, shape, Polarity::Auto);
    assert_eq!(preprocessed.pixels.len(), shape.pixels());
    true
}

fn recipe(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    let Ok(config) = table.try_into::<TrainConfig>() else { return false };
    if config.check().is_err() {
        return false;
    }
    let again = toml::to_string(&config).expect("plain data");
    assert_eq!(toml::from_str::<TrainConfig>(&again).unwrap(), config);
    true
}

/// A model file, or only its content, which gets a header with the right checksum.
fn model(bytes: &[u8]) -> bool {
    in_directory(|directory| {
        let path = directory.join("model.mlp");
        if bytes.starts_with(b"\x89MLP") {
            fs::write(&path, bytes).unwrap();
        } else {
            write_framed(&path, b"MLP", bytes);
        }
        let Ok(model) = Model::load(&path) else { return false };
        is_stored(&model, directory);
        true
    })
}

/// The content of a checkpoint in single precision. If it is valid, training continues.
fn checkpoint(bytes: &[u8]) -> bool {
    in_directory(|directory| {
        let path = directory.join("checkpoint.mlp");
        write_framed(&path, b"C32", bytes);
        let Ok(checkpoint) = Checkpoint::<f32>::load(&path) else { return false };
        let data = seeds::examples();
        // The configuration of a run is not the checkpoint's, so it may not be large.
        let Ok(plan) = checkpoint.config().expect("checked").validate(&data) else { return false };
        if plan.architecture().parameters() > 10_000 {
            return false;
        }
        let examples = Examples::new(&plan, &data);
        let Ok(mut trainer) = Trainer::resume(checkpoint, plan, &examples, None, None) else { return false };
        // A loss may be infinite.
        let _ = trainer.run(&mut StopAfter(50));
        true
    })
}

struct StopAfter(usize);

impl Observer for StopAfter {
    fn observe(&mut self, _: &Event) -> Result<Control, Error> {
        self.0 = self.0.saturating_sub(1);
        Ok(if self.0 == 0 { Control::Stop } else { Control::Continue })
    }
}

/// The records or the result of a run.
fn run(bytes: &[u8]) -> bool {
    in_directory(|directory| {
        for file in ["metrics.jsonl", "result.json"] {
            fs::write(directory.join(file), bytes).unwrap();
        }
        let records = RunDir::records(directory);
        RunDir::result(directory).is_ok() || records.is_ok()
    })
}

fn safetensors(bytes: &[u8]) -> bool {
    imports(Format::Safetensors, bytes)
}

fn npz(bytes: &[u8]) -> bool {
    imports(Format::Npz, bytes)
}

fn onnx(bytes: &[u8]) -> bool {
    imports(Format::Onnx, bytes)
}

/// The first array of an .npz file, whose other arrays and checksums are valid.
fn npy(bytes: &[u8]) -> bool {
    static OTHERS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| seeds::entries(&seeds::npz(1)[0]));

    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let others = OTHERS.iter().skip(1).map(|(name, array)| (name, &array[..]));
    for (name, array) in [(&OTHERS[0].0, bytes)].into_iter().chain(others) {
        archive.start_file(name.as_str(), options).unwrap();
        archive.write_all(array).unwrap();
    }
    imports(Format::Npz, archive.finish().unwrap().get_ref())
}

fn imports(format: Format, bytes: &[u8]) -> bool {
    let given = Known { activation: Some(mlp_core::Activation::Relu), ..Known::default() };
    let imported = import(format, bytes, &Known::default()).or_else(|_| import(format, bytes, &given));
    let Ok(imported) = imported else { return false };
    in_directory(|directory| is_stored(&imported.model, directory));
    true
}

/// Checks that a model that was accepted can be written and read again.
fn is_stored(model: &Model, directory: &Path) {
    let path = directory.join("again.mlp");
    match model.save(&path).and_then(|()| Model::load(&path)) {
        Ok(again) => assert_eq!(&again, model),
        Err(Error::Memory { .. }) => {}
        Err(error) => panic!("it was accepted: {error}"),
    }
}

/// Writes a model or checkpoint file with this content; see `crates/mlp-train/src/model/frame.rs`.
/// Does not copy the content, because memory may be limited.
fn write_framed(path: &Path, letters: &[u8; 3], content: &[u8]) {
    let mut header = [b"\x89", &letters[..], b"\r\n\x1a\n"].concat();
    let version: u32 = if letters == b"MLP" { 2 } else { 3 };
    header.extend(version.to_le_bytes());
    header.extend((content.len() as u64).to_le_bytes());
    header.extend(Sha256::digest(content));
    let mut file = File::create(path).unwrap();
    file.write_all(&header).and_then(|()| file.write_all(content)).unwrap();
}

fn in_directory<T>(work: impl FnOnce(&Path) -> T) -> T {
    let directory = tempfile::tempdir().unwrap();
    work(directory.path())
}
