//! safetensors: `mlp_core` writes and reads the tensors; the model's metadata are texts beside
//! them.

use mlp_core::{Activation, Tensors};

use crate::formats::content::Content;
use crate::formats::error::FormatError;
use crate::formats::known::{Known, texts};
use crate::model::metadata::Model;
use crate::model::network::Network;

/// A model as PyTorch keeps the state dict of `nn.Sequential(nn.Linear(…), nn.ReLU(),
/// nn.Linear(…))`: `0.weight` (outputs, inputs), `0.bias`, `2.weight`, …, in the network's
/// precision. `load_state_dict(safetensors.torch.load_file(path))` takes it as it is.
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
    let says_scale = known.program.is_some();
    // Which activation it really is comes out later.
    let network = tensors.network::<f64>(Some(Activation::Identity))?;
    Ok(Content {
        precision: tensors.precision(),
        layers: network.layers().to_vec(),
        known,
        usual_activation: None,
        says_scale,
        notes: Vec::new(),
    })
}
