//! Downloading one URL to one file over HTTP. Stalled connections time out, the expected size is
//! never exceeded, and a `.part` file is resumed. `fetch/verify.rs` verifies the bytes.

use super::FetchOptions;
use super::trouble::Trouble;
use crate::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::{Agent, Body, Timeout};

/// Some publishers refuse clients without a name in the usual form.
const USER_AGENT: &str = concat!("Mozilla/5.0 (compatible; mlp-data/", env!("CARGO_PKG_VERSION"), ")");

#[derive(Debug)]
pub(super) struct Downloader {
    https: Agent,
    loopback: Agent,
    attempts: u32,
    pause: Duration,
}

impl Downloader {
    pub(super) fn new(options: &FetchOptions) -> Self {
        let config = || {
            Agent::config_builder()
                .user_agent(USER_AGENT)
                .accept_encoding("identity")
                .http_status_as_error(false)
                .max_redirects(5)
                .timeout_resolve(Some(options.connect_timeout))
                .timeout_connect(Some(options.connect_timeout))
                .timeout_recv_response(Some(options.stall_timeout))
                .timeout_per_read(Some(options.stall_timeout))
        };
        Self {
            https: config().https_only(true).build().new_agent(),
            loopback: config().proxy(None).build().new_agent(),
            attempts: options.attempts.max(1),
            pause: options.pause,
        }
    }

    /// Downloads `url`, `total` bytes in all, to `part`, resuming after its content.
    pub(super) fn download(
        &self,
        url: &str,
        part: &Path,
        total: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Trouble> {
        let Some(agent) = self.agent_for(url) else {
            return Err(refused("only https:// is accepted, or http:// on the loopback interface"));
        };
        let (mut attempts, mut attempts_without_progress) = (0, 0);
        let (mut reached, mut furthest) = (0, 0);
        loop {
            let mut progress = |done: u64| {
                reached = done.max(reached);
                progress(done);
            };
            let mut reason = match attempt(agent, url, part, total, &mut progress) {
                Err(Trouble::Broken(reason)) => reason,
                result => return result,
            };
            // Broken connections are fine as long as each gets further than all before it.
            attempts += 1;
            attempts_without_progress = if reached > furthest { 1 } else { attempts_without_progress + 1 };
            furthest = reached;
            if attempts_without_progress >= self.attempts {
                if attempts > 1 {
                    reason += &format!(" ({attempts} attempts)");
                }
                return Err(refused(reason));
            }
            thread::sleep(self.pause.saturating_mul(2u32.saturating_pow(attempts_without_progress - 1)));
        }
    }

    fn agent_for(&self, url: &str) -> Option<&Agent> {
        let url: Uri = url.parse().ok()?;
        let authority = url.authority()?;
        match url.scheme_str()? {
            "https" => Some(&self.https),
            // What precedes an `@` is a user name, even if it looks like a host.
            "http" if authority.as_str().contains('@') => None,
            "http" if matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost") => Some(&self.loopback),
            _ => None,
        }
    }
}

fn refused(reason: impl Into<String>) -> Trouble {
    Trouble::Refused(reason.into())
}

/// Downloads over one connection.
fn attempt(
    agent: &Agent,
    url: &str,
    part: &Path,
    total: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Trouble> {
    let disk = |action| Error::io(action, part);
    let mut done = match fs::metadata(part) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(disk("inspect")(error).into()),
    };
    if done == total {
        return Ok(());
    }
    if done > total {
        fs::remove_file(part).map_err(disk("remove"))?;
        done = 0;
    }

    let mut request = agent.get(url);
    if done > 0 {
        request = request.header(header::RANGE, format!("bytes={done}-"));
    }
    let response = request.call().map_err(classify)?;
    match response.status() {
        StatusCode::OK => {
            done = 0;
            if let Some(length) = content_length(&response).filter(|&length| length != total) {
                return Err(refused(format!("offers {length} bytes, expected {total}")));
            }
        }
        StatusCode::PARTIAL_CONTENT if done > 0 => {
            if content_range(&response) != Some((done, total)) {
                fs::remove_file(part).map_err(disk("remove"))?;
                return Err(Trouble::Broken(format!("cannot resume at byte {done} of {total}")));
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE if done > 0 => {
            fs::remove_file(part).map_err(disk("remove"))?;
            return Err(Trouble::Broken(format!("cannot resume at byte {done}")));
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(Trouble::Broken(format!("answers {status}")));
        }
        status => return Err(refused(format!("answers {status}"))),
    }

    let mut file = open_part(part, done).map_err(disk("write"))?;
    progress(done);
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) if done == total => return Ok(()),
            Ok(0) => return Err(Trouble::Broken(format!("ends after {done} of {total} bytes"))),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let error = ureq::Error::from(error);
                return Err(Trouble::Broken(format!(
                    "breaks off after {done} of {total} bytes: {}",
                    describe(&error)
                )));
            }
        };
        if done + count as u64 > total {
            drop(file);
            fs::remove_file(part).map_err(disk("remove"))?;
            return Err(refused(format!("sends more than the expected {total} bytes")));
        }
        file.write_all(&buffer[..count]).map_err(disk("write"))?;
        done += count as u64;
        progress(done);
    }
}

/// Opens the part for writing after its first `done` bytes (in append mode, Windows would refuse to
/// truncate it).
fn open_part(part: &Path, done: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(part)?;
    file.set_len(done)?;
    file.seek(SeekFrom::Start(done))?;
    Ok(file)
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Parses the first byte and full length of `Content-Range: bytes FIRST-LAST/LENGTH`.
fn content_range(response: &Response<Body>) -> Option<(u64, u64)> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, length) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, length.parse().ok()?))
}

/// Classifies an error before the response.
fn classify(error: ureq::Error) -> Trouble {
    let reason = describe(&error);
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Trouble::Unreachable(reason),
        ureq::Error::Io(error) if !was_connected(error.kind()) => Trouble::Unreachable(reason),
        ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => Trouble::Broken(reason),
        _ => Trouble::Refused(reason),
    }
}

/// Returns true if an error comes from an established connection. All others, such as an unknown
/// host, mean that no connection was possible.
fn was_connected(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock,
    };
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof | WouldBlock)
}

/// Describes an error in one line.
fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "host not found".to_owned(),
        ureq::Error::ConnectionFailed => "cannot connect".to_owned(),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => "connection timed out".to_owned(),
        ureq::Error::Timeout(_) => "sends nothing".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_needs_a_loopback_host() {
        let downloader = Downloader::new(&FetchOptions::default());
        for url in [
            "https://example.org/x",
            "http://127.0.0.1/x",
            "http://127.0.0.1:8080/x",
            "http://localhost:8080/x",
            "http://[::1]/x",
            "http://[::1]:8080/x",
        ] {
            assert!(downloader.agent_for(url).is_some(), "{url}");
        }
        for url in [
            "http://example.org/x",
            "http://127.0.0.1:80@example.org/x",
            "http://localhost@example.org/x",
            "http://example.org@localhost/x",
            "http://[::2]/x",
            "ftp://localhost/x",
            "localhost/x",
            "",
        ] {
            assert!(downloader.agent_for(url).is_none(), "{url}");
        }
    }
}
