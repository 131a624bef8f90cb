//! The pictures and parameters in a body, whatever its format.

use axum::body::Bytes;
use axum::http::StatusCode;
use mlp_data::Error;
use mlp_data::picture::GrayPicture;

use super::options::Options;
use super::problem::Problem;

/// Maximum number of pictures in a request.
pub(super) const MAX_PICTURES: usize = 32;

/// The pictures and parameters of a request.
#[derive(Debug, Default)]
pub(super) struct Upload {
    pub(super) options: Options,
    pub(super) pictures: Vec<Picture>,
    /// The answer is a list, even for one picture.
    pub(super) is_list: bool,
    /// What the client should know about its request.
    pub(super) note: Option<String>,
}

/// A picture, and its name in messages: empty, or where it is in the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) name: String,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A picture file.
    File(Bytes),
    /// The pixels of a picture with the size of the model's images.
    Pixels(GrayPicture),
}

impl Upload {
    /// Adds a picture.
    ///
    /// # Errors
    /// If there are too many.
    pub(super) fn push(&mut self, name: String, content: Content) -> Result<(), Problem> {
        if self.pictures.len() == MAX_PICTURES {
            let reason = format!("too many pictures; expected at most {MAX_PICTURES} in a request");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        self.pictures.push(Picture { name, content });
        Ok(())
    }
}

impl Content {
    /// Returns the memory to decode the picture.
    pub(super) fn memory(&self) -> Result<u64, Error> {
        match self {
            Self::File(file) => GrayPicture::memory_to_decode(file),
            Self::Pixels(picture) => Ok(picture.pixels().len() as u64),
        }
    }

    /// Decodes the picture within a limit of memory.
    pub(super) fn decode(self, max_memory: u64) -> Result<GrayPicture, Error> {
        match self {
            Self::File(file) => GrayPicture::decode_within(&file, max_memory),
            Self::Pixels(picture) => Ok(picture),
        }
    }
}
