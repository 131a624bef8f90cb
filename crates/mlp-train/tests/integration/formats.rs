//! Export and import: bit-exact round trips, files written by other tools, and damaged files.
//! `cargo xtask interop` checks that other tools read the exported files.

use mlp_core::{Activation, Architecture, Init, Layer, Mlp, NativeStream};
use mlp_data::{ImageShape, Preprocessing};
use mlp_train::formats::{
    Format, FormatError, Known, Pixels, import, import_with_files, predictions, to_npz, to_onnx,
    to_safetensors,
};
use mlp_train::{Kernel, Metadata, Model, Network};
use ndarray::{Array1, Array2};
use proptest::prelude::*;

fn model(hidden: &[usize], activation: Activation, double: bool) -> Model {
    let architecture = Architecture::new(12, hidden, 3).with_activation(activation);
    let network: Mlp<f64> = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1)).unwrap();
    let names = ["ein", "zwei, \"2\"", "dreißig"].map(str::to_owned).to_vec();
    let mut metadata = Metadata::new("three", names, ImageShape { height: 3, width: 4 }, "test");
    metadata.preprocessing = Preprocessing::Digit;
    Model { network: if double { Network::F64(network) } else { Network::F32(network.cast()) }, metadata }
}

fn written(model: &Model) -> [(Format, Vec<u8>); 4] {
    [
        (Format::Safetensors, to_safetensors(model)),
        (Format::Npz, to_npz(model)),
        (Format::Onnx, to_onnx(model, Pixels::Scaled).unwrap()),
        (Format::Onnx, to_onnx(model, Pixels::Raw).unwrap()),
    ]
}

