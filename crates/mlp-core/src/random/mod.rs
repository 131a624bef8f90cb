//! Random numbers. Two streams: [`NativeStream`], ours, and [`NumpyStream`], which is NumPy's legacy `RandomState` bit for bit. Their
//! first numbers are frozen by tests: the meaning of a seed never changes.

pub(crate) mod init;
pub(crate) mod kind;
pub(crate) mod native;
pub(crate) mod numpy;
pub(crate) mod stream;

pub use kind::{SeedTooLarge, Stream, StreamKind, StreamState};
pub use native::NativeStream;
pub use numpy::NumpyStream;
pub use stream::RandomStream;
