//! The files of a run as one message, for hosts without a shared file system.

use std::fs;
use std::io;

use crate::error::io_error;
use crate::run::run_dir::FILES;
use crate::{Error, RunDir};

impl RunDir {
    /// Returns the content of all files of the run but the report, for [`RunDir::unpack`].
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn pack(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for name in FILES {
            let path = self.path().join(name);
            let content = match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                content => content.map_err(io_error(&path, "cannot read a file of the run"))?,
            };
            bytes.push(name.len() as u8);
            bytes.extend(name.bytes());
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend(content);
        }
        Ok(bytes)
    }

    /// Writes the files of a run that was trained elsewhere, each atomically and the result last: a
    /// run can be resumed after any of them.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if the bytes are not those of [`RunDir::pack`], before anything is
    /// written; [`Error::Io`].
    ///
    /// # Example
    /// ```
    /// # use mlp_train::RunDir;
    /// # let scratch = tempfile::tempdir().unwrap();
    /// let here = RunDir::create(&scratch.path().join("here"))?;
    /// here.write_config("epochs = 3\n")?;
    /// let there = RunDir::create(&scratch.path().join("there"))?;
    /// there.unpack(&here.pack()?)?;
    /// assert_eq!(RunDir::read_config(there.path())?, "epochs = 3\n");
    /// # Ok::<(), mlp_train::Error>(())
    /// ```
    pub fn unpack(&self, bytes: &[u8]) -> Result<(), Error> {
        let files = files(bytes).map_err(|reason| Error::FileInvalid {
            path: self.path().to_owned(),
            what: "run from another process",
            reason: reason.to_owned(),
        })?;
        for (name, content) in files {
            let path = self.path().join(name);
            let written = self.disk().write_atomically(&path, |file| file.write_all(content));
            written.map_err(io_error(&path, "cannot write a file of the run"))?;
        }
        Ok(())
    }
}

/// Splits the bytes of [`RunDir::pack`] into names and contents.
fn files(mut bytes: &[u8]) -> Result<Vec<(&'static str, &[u8])>, &'static str> {
    let mut files = Vec::new();
    let mut allowed = FILES.into_iter();
    while let Some((&length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(length.into()).ok_or("it is truncated")?;
        let (length, rest) = rest.split_first_chunk().ok_or("it is truncated")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| "it is truncated")?;
        let (content, rest) = rest.split_at_checked(length).ok_or("it is truncated")?;
        let name = allowed.find(|allowed| allowed.as_bytes() == name).ok_or("unexpected file name")?;
        files.push((name, content));
        bytes = rest;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_arrive_and_damaged_bytes_write_none() {
        let scratch = tempfile::tempdir().unwrap();
        let (here, there) = (scratch.path().join("here"), scratch.path().join("there"));
        let run = RunDir::create(&here).unwrap();
        for (number, name) in FILES.into_iter().enumerate() {
            fs::write(here.join(name), vec![number as u8; 100 * number]).unwrap();
        }
        fs::write(here.join("report.html"), "a report").unwrap();
        let bytes = run.pack().unwrap();
        let other = RunDir::create(&there).unwrap();
        for length in [1, 5, 50, bytes.len() - 1] {
            assert!(matches!(other.unpack(&bytes[..length]), Err(Error::FileInvalid { .. })), "{length}");
        }
        let evil = [&[9][..], b"../.bashrc", &[0; 8]].concat();
        assert!(matches!(other.unpack(&evil), Err(Error::FileInvalid { .. })));
        assert_eq!(fs::read_dir(&there).unwrap().count(), 1, "only the lock");
        other.unpack(&bytes).unwrap();
        for name in FILES {
            assert_eq!(fs::read(here.join(name)).unwrap(), fs::read(there.join(name)).unwrap(), "{name}");
        }
        assert!(!there.join("report.html").exists());
    }

    #[test]
    fn the_result_arrives_last() {
        assert_eq!((FILES[0], FILES.last()), ("config.toml", Some(&"result.json")));
    }
}
