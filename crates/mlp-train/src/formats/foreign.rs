//! Recognizes files that are not in an exchange format by their first bytes, so that errors can say
//! what to do instead.

const STATE_DICT: &str = "save the state dict with safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), \
     or the model with torch.onnx.export";
const KERAS: &str = "convert it with `python -m tf2onnx.convert --keras MODEL --output model.onnx`, or save its weights, transposed, as .safetensors";
const TFLITE: &str = "convert it with `python -m tf2onnx.convert --tflite MODEL --output model.onnx`, or save its weights as .safetensors";
const PICKLE: &str = "convert a scikit-learn model with skl2onnx.to_onnx(model, X[:1]), or save a PyTorch state dict with safetensors.torch.save_file";
const COMPRESSED: &str = "decompress it, then convert a scikit-learn model with skl2onnx.to_onnx(model, X[:1]), or a PyTorch state dict to .safetensors";
const ITSELF: &str = "get the .safetensors, .npz or .onnx file itself";

/// Returns what a file is and what to do, if its first bytes are known.
pub(super) fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let is_in = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    let has = |word: &[u8]| is_in(&bytes[..bytes.len().min(512)], word);
    // The names of all files are at the end of an archive.
    let names = &bytes[bytes.len().saturating_sub(1 << 16)..];
    let is_zip_of = |name: &[u8]| bytes.starts_with(b"PK\x03\x04") && is_in(names, name);
    Some(match bytes {
        _ if is_zip_of(b"/data.pkl") || is_zip_of(b"/archive_format") => ("a PyTorch checkpoint", STATE_DICT),
        _ if is_zip_of(b"config.json") => ("a Keras model", KERAS),
        [0x80, 2..=5, ..] => ("a Python pickle", PICKLE),
        [0x89, b'H', b'D', b'F', ..] => ("an HDF5 file, as Keras writes", KERAS),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => ("a TensorFlow Lite model", TFLITE),
        [b'G', b'G', b'U', b'F', ..] => ("a GGUF file", ITSELF),
        [0x1F, 0x8B, ..]
        | [b'B', b'Z', b'h', ..]
        | [0xFD, b'7', b'z', b'X', b'Z', ..]
        | [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..]
        | [0x5D, 0, 0, ..] => ("a compressed file", COMPRESSED),
        _ if bytes.starts_with(b"version https://git-lfs") => {
            ("a Git LFS pointer", "fetch the .safetensors, .npz or .onnx file itself with `git lfs pull`")
        }
        _ if has(b"<html") || has(b"<!DOCTYPE") || has(b"<!doctype") => ("an HTML page", ITSELF),
        [0x89, b'M', b'L', b'P', ..] => {
            ("a model of this program", "use it directly; `mlp export` writes .safetensors, .npz or .onnx")
        }
        _ => return None,
    })
}
