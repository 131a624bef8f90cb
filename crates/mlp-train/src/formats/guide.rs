//! Tests the guide's table of refused models: `mlp import` gives exactly these messages.

use crate::formats::onnx::refusal;
use crate::formats::{Format, Known, import};

/// The message for a file of this name.
fn message(name: &str, bytes: &[u8]) -> String {
    let format = Format::of_model(name.as_ref(), bytes);
    let imported = format.and_then(|format| import(format, bytes, &Known::default()));
    imported.expect_err(name).to_string()
}

/// A safetensors file of zeros.
fn tensors(shapes: &[(&str, &[usize])]) -> Vec<u8> {
    let mut end = 0;
    let entries = shapes.iter().map(|(name, shape)| {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#)
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; end]].concat()
}

fn messages() -> Vec<String> {
    let state_dict = |shapes: &[(&str, &[usize])]| message("net.safetensors", &tensors(shapes));
    let layers: [(&str, &[usize]); 2] = [("fc1.weight", &[3, 4]), ("fc2.weight", &[2, 3])];
    let before = "p = MatMul(x, w1); z = Add(p, b1)";
    let after = "q = MatMul(h, w2); y = Softmax(q)";
    vec![
        message("net.pt", b"PK\x03\x04\x00\x00net/data.pkl"),
        message("net.joblib", b"\x80\x04\x95"),
        message("net.joblib", b"\x1f\x8b\x08"),
        message("net.keras", b"PK\x03\x04\x00\x00config.json"),
        message("net.h5", b"\x89HDF\r\n\x1a\n"),
        message("net.tflite", b"\x1c\0\0\0TFL3"),
        message("net.onnx", b"version https://git-lfs.github.com/spec/v1\n"),
        message("net.onnx", b"<!DOCTYPE html>"),
        message("net.bin", b"...."),
        state_dict(&layers),
        state_dict(&[layers[0], ("fc1.bias", &[3]), ("bn.weight", &[3]), ("bn.bias", &[3]), layers[1]]),
        state_dict(&[("conv.weight", &[2, 1, 3, 3]), ("conv.bias", &[2]), layers[0], layers[1]]),
        state_dict(&[("fc1.lora_A.weight", &[2, 4]), ("fc1.lora_B.weight", &[3, 2]), layers[0], layers[1]]),
        state_dict(&[("Dense_0.kernel", &[4, 3]), ("Dense_0.bias", &[3])]),
        state_dict(&[("fc1.weight", &[4, 3]), ("fc1.bias", &[3]), ("fc2.weight", &[3, 2])]),
        state_dict(&[("up.weight", &[4, 4]), ("down.weight", &[4, 4])]),
        state_dict(&[("0.weight", &[1, 4])]),
        refusal("y = Conv(x, w1)", &[0, 1, 2, 2]),
        refusal("w = DequantizeLinear(w1, one); p = MatMul(x, w); y = Softmax(p)", &[0, 4]),
        refusal(&format!("{before}; r = Relu(z); h = Dropout(r, one, one); {after}"), &[0, 4]),
        refusal(&format!("{before}; r = Relu(z); k = MatMul(r, square); h = Tanh(k); {after}"), &[0, 4]),
        refusal(&format!("{before}; h = Relu(z); q = MatMul(h, w2); y = Sigmoid(q)"), &[0, 4]),
        refusal("f = Flatten(x); y = MatMul(f, w1)", &[0, 3, 2, 2]),
    ]
}

#[test]
fn the_guide_has_each_refusal_of_a_model_with_its_message() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, table) =
        guide.split_once("| model | message of `mlp import` |\n").expect("the guide has the table");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let mut rows: Vec<&str> =
        rows.map(|row| row.trim_end_matches(" |").rsplit_once(" | ").expect("two columns").1).collect();
    let mut missing = messages();
    missing.retain(|message| match rows.iter().position(|row| row == message) {
        Some(row) => {
            rows.remove(row);
            false
        }
        None => true,
    });
    assert!(missing.is_empty() && rows.is_empty(), "missing: {missing:#?}\nnever given: {rows:#?}");
}
