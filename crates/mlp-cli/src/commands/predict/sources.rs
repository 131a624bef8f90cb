//! An iterator over pictures in files, directories, IDX files and standard input. Only IDX files, a
//! few megabytes each, are read here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::bail;
use mlp_data::Error;
use mlp_data::idx::{IdxData, read_idx};
use mlp_data::picture::{ENDINGS, GrayPicture, LeftOut, PictureFiles};

/// A picture to classify.
pub(super) struct Source {
    /// Name in the output.
    pub(super) name: String,
    pub(super) content: Result<Content, Error>,
}

/// Where to read a picture, or the picture itself.
pub(super) enum Content {
    File(PathBuf),
    StandardInput,
    Image(GrayPicture),
}

/// Iterates over all pictures in order.
pub(super) struct Sources {
    files: VecDeque<PathBuf>,
    open: Option<Images>,
    /// Files in the directories that are not pictures.
    pub(super) left_out: LeftOut,
}

/// The images of an IDX file.
struct Images {
    path: PathBuf,
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    next: usize, // index
}

impl Sources {
    /// The pictures at these paths. Lists directories, but opens no files.
    pub(super) fn new(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let (mut files, mut left_out) = (VecDeque::new(), LeftOut::default());
        if paths.iter().filter(|path| is_standard_input(path)).count() > 1 {
            bail!("`-` is given twice, but standard input has only one picture");
        }
        for path in paths {
            if path.is_dir() {
                let found = PictureFiles::find(path)?;
                if found.files.is_empty() {
                    let others = match found.left_out.is_empty() {
                        true => String::new(),
                        false => format!(", only {}", found.left_out),
                    };
                    bail!(
                        "{} contains no pictures{others}; expected files ending in .{}",
                        path.display(),
                        ENDINGS.join(", .")
                    );
                }
                files.extend(found.files);
                left_out.extend(found.left_out);
            } else {
                files.push_back(path.clone());
            }
        }
        Ok(Self { files, open: None, left_out })
    }

    /// Maximum length of the known names.
    pub(super) fn name_width(&self) -> usize {
        self.files.iter().map(|path| path.display().to_string().chars().count()).max().unwrap_or(0)
    }
}

impl Iterator for Sources {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        loop {
            if let Some(source) = self.open.as_mut().and_then(Images::next_image) {
                return Some(source);
            }
            self.open = None;
            let path = self.files.pop_front()?;
            let name = path.display().to_string();
            if is_standard_input(&path) {
                return Some(Source { name, content: Ok(Content::StandardInput) });
            }
            match is_idx(&path) {
                Ok(false) => return Some(Source { name, content: Ok(Content::File(path)) }),
                Ok(true) => match Images::open(path) {
                    Ok(images) => self.open = Some(images),
                    Err(error) => return Some(Source { name, content: Err(error) }),
                },
                Err(error) => return Some(Source { name, content: Err(error) }),
            }
        }
    }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Returns true for an IDX file, raw or gzip. No picture format begins like either.
fn is_idx(path: &Path) -> Result<bool, Error> {
    let failed = |action| move |error| Error::Io { action, path: path.to_owned(), error };
    let mut head = Vec::new();
    File::open(path).map_err(failed("open"))?.take(2).read_to_end(&mut head).map_err(failed("read"))?;
    Ok(matches!(head[..], [0, 0] | [0x1f, 0x8b]))
}

impl Images {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let (shape, data) = read_idx(&path)?.into_parts();
        match (&shape[..], data) {
            (&[_, height, width], IdxData::U8(pixels)) if !pixels.is_empty() => {
                Ok(Self { path, width, height, pixels, next: 0 })
            }
            (shape, data) => Err(Error::WrongContent {
                path,
                expected: "images (u8, rank 3)",
                found: format!("{} with shape {shape:?}", data.element()),
                hint: "is it a file of labels?",
            }),
        }
    }

    fn next_image(&mut self) -> Option<Source> {
        let size = self.width * self.height;
        let pixels = self.pixels.get(self.next * size..(self.next + 1) * size)?.to_vec();
        let name = format!("{}[{}]", self.path.display(), self.next);
        self.next += 1;
        Some(Source { name, content: GrayPicture::new(self.width, self.height, pixels).map(Content::Image) })
    }
}
