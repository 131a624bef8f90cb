//! Shared by the fetch tests: a server on loopback that can misbehave, and a small dataset to
//! serve.

use flate2::Compression;
use flate2::write::GzEncoder;
use mlp_data::ImageShape;
use mlp_data::catalog::{CatalogEntry, CatalogFile, Checksum, LabelLayout, Split};
use mlp_data::fetch::FetchOptions;
use mlp_data::idx::{Idx, IdxData};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a file is served.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// The whole file, ignoring `Range`.
    Plain,
    /// Honors `Range`.
    Ranges,
    /// The first request breaks off after this many bytes; later ones honor `Range`.
    TruncateOnce(usize),
    /// Every request breaks off after this many bytes, ignoring `Range`.
    TruncateAlways(usize),
    /// Every request breaks off after this many bytes, honoring `Range`.
    TruncateEach(usize),
    /// One byte is flipped.
    Corrupt,
    /// This many bytes, then silence.
    Stall(usize),
    /// No length, and too many bytes.
    Endless,
    /// A `Content-Length` that is too large.
    TooLong,
    /// Redirects to the same file under `/moved/`, served as `Ranges`.
    Redirect,
    /// Redirects to itself.
    RedirectLoop,
    /// An HTTP status without a body.
    Status(u16),
    /// Status 503 once, then like `Ranges`.
    BusyOnce,
    /// A wrong `Content-Range`.
    WrongRange,
}

/// A server on loopback that runs until the test ends.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(files: HashMap<String, Vec<u8>>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            let files = Arc::new(files);
            for stream in listener.incoming() {
                let (files, log) = (Arc::clone(&files), Arc::clone(&log));
                thread::spawn(move || answer(&stream.unwrap(), &files, manner, &log));
            }
        });
        Self { url, requests }
    }

    /// The requests so far, as "name" or "name bytes=N-".
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Answers one request. Broken connections are expected, so errors just end the thread.
fn answer(
    mut stream: &TcpStream,
    files: &HashMap<String, Vec<u8>>,
    manner: Manner,
    log: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    let path = request.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut range = None;
    loop {
        let line = lines.next()?.ok()?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("range: bytes=") {
            range = Some(value.trim_end_matches('-').parse::<usize>().ok()?);
        }
    }
    let name = path.trim_start_matches("moved/");
    let seen = {
        let mut log = log.lock().unwrap();
        let seen = log.iter().filter(|line| line.split(' ').next() == Some(&path)).count();
        log.push(range.map_or(path.clone(), |first| format!("{path} bytes={first}-")));
        seen
    };
    let Some(content) = files.get(name) else {
        return stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .ok();
    };
    let moved = path != name;
    let head = |status: &str, headers: &str| {
        format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").into_bytes()
    };
    let length = |count: usize| format!("Content-Length: {count}\r\n");
    let whole = [head("200 OK", &length(content.len())), content.clone()].concat();
    let ranged = || match range {
        Some(first) => {
            let headers = format!(
                "{}Content-Range: bytes {first}-{}/{}\r\n",
                length(content.len() - first),
                content.len() - 1,
                content.len()
            );
            [head("206 Partial Content", &headers), content[first..].to_vec()].concat()
        }
        None => whole.clone(),
    };
    let up_to = |count: usize| [head("200 OK", &length(content.len())), content[..count].to_vec()].concat();
    let bytes = match manner {
        _ if moved => ranged(),
        Manner::Plain => whole,
        Manner::Ranges => ranged(),
        Manner::TruncateOnce(count) if seen == 0 => up_to(count.min(content.len() - 1)),
        Manner::TruncateOnce(_) => ranged(),
        Manner::TruncateAlways(count) => up_to(count.min(content.len() - 1)),
        Manner::TruncateEach(count) => {
            let mut bytes = ranged();
            let left = content.len() - range.unwrap_or(0);
            bytes.truncate(bytes.len() - left.saturating_sub(count));
            bytes
        }
        Manner::Corrupt => {
            let mut bytes = whole;
            let last = bytes.len() - 20;
            bytes[last] ^= 1;
            bytes
        }
        Manner::Stall(count) => {
            stream.write_all(&up_to(count.min(content.len() - 1))).ok()?;
            stream.flush().ok()?;
            // Wait until the client hangs up.
            let _ = stream.read(&mut [0]);
            return None;
        }
        Manner::Endless => [head("200 OK", ""), content.repeat(3)].concat(),
        Manner::TooLong => [head("200 OK", &length(content.len() + 1)), content.clone(), vec![0]].concat(),
        Manner::Redirect => head("302 Found", &format!("Location: /moved/{name}\r\n{}", length(0))),
        Manner::RedirectLoop => head("302 Found", &format!("Location: /{name}\r\n{}", length(0))),
        Manner::Status(status) => head(&format!("{status} Whatever"), &length(0)),
        Manner::BusyOnce if seen == 0 => head("503 Service Unavailable", &length(0)),
        Manner::BusyOnce => ranged(),
        Manner::WrongRange if range.is_some() => {
            let headers = format!("{}Content-Range: bytes 0-0/{}\r\n", length(1), content.len());
            [head("206 Partial Content", &headers), content[..1].to_vec()].concat()
        }
        Manner::WrongRange => whole,
    };
    stream.write_all(&bytes).ok()
}

