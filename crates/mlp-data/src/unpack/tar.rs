//! Unpacking tar archives, read as a stream.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use tar::{Archive, EntryType, Header};

use super::entries::Entries;
use crate::Error;

/// The size of a block, and of a header.
pub(super) const BLOCK: usize = 512;

/// The maximum size of what is between the contents of two files: headers, long names, padding.
const MAX_BETWEEN: u64 = 16 << 20;

/// Returns whether a file begins with the header of an entry.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.get(..BLOCK) else { return false };
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(i, &byte)| u32::from(if (148..156).contains(&i) { b' ' } else { byte }))
        .sum();
    let header = Header::from_byte_slice(block);
    block[0] != 0 && header.cksum().is_ok_and(|expected| expected == sum)
}

/// A reader that stops at a limit, and counts the zeros at the end of what was read.
struct Metered<R> {
    reader: R,
    meter: Rc<Meter>,
}

#[derive(Default)]
struct Meter {
    left: Cell<u64>,
    zeros: Cell<usize>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let meter = &self.meter;
        let most = buffer.len().min(usize::try_from(meter.left.get()).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("a header is too large"));
        }
        let count = self.reader.read(&mut buffer[..most])?;
        meter.left.set(meter.left.get() - count as u64);
        let zeros = buffer[..count].iter().rev().take_while(|&&byte| byte == 0).count();
        meter.zeros.set(if zeros == count { meter.zeros.get().saturating_add(zeros) } else { zeros });
        Ok(count)
    }
}

pub(super) fn unpack(reader: impl Read, entries: &mut Entries<'_>) -> Result<(), Error> {
    let meter = Rc::new(Meter::default());
    let mut archive = Archive::new(Metered { reader, meter: Rc::clone(&meter) });
    // To read to the end, where gzip has its checksum, and archives may be joined.
    archive.set_ignore_zeros(true);
    let damaged = |error: &io::Error| format!("a damaged or truncated tar archive ({error}); get it again");
    meter.left.set(MAX_BETWEEN);
    let mut found = archive.entries().map_err(|error| entries.problem(damaged(&error)))?;
    loop {
        meter.left.set(MAX_BETWEEN);
        let Some(entry) = found.next() else { break };
        let mut entry = entry.map_err(|error| entries.problem(damaged(&error)))?;
        let name = text(&entry.path_bytes(), Some(entries));
        let kind = entry.header().entry_type();
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                meter.left.set(u64::MAX);
                entries.file(&name, &mut entry, damaged)?;
            }
            EntryType::Directory => entries.directory(&name)?,
            EntryType::Symlink | EntryType::Link => {
                let target = text(&entry.link_name_bytes().unwrap_or_default(), None);
                if kind == EntryType::Link {
                    entries.hard_link(&name, &target)?
                } else {
                    entries.link(&name, &target)?
                }
            }
            EntryType::XGlobalHeader => {}
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                return Err(entries.problem(format!(
                    "its entry {name} is a device or pipe; expected files, directories and links; get it from \
                     a source you trust"
                )));
            }
            other => {
                let kind = char::from(other.as_byte());
                return Err(entries.problem(format!(
                    "its entry {name} has the unknown type {kind:?}; unpack it and import the directory"
                )));
            }
        }
    }
    if meter.zeros.get() < BLOCK {
        return Err(entries.problem("a truncated tar archive: its end is missing; get it again"));
    }
    Ok(())
}

/// A name, with replacement characters if it is not UTF-8, which is counted.
fn text(name: &[u8], entries: Option<&mut Entries<'_>>) -> String {
    let text = String::from_utf8_lossy(name).into_owned();
    if let (Some(entries), Err(_)) = (entries, std::str::from_utf8(name)) {
        entries.count_foreign(&text);
    }
    text
}
