//! The fetcher against servers on loopback that misbehave. No test needs another network.

use crate::common::{Manner, Sample, Server, Sums, options, sample};
use mlp_data::catalog::Archive;
use mlp_data::fetch::{Event, FetchOptions, Fetcher, Report, Verification};
use mlp_data::{Datasets, Error};
use std::collections::HashMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn fetch(sample: &Sample, options: FetchOptions, data: &TempDir) -> Result<Report, Error> {
    Fetcher::new(options).fetch(&sample.entry, data.path(), &mut |_| {})
}

/// All four files have their final names and right bytes, and no temporary files are left.
fn assert_complete(sample: &Sample, data: &TempDir) {
    let directory = data.path().join("sample");
    for (name, bytes) in &sample.gz {
        assert_eq!(&fs::read(directory.join(name)).unwrap(), bytes, "{name}");
    }
    assert_no_leftovers(&directory);
}

fn assert_no_leftovers(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".part") && name != ".package", "{name} is left");
    }
}

fn reasons(error: &Error) -> String {
    assert!(!error.to_string().contains('\n'), "{error}");
    match error {
        Error::Fetch { failures, .. } => {
            failures.iter().map(|failure| failure.reason.clone()).collect::<Vec<_>>().join(" | ")
        }
        other => panic!("{other}"),
    }
}

#[test]
fn all_files_of_a_good_mirror_are_verified() {
    for sums in [Sums::Idx, Sums::Gz] {
        let (sample, data) = (sample(sums), TempDir::new().unwrap());
        let server = Server::start(sample.gz.clone(), Manner::Plain);
        let report = fetch(&sample, options(&[&server]), &data).unwrap();
        assert!(report.files.iter().all(|file| file.verification == Verification::Sha256));
        assert!(report.files.iter().all(|file| file.source.as_ref().unwrap().starts_with(&server.url)));
        assert_complete(&sample, &data);
    }
}

#[test]
fn a_second_run_verifies_without_requests() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Plain);
    assert!(!fetch(&sample, options(&[&server]), &data).unwrap().nothing_to_do());
    let asked = server.requests().len();
    let report = fetch(&sample, options(&[&server]), &data).unwrap();
    assert!(report.nothing_to_do());
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn raw_files_placed_by_hand_are_accepted() {
    for (sums, verification) in [(Sums::Idx, Verification::Sha256), (Sums::Gz, Verification::Shape)] {
        let (sample, data) = (sample(sums), TempDir::new().unwrap());
        fs::create_dir(data.path().join("sample")).unwrap();
        for (name, bytes) in &sample.raw {
            fs::write(data.path().join("sample").join(name), bytes).unwrap();
        }
        let report = fetch(&sample, options(&[]), &data).unwrap();
        assert!(report.nothing_to_do());
        assert!(report.files.iter().all(|file| file.verification == verification));
    }
}

#[test]
fn a_wrong_file_is_set_aside_and_fetched_again() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Plain);
    let wrong = data.path().join("sample/train-images");
    fs::create_dir(data.path().join("sample")).unwrap();
    fs::write(&wrong, "somebody's notes").unwrap();
    let mut set_aside = 0;
    Fetcher::new(options(&[&server]))
        .fetch(&sample.entry, data.path(), &mut |event| {
            set_aside += usize::from(matches!(event, Event::SetAside { .. }));
        })
        .unwrap();
    assert_eq!(set_aside, 1);
    assert!(!wrong.exists());
    assert_eq!(fs::read(data.path().join("sample/train-images.rejected")).unwrap(), b"somebody's notes");
    assert_complete(&sample, &data);
}

#[test]
fn files_set_aside_are_never_overwritten() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Plain);
    let directory = data.path().join("sample");
    fs::create_dir(&directory).unwrap();
    for notes in ["first", "second", "third"] {
        fs::write(directory.join("train-images"), notes).unwrap();
        fetch(&sample, options(&[&server]), &data).unwrap();
    }
    for (name, notes) in [
        ("train-images.rejected", "first"),
        ("train-images.rejected-2", "second"),
        ("train-images.rejected-3", "third"),
    ] {
        assert_eq!(fs::read_to_string(directory.join(name)).unwrap(), notes);
    }
    assert_complete(&sample, &data);
}

