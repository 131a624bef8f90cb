//! Model files: round trips, and an error of one line for every damaged file.

use std::fs;
use std::path::PathBuf;

use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream};
use mlp_data::ImageShape;
use mlp_train::{Error, Metadata, Model, Network, TrainConfig};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn model(hidden: &[usize], activation: Activation, double: bool) -> Model {
    let architecture = Architecture::new(12, hidden, 3).with_activation(activation);
    let network: Mlp<f64> = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1)).unwrap();
    let names = ["ein", "zwei", "drei"].map(str::to_owned).to_vec();
    let mut metadata = Metadata::new("three", names, ImageShape { height: 3, width: 4 }, "test");
    metadata.config = Some(TrainConfig { hidden: hidden.to_vec(), activation, ..TrainConfig::default() });
    Model { network: if double { Network::F64(network) } else { Network::F32(network.cast()) }, metadata }
}

struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn write(&self, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join("model.mlp");
        fs::write(&path, bytes).unwrap();
        path
    }

    fn saved(&self, model: &Model) -> Vec<u8> {
        let path = self.directory.path().join("saved.mlp");
        model.save(&path).unwrap();
        fs::read(path).unwrap()
    }

    fn error(&self, bytes: &[u8]) -> Error {
        let error = Model::load(&self.write(bytes)).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
        error
    }
}

