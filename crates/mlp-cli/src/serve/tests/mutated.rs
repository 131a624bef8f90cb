//! Mutated requests, with the mutations of the fuzzer's smoke test.

use std::io::Read;
use std::time::Duration;

use self::mutator::Mutator;
use super::{Server, picture, usual, wide};

#[allow(unreachable_pub)]
#[path = "../../../../../fuzz/src/mutator.rs"]
mod mutator;

/// Longer than most answers take; a request that lacks something gets none.
const PATIENCE: Duration = Duration::from_millis(40);

#[test]
fn mutated_requests_cause_no_internal_error() {
    let (server, picture) = (Server::start(usual(), wide()), picture());
    let post = |query: &str, headers: &str| {
        let length = picture.len();
        let head = format!(
            "POST /predict{query} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), &picture].concat()
    };
    let seeds = [
        post("", ""),
        post("?polarity=dark-on-light&strongest=3", "content-type: image/png\r\nexpect: 100-continue\r\n"),
        b"GET /units/0/1 HTTP/1.1\r\nhost: localhost\r\naccept: image/png\r\n\r\n".to_vec(),
        b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nP5 \r\n0\r\n\r\n".to_vec(),
    ];
    let (mut mutator, mut answers) = (Mutator::new(3), 0);
    for _ in 0..150 {
        let mut connection = server.connect();
        let request = mutator.mutated(&seeds);
        connection.send(&request);
        connection.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = [0; 64];
        let length = connection.stream().read(&mut answer).unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(!answer.starts_with("HTTP/1.1 5"), "{answer}: {}", request.escape_ascii());
        answers += usize::from(length > 0);
    }
    assert!(answers > 50, "only {answers} answers");
    assert_eq!(server.get("/healthz").status, 200);
}
