//! Valid inputs for each reader, made by the libraries' writers, and small files from other
//! programs in the test fixtures.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream};
use mlp_data::idx::{Idx, IdxData, write_idx};
use mlp_data::{Dataset, Description, ImageShape, Polarity, Preprocessing};
use mlp_train::formats::{Pixels, to_npz, to_onnx, to_safetensors};
use mlp_train::{
    Every, Examples, Metadata, Model, Network, OptimizerName, Origin, RunDir, RunSetup, TrainConfig, Trainer,
};
use zip::ZipArchive;

/// The bytes before the content of model and checkpoint files.
const HEADER: usize = 52;

/// A file of another program.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../crates/mlp-train/tests/fixtures/formats/", $name)).to_vec()
    };
}

pub(super) fn idx_files(scale: usize) -> Vec<Vec<u8>> {
    let count = 12 * scale * scale;
    let arrays = [
        IdxData::U8((0..count).map(|i| i as u8).collect()),
        IdxData::I16(vec![-2; count]),
        IdxData::I32(vec![70_000; count]),
        IdxData::F64(vec![0.1; count]),
    ];
    let arrays = arrays.map(|data| Idx::new(vec![3 * scale, 2 * scale, 2], data));
    let mut files: Vec<Vec<u8>> = arrays.iter().map(stored).collect();
    files.push(compressed(&arrays[0]));
    files
}

pub(super) fn datasets(scale: usize) -> Vec<Vec<u8>> {
    let count = 6 * scale;
    let pixels = (0..count * 4 * scale).map(|i| i as u8).collect();
    let images = stored(&Idx::new(vec![count, 2 * scale, 2], IdxData::U8(pixels)));
    let labels = IdxData::U8((0..count).map(|i| (i % 3) as u8).collect());
    let labels = stored(&Idx::new(vec![count], labels));
    vec![[&(images.len() as u32).to_le_bytes()[..], &images, &labels].concat()]
}

pub(super) fn descriptions(scale: usize) -> Vec<Vec<u8>> {
    let class_names = (0..(2 * scale).min(256)).map(|class| format!("\"class\" {class}, größer")).collect();
    let whole = Description {
        class_names,
        preprocessing: Preprocessing::Digit,
        polarity: Polarity::DarkOnLight,
        origin: "made up\nin two lines".to_owned(),
    };
    vec![b"class_names = ['a', 'b']".to_vec(), whole.to_toml(Path::new("seed")).unwrap().into_bytes()]
}

pub(super) fn pictures(scale: usize) -> Vec<Vec<u8>> {
    // Enough for large allocations; larger pictures take seconds to encode.
    let side = (8 * scale as u32).min(640);
    let gray =
        GrayImage::from_fn(side, side + 3, |x, y| Luma([if (x + y) % 5 == 0 { 250 } else { x as u8 }]));
    let gray = DynamicImage::ImageLuma8(gray);
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Bmp,
        ImageFormat::Gif,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Pnm,
    ];
    formats
        .into_iter()
        .flat_map(|format| {
            [gray.clone(), gray.to_rgba8().into(), gray.to_rgb8().into()].into_iter().filter_map(
                move |picture: DynamicImage| {
                    let mut file = Cursor::new(Vec::new());
                    picture.write_to(&mut file, format).ok().map(|()| file.into_inner())
                },
            )
        })
        .collect()
}

pub(super) fn recipes(_: usize) -> Vec<Vec<u8>> {
    let other = TrainConfig {
        hidden: vec![300, 100],
        optimizer: OptimizerName::AdamW,
        ema_decay: Some(0.99),
        until: "test-accuracy=0.98".parse().ok(),
        seed: u64::MAX,
        ..TrainConfig::default()
    };
    let text = |config: &TrainConfig| toml::to_string(config).unwrap().into_bytes();
    vec![b"epochs = 3\nhidden = []\n".to_vec(), text(&TrainConfig::default()), text(&other)]
}

pub(super) fn models(scale: usize) -> Vec<Vec<u8>> {
    let file = |model: &Model| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.mlp");
        model.save(&path).unwrap();
        fs::read(path).unwrap()
    };
    let files = [network(scale, false), network(scale, true)].map(|model| file(&model));
    let contents = files.clone().map(|file| file[HEADER..].to_vec());
    [files, contents].concat()
}

