//! Writing a training set many times over as a directory: the images as they are, then distorted
//! copies, as Loosli, Canu and Bottou made 8,100,000 images of MNIST ("Training invariant support
//! vector machines using selective sampling", 2007). The result can be larger than memory, and an
//! interrupted write resumes.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use serde::{Deserialize, Serialize};

use super::write::write_text;
use crate::catalog::MNIST_FILE_NAMES;
use crate::fs::{Disk, DiskFile, Lock, final_name, sync_directory_of};
use crate::idx::{ElementType, header, write_bytes};
use crate::{Augmentation, Augmenter, Dataset, Datasets, Description, Error};

/// What [`Datasets::write_augmented`] writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Copies {
    /// How often each training image occurs: once as it is, otherwise distorted.
    pub copies: u64,
    /// Limits of the distortions.
    pub limits: Augmentation,
    /// Random seed of the distortions.
    pub seed: u64,
}

/// The file in an unfinished directory that says how far it is.
const STATE: &str = "unfinished.toml";

/// The file that the writing process locks.
const LOCK: &str = "lock";

/// Bytes of images that are made, written and synced at a time.
const STEP: usize = 1 << 25;

/// The content of [`STATE`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    origin: String,
    images: u64, // that are on disk
}

impl Copies {
    /// The number of images that the training set will have, and their bytes.
    ///
    /// # Errors
    /// [`Error::TooManyCopies`].
    pub fn size(&self, train: &Dataset) -> Result<(u64, u64), Error> {
        let images = train.len() as u64;
        let most = u64::from(u32::MAX) / images.max(1);
        if self.copies > most {
            return Err(Error::TooManyCopies { copies: self.copies, images: train.len(), most });
        }
        let total = images * self.copies;
        Ok((total, total * train.pixels() as u64))
    }

    /// Describes the result. Equal texts mean equal images.
    fn origin(&self, train: &Dataset) -> String {
        let Augmentation {
            rotation,
            class_rotation,
            scale,
            shear,
            translate,
            elastic_alpha,
            elastic_sigma,
            flip,
        } = &self.limits;
        let classes: Vec<String> =
            class_rotation.iter().map(|(label, degrees)| format!("{label}={degrees}")).collect();
        let classes = if classes.is_empty() { "none".to_owned() } else { classes.join(" ") };
        format!(
            "{} copies of the training set {}, all but the first distorted by mlp-data {}: seed {}, rotation \
             {rotation}, class rotation {classes}, scale {scale}, shear {shear}, translate {translate}, elastic alpha \
             {elastic_alpha}, elastic sigma {elastic_sigma}, flip {flip}",
            self.copies,
            train.sha256(),
            env!("CARGO_PKG_VERSION"),
            self.seed,
        )
    }
}

impl Datasets {
    /// The directory in which [`Datasets::write_augmented`] builds `directory`.
    pub fn unfinished_dir(directory: &Path) -> PathBuf {
        let mut name = directory.file_name().unwrap_or_default().to_owned();
        name.push(".unfinished");
        directory.with_file_name(name)
    }

