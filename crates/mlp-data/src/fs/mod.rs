//! Atomic writes of files and directories, through a [`Disk`] whose operations a test can make
//! fail; and the natural order of file names.

mod atomic;
pub(crate) mod directory;
mod disk;
mod names;

pub use atomic::{final_name, write_atomically};
pub(crate) use disk::sync_directory_of;
pub use disk::{Disk, DiskFile, Gate, Lock, Operation};
pub use names::natural_order;
