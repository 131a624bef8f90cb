//! Files and directories that are there whole or not at all, written through a [`Disk`] whose operations a test can make
//! fail.

mod atomic;
mod disk;

pub use atomic::{is_temporary, write_atomically};
pub(crate) use disk::sync_directory_of;
pub use disk::{Disk, DiskFile, Gate, Operation};