#[track_caller]
fn refused(format: Format, bytes: &[u8], given: &Known) -> String {
    let error = import(format, bytes, given).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn every_network_survives_every_format_to_the_bit() {
    for activation in Activation::ALL {
        for hidden in [&[][..], &[5], &[5, 4, 7]] {
            for double in [false, true] {
                let mut model = model(hidden, activation, double);
                for (format, bytes) in written(&model) {
                    let imported = import(format, &bytes, &Known::default()).unwrap();
                    if hidden.is_empty() {
                        // A graph without hidden layers names no activation; its metadata does.
                        model.network = imported.model.network.clone();
                    }
                    assert_eq!(imported.model, model, "{format:?}");
                    assert!(imported.notes.is_empty(), "{format:?}: {:?}", imported.notes);
                    assert_eq!(written(&model).iter().filter(|(_, again)| *again == bytes).count(), 1);
                }
            }
        }
    }
}

/// The network of the fixtures, as in `write.py`.
fn fixture(activation: Activation) -> Mlp<f64> {
    let hidden = Array2::from_shape_fn((4, 3), |(i, j)| (3 * i + j) as f64 / 8.0);
    let output = Array2::from_shape_fn((3, 2), |(i, j)| 1.0 - (2 * i + j) as f64 / 4.0);
    let hidden = Layer::new(hidden, Array1::from_vec(vec![-1.0, 0.0, 1.0]));
    Mlp::from_layers(vec![hidden, Layer::new(output, Array1::from_vec(vec![0.5, -0.5]))], activation).unwrap()
}

const CHAPTER: &[u8] = include_bytes!("../fixtures/formats/chapter.npz");
const FORTRAN: &[u8] = include_bytes!("../fixtures/formats/fortran.npz");
const SEQUENTIAL: &[u8] = include_bytes!("../fixtures/formats/sequential.safetensors");
const GELU: &[u8] = include_bytes!("../fixtures/formats/gelu.onnx");
const DOUBLE: &[u8] = include_bytes!("../fixtures/formats/double.onnx");

fn of(activation: Activation) -> Known {
    Known { activation: Some(activation), ..Known::default() }
}

#[test]
fn npz_files_written_by_numpy_are_imported() {
    let imported = import(Format::Npz, CHAPTER, &Known::default()).unwrap();
    assert_eq!(imported.model.network, Network::F64(fixture(Activation::Logistic)));
    let expected = [
        "assumed: activation logistic, the chapter's (change it with --activation)",
        "assumed: inputs are gray levels divided by 255, not normalized further (change it with --mean and --std)",
        "assumed: images of 2x2 (change it with --image-shape)",
        "assumed: class names 0 to 1 (change it with --class-names)",
        "assumed: preprocessing whole (change it with --preprocessing)",
        "unknown dataset (set it with --dataset)",
    ];
    assert_eq!(imported.notes, expected);

    let imported = import(Format::Npz, FORTRAN, &of(Activation::Tanh)).unwrap();
    assert_eq!(imported.model.network, Network::F32(fixture(Activation::Tanh).cast()));
    assert_eq!(imported.notes[0], "ignored arrays: losses");
}

#[test]
fn a_state_dict_needs_the_activation() {
    let given = Known {
        class_names: Some(vec!["no".to_owned(), "yes".to_owned()]),
        image_shape: Some(ImageShape { height: 1, width: 4 }),
        preprocessing: Some(Preprocessing::Digit),
        dataset: Some("mine".to_owned()),
        program: Some("mlp".to_owned()),
        ..of(Activation::Gelu)
    };
    let imported = import(Format::Safetensors, SEQUENTIAL, &given).unwrap();
    assert_eq!(imported.model.network, Network::F32(fixture(Activation::Gelu).cast()));
    assert_eq!(imported.notes.len(), 1, "{:?}", imported.notes);
    let metadata = imported.model.metadata;
    assert_eq!((metadata.class_names.join(" "), metadata.image_shape.height), ("no yes".to_owned(), 1));
    assert_eq!((metadata.dataset.as_str(), metadata.config), ("mine", None));
    let error = refused(Format::Safetensors, SEQUENTIAL, &Known::default());
    assert!(error.contains("name it with --activation, one of logistic"), "{error}");
}

#[test]
fn graphs_of_other_exporters_are_imported() {
    let imported = import(Format::Onnx, GELU, &Known::default()).unwrap();
    assert_eq!(imported.model.network, Network::F32(fixture(Activation::Gelu).cast()));
    assert_eq!(imported.model.metadata.program, "pytorch");
    assert_eq!(imported.model.metadata.image_shape, ImageShape { height: 2, width: 2 });
    assert!(imported.notes[0].contains("divided by 255"), "{:?}", imported.notes);

    let imported = import(Format::Onnx, DOUBLE, &Known::default()).unwrap();
    assert_eq!(imported.model.network, Network::F64(fixture(Activation::LeakyRelu)));
    assert!(!imported.notes[0].contains("divided by 255"), "{:?}", imported.notes);
}

const KERAS: &[u8] = include_bytes!("../fixtures/formats/keras.onnx");
const NORMALIZED: &[u8] = include_bytes!("../fixtures/formats/normalized.onnx");
const SKLEARN: &[u8] = include_bytes!("../fixtures/formats/sklearn.onnx");
const EXTERNAL: &[u8] = include_bytes!("../fixtures/formats/external.onnx");
const EXTERNAL_DATA: &[u8] = include_bytes!("../fixtures/formats/external.onnx.data");

#[test]
fn scalings_normalizations_and_clips_of_a_graph_become_part_of_its_layers() {
    let relu = Network::F32(fixture(Activation::Relu).cast());
    let imported = import(Format::Onnx, KERAS, &Known::default()).unwrap();
    assert_eq!(imported.model.network, relu);
    assert_eq!(imported.model.metadata.image_shape, ImageShape { height: 2, width: 2 });
    assert!(!imported.notes.iter().any(|note| note.contains("255")), "{:?}", imported.notes);

    let imported = import(Format::Onnx, NORMALIZED, &Known::default()).unwrap();
    assert_eq!(imported.model.network, relu);
    // Clip to 6 is another function.
    let six = replaced_bytes(KERAS, &3.402_823_5e38_f32.to_le_bytes(), &6_f32.to_le_bytes());
    let error = refused(Format::Onnx, &six, &Known::default());
    assert!(error.starts_with("node 6, Clip: a Clip with bounds other than 0 and infinity"), "{error}");
    // So is a permutation of the pixels.
    let turned = replaced(NORMALIZED, "Flatten", "Permute");
    assert!(refused(Format::Onnx, &turned, &Known::default()).starts_with("node 3, Permute: not supported"));
}

#[test]
fn a_classifier_with_two_classes_has_two_outputs_and_its_labels_as_names() {
    let imported = import(Format::Onnx, SKLEARN, &Known::default()).unwrap();
    assert_eq!(imported.model.metadata.class_names, ["no", "yes"]);
    let Network::F32(network) = imported.model.network else { panic!("single precision") };
    let output = fixture(Activation::Tanh).layers()[1].weights();
    let weights = network.layers()[1].weights();
    assert_eq!(weights.column(0).to_vec(), [0.0; 3]);
    assert_eq!(weights.column(1).mapv(f64::from), output.column(0));
    // Without the complement, one logistic output is not the probability of a class among several.
    let other = refused(Format::Onnx, &replaced(SKLEARN, "Concat", "Conbat"), &Known::default());
    assert!(other.starts_with("node 7, Conbat: not supported here"), "{other}");
}

#[test]
fn numbers_beside_a_graph_and_in_half_precision_are_read() {
    let read = |name: &str| match name {
        "external.onnx.data" => Ok(EXTERNAL_DATA.to_vec()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    let import = |bytes: &[u8]| import_with_files(Format::Onnx, bytes, &read, &Known::default());
    let network = import(EXTERNAL).unwrap().model.network;
    assert_eq!(network, Network::F32(fixture(Activation::Relu).cast()));
    // Only a file in the same directory is read.
    for (name, reason) in [
        ("external.onnx.dota", "cannot be read: entity not found"),
        ("../ernal.onnx.data", "not the name of a file"),
    ] {
        let error = import(&replaced(EXTERNAL, "external.onnx.data", name)).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(reason), "{error}");
    }
    let error = import(&replaced(EXTERNAL, "24", "99")).unwrap_err().to_string();
    assert!(error.contains("bytes beyond the end of `external.onnx.data`, which has 30"), "{error}");
}

#[test]
fn a_given_normalization_becomes_part_of_the_first_layer() {
    let given = Known { normalization: Some((0.5, 0.25)), ..of(Activation::Relu) };
    let imported = import(Format::Safetensors, SEQUENTIAL, &given).unwrap();
    let Network::F32(network) = imported.model.network else { panic!("single precision") };
    let plain = fixture(Activation::Relu);
    let (weights, biases) = (plain.layers()[0].weights(), plain.layers()[0].biases());
    let expected = Layer::new(&weights * 4.0, &biases - &(weights.sum_axis(ndarray::Axis(0)) * 2.0));
    assert_eq!(network.cast::<f64>().layers()[0], expected);
    assert!(imported.notes[0].ends_with("divided by 255, then normalized"), "{:?}", imported.notes);
    let given = Known { normalization: Some((0.5, 0.0)), ..given };
    assert!(refused(Format::Safetensors, SEQUENTIAL, &given).starts_with("normalization by mean 0.5"));
}

#[test]
fn files_of_other_programs_are_named_with_what_to_do() {
    for (name, bytes, expected) in [
        (
            "a.pt",
            &b"PK\x03\x04\x00\x00net/data.pkl"[..],
            "a PyTorch checkpoint; save the state dict with safetensors",
        ),
        ("a.safetensors", b"\x80\x02}q\x00.", "a Python pickle; "),
        ("a.onnx", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer; fetch"),
        ("a.npz", b"\n<!DOCTYPE html><html>", "an HTML page; get"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes; convert it with"),
        ("a.weights", b"....", "neither its name nor its first bytes"),
        ("a.csv", b"1,2\n", "a table of predictions is not a model"),
    ] {
        let error = Format::of_model(name.as_ref(), bytes).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{name}: {error}");
    }
    assert_eq!(Format::of_model("net.onnx".as_ref(), KERAS), Ok(Format::Onnx));
}

#[test]
fn the_content_decides_what_a_file_is() {
    for (name, bytes, format) in [
        ("net", KERAS, Format::Onnx),
        ("net.pb", GELU, Format::Onnx),
        ("net.bin", SEQUENTIAL, Format::Safetensors),
        ("net.onnx", CHAPTER, Format::Npz),
        ("NET.NPZ", b"....", Format::Npz),
        ("NET.ONNX", b"....", Format::Onnx),
    ] {
        assert_eq!(Format::of_model(name.as_ref(), bytes), Ok(format), "{name}");
    }
    // The length of a header can look like the beginning of a pickle, or of compressed data.
    for length in [0x0280_u64, 0x0480, 0x8B1F, 0x0178, 0x005D] {
        let bytes = [&length.to_le_bytes()[..], b"{\"0.weight\": "].concat();
        assert_eq!(Format::of_model("a.safetensors".as_ref(), &bytes), Ok(Format::Safetensors));
    }
}

#[test]
fn a_network_of_one_output_is_refused() {
    let layer = Layer::new(Array2::from_elem((4, 1), 0.5), Array1::zeros(1));
    let bytes = Mlp::<f32>::from_layers(vec![layer], Activation::Relu).unwrap().to_safetensors(&[]);
    let error = refused(Format::Safetensors, &bytes, &Known::default());
    assert!(error.starts_with("the network has one output; expected one for each class"), "{error}");
}

#[test]
fn the_catalog_supplies_missing_metadata() {
    let architecture = Architecture::new(784, &[2], 10).with_activation(Activation::Relu);
    let network = Mlp::<f32>::new(&architecture, Init::He, &mut NativeStream::new(0)).unwrap();
    let bytes = network.to_safetensors(&[]);
    let given = Known { dataset: Some("fashion-mnist".to_owned()), ..Known::default() };
    let metadata = import(Format::Safetensors, &bytes, &given).unwrap().model.metadata;
    assert_eq!(
        (metadata.class_names[9].as_str(), metadata.preprocessing),
        ("Ankle boot", Preprocessing::Whole)
    );
    // Not if the image size differs.
    let bytes = fixture(Activation::Relu).to_safetensors(&[]);
    let metadata = import(Format::Safetensors, &bytes, &given).unwrap().model.metadata;
    assert_eq!((metadata.class_names, metadata.image_shape.width), (vec!["0".to_owned(), "1".to_owned()], 2));
}

#[test]
fn options_must_fit_the_file() {
    let model = model(&[5], Activation::Relu, false);
    for (format, bytes) in written(&model) {
        assert_eq!(
            import(format, &bytes, &of(Activation::Tanh)),
            Err(FormatError::OtherActivation { found: Activation::Relu, given: Activation::Tanh })
        );
        let shape = Known { image_shape: Some(ImageShape { height: 5, width: 4 }), ..Known::default() };
        assert!(refused(format, &bytes, &shape).starts_with("images of 5x4 for a network of 12 inputs"));
        let names = Known { class_names: Some(vec!["one".to_owned()]), ..Known::default() };
        assert!(refused(format, &bytes, &names).starts_with("1 class name for a network of 3 classes"));
        let renamed =
            Known { class_names: Some(["a", "b", "c"].map(str::to_owned).to_vec()), ..Known::default() };
        assert_eq!(import(format, &bytes, &renamed).unwrap().model.metadata.class_names, ["a", "b", "c"]);
        let twice =
            Known { class_names: Some(["a", "b", "a"].map(str::to_owned).to_vec()), ..Known::default() };
        assert!(refused(format, &bytes, &twice).starts_with("metadata `class_names`: `a` occurs twice"));
        // These files say that their inputs are gray levels divided by 255.
        let normalized = Known { normalization: Some((0.5, 0.25)), ..Known::default() };
        assert_eq!(import(format, &bytes, &normalized), Err(FormatError::KnownScale));
    }
    assert_eq!(import(Format::Csv, b"", &Known::default()), Err(FormatError::OnlyPredictions));
}

/// Replaces every `from` with `to`, of the same length.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    replaced_bytes(bytes, from.as_bytes(), to.as_bytes())
}

fn replaced_bytes(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let at: Vec<usize> = (0..=bytes.len() - from.len()).filter(|&i| bytes[i..].starts_with(from)).collect();
    assert!(!at.is_empty(), "there is no {from:?}");
    at.iter().for_each(|&i| bytes[i..i + to.len()].copy_from_slice(to));
    bytes
}

#[test]
fn an_unsupported_graph_is_an_error_that_names_the_node() {
    let none = Known::default();
    let erf = refused(Format::Onnx, &replaced(GELU, "Erf", "Sin"), &none);
    assert!(erf.starts_with("node 5, Sin: not supported here; expected a chain of affine layers"), "{erf}");
    let flatten = refused(Format::Onnx, &replaced(GELU, "Flatten", "Dropmax"), &none);
    assert!(flatten.starts_with("node 1, Dropmax: "), "{flatten}");
    let least = refused(Format::Onnx, &replaced(DOUBLE, "Max", "Min"), &none);
    assert!(least.starts_with("node 10, Min: not supported here"), "{least}");
    let mut mixed = to_onnx(&model(&[5, 4], Activation::Relu, false), Pixels::Scaled).unwrap();
    let last = (0..mixed.len() - 4).rfind(|&i| mixed[i..].starts_with(b"Relu")).unwrap();
    mixed[last..last + 4].copy_from_slice(b"Tanh");
    let mixed = refused(Format::Onnx, &mixed, &none);
    assert!(mixed.starts_with("the graph: activations relu and tanh; expected one for all"), "{mixed}");
    // A constant other than √2.
    let root = std::f32::consts::SQRT_2.to_le_bytes();
    let at = GELU.windows(4).position(|bytes| bytes == root).unwrap();
    let mut elsewhere = GELU.to_vec();
    elsewhere[at + 2] ^= 1;
    assert!(refused(Format::Onnx, &elsewhere, &none).starts_with("node 8, Mul: "));
    assert_eq!(refused(Format::Onnx, b"", &none), "not an ONNX model: no graph");
    assert!(refused(Format::Onnx, b"PK\x03\x04", &none).starts_with("not an ONNX model: "));
}

#[test]
fn errors_escape_line_breaks_in_names() {
    let none = Known::default();
    let small = written(&model(&[2], Activation::Gelu, true));
    let of =
        |kind: Format| small.iter().find(|(format, _)| *format == kind).map(|(_, bytes)| &bytes[..]).unwrap();
    for (format, from, to) in [
        (Format::Safetensors, "0.weight", "\\nweight"),
        (Format::Safetensors, "F64", "\\n4"),
        (Format::Safetensors, "gelu", "\\nlu"),
        (Format::Npz, "b_o", "b\no"),
    ] {
        refused(format, &replaced(of(format), from, to), &none);
    }
    // The third mention is the input of the second node.
    let graph = of(Format::Onnx);
    let taken = graph.windows(4).enumerate().filter(|(_, bytes)| bytes == b"z_h1").nth(2).unwrap().0;
    let mut broken = graph.to_vec();
    broken[taken + 1] = b'\n';
    let refusal = refused(Format::Onnx, &broken, &none);
    assert!(refusal.contains("unknown input `z\\nh1`"), "{refusal}");
}

#[test]
fn invalid_arrays_are_errors_that_name_the_array() {
    let none = Known::default();
    let refused = |bytes: &[u8]| refused(Format::Npz, bytes, &none);
    assert!(refused(b"\x93NUMPY").starts_with("not a .npz file: "));
    let renamed = refused(&replaced(CHAPTER, "b_o", "b_x"));
    assert!(renamed.starts_with("no array `b_o`; expected w_h, b_h, w_o, b_o"), "{renamed}");
    assert!(renamed.ends_with("found w_h, b_h, w_o, b_x"), "{renamed}");
    assert!(refused(&replaced(CHAPTER, "(1, 3)", "(3, 1)")).starts_with("array `b_h`: "));
    // Only the archive's checksum detects changed values, which follow the header's line.
    let mut changed = CHAPTER.to_vec();
    let header = changed.windows(6).position(|bytes| bytes == b"\x93NUMPY").unwrap();
    let numbers = header + changed[header..].iter().position(|&byte| byte == b'\n').unwrap() + 1;
    changed[numbers + 2] ^= 1;
    let refusal = refused(&changed);
    assert!(refusal.starts_with("array `") && refusal.contains("checksum"), "{refusal}");
    assert!(refused(&replaced(CHAPTER, "<f8", "<c8")).contains("<c8"));
}

#[test]
fn a_small_archive_cannot_hold_a_huge_array() {
    // 400 MB of zeros in about 400 kB.
    let zeros = vec![0_u8; 1 << 22];
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("w_o.npy", options).unwrap();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (52428800, 1), }";
    let length = (header.len() as u16).to_le_bytes();
    for part in [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes()] {
        std::io::Write::write_all(&mut archive, part).unwrap();
    }
    (0..100).for_each(|_| std::io::Write::write_all(&mut archive, &zeros).unwrap());
    let bytes = archive.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    let error = refused(Format::Npz, &bytes, &Known::default());
    assert!(error.starts_with("array `w_o`: shape [52428800, 1] is more than"), "{error}");
}

#[test]
fn small_arrays_that_unpack_to_more_than_their_archive_allows_together_are_refused() {
    // Forty layers of 4 MiB of zeros, each of which would be allowed alone.
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let zeros = vec![0_u8; 1 << 22];
    for name in (1..=40).flat_map(|l| [format!("w_h{l}.npy"), format!("b_h{l}.npy")]) {
        archive.start_file(&name, options).unwrap();
        let (shape, data) =
            if name.starts_with('w') { ("(1024, 1024)", &zeros[..]) } else { ("(1024,)", &zeros[..4096]) };
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let length = (header.len() as u16).to_le_bytes();
        for part in [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data] {
            std::io::Write::write_all(&mut archive, part).unwrap();
        }
    }
    let bytes = archive.finish().unwrap().into_inner();
    let error = refused(Format::Npz, &bytes, &Known::default());
    assert!(error.starts_with("array `w_h") && error.contains("shape [1024, 1024] is more than"), "{error}");
}

/// A field of a protocol buffer: bytes, or a number.
fn field(number: u64, content: Result<&[u8], u64>) -> Vec<u8> {
    let varint = |mut value: u64| {
        let mut bytes = Vec::new();
        while value > 127 {
            bytes.push(value as u8 | 128);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    match content {
        Ok(bytes) => [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat(),
        Err(value) => [varint(number << 3), varint(value)].concat(),
    }
}

/// A graph of nodes (operator, input, constant, output) with one constant `w`.
fn graph(nodes: &[(&str, String, String)], shape: [u64; 2], data: &[u8]) -> Vec<u8> {
    let text = |number, text: &str| field(number, Ok(text.as_bytes()));
    let node = |(op, input, output): &(&str, String, String)| {
        field(1, Ok(&[text(1, input), text(1, "w"), text(2, output), text(4, op)].concat()))
    };
    let tensor = [
        field(1, Err(shape[0])),
        field(1, Err(shape[1])),
        field(2, Err(1)),
        text(8, "w"),
        field(9, Ok(data)),
    ];
    let end = |number, name: &str| field(number, Ok(&text(1, name)));
    let nodes_bytes: Vec<u8> = nodes.iter().flat_map(node).collect();
    let graph =
        [nodes_bytes, field(5, Ok(&tensor.concat())), end(11, "x"), end(12, &nodes.last().unwrap().2)]
            .concat();
    field(7, Ok(&graph))
}

#[test]
fn a_graph_cannot_make_many_numbers_of_few() {
    let data = vec![0_u8; 4 * 100 * 100];
    for op in ["Gemm", "Mul", "MatMul"] {
        let nodes: Vec<_> = (0..3000)
            .map(|i| (op, if i == 0 { "x".to_owned() } else { format!("y{i}") }, format!("y{}", i + 1)))
            .collect();
        let error = refused(Format::Onnx, &graph(&nodes, [100, 100], &data), &Known::default());
        assert!(
            error.contains("far more numbers than the file has") || error.contains("unknown shape"),
            "{error}"
        );
        // Constants alone.
        let nodes: Vec<_> =
            nodes.iter().map(|(op, _, output)| (*op, "w".to_owned(), output.clone())).collect();
        refused(Format::Onnx, &graph(&nodes, [100, 100], &data), &Known::default());
    }
    // Layers without inputs or outputs.
    let nodes = [("Gemm", "x".to_owned(), "y".to_owned())];
    for shape in [[0, 1 << 40], [0, 1 << 62], [1 << 40, 0], [1 << 62, 1 << 62]] {
        refused(Format::Onnx, &graph(&nodes, shape, &[]), &Known::default());
    }
}

#[test]
fn predictions_have_one_row_per_example() {
    let data = mlp_data::synthetic::digits(1, 5, 0).test;
    let architecture = Architecture::new(784, &[4], 10).with_activation(Activation::Tanh);
    let network = Mlp::<f32>::new(&architecture, Init::Normal, &mut NativeStream::new(0)).unwrap();
    let mut model = model(&[], Activation::Tanh, false);
    model.network = Network::F32(network);
    model.metadata.image_shape = data.shape();
    model.metadata.class_names = (0..10).map(|class| format!("class {class}")).collect();
    let names = model.metadata.class_names.clone();
    let text = predictions(&model, &model.matched(&data, &names).unwrap()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("index,label,prediction,class 0,class 1,"));
    assert_eq!(lines.len(), 6);
    let exact = model.network.probabilities(data.images(), Kernel::Auto).unwrap();
    for (index, line) in lines[1..].iter().enumerate() {
        let numbers: Vec<f64> = line.split(',').map(|field| field.parse::<f32>().unwrap().into()).collect();
        assert_eq!(numbers[..2], [index as f64, data.labels()[index].into()]);
        assert_eq!(numbers[3..], exact.row(index).to_vec());
        assert!(numbers[3..].iter().all(|&p| p <= numbers[3 + numbers[2] as usize]));
    }
    // Rows keep the index and the class of an example whose neighbors are left out.
    let other: Vec<String> = (0..10).map(|class| format!("class {}", 12 - class)).collect();
    let text = predictions(&model, &model.matched(&data, &other).unwrap()).unwrap();
    let kept = data.labels().iter().zip(0..).filter(|&(&label, _)| label >= 3);
    let expected: Vec<String> = kept.map(|(label, index)| format!("{index},{}", 12 - label)).collect();
    let found = text.lines().skip(1).map(|line| line.rsplitn(12, ',').last().unwrap().to_owned());
    assert_eq!(found.collect::<Vec<_>>(), expected);
    model.metadata.image_shape = ImageShape { height: 1, width: 784 };
    assert!(model.matched(&data, &names).unwrap_err().to_string().starts_with("images of 28x28"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_never_panic(
        which in 0_usize..12,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let small = written(&model(&[2], Activation::Gelu, true));
        let theirs = [
            (Format::Npz, CHAPTER),
            (Format::Npz, FORTRAN),
            (Format::Safetensors, SEQUENTIAL),
            (Format::Onnx, GELU),
            (Format::Onnx, DOUBLE),
            (Format::Onnx, KERAS),
            (Format::Onnx, NORMALIZED),
            (Format::Onnx, SKLEARN),
        ];
        let mut all = theirs.into_iter().chain(small.iter().map(|(format, bytes)| (*format, &bytes[..])));
        let (format, bytes) = all.nth(which).unwrap();
        let mut bytes = bytes.to_vec();
        for (index, value) in &changes {
            let index = index.index(bytes.len());
            bytes[index] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match import(format, &bytes, &Known::default()) {
            Err(error) => prop_assert!(!error.to_string().contains('\n'), "{error}"),
            Ok(imported) => {
                let (shape, names) = (imported.model.metadata.image_shape, &imported.model.metadata.class_names);
                prop_assert_eq!(shape.pixels(), imported.model.network.architecture().inputs);
                prop_assert_eq!(names.len(), imported.model.network.architecture().outputs);
            }
        }
    }
}
