//! The number types that this crate trains.

use mlp_core::Scalar;

/// The number types that this crate trains: those of [`Scalar`], with what reading images and files
/// asks of them.
pub trait Number: Scalar + mlp_data::Real + serde::Serialize + serde::de::DeserializeOwned {}

impl<A: Scalar + mlp_data::Real + serde::Serialize + serde::de::DeserializeOwned> Number for A {}
