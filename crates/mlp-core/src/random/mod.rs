//! Random numbers: our own [`NativeStream`], and [`NumpyStream`], a bit-exact copy of NumPy's
//! legacy `RandomState`. Tests freeze their first numbers: the meaning of a seed never changes.

pub(crate) mod init;
pub(crate) mod kind;
pub(crate) mod native;
pub(crate) mod numpy;
pub(crate) mod stream;

pub use kind::{SeedTooLarge, Stream, StreamKind, StreamState};
pub use native::NativeStream;
pub use numpy::NumpyStream;
pub use stream::RandomStream;