    /// Writes these datasets as a new directory whose training set has each training image `copies`
    /// times. Image `k·n + i` is copy k of image i, of n: copy 0 is the image itself, and copy k is
    /// what training with augmentation and the same seed sees in epoch k, counted from 1. The other
    /// sets are copied unchanged.
    ///
    /// The directory is built beside its final name, in `unfinished_dir`, by this many threads,
    /// which keep only a part of the images in memory. If that directory is there already, the
    /// write resumes where it was interrupted; the result is the same. `observe` is called with the
    /// number of training images on disk, at the start and then again and again.
    ///
    /// # Panics
    /// As [`Augmenter::new`].
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::TooManyCopies`], [`Error::OtherUnfinished`],
    /// [`Error::BeingWritten`], [`Error::Io`], or [`Error::Description`] if the class names are
    /// invalid.
    ///
    /// # Example
    /// ```
    /// use mlp_data::{Augmentation, Augmenter, Copies, Datasets, synthetic};
    /// let directory = std::env::temp_dir().join(format!("mlp-augmented-{}", std::process::id()));
    /// let sets = synthetic::digits(20, 10, 0);
    /// let copies = Copies { copies: 3, limits: Augmentation::default(), seed: 7 };
    /// sets.write_augmented(&directory, &copies, 2, &mut |_| ())?;
    ///
    /// let written = Datasets::open_dir(&directory)?;
    /// assert_eq!((written.train.len(), &written.test), (60, &sets.test));
    /// assert_eq!(written.train.image(5), sets.train.image(5));
    /// let mut augmenter = Augmenter::new(&copies.limits, sets.train.shape(), 7);
    /// let mut image = [0; 784];
    /// augmenter.image(&sets.train, 1, 5, &mut image); // in the second epoch
    /// assert_eq!(written.train.image(2 * 20 + 5), image);
    /// # std::fs::remove_dir_all(&directory).unwrap();
    /// # Ok::<(), mlp_data::Error>(())
    /// ```
    pub fn write_augmented(
        &self,
        directory: &Path,
        copies: &Copies,
        threads: usize,
        observe: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        self.write_augmented_on(&Disk::default(), directory, copies, threads, STEP, observe)
    }

    /// [`Datasets::write_augmented`] on a disk, in steps of this many bytes.
    fn write_augmented_on(
        &self,
        disk: &Disk,
        directory: &Path,
        copies: &Copies,
        threads: usize,
        step: usize,
        observe: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        if directory.symlink_metadata().is_ok() {
            return Err(Error::Exists { path: directory.to_owned() });
        }
        let (train, (total, _)) = (&self.train, copies.size(&self.train)?);
        let origin = copies.origin(train);
        let description = Description {
            class_names: self.class_names.clone(),
            preprocessing: self.preprocessing,
            polarity: self.polarity,
            origin: origin.clone(),
        };
        let text = description.to_toml(directory)?;
        let unfinished = Self::unfinished_dir(directory);
        disk.create_dir_all(&unfinished).map_err(Error::io("create", &unfinished))?;
        // Held until the end.
        let lock = match disk.lock(&unfinished.join(LOCK)).map_err(Error::io("lock", &unfinished))? {
            Lock::Busy => return Err(Error::BeingWritten { path: unfinished }),
            lock => lock,
        };
        let [images, labels, ..] = MNIST_FILE_NAMES.map(|name| unfinished.join(name));
        remove_leftovers(disk, &unfinished)?;
        let mut state = State::of(&unfinished, &origin)?;
        let head = header(ElementType::U8, &[total as usize, train.shape().height, train.shape().width]);
        let mut file = state.resume(disk, &images, &head, train.pixels() as u64)?;
        observe(state.images);
        let start = state.images;
        in_steps(train, copies, start..total, threads, step, |bytes| {
            file.write_all(bytes).and_then(|()| file.sync()).map_err(Error::io("write", &images))?;
            train.check_unchanged()?;
            state.images += (bytes.len() / train.pixels()) as u64;
            state.save(disk, &unfinished)?;
            observe(state.images);
            Ok(())
        })?;
        drop(file);
        write_bytes(&labels, &[total as usize], &train.labels().repeat(copies.copies as usize))?;
        self.write_others(&unfinished, false)?;
        write_text(&text, &unfinished)?;
        disk.rename(&unfinished, directory).map_err(|error| {
            let exists = Error::Exists { path: directory.to_owned() };
            if directory.exists() { exists } else { Error::io("rename", &unfinished)(error) }
        })?;
        sync_directory_of(directory).map_err(Error::io("write", directory))?;
        // Not earlier: until the rename, they are needed to resume.
        drop(lock);
        [STATE, LOCK]
            .into_iter()
            .map(|name| directory.join(name))
            .try_for_each(|path| {
                let removed = disk.remove(&path);
                removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
            })
            .map_err(Error::io("clean up", directory))
    }
}

