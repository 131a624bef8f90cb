//! The number types in which networks can be trained.

use mlp_core::Scalar;

/// A number type that can be trained: a [`Scalar`] that images and files can be read into.
pub trait Number: Scalar + mlp_data::Real + serde::Serialize + serde::de::DeserializeOwned {}

impl<A: Scalar + mlp_data::Real + serde::Serialize + serde::de::DeserializeOwned> Number for A {}