#[test]
fn every_kind_of_model_survives_saving_and_loading() {
    let scratch = Scratch::new();
    for activation in Activation::ALL {
        for hidden in [&[][..], &[5], &[5, 4, 7]] {
            for double in [false, true] {
                let mut model = model(hidden, activation, double);
                let bytes = scratch.saved(&model);
                let loaded = Model::load(&scratch.write(&bytes)).unwrap();
                assert_eq!(loaded, model);
                assert_eq!(loaded.sha256(), model.sha256());

                // As for a model trained elsewhere.
                model.metadata.config = None;
                assert_eq!(Model::load(&scratch.write(&scratch.saved(&model))).unwrap(), model);
            }
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_an_error() {
    let scratch = Scratch::new();
    let bytes = scratch.saved(&model(&[4], Activation::Relu, false));
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 1 << (position % 8);
        let error = scratch.error(&damaged);
        match position {
            0..8 => assert!(matches!(error, Error::OtherFile { .. }), "{position}: {error}"),
            8..12 => assert!(matches!(error, Error::FileVersion { .. }), "{position}: {error}"),
            12..20 => assert!(matches!(error, Error::FileLength { .. }), "{position}: {error}"),
            _ => assert!(matches!(error, Error::FileChecksum { .. }), "{position}: {error}"),
        }
    }
}

#[test]
fn a_file_of_any_other_length_is_an_error() {
    let scratch = Scratch::new();
    let bytes = scratch.saved(&model(&[4], Activation::Relu, false));
    for length in 0..bytes.len() {
        let error = scratch.error(&bytes[..length]);
        match length {
            0..8 => assert!(matches!(error, Error::OtherFile { .. }), "{length}: {error}"),
            _ => assert!(matches!(error, Error::FileLength { .. }), "{length}: {error}"),
        }
    }
    let error = scratch.error(&[&bytes[..], b"x"].concat());
    let expected = format!("{} bytes; the header says {}:", bytes.len() + 1, bytes.len());
    assert!(error.to_string().contains(&expected), "{error}");
}

#[test]
fn other_files_are_errors() {
    let scratch = Scratch::new();
    assert!(scratch.error(b"").to_string().contains("it begins with nothing: it is empty"));
    assert!(scratch.error(b"epoch,loss\n").to_string().contains(r#"it begins with "epoch,lo""#));
    let directory = Model::load(scratch.directory.path()).unwrap_err().to_string();
    assert!(directory.ends_with("cannot read the model: a directory; expected a model file"), "{directory}");
    let missing = Model::load(&scratch.directory.path().join("none")).unwrap_err();
    assert!(matches!(missing, Error::NoModel { found: "no such file", .. }), "{missing}");
}

#[test]
fn another_format_version_is_an_error() {
    let scratch = Scratch::new();
    let mut bytes = scratch.saved(&model(&[4], Activation::Relu, false));
    bytes[8..12].copy_from_slice(&7_u32.to_le_bytes());
    assert!(
        scratch.error(&bytes).to_string().contains("model format version 7; this program reads version 2")
    );
}

#[test]
fn a_failed_write_keeps_the_old_file() {
    let scratch = Scratch::new();
    let path = scratch.write(b"the old one");
    let blocked = path.join("below a file");
    assert!(matches!(model(&[4], Activation::Relu, false).save(&blocked), Err(Error::Io { .. })));
    assert_eq!(fs::read(path).unwrap(), b"the old one");
}

/// Changes the content of a file and corrects length and checksum, as an attacker would.
fn reframed(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = bytes[52..].to_vec();
    change(&mut content);
    let mut file = bytes[..12].to_vec();
    file.extend_from_slice(&(content.len() as u64).to_le_bytes());
    file.extend_from_slice(&Sha256::digest(&content));
    file.extend_from_slice(&content);
    file
}

#[test]
fn a_huge_length_inside_the_content_allocates_nothing() {
    let scratch = Scratch::new();
    let bytes = scratch.saved(&model(&[4], Activation::Relu, false));
    // The content starts with the length of the program's name.
    let hostile = reframed(&bytes, |content| content[..8].copy_from_slice(&(1_u64 << 60).to_le_bytes()));
    assert!(matches!(scratch.error(&hostile), Error::FileInvalid { .. }));
    // Nor does one that the largest network would allow.
    let hostile = reframed(&bytes, |content| content[..8].copy_from_slice(&(1_u64 << 33).to_le_bytes()));
    let error = scratch.error(&hostile).to_string();
    assert!(error.contains("LimitExceeded"), "{error}");
    let longer = reframed(&bytes, |content| content.push(0));
    assert!(scratch.error(&longer).to_string().contains("1 trailing bytes"));
}

#[test]
fn a_layer_of_no_inputs_and_many_outputs_is_an_error() {
    let scratch = Scratch::new();
    let bytes = scratch.saved(&model(&[], Activation::Relu, true));
    // The content ends with inputs, outputs, 36 weights and 3 biases, each list after its length.
    let numbers = 8 * (2 + 1 + 36 + 1 + 3);
    for outputs in [1_u64 << 40, 1 << 62] {
        let hostile = reframed(&bytes, |content| {
            content.truncate(content.len() - numbers);
            content.extend([0, outputs, 0, 0].iter().flat_map(|number| number.to_le_bytes()));
        });
        let error = scratch.error(&hostile).to_string();
        assert!(error.contains(&format!("layer 1 has 0 inputs and {outputs} outputs")), "{error}");
    }
}

#[test]
fn a_network_that_diverged_is_not_read_or_written() {
    let scratch = Scratch::new();
    let whole = model(&[4], Activation::Relu, true);
    let bytes = scratch.saved(&whole);
    // The content ends with the last bias.
    let end = |value: f64| {
        reframed(&bytes, |content| {
            let start = content.len() - 8;
            content[start..].copy_from_slice(&value.to_le_bytes());
        })
    };
    assert!(Model::load(&scratch.write(&end(1.5))).is_ok());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = scratch.error(&end(value)).to_string();
        assert!(error.contains("the biases of layer 2 are not all finite; expected"), "{error}");
    }
    // It is not written either.
    let architecture = Architecture::new(12, &[], 3).with_activation(Activation::Relu);
    let mut weights = ndarray::Array2::<f32>::zeros((12, 3));
    weights[(5, 1)] = f32::NAN;
    let layer = mlp_core::Layer::new(weights, ndarray::Array1::zeros(3));
    let diverged = Mlp::from_layers(vec![layer], architecture.activation).unwrap();
    let error = Model { network: Network::F32(diverged), ..whole }
        .save(&scratch.directory.path().join("diverged.mlp"))
        .unwrap_err();
    assert!(error.to_string().contains("the weights of layer 1 are not all finite"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn invalid_content_with_a_correct_checksum_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let scratch = Scratch::new();
        let original = model(&[4], Activation::Gelu, true);
        let bytes = scratch.saved(&original);
        let hostile = reframed(&bytes, |content| {
            for (index, value) in &changes {
                let index = index.index(content.len());
                content[index] = *value;
            }
            if let Some(cut) = cut {
                content.truncate(cut.index(content.len()));
            }
        });
        // It is either refused or a consistent model.
        if let Ok(model) = Model::load(&scratch.write(&hostile)) {
            prop_assert_eq!(model.metadata.class_names.len(), model.network.architecture().outputs);
            prop_assert_eq!(model.metadata.image_shape.pixels(), model.network.architecture().inputs);
        }
    }
}
