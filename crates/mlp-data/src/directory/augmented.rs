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
        let Augmentation { rotation, class_rotation, scale, shear, translate, elastic_alpha, elastic_sigma } =
            &self.limits;
        let classes: Vec<String> =
            class_rotation.iter().map(|(label, degrees)| format!("{label}={degrees}")).collect();
        let classes = if classes.is_empty() { "none".to_owned() } else { classes.join(" ") };
        format!(
            "{} copies of the training set {}, all but the first distorted by mlp-data {}: seed {}, rotation \
             {rotation}, class rotation {classes}, scale {scale}, shear {shear}, translate {translate}, elastic alpha \
             {elastic_alpha}, elastic sigma {elastic_sigma}",
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
mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::fs::{Gate, Operation};
    use crate::synthetic;

    const COPIES: u64 = 5;

    /// Fails at the operation with this number, counted from 0.
    struct FailsAt(usize, AtomicUsize);

    impl Gate for FailsAt {
        fn pass(&self, _: Operation, _: &Path) -> io::Result<()> {
            let is_it = self.1.fetch_add(1, Ordering::Relaxed) == self.0;
            if is_it { Err(io::Error::other("refused")) } else { Ok(()) }
        }
    }

    fn copies() -> Copies {
        let limits = Augmentation { class_rotation: vec![(1, 2.5)], ..Augmentation::default() };
        Copies { copies: COPIES, limits, seed: 3 }
    }

    fn sets() -> Datasets {
        let validation = Some(synthetic::digits(7, 0, 2).train);
        Datasets { validation, ..synthetic::digits(21, 10, 1) }
    }

    /// Writes in steps of 10 images.
    fn write(disk: &Disk, directory: &Path, copies: &Copies, threads: usize) -> Result<Vec<u64>, Error> {
        let mut counts = Vec::new();
        let mut observe = |count| counts.push(count);
        sets().write_augmented_on(disk, directory, copies, threads, 7845, &mut observe)?;
        Ok(counts)
    }

    fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect()
    }

    #[test]
    fn every_copy_is_the_one_that_training_sees() {
        let directory = tempfile::tempdir().unwrap();
        let (sets, mut written) = (sets(), Vec::new());
        for threads in [1, 2, 3, 40] {
            let path = directory.path().join(format!("threads-{threads}"));
            let counts = write(&Disk::default(), &path, &copies(), threads).unwrap();
            assert!(counts.iter().copied().eq((0..=100).step_by(10).chain([105])), "{counts:?}");
            written.push(files(&path));
            assert_eq!(written[0], written[written.len() - 1], "{threads} threads");
            assert_eq!(written[0].len(), 7, "{:?}", written[0].keys());
        }
        let read = Datasets::open_dir(&directory.path().join("threads-1")).unwrap();
        assert_eq!((&read.test, &read.validation), (&sets.test, &sets.validation));
        assert_eq!(read.class_names, sets.class_names);
        let mut augmenter = Augmenter::new(&copies().limits, sets.train.shape(), 3);
        for number in 0..read.train.len() {
            let (copy, index) = (number / 21, number % 21);
            let mut expected = sets.train.image(index).to_vec();
            if copy > 0 {
                augmenter.image(&sets.train, copy as u64 - 1, index, &mut expected);
            }
            assert_eq!(read.train.image(number), expected, "copy {copy} of image {index}");
            assert_eq!(read.train.labels()[number], sets.train.labels()[index]);
        }
    }

    #[test]
    fn a_write_that_failed_anywhere_resumes_to_the_same_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let whole = directory.path().join("whole");
        write(&Disk::default(), &whole, &copies(), 2).unwrap();
        let (expected, mut resumed) = (files(&whole), 0);
        for number in 0.. {
            let path = directory.path().join(format!("failed-{number}"));
            let disk = Disk::with_gate(Arc::new(FailsAt(number, AtomicUsize::new(0))));
            if write(&disk, &path, &copies(), 2).is_ok() {
                assert!(number > 60, "{number} operations");
                break;
            }
            // Only the clean-up may fail after the rename.
            if path.exists() {
                assert!(files(&path).len() >= expected.len(), "failure {number}");
                continue;
            }
            let counts = write(&Disk::default(), &path, &copies(), 2).unwrap();
            resumed += usize::from(counts[0] > 0);
            assert_eq!(files(&path), expected, "failure {number}");
        }
        assert!(resumed > 30, "{resumed}");
        let left = files_named(directory.path(), ".unfinished");
        assert!(left.is_empty(), "{left:?}");
    }

    fn files_named(directory: &Path, part: &str) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name.contains(part)).collect()
    }

    /// An unfinished write, of 20 images.
    fn unfinished(directory: &Path) -> PathBuf {
        let path = directory.join("set");
        let operations = 8 + 2 * 7;
        let disk = Disk::with_gate(Arc::new(FailsAt(operations, AtomicUsize::new(0))));
        write(&disk, &path, &copies(), 1).unwrap_err();
        path
    }

    #[test]
    fn bytes_after_the_last_step_on_disk_are_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let whole = directory.path().join("whole");
        write(&Disk::default(), &whole, &copies(), 1).unwrap();
        let path = unfinished(directory.path());
        let images = Datasets::unfinished_dir(&path).join(MNIST_FILE_NAMES[0]);
        let mut bytes = fs::read(&images).unwrap();
        bytes.extend([9; 3000]);
        fs::write(&images, bytes).unwrap();
        assert!(write(&Disk::default(), &path, &copies(), 1).unwrap()[0] > 0);
        assert_eq!(files(&path), files(&whole));
    }

    #[test]
    fn an_unfinished_directory_that_lost_images_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = unfinished(directory.path());
        let images = Datasets::unfinished_dir(&path).join(MNIST_FILE_NAMES[0]);
        OpenOptions::new().write(true).open(images).unwrap().set_len(500).unwrap();
        assert_eq!(write(&Disk::default(), &path, &copies(), 1).unwrap()[0], 0);
    }

    #[test]
    fn what_cannot_be_written_is_an_error_of_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = unfinished(directory.path());
        let error = |copies: &Copies| {
            let error = write(&Disk::default(), &path, copies, 1).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
            error
        };
        let seed = error(&Copies { seed: 4, ..copies() });
        assert!(seed.contains("left unfinished with other settings: found 5 copies"), "{seed}");
        assert!(seed.contains("seed 3") && seed.contains("expected 5 copies") && seed.contains("seed 4"));
        let limits = Augmentation { class_rotation: vec![(1, 2.6)], ..copies().limits };
        assert!(error(&Copies { limits, ..copies() }).contains("class rotation 1=2.6, scale"));
        let most = u64::from(u32::MAX) / 21;
        assert_eq!(
            error(&Copies { copies: most + 1, ..copies() }),
            format!(
                "{} copies of 21 images are too many for an IDX file; expected at most {most} copies",
                most + 1
            )
        );
        let unfinished = Datasets::unfinished_dir(&path);
        let held = Disk::default().lock(&unfinished.join(LOCK)).unwrap();
        assert!(error(&copies()).starts_with("another process is writing "));
        drop(held);
        fs::write(unfinished.join(STATE), "images = 3").unwrap();
        assert!(error(&copies()).contains("unfinished.toml was left unfinished with other settings"));
        fs::create_dir(&path).unwrap();
        assert!(error(&copies()).ends_with("already exists; give another name, or remove it"));
    }
}