/// A dataset of a few images: its catalog entry and its files.
pub(crate) struct Sample {
    pub(crate) entry: CatalogEntry,
    /// The `.gz` files by name.
    pub(crate) gz: HashMap<String, Vec<u8>>,
    /// The uncompressed files by name.
    pub(crate) raw: HashMap<String, Vec<u8>>,
}

/// The kind of checksum of the entry.
#[derive(Clone, Copy)]
pub(crate) enum Sums {
    Idx,
    Gz,
    Archive,
}

pub(crate) fn sample(sums: Sums) -> Sample {
    let (mut gz, mut raw) = (HashMap::new(), HashMap::new());
    let mut file = |name: &'static str, idx: &Idx| {
        let mut bytes = Vec::new();
        idx.write_to(&mut bytes).unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes).unwrap();
        let compressed = encoder.finish().unwrap();
        let gz_bytes = compressed.len() as u64;
        let checksum = match sums {
            Sums::Idx => Checksum::Sha256OfIdx(sha256(&bytes)),
            Sums::Gz => Checksum::Sha256OfGz(sha256(&compressed)),
            Sums::Archive => Checksum::OfArchive,
        };
        raw.insert(name.to_owned(), bytes);
        gz.insert(format!("{name}.gz"), compressed);
        CatalogFile { name, gz_bytes, checksum }
    };
    let mut split = |len: usize, images, labels| {
        let pixels = (0..len * 6).map(|i| (i * i % 251) as u8).collect();
        Split {
            len,
            images: file(images, &Idx::new(vec![len, 2, 3], IdxData::U8(pixels))),
            labels: file(
                labels,
                &Idx::new(vec![len], IdxData::U8((0..len).map(|i| (i % 2) as u8).collect())),
            ),
        }
    };
    let (train, test) = (split(100, "train-images", "train-labels"), split(40, "test-images", "test-labels"));
    let entry = CatalogEntry {
        name: "sample",
        title: "A sample",
        note: "",
        homepage: "",
        shape: ImageShape { height: 2, width: 3 },
        class_names: &["even", "odd"],
        preprocessing: mlp_data::Preprocessing::Digit,
        labels: LabelLayout::PLAIN,
        transposed: false,
        train,
        test,
        mirrors: &[],
        archive: None,
        package: None,
    };
    Sample { entry, gz, raw }
}

/// Options for loopback: short timeouts, no packages.
pub(crate) fn options(mirrors: &[&Server]) -> FetchOptions {
    FetchOptions {
        stall_timeout: Duration::from_millis(300),
        pause: Duration::from_millis(1),
        mirrors: Some(mirrors.iter().map(|server| server.url.clone()).collect()),
        packages: false,
        ..FetchOptions::default()
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> &'static str {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    String::leak(digits)
}
