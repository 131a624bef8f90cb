//! An HTTP client that can send invalid requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::net::TcpSocket;

use super::answer::Answer;
use super::described::check;

/// Longer than any answer takes, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to a server.
pub(super) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(super) fn to(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    /// Connects from an address of this machine.
    pub(super) fn from_address(from: SocketAddr, to: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(from).unwrap();
            socket.connect(to).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        Self::of(stream)
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    /// Sends bytes. If the server has already hung up, its answer can still be read.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// Sends the head of a request, with default `host` and `content-length` headers.
    pub(super) fn send_head(&mut self, line: &str, headers: &[&str], length: usize) {
        let version = if line.contains(" HTTP/") { "" } else { " HTTP/1.1" };
        let mut head = format!("{line}{version}\r\n");
        let has = |name: &str| headers.iter().any(|header| header.to_lowercase().starts_with(name));
        if !has("host:") {
            head.push_str("host: localhost\r\n");
        }
        let has_body = length > 0 || line.starts_with("POST") || line.starts_with("PUT");
        if has_body && !has("transfer-encoding:") && !has("content-length:") {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        self.send(format!("{head}\r\n").as_bytes());
    }

    /// Sends a request and reads its answer, which must be as documented.
    pub(super) fn ask(&mut self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        self.send_head(line, headers, body.len());
        self.send(body);
        let answer = self.answer_to(line).expect("an answer");
        check(line, &answer);
        answer
    }

    /// Reads the answer to a request with this first line; `None` if the server hung up.
    pub(super) fn answer_to(&mut self, line: &str) -> Option<Answer> {
        let mut first = String::new();
        if self.0.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            self.0.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if !line.starts_with("HEAD ") {
            answer.body.resize(length, 0);
            self.0.read_exact(&mut answer.body).unwrap();
        }
        Some(answer)
    }

    /// Waits until the server hangs up without sending anything.
    #[track_caller]
    pub(super) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        // A reset also ends the connection.
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}
