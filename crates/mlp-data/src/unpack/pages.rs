//! Reading a column of a Parquet file, a batch of rows at a time. A damaged or hostile file cannot
//! make the decoders allocate much more than a page of a usual file takes.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::basic::CompressionCodec;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

/// The maximum size of an uncompressed page: this many times its compressed size and this many
/// bytes more.
const PAGE_RATIO: u64 = 250;
const PAGE_EXTRA: u64 = 16 << 20;

/// The maximum number of values that are decoded for a batch of rows, with its last page.
const MAX_VALUES: u64 = 32 << 20;

thread_local! {
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether this thread reads a file with a library that panics on some damaged files, which
/// becomes an error. A panic hook need not report it.
pub fn is_contained() -> bool {
    IS_CONTAINED.get()
}

/// Makes an error of a panic.
fn contained<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    IS_CONTAINED.set(true);
    // What panicked is not used again.
    let result = panic::catch_unwind(AssertUnwindSafe(read));
    IS_CONTAINED.set(false);
    result.unwrap_or_else(|_| Err(ParquetError::General("its pages cannot be decoded".to_owned())))
}

/// A Parquet file that checks the sizes of pages before they are read.
pub(super) struct Source {
    file: File,
    length: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    pub(super) fn metadata(&self) -> Result<ParquetMetaData> {
        contained(|| ParquetMetaDataReader::new().parse_and_finish(&self.file))
    }

    fn at(&self, start: u64) -> Result<BufReader<File>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(file))
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Source {
    type T = Header;

    /// Is called for the headers of pages.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(Header { reader: self.at(start)?, is_checked: false })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF("the file is truncated".to_owned()));
        }
        let mut bytes = Vec::with_capacity(length);
        self.at(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// A reader of a page's header, which checks the page's size first.
pub(super) struct Header {
    reader: BufReader<File>,
    is_checked: bool,
}

impl Read for Header {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_checked {
            let [_, uncompressed, compressed] = leading_fields(self.reader.fill_buf()?)
                .ok_or_else(|| io::Error::other("a page has an invalid header"))?;
            if uncompressed > compressed.saturating_mul(PAGE_RATIO).saturating_add(PAGE_EXTRA) {
                let problem = format!("a page of {compressed} bytes declares {uncompressed}");
                return Err(io::Error::other(problem));
            }
            self.is_checked = true;
        }
        self.reader.read(buffer)
    }
}

/// The first three fields of a page's header, in Thrift's compact protocol: its type and its sizes
/// uncompressed and compressed.
fn leading_fields(header: &[u8]) -> Option<[u64; 3]> {
    let mut bytes = header.iter().copied();
    let mut fields = [0; 3];
    for field in &mut fields {
        // An i32, whose number is one more than that of the field before.
        if bytes.next()? != 0x15 {
            return None;
        }
        let mut zigzag = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = bytes.next()?;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if zigzag & 1 == 1 {
            return None; // negative
        }
        *field = zigzag >> 1;
    }
    Some(fields)
}

/// The pages of a column, which count their values.
struct Pages {
    pages: SerializedPageReader<Source>,
    values: Arc<AtomicU64>,
}