#[test]
fn a_complete_dataset_is_verified_without_writing_or_waiting() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let directory = data.path().join("sample");
    fs::create_dir(&directory).unwrap();
    for (name, bytes) in &sample.gz {
        fs::write(directory.join(name), bytes).unwrap();
    }
    let report = fetch(&sample, options(&[]), &data).unwrap();
    assert!(report.nothing_to_do());
    assert!(!directory.join(".lock").exists());

    // Nor does it wait for a lock.
    let lock = fs::File::create(directory.join(".lock")).unwrap();
    lock.lock().unwrap();
    let mut there = 0;
    Fetcher::new(options(&[]))
        .fetch(&sample.entry, data.path(), &mut |event| match event {
            Event::AlreadyThere { verification: Verification::Sha256, .. } => there += 1,
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert_eq!(there, 4);
}

#[test]
fn a_truncated_download_is_resumed_where_it_stopped() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::TruncateOnce(20));
    fetch(&sample, options(&[&server]), &data).unwrap();
    assert_complete(&sample, &data);
    assert!(server.requests().contains(&"train-images.gz bytes=20-".to_owned()), "{:?}", server.requests());
}

#[test]
fn attempts_with_progress_are_not_limited() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::TruncateEach(20));
    let few = FetchOptions { attempts: 2, ..options(&[&server]) };
    fetch(&sample, few, &data).unwrap();
    assert_complete(&sample, &data);
    let largest = sample.gz.values().map(Vec::len).max().unwrap();
    assert!(largest > 3 * 20, "two attempts are enough for {largest} bytes");

    // The same bytes again are not progress.
    let (data, server) =
        (TempDir::new().unwrap(), Server::start(sample.gz.clone(), Manner::TruncateAlways(25)));
    let few = FetchOptions { attempts: 2, ..options(&[&server]) };
    let error = fetch(&sample, few, &data).unwrap_err();
    assert!(reasons(&error).contains("(2 attempts)"), "{error}");
}

#[test]
fn a_mirror_url_may_lack_the_trailing_slash() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Plain);
    let mirrors = Some(vec![server.url.trim_end_matches('/').to_owned()]);
    fetch(&sample, FetchOptions { mirrors, ..options(&[]) }, &data).unwrap();
    assert_complete(&sample, &data);
}

#[test]
fn a_server_that_ignores_range_restarts_the_download() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Plain);
    fs::create_dir(data.path().join("sample")).unwrap();
    fs::write(data.path().join("sample/train-images.gz.part"), &sample.gz["train-images.gz"][..30]).unwrap();
    fetch(&sample, options(&[&server]), &data).unwrap();
    assert!(server.requests().contains(&"train-images.gz bytes=30-".to_owned()));
    assert_complete(&sample, &data);
}

#[test]
fn a_part_of_another_file_restarts_the_download() {
    for length in [10, 1 << 20] {
        let (sample, data) = (sample(Sums::Gz), TempDir::new().unwrap());
        let server = Server::start(sample.gz.clone(), Manner::Ranges);
        fs::create_dir(data.path().join("sample")).unwrap();
        fs::write(data.path().join("sample/train-images.gz.part"), vec![7; length]).unwrap();
        fetch(&sample, options(&[&server]), &data).unwrap();
        assert_complete(&sample, &data);
        assert!(server.requests().contains(&"train-images.gz".to_owned()), "{:?}", server.requests());
    }
}

#[test]
fn a_wrong_range_is_not_appended() {
    let (sample, data) = (sample(Sums::Gz), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::WrongRange);
    fs::create_dir(data.path().join("sample")).unwrap();
    fs::write(data.path().join("sample/train-images.gz.part"), &sample.gz["train-images.gz"][..30]).unwrap();
    fetch(&sample, options(&[&server]), &data).unwrap();
    assert_complete(&sample, &data);
}

#[test]
fn a_busy_server_is_tried_again() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::BusyOnce);
    fetch(&sample, options(&[&server]), &data).unwrap();
    assert_complete(&sample, &data);
}

#[test]
fn redirects_are_followed_up_to_a_limit() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Redirect);
    fetch(&sample, options(&[&server]), &data).unwrap();
    assert_complete(&sample, &data);

    let (data, server) = (TempDir::new().unwrap(), Server::start(sample.gz.clone(), Manner::RedirectLoop));
    let error = fetch(&sample, options(&[&server]), &data).unwrap_err();
    assert!(reasons(&error).contains("redirect"), "{error}");
    assert!(server.requests().len() <= 4 * 7, "{:?}", server.requests());
}

