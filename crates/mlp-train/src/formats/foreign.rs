//! Names files that are no exchange format, by their first bytes, so that errors say what to do
//! instead.

const STATE_DICT: &str = "save the state dict with safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), \
     or the model with torch.onnx.export";
const KERAS: &str = "convert it to .onnx with tf2onnx, or its weights to .npz or .safetensors";

/// Returns what a file is and what to do, if its first bytes are known.
pub(super) fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let has = |word: &[u8]| bytes[..bytes.len().min(512)].windows(word.len()).any(|part| part == word);
    let is_zip = bytes.starts_with(b"PK\x03\x04");
    Some(match bytes {
        _ if is_zip && (has(b"/data.pkl") || has(b"archive/")) => ("a PyTorch checkpoint", STATE_DICT),
        _ if is_zip && has(b"config.json") => ("a Keras model", KERAS),
        [0x80, 2..=5, ..] => (
            "a Python pickle",
            "convert a scikit-learn model to .onnx with skl2onnx; of PyTorch, save the state dict as .safetensors",
        ),
        [0x89, b'H', b'D', b'F', ..] => ("an HDF5 file, as of Keras", KERAS),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => ("a TensorFlow Lite model", KERAS),
        _ if bytes.starts_with(b"version https://git-lfs") => {
            ("a Git LFS pointer", "fetch the .safetensors, .npz or .onnx file itself with `git lfs pull`")
        }
        _ if has(b"<html") || has(b"<!DOCTYPE") => {
            ("an HTML page", "download the .safetensors, .npz or .onnx file itself")
        }
        [0x89, b'M', b'L', b'P', ..] => {
            ("a model of this program", "use it as it is; `mlp export` writes .safetensors, .npz or .onnx")
        }
        _ => return None,
    })
}
