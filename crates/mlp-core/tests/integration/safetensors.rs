//! Reading and writing safetensors as PyTorch does, with a clear error for every invalid file.
//! `cargo xtask interop` tests real PyTorch files.

use mlp_core::{
    Activation, Architecture, Init, Layer, Mlp, NativeStream, Precision, SafetensorsError, Scalar, Tensors,
};
use ndarray::array;
use proptest::prelude::*;

/// Builds a file from tensors (name, type, JSON shape, bytes).
fn file(metadata: &str, tensors: &[(&str, &str, &str, Vec<u8>)]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    if !metadata.is_empty() {
        entries.push(format!(r#""__metadata__":{metadata}"#));
    }
    for (name, dtype, shape, bytes) in tensors {
        let (start, end) = (data.len(), data.len() + bytes.len());
        entries.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#
        ));
        data.extend(bytes);
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// PyTorch's file for `nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))`.
fn state_dict() -> Vec<u8> {
    file(
        r#"{"format":"pt"}"#,
        &[
            ("0.bias", "F32", "[2]", f32s(&[7.0, 8.0])),
            ("0.weight", "F32", "[2,3]", f32s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
            ("2.bias", "F32", "[2]", f32s(&[0.5, -0.5])),
            ("2.weight", "F32", "[2,2]", f32s(&[1.0, 0.0, 0.0, 1.0])),
        ],
    )
}

fn small() -> Mlp<f32> {
    let hidden = Layer::new(array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]], array![7.0, 8.0]);
    let output = Layer::new(array![[1.0, 0.0], [0.0, 1.0]], array![0.5, -0.5]);
    Mlp::from_layers(vec![hidden, output], Activation::Relu).unwrap()
}

fn error(bytes: &[u8]) -> String {
    let error = Mlp::<f32>::from_safetensors(bytes).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn a_pytorch_state_dict_is_read_with_transposed_weights() {
    let bytes = state_dict();
    let tensors = Tensors::parse(&bytes).unwrap();
    assert_eq!(tensors.metadata()["format"], "pt");
    assert_eq!(tensors.precision(), Precision::F32);
    assert_eq!(tensors.network(Some(Activation::Relu)), Ok(small()));
    assert_eq!(tensors.network::<f32>(None), Err(SafetensorsError::NoActivation));
}

#[test]
fn the_written_file_is_what_pytorch_expects() {
    let bytes = small().to_safetensors(&[("zebra", "1"), ("apple", "\"2\"\n")]);
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(
        header["__metadata__"],
        serde_json::json!({"activation": "relu", "apple": "\"2\"\n", "zebra": "1"})
    );
    assert_eq!(
        header["0.weight"],
        serde_json::json!({"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]})
    );
    assert_eq!(header["2.bias"], serde_json::json!({"dtype": "F32", "shape": [2], "data_offsets": [48, 56]}));
    assert_eq!(length % 8, 0);
    // Transposed, as in PyTorch.
    assert_eq!(bytes[8 + length..][..24], f32s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert_eq!(bytes.len(), 8 + length + 56);
}

#[test]
fn the_bytes_do_not_depend_on_the_order_of_the_metadata() {
    let metadata: Vec<(String, String)> = (0..50).map(|i| (format!("key {i}"), i.to_string())).collect();
    let mut pairs: Vec<(&str, &str)> = metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let bytes = small().to_safetensors(&pairs);
    pairs.reverse();
    assert_eq!(small().to_safetensors(&pairs), bytes);
}

fn round_trips<A: Scalar>(hidden: Vec<usize>, activation: Activation) {
    let architecture = Architecture::new(5, &hidden, 3).with_activation(activation);
    let network = Mlp::<A>::new(&architecture, Init::Normal, &mut NativeStream::new(3)).unwrap();
    let bytes = network.to_safetensors(&[]);
    assert_eq!(Tensors::parse(&bytes).unwrap().precision(), A::PRECISION);
    assert_eq!(Mlp::<A>::from_safetensors(&bytes), Ok(network.clone()));
    // Reading in the other precision converts.
    assert_eq!(Mlp::<f32>::from_safetensors(&bytes), Ok(network.cast()));
    assert_eq!(Mlp::<f64>::from_safetensors(&bytes), Ok(network.cast()));
}

#[test]
fn every_network_round_trips_exactly() {
    for activation in Activation::ALL {
        // With seven layers, `10.weight` sorts before `2.weight` alphabetically.
        for hidden in [vec![], vec![7], vec![4; 6]] {
            round_trips::<f32>(hidden.clone(), activation);
            round_trips::<f64>(hidden, activation);
        }
    }
}

#[test]
fn layers_may_have_any_names_if_numbers_and_shapes_leave_one_order() {
    let layer = |name: &str| (format!("{name}.bias"), format!("{name}.weight"));
    for names in [
        ["fc1", "fc2"],
        ["net.1", "net.4"],
        ["é9", "é10"],
        ["block1.linear7", "block2.linear3"],
        ["input", "output"],
    ] {
        let [(b1, w1), (b2, w2)] = names.map(layer);
        let bytes = file(
            "",
            &[
                (&w2, "F32", "[2,2]", f32s(&[1.0, 0.0, 0.0, 1.0])),
                (&b2, "F32", "[2]", f32s(&[0.5, -0.5])),
                (&w1, "F32", "[2,3]", f32s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
                (&b1, "F32", "[2]", f32s(&[7.0, 8.0])),
            ],
        );
        let network = Tensors::parse(&bytes).unwrap().network(Some(Activation::Relu));
        assert_eq!(network, Ok(small()), "{names:?}");
    }
}

#[test]
fn a_single_layer_needs_only_weights() {
    let weights = f32s(&[1.5, -2.0, 0.5, 4.0]);
    let bytes = file("", &[("linear.weight", "F32", "[2,2]", weights.clone())]);
    let network = Mlp::<f32>::from_safetensors(&bytes).unwrap();
    assert_eq!(network.layers()[0], Layer::new(array![[1.5, 0.5], [-2.0, 4.0]], array![0.0, 0.0]));
    // The state dict of `nn.Linear` itself has no module names.
    let biases = ("bias", "F32", "[2]", f32s(&[3.0, 5.0]));
    let bytes = file("", &[biases, ("weight", "F32", "[2,2]", weights)]);
    let network = Mlp::<f32>::from_safetensors(&bytes).unwrap();
    assert_eq!(network.layers()[0].biases().to_vec(), [3.0, 5.0]);
}

#[test]
fn a_tensor_with_several_names_is_that_of_several_layers() {
    let shared = ("a0.weight", "F32", "[2,2]", f32s(&[1.0, 2.0, 3.0, 4.0]));
    let last = ("a4.weight", "F32", "[1,2]", f32s(&[5.0, 6.0]));
    let tensors = [shared, last];
    let metadata = r#"{"format":"pt","a2.weight":"a0.weight","other.weight":"none.weight"}"#;
    let bytes = file(metadata, &tensors);
    let network = Tensors::parse(&bytes).unwrap().network::<f32>(Some(Activation::Relu)).unwrap();
    assert_eq!(network.architecture().to_string(), "2-2-2-1, relu");
    assert_eq!(network.layers()[0], network.layers()[1]);
    // Not more bytes than are in the file.
    let names: Vec<String> = (0..100).map(|l| format!(r#""b{l}.weight":"a0.weight""#)).collect();
    let large = ("a0.weight", "F32", "[40,40]", f32s(&[0.5; 1600]));
    let refused = error(&file(&format!("{{{}}}", names.join(",")), &[large]));
    assert!(refused.ends_with("shared tensors of more bytes than the file"), "{refused}");
}

#[test]
fn weights_that_may_be_transposed_are_refused() {
    // Read as PyTorch has them, `out` would come first, with more classes than inputs.
    let tensors =
        [("in.weight", "F32", "[4,3]", f32s(&[1.0; 12])), ("out.weight", "F32", "[3,2]", f32s(&[1.0; 6]))];
    let refused = error(&file(r#"{"activation":"relu"}"#, &tensors));
    assert!(
        refused.starts_with("tensor `out.weight` of shape [3, 2] is stored as (inputs, outputs)"),
        "{refused}"
    );
    let one = file("", &[("weight", "F32", "[9,2]", f32s(&[1.0; 18]))]);
    assert!(error(&one).starts_with("tensor `weight` of shape [9, 2] is stored as (inputs, outputs)"));
    // Biases prove what the outputs are.
    let biases = ("bias", "F32", "[9]", f32s(&[1.0; 9]));
    let bytes = file("", &[("weight", "F32", "[9,2]", f32s(&[1.0; 18])), biases]);
    assert_eq!(Mlp::<f32>::from_safetensors(&bytes).unwrap().architecture().outputs, 9);
}

#[test]
fn the_tensor_that_tells_most_is_named() {
    let row = |name| (name, "F32", "[2]", f32s(&[1.0; 2]));
    let matrix = |name| (name, "F32", "[2,2]", f32s(&[1.0; 4]));
    let kernel = ("conv1.weight", "F32", "[2,1,1,1]", f32s(&[1.0; 2]));
    for (tensors, expected) in [
        (
            vec![row("conv1.bias"), kernel, matrix("fc.weight")],
            "tensor `conv1.weight` of shape [2, 1, 1, 1] belongs to a convolution",
        ),
        (
            vec![row("Dense_0.bias"), matrix("Dense_0.kernel")],
            "tensor `Dense_0.kernel` of shape [2, 2] belongs to a layer of Flax or Keras",
        ),
        (
            vec![row("dense/bias:0"), matrix("dense/kernel:0")],
            "tensor `dense/kernel:0` of shape [2, 2] belongs to a layer of Flax or Keras",
        ),
        (
            vec![matrix("0.lora_A.weight"), matrix("0.weight"), row("1.running_mean")],
            "tensor `0.lora_A.weight` of shape [2, 2] belongs to an adapter",
        ),
        (
            vec![row("0.exp_avg"), matrix("0.weight"), row("1.running_mean")],
            "tensor `1.running_mean` of shape [2] belongs to a normalization",
        ),
    ] {
        let message = error(&file("", &tensors));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn invalid_files_are_errors_with_a_reason() {
    let weight = |shape: &'static str, count| vec![("0.weight", "F32", shape, f32s(&vec![1.0; count]))];
    let two = |first: &'static str, second: &'static str| {
        let tensor = |name| (name, "F32", "[1,1]", f32s(&[1.0]));
        file(r#"{"activation":"relu"}"#, &[tensor(first), tensor(second)])
    };
    let cases: [(Vec<u8>, &str); 16] = [
        (b"MLP model".to_vec(), "not safetensors: "),
        (state_dict()[..200].to_vec(), "not safetensors: "),
        (file("", &[]), "no tensor named `….weight`"),
        (
            file("", &weight("[2,3,4]", 24)),
            "tensor `0.weight` of shape [2, 3, 4] belongs to a convolution or another layer",
        ),
        (file("", &[("0.running_mean", "F32", "[1]", f32s(&[1.0]))]), "tensor `0.running_mean`"),
        (
            file("", &[("0.weight", "I16", "[1,1]", vec![0, 0])]),
            "tensor `0.weight` holds I16; expected F16, BF16, F32 or F64",
        ),
        (
            two("a.weight", "b.weight"),
            "cannot tell which of the layers `a.weight` and `b.weight` comes first",
        ),
        (
            two("a.weight", "0.weight"),
            "cannot tell which of the layers `0.weight` and `a.weight` comes first",
        ),
        (
            two("l1.weight", "l01.weight"),
            "cannot tell which of the layers `l01.weight` and `l1.weight` comes first",
        ),
        (
            file("", &[("d/kernel", "F32", "[1,1]", f32s(&[1.0]))]),
            "tensor `d/kernel` of shape [1, 1] belongs to a layer of Flax or Keras",
        ),
        (
            file("", &[("p.weight", "F32", "[1]", f32s(&[1.0]))]),
            "tensor `p.weight` of shape [1] belongs to a normalization or another layer",
        ),
        (file("", &[("temperature", "F32", "[1]", f32s(&[1.0]))]), "tensor `temperature` of shape [1]"),
        (
            file(
                "",
                &[
                    ("0.weight", "F32", "[3,2]", f32s(&[1.0; 6])),
                    ("1.weight", "F32", "[2,1]", f32s(&[1.0; 2])),
                ],
            ),
            "tensor `0.weight` of shape [3, 2] is stored as (inputs, outputs)",
        ),
        (file(r#"{"activation":"sigmoid"}"#, &weight("[1,1]", 1)), "metadata: unknown activation `sigmoid`"),
        (file("", &weight("[0,3]", 0)), "layer 1 has 3 inputs and 0 outputs"),
        (state_dict(), "no `activation` in the metadata"),
    ];
    for (bytes, beginning) in cases {
        let message = error(&bytes);
        assert!(message.starts_with(beginning), "{message}");
    }
    let tensors =
        [("0.weight", "F32", "[2,3]", f32s(&[1.0; 6])), ("2.weight", "F32", "[2,3]", f32s(&[1.0; 6]))];
    assert_eq!(
        error(&file(r#"{"activation":"relu"}"#, &tensors)),
        "layer 2 takes 3 inputs; expected 2, the outputs of the layer before"
    );
    let tensors = [("0.weight", "F32", "[2,3]", f32s(&[1.0; 6])), ("0.bias", "F32", "[3]", f32s(&[1.0; 3]))];
    assert_eq!(
        error(&file("", &tensors)),
        "tensor `0.weight` of shape [2, 3] is stored as (inputs, outputs); expected (outputs, inputs), as in PyTorch: transpose the weights"
    );
    let tensors = [("0.weight", "F32", "[2,3]", f32s(&[1.0; 6])), ("0.bias", "F32", "[4]", f32s(&[1.0; 4]))];
    assert_eq!(
        error(&file("", &tensors)),
        "layer 1 has 4 biases; expected 2, one for each column of its weights"
    );
}

#[test]
fn half_precision_is_read_exactly_and_what_is_beside_the_network_is_noted() {
    let bytes = file(
        "",
        &[
            ("0.weight", "F16", "[1,2]", vec![0x00, 0x3C, 0x01, 0x80]), // 1, -2^-24
            ("2.weight", "BF16", "[2,1]", vec![0x80, 0x3F, 0x49, 0xC0]), // 1, -3.140625
            ("std", "F32", "[1]", f32s(&[0.5])),
            ("steps", "I64", "[]", vec![1; 8]),
        ],
    );
    let tensors = Tensors::parse(&bytes).unwrap();
    assert_eq!(tensors.precision(), Precision::F32);
    assert_eq!(tensors.notes(), ["ignored tensors: std, steps"]);
    let network = tensors.network::<f32>(Some(Activation::Relu)).unwrap();
    assert_eq!(network.layers()[0].weights(), array![[1.0], [-(2.0_f32.powi(-24))]]);
    assert_eq!(network.layers()[1].weights(), array![[1.0, -3.140625]]);
}

proptest! {
    #[test]
    fn corrupt_files_do_not_panic(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let mut bytes = state_dict();
        let last = bytes.len() - 1;
        bytes[at.min(last)] = byte;
        bytes.truncate(bytes.len() - cut.min(last));
        if let Ok(tensors) = Tensors::parse(&bytes) {
            let _ = tensors.network::<f32>(Some(Activation::Relu));
        }
    }
}
