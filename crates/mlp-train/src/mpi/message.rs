//! The numbers that processes exchange.

/// A number in messages between processes.
#[cfg(feature = "mpi")]
pub trait Message: Copy + Default + Send + 'static + ::mpi::traits::Equivalence {}

/// A number in messages between processes.
#[cfg(not(feature = "mpi"))]
pub trait Message: Copy + Default + Send + 'static {}

impl Message for f32 {}
impl Message for f64 {}