#[test]
fn the_error_names_each_bad_server_and_its_failure() {
    for (manner, reason) in [
        (Manner::Status(404), "answers 404"),
        (Manner::Status(403), "answers 403"),
        (Manner::Status(500), "answers 500"),
        (Manner::TruncateAlways(25), "breaks off after 25 of"),
        (Manner::Corrupt, "; get the file again"),
        (Manner::Stall(10), "sends nothing"),
        (Manner::Endless, "sends more than the expected"),
        (Manner::TooLong, "bytes, expected"),
    ] {
        let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
        let server = Server::start(sample.gz.clone(), manner);
        let started = Instant::now();
        let error = fetch(&sample, options(&[&server]), &data).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(20), "{manner:?} took {:?}", started.elapsed());
        assert!(reasons(&error).contains(reason), "{manner:?}: {error}");
        let text = error.to_string();
        assert!(text.contains(&server.url) && text.contains("by hand"), "{text}");
        for entry in fs::read_dir(data.path().join("sample")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name == ".lock" || name.ends_with(".part"), "{manner:?} left {name}");
        }
    }
}

#[test]
fn the_next_mirror_is_tried_and_the_failure_reported() {
    let (sample, data) = (sample(Sums::Gz), TempDir::new().unwrap());
    let bad = Server::start(sample.gz.clone(), Manner::Corrupt);
    let good = Server::start(sample.gz.clone(), Manner::Ranges);
    let mut failures = Vec::new();
    let report = Fetcher::new(options(&[&bad, &good]))
        .fetch(&sample.entry, data.path(), &mut |event| {
            if let Event::SourceFailed { source, reason } = event {
                failures.push(format!("{source}: {reason}"));
            }
        })
        .unwrap();
    assert!(report.files.iter().all(|file| file.source.as_ref().unwrap().starts_with(&good.url)));
    assert_eq!(failures.len(), 4);
    assert!(failures[0].contains(&bad.url) && failures[0].contains("its SHA-256 is"), "{failures:?}");
    assert_complete(&sample, &data);
}

#[test]
fn an_unreachable_mirror_is_tried_once() {
    let sample = sample(Sums::Idx);
    let data = TempDir::new().unwrap();
    // Nobody listens on a port that was just free.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unreachable = FetchOptions {
        mirrors: Some(vec![format!("http://{closed}/")]),
        pause: Duration::from_secs(9),
        ..options(&[])
    };
    let started = Instant::now();
    let error = fetch(&sample, unreachable, &data).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    match error {
        Error::Fetch { failures, files, .. } => assert_eq!((failures.len(), files.len()), (1, 4)),
        other => panic!("{other}"),
    }
}

#[test]
fn plain_http_is_refused_except_on_loopback() {
    for url in [
        "http://example.org/",
        "http://127.0.0.1.example.org/",
        "http://127.0.0.1:1@example.org/",
        "ftp://127.0.0.1/",
        "file:///etc/",
    ] {
        let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
        let options = FetchOptions { mirrors: Some(vec![url.to_owned()]), ..options(&[]) };
        let error = fetch(&sample, options, &data).unwrap_err();
        assert!(reasons(&error).contains("only https:// is accepted"), "{url}: {error}");
    }
}

#[test]
fn progress_ends_at_the_size_of_each_file() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Plain);
    let mut last = HashMap::new();
    Fetcher::new(options(&[&server]))
        .fetch(&sample.entry, data.path(), &mut |event| {
            if let Event::Progress { file, done, total } = *event {
                assert!(done <= total);
                last.insert(file.to_owned(), (done, total));
            }
        })
        .unwrap();
    for (name, bytes) in &sample.gz {
        assert_eq!(last[name], (bytes.len() as u64, bytes.len() as u64));
    }
}

#[test]
fn concurrent_fetches_download_once() {
    let (sample, data) = (sample(Sums::Idx), TempDir::new().unwrap());
    let server = Server::start(sample.gz.clone(), Manner::Ranges);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fetch(&sample, options(&[&server]), &data).unwrap());
        }
    });
    assert_eq!(server.requests().len(), 4);
    assert_complete(&sample, &data);
}