/// Removes the temporary files of an interrupted write.
fn remove_leftovers(disk: &Disk, unfinished: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(unfinished).map_err(Error::io("list", unfinished))?;
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.try_for_each(|name| match name.to_str().and_then(final_name) {
        Some(_) => disk.remove(&unfinished.join(&name)).map_err(Error::io("clean up", unfinished)),
        None => Ok(()),
    })
}

impl State {
    /// Reads the state of an unfinished directory, or begins with no images.
    fn of(unfinished: &Path, origin: &str) -> Result<Self, Error> {
        let path = unfinished.join(STATE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { origin: origin.to_owned(), images: 0 });
            }
            text => text.map_err(Error::io("read", &path))?,
        };
        // Written atomically: a damaged one is somebody else's.
        let state: Self = toml::from_str(&text).map_err(|error| {
            let found = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            Error::OtherUnfinished { path: path.clone(), found, expected: origin.to_owned() }
        })?;
        if state.origin != origin {
            let expected = origin.to_owned();
            return Err(Error::OtherUnfinished {
                path: unfinished.to_owned(),
                found: state.origin,
                expected,
            });
        }
        Ok(state)
    }

    fn save(&self, disk: &Disk, unfinished: &Path) -> Result<(), Error> {
        let (path, text) = (unfinished.join(STATE), toml::to_string(self).expect("plain data"));
        disk.write_atomically(&path, |out| out.write_all(text.as_bytes())).map_err(Error::io("write", &path))
    }

    /// Opens the file of images for appending, cut off where the state says that it is on disk.
    /// Begins anew if it is shorter.
    fn resume(&mut self, disk: &Disk, path: &Path, head: &[u8], pixels: u64) -> Result<DiskFile, Error> {
        let write = || Error::io("write", path);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(write())?;
        let len = file.metadata().map_err(Error::io("inspect", path))?.len();
        let expected = head.len() as u64 + self.images * pixels;
        if self.images == 0 || len < expected {
            self.images = 0;
            file.set_len(0).map_err(write())?;
            let mut file = disk.append(path).map_err(write())?;
            file.write_all(head).map_err(write())?;
            return Ok(file);
        }
        file.set_len(expected).map_err(write())?;
        disk.append(path).map_err(write())
    }
}

/// Calls `write` with the images `range`, in order and in steps, while the next ones are made.
fn in_steps(
    train: &Dataset,
    copies: &Copies,
    range: Range<u64>,
    threads: usize,
    step: usize,
    mut write: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let (pixels, threads) = (train.pixels(), threads.max(1));
    let per_step = (step / pixels).max(1) as u64;
    let mut augmenters = vec![Augmenter::new(&copies.limits, train.shape(), copies.seed); threads];
    thread::scope(|scope| {
        let (sender, steps) = mpsc::sync_channel::<Vec<u8>>(1);
        scope.spawn(move || {
            for first in range.clone().step_by(per_step as usize) {
                let count = per_step.min(range.end - first) as usize;
                let mut images = vec![0; count * pixels];
                let part = count.div_ceil(threads);
                thread::scope(|scope| {
                    let parts = images.chunks_mut(part * pixels).zip(&mut augmenters);
                    for (index, (images, augmenter)) in parts.enumerate() {
                        let first = first + (index * part) as u64;
                        scope.spawn(move || fill(images, train, first, augmenter));
                    }
                });
                // Fails after an error of `write`, which drops `steps`.
                if sender.send(images).is_err() {
                    return;
                }
            }
        });
        steps.into_iter().try_for_each(|images| write(&images))
    })
}

/// Fills `images` with the images from number `first` on.
fn fill(images: &mut [u8], train: &Dataset, first: u64, augmenter: &mut Augmenter) {
    for (number, image) in (first..).zip(images.chunks_exact_mut(train.pixels())) {
        let (copy, index) = (number / train.len() as u64, (number % train.len() as u64) as usize);
        match copy {
            0 => image.copy_from_slice(train.image(index)),
            copy => augmenter.image(train, copy - 1, index, image),
        }
    }
}

#[cfg(test)]
mod tests;