impl Pages {
    fn counted(&self, page: Page) -> Result<Page> {
        let values = u64::from(page.num_values());
        if self.values.fetch_add(values, Ordering::Relaxed) + values > MAX_VALUES {
            return Err(ParquetError::General(format!("a row or page has more than {MAX_VALUES} values")));
        }
        Ok(page)
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.pages.get_next_page()?.map(|page| self.counted(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

/// A column of a row group.
pub(super) struct Column {
    reader: ColumnReader,
    max_definition: i16,
    max_repetition: i16,
    values: Arc<AtomicU64>,
}

/// The values of some rows.
pub(super) struct Batch {
    pub(super) values: Values,
    pub(super) rows: Vec<Row>,
}

pub(super) enum Values {
    Bytes(Vec<ByteArray>),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
}

/// A row of a column.
#[derive(Default)]
pub(super) struct Row {
    /// Its values in the batch.
    pub(super) values: Range<usize>,
    /// Number of lists in its list, 1 for other values.
    pub(super) lists: usize,
    /// True if a value is missing, or its lists have different lengths.
    pub(super) is_incomplete: bool,
}

impl Column {
    /// Column `leaf` of row group `group`.
    pub(super) fn open(
        source: &Arc<Source>,
        metadata: &ParquetMetaData,
        group: usize,
        leaf: usize,
    ) -> Result<Self> {
        let group = metadata.row_group(group);
        let chunk = group.column(leaf);
        let offsets =
            [Some(chunk.data_page_offset()), chunk.dictionary_page_offset(), Some(chunk.compressed_size())];
        let rows = usize::try_from(group.num_rows())?;
        if offsets.into_iter().flatten().any(|offset| offset < 0) {
            return Err(ParquetError::General("a column has a negative offset or size".to_owned()));
        }
        let codec = chunk.compression_codec();
        let supported = [CompressionCodec::UNCOMPRESSED, CompressionCodec::SNAPPY, CompressionCodec::GZIP];
        if !supported.contains(&codec) {
            return Err(ParquetError::NYI(format!(
                "compressed with {codec:?}; expected Snappy, gzip or no compression; write it again with one \
                 of these"
            )));
        }
        let pages = contained(|| SerializedPageReader::new(Arc::clone(source), chunk, rows, None))?;
        let values = Arc::new(AtomicU64::new(0));
        let description = chunk.column_descr_ptr();
        let (max_definition, max_repetition) = (description.max_def_level(), description.max_rep_level());
        let reader = get_column_reader(description, Box::new(Pages { pages, values: Arc::clone(&values) }));
        Ok(Self { reader, max_definition, max_repetition, values })
    }

    /// Reads up to `count` rows, and fewer only at the end. After an error, nothing more can be
    /// read.
    pub(super) fn read(&mut self, count: usize) -> Result<Batch> {
        contained(|| self.decode(count))
    }

    fn decode(&mut self, count: usize) -> Result<Batch> {
        self.values.store(0, Ordering::Relaxed);
        let (mut definitions, mut repetitions) = (Vec::new(), Vec::new());
        let levels = (&mut definitions, &mut repetitions);
        let (values, number) = match &mut self.reader {
            ColumnReader::ByteArrayColumnReader(reader) => {
                let (values, number) = records(reader, count, levels)?;
                (Values::Bytes(values), number)
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let (values, number) = records(reader, count, levels)?;
                (Values::Integers(values.into_iter().map(i64::from).collect()), number)
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let (values, number) = records(reader, count, levels)?;
                (Values::Integers(values), number)
            }
            ColumnReader::FloatColumnReader(reader) => {
                let (values, number) = records(reader, count, levels)?;
                (Values::Floats(values.into_iter().map(f64::from).collect()), number)
            }
            ColumnReader::DoubleColumnReader(reader) => {
                let (values, number) = records(reader, count, levels)?;
                (Values::Floats(values), number)
            }
            _ => return Err(ParquetError::General("a column of an unexpected type".to_owned())),
        };
        // Columns without nulls or lists have no levels.
        definitions.resize(number, self.max_definition);
        repetitions.resize(number, 0);
        let rows = self.rows(&definitions, &repetitions);
        Ok(Batch { values, rows })
    }

    fn rows(&self, definitions: &[i16], repetitions: &[i16]) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let (mut value, mut list_begin) = (0, 0);
        for (i, (&definition, &repetition)) in definitions.iter().zip(repetitions).enumerate() {
            if repetition == 0 || rows.is_empty() {
                rows.push(Row { values: value..value, ..Row::default() });
            }
            let Some(row) = rows.last_mut() else { break };
            let is_present = definition == self.max_definition;
            row.is_incomplete |= !is_present;
            if row.lists == 0 || (self.max_repetition > 1 && repetition < self.max_repetition) {
                row.lists += 1;
                list_begin = value;
            }
            value += usize::from(is_present);
            row.values.end = value;
            let ends = repetitions.get(i + 1).is_none_or(|&next| next < self.max_repetition);
            if ends && (value - list_begin) * row.lists != row.values.len() {
                row.is_incomplete = true;
            }
        }
        rows
    }
}

/// Reads values and levels; returns the values and the number of levels.
fn records<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    count: usize,
    (definitions, repetitions): (&mut Vec<i16>, &mut Vec<i16>),
) -> Result<(Vec<T::T>, usize)> {
    let mut values = Vec::new();
    let (_, _, levels) = reader.read_records(count, Some(definitions), Some(repetitions), &mut values)?;
    Ok((values, levels))
}
