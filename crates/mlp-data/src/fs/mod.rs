//! Files and directories that are there whole or not at all, written through a [`Disk`] whose
//! operations a test can make fail; and the order of file names.

mod atomic;
mod directory;
mod disk;
mod names;

pub use atomic::{is_temporary, write_atomically};
#[cfg(feature = "fetch")]
pub(crate) use directory::TemporaryDir;
pub(crate) use directory::create_dir_atomically;
#[cfg(feature = "fetch")]
pub(crate) use disk::remove_if_there;
pub(crate) use disk::sync_directory_of;
pub use disk::{Disk, DiskFile, Gate, Operation};
pub use names::natural_order;
#[cfg(feature = "fetch")]
pub(crate) use names::with_suffix;
