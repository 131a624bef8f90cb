//! The subcommands, one file each: its flags, and what it does with them.

pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod descend;
pub(crate) mod eval;
pub(crate) mod gradcheck;
pub(crate) mod summary;
pub(crate) mod train;
