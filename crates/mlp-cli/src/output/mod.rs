//! Terminal output: messages, tables, images, progress and help.

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
