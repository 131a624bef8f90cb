//! What a user sees besides figures: lines, tables and pictures in the terminal, the progress of a
//! run, and help. Nothing is re-exported, so every import names its file.

pub(crate) mod console;
pub(crate) mod download;
pub(crate) mod epoch_table;
mod hints;
pub(crate) mod messages;
pub(crate) mod overview;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod tiles;
pub(crate) mod version;
