//! The safetensors format: `mlp_core` reads and writes the tensors, this file adds the metadata.

use mlp_core::{Activation, Tensors};

use crate::formats::FormatError;
use crate::formats::content::Content;
use crate::formats::known::{Known, texts};
use crate::{Model, Network};

/// Writes the state dict of PyTorch's `nn.Sequential(nn.Linear(…), nn.ReLU(), nn.Linear(…))`:
/// `0.weight` (outputs, inputs), `0.bias`, `2.weight`, …, in the network's precision, ready for
/// `load_state_dict(safetensors.torch.load_file(path))`.
pub fn to_safetensors(model: &Model) -> Vec<u8> {
    let texts = texts(model);
    let texts = texts.iter().map(|(name, text)| (*name, text.as_str()));
    let metadata: Vec<(&str, &str)> = texts.chain([("format", "pt")]).collect();
    match &model.network {
        Network::F32(network) => network.to_safetensors(&metadata),
        Network::F64(network) => network.to_safetensors(&metadata),
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Content, FormatError> {
    let tensors = Tensors::parse(bytes)?;
    let known = Known::of_texts(|name| tensors.metadata().get(name).map(String::as_str))?;
    let is_scale_known = known.program.is_some();
    // `import` sets the activation.
    let network = tensors.network::<f64>(Some(Activation::Identity))?;
    Ok(Content {
        precision: tensors.precision(),
        layers: network.layers().to_vec(),
        known,
        default_activation: None,
        is_scale_known,
        notes: tensors.notes().to_vec(),
    })
}