fn zip_of(files: &HashMap<String, Vec<u8>>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(format!("gzip/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn archived(files: &HashMap<String, Vec<u8>>) -> (Sample, HashMap<String, Vec<u8>>) {
    let bytes = zip_of(files);
    let mut sample = sample(Sums::Archive);
    sample.entry.archive = Some(Box::leak(Box::new(Archive {
        directory: "shared",
        name: "all.zip",
        bytes: bytes.len() as u64,
        sha256: crate::common::sha256(&bytes),
    })));
    (sample, HashMap::from([("all.zip".to_owned(), bytes)]))
}

#[test]
fn files_are_extracted_from_a_verified_archive_that_is_kept() {
    let (sample, served) = archived(&sample(Sums::Archive).gz);
    let data = TempDir::new().unwrap();
    let server = Server::start(served, Manner::Ranges);
    let report = fetch(&sample, options(&[&server]), &data).unwrap();
    assert!(report.files.iter().all(|file| file.verification == Verification::FromVerifiedArchive));
    assert_complete(&sample, &data);
    assert!(data.path().join("shared/all.zip").exists());

    // The recorded sums verify the files without the archive and detect a change.
    fs::remove_dir_all(data.path().join("shared")).unwrap();
    let report = fetch(&sample, options(&[]), &data).unwrap();
    assert!(report.nothing_to_do());
    assert!(report.files.iter().all(|file| file.verification == Verification::FromVerifiedArchive));
    fs::write(data.path().join("sample/test-labels.gz"), &sample.gz["train-labels.gz"]).unwrap();
    let report = fetch(&sample, options(&[&server]), &data).unwrap();
    assert_eq!(report.files.iter().filter(|file| file.source.is_some()).count(), 1);
    assert_complete(&sample, &data);
}

#[test]
fn a_verified_archive_overrules_old_sums() {
    let (sample, served) = archived(&sample(Sums::Archive).gz);
    let data = TempDir::new().unwrap();
    let server = Server::start(served, Manner::Ranges);
    fs::create_dir(data.path().join("sample")).unwrap();
    fs::write(data.path().join("sample/SHA256SUMS"), format!("{:064}  train-images.gz\n", 0)).unwrap();
    fetch(&sample, options(&[&server]), &data).unwrap();
    assert_complete(&sample, &data);
    assert!(fetch(&sample, options(&[]), &data).unwrap().nothing_to_do());
}

#[test]
fn sums_are_written_before_files_are_renamed() {
    let (sample, served) = archived(&sample(Sums::Archive).gz);
    let data = TempDir::new().unwrap();
    let server = Server::start(served, Manner::Ranges);
    let directory = data.path().join("sample");
    let mut fetched = 0;
    Fetcher::new(options(&[&server]))
        .fetch(&sample.entry, data.path(), &mut |event| {
            let Event::Fetched { path, .. } = event else { return };
            if path.starts_with(&directory) {
                fetched += 1;
                let sums = fs::read_to_string(directory.join("SHA256SUMS")).unwrap();
                for (name, bytes) in &sample.gz {
                    assert!(sums.contains(&format!("{}  {name}\n", crate::common::sha256(bytes))), "{sums}");
                }
            }
        })
        .unwrap();
    assert_eq!(fetched, 4);
}

#[test]
fn an_oversized_archive_member_leaves_nothing() {
    let mut files = sample(Sums::Archive).gz;
    files.get_mut("test-labels.gz").unwrap().extend([0; 9]);
    let (sample, served) = archived(&files);
    let data = TempDir::new().unwrap();
    let server = Server::start(served, Manner::Ranges);
    let error = fetch(&sample, options(&[&server]), &data).unwrap_err();
    assert!(reasons(&error).contains("test-labels.gz is larger than the expected"), "{error}");
    assert_no_leftovers(&data.path().join("sample"));
}

#[test]
fn an_archive_with_a_missing_file_is_an_error() {
    let mut files = sample(Sums::Archive).gz;
    files.remove("test-labels.gz");
    let (sample, served) = archived(&files);
    let data = TempDir::new().unwrap();
    let server = Server::start(served, Manner::Ranges);
    let error = fetch(&sample, options(&[&server]), &data).unwrap_err();
    assert!(reasons(&error).contains("has no test-labels.gz"), "{error}");
    assert_no_leftovers(&data.path().join("sample"));
}

#[test]
fn a_fetched_dataset_loads_by_name() {
    // Real names with small content, which loading accepts.
    let small = sample(Sums::Idx);
    let data = TempDir::new().unwrap();
    let directory = data.path().join("mnist");
    fs::create_dir(&directory).unwrap();
    assert!(!Datasets::is_present("mnist", data.path()));
    for (name, from) in mlp_data::catalog::MNIST_FILE_NAMES.iter().zip([
        "train-images.gz",
        "train-labels.gz",
        "test-images.gz",
        "test-labels.gz",
    ]) {
        fs::write(directory.join(format!("{name}.gz")), &small.gz[from]).unwrap();
    }
    assert!(Datasets::is_present("mnist", data.path()));
    let sets = Datasets::load("mnist", data.path()).unwrap();
    assert_eq!((sets.train.len(), sets.test.len(), sets.class_names.len()), (100, 40, 10));
}
