//! Export to and import from other tools: PyTorch state dicts as safetensors, NumPy .npz files with
//! the chapter's names, ONNX, and CSV predictions. These are pure functions between models and
//! bytes.
//!
//! ```
//! use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream};
//! use mlp_train::formats::{Format, Known, import, to_npz};
//! # use mlp_train::{Metadata, Model, Network};
//!
//! let architecture = Architecture::new(4, &[3], 2).with_activation(Activation::Tanh);
//! let network = Mlp::<f32>::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;
//! # let shape = mlp_data::ImageShape { height: 2, width: 2 };
//! # let metadata = Metadata::new("mine", vec!["no".into(), "yes".into()], shape, "mine 1.0");
//! # let model = Model { network: Network::F32(network.clone()), metadata };
//! // let model = Model::load("runs/mine/model.mlp".as_ref())?;
//! let bytes = to_npz(&model);
//! let imported = import(Format::Npz, &bytes, &Known::default())?;
//! assert_eq!(imported.model.network, Network::F32(network));
//! assert!(imported.notes.is_empty()); // the file says everything
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod content;
mod csv;
mod error;
mod foreign;
#[cfg(test)]
mod guide;
mod import;
mod known;
mod npz;
mod onnx;
mod safetensors;

pub use csv::predictions;
pub use error::FormatError;
pub use import::{Format, Imported, import, import_with_files};
pub use known::Known;
pub use npz::to_npz;
pub use onnx::{OPSET, Pixels, erf_in_single, to_onnx};
pub use safetensors::to_safetensors;
