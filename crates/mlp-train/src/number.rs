//! The number types in which networks can be trained.

use mlp_core::Scalar;

use crate::mpi::Message;

/// A number type that can be trained: a [`Scalar`] that images and files can be read into, and that
/// can be sent to other processes.
pub trait Number: Scalar + mlp_data::Real + Message + serde::Serialize + serde::de::DeserializeOwned {}

impl<A: Scalar + mlp_data::Real + Message + serde::Serialize + serde::de::DeserializeOwned> Number for A {}