pub(super) fn checkpoints(_: usize) -> Vec<Vec<u8>> {
    let files = [OptimizerName::Sgd, OptimizerName::Adam].map(trained);
    files.map(|[checkpoint, ..]| checkpoint[HEADER..].to_vec()).to_vec()
}

pub(super) fn runs(_: usize) -> Vec<Vec<u8>> {
    let [_, metrics, result] = trained(OptimizerName::Sgd);
    vec![metrics, result]
}

pub(super) fn safetensors(scale: usize) -> Vec<Vec<u8>> {
    let of_pytorch = fixture!("sequential.safetensors");
    vec![to_safetensors(&network(scale, false)), to_safetensors(&network(scale, true)), of_pytorch]
}

pub(super) fn npz(scale: usize) -> Vec<Vec<u8>> {
    let of_numpy = [fixture!("chapter.npz"), fixture!("fortran.npz")];
    [vec![to_npz(&network(scale, false)), to_npz(&network(scale, true))], of_numpy.to_vec()].concat()
}

pub(super) fn npy(_: usize) -> Vec<Vec<u8>> {
    let models = [network(1, false), network(1, true)];
    models.map(|model| entries(&to_npz(&model)).swap_remove(0).1).to_vec()
}

pub(super) fn onnx(scale: usize) -> Vec<Vec<u8>> {
    let of_others = [
        fixture!("double.onnx"),
        fixture!("gelu.onnx"),
        fixture!("keras.onnx"),
        fixture!("normalized.onnx"),
        fixture!("sklearn.onnx"),
    ];
    let model = network(scale, false);
    let ours = [Pixels::Scaled, Pixels::Raw].map(|pixels| to_onnx(&model, pixels).unwrap());
    [&ours[..], &of_others].concat()
}

/// A network of 4·scale inputs and 3·scale hidden units.
fn network(scale: usize, is_double: bool) -> Model {
    let shape = ImageShape { height: 2 * scale, width: 2 };
    let architecture = Architecture::new(shape.pixels(), &[3 * scale], 3).with_activation(Activation::Tanh);
    let network = Mlp::<f64>::new(&architecture, Init::Xavier, &mut NativeStream::new(1)).unwrap();
    let names = ["one", "two", "größer"].map(str::to_owned).to_vec();
    let metadata = Metadata::new("made up", names, shape, "a test");
    let network = if is_double { Network::F64(network) } else { Network::F32(network.cast()) };
    Model { network, metadata }
}

/// The checkpoint, the records and the result of a small run.
fn trained(optimizer: OptimizerName) -> [Vec<u8>; 3] {
    let data = examples();
    let config = TrainConfig {
        hidden: vec![2],
        epochs: 2,
        batch_size: 4,
        optimizer,
        ema_decay: Some(0.9),
        dropout: 0.1,
        ..TrainConfig::default()
    };
    let plan = config.validate(&data).unwrap();
    let examples = Examples::<f32>::new(&plan, &data);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let run = RunDir::create(&path).unwrap();
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let metadata = Metadata::new("made up", names, data.shape(), "a test");
    let mut setup = RunSetup::new(Origin::new("made up", "0", "a test"), metadata);
    (setup.checkpoint_every, setup.waits_for_disk) = (Some(Every::Steps(1)), true);
    run.train(&mut Trainer::new(plan, &examples).unwrap(), &setup, &mut ()).unwrap();
    ["checkpoint.mlp", "metrics.jsonl", "result.json"].map(|name| fs::read(path.join(name)).unwrap())
}

fn stored(array: &Idx) -> Vec<u8> {
    let mut bytes = Vec::new();
    array.write_to(&mut bytes).unwrap();
    bytes
}

fn compressed(array: &Idx) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("array.gz");
    write_idx(&path, array).unwrap();
    fs::read(path).unwrap()
}

/// A training set of 2x2 pixels and three classes.
pub(super) fn examples() -> Dataset {
    let images = (0..12 * 4).map(|pixel: u8| pixel.wrapping_mul(37)).collect();
    let labels = (0..12).map(|example| example % 3).collect();
    Dataset::new(images, ImageShape { height: 2, width: 2 }, labels, 3).unwrap()
}

/// The names and contents of the entries of a zip archive.
pub(super) fn entries(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name().unwrap().into_owned(), content)
        })
        .collect()
}
