//! Protects a local server from DNS rebinding: a website can resolve its own name to 127.0.0.1 and
//! then read the answers. Such requests still carry that name in their `Host` header.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::HOST;
use axum::http::{HeaderMap, Uri};

/// Returns the host that a request names, unless it is this machine. Empty if it names none.
pub(super) fn foreign_host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let named = uri.authority().map(|authority| authority.as_str().as_bytes());
    let header = headers.get_all(HOST).iter().map(|value| value.as_bytes());
    let mut hosts = named.into_iter().chain(header).map(|host| String::from_utf8_lossy(host)).peekable();
    if hosts.peek().is_none() {
        return Some(String::new());
    }
    hosts.find(|host| !is_this_machine(host)).map(|host| host.escape_debug().collect())
}

/// Returns true if `host`, with or without a port, can only be this machine.
fn is_this_machine(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let address = address.parse::<Ipv6Addr>().map(|address| IpAddr::V6(address).to_canonical());
        return address.is_ok_and(|address| address.is_loopback()) && is_port(port);
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_local = name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_local && is_port(port)
}

/// Returns true for an empty string, or a colon and a number.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_of_this_machine_are_recognized() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "localhost.:8000",
            "127.0.0.1:8000",
            "127.1.2.3",
            "[::1]",
            "[::1]:8000",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        assert!(is_this_machine("mlp.localhost:8000") && is_this_machine("[::ffff:127.0.0.1]:1"));
    }

    #[test]
    fn names_that_only_look_local_are_foreign() {
        for host in [
            "",
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "localhost:80@evil.example",
            "localhost:",
            "[::1",
            "[::1]evil",
            "[::2]",
            "10.0.0.1",
            "0.0.0.0:8000",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn every_name_in_a_request_counts() {
        let mut headers = HeaderMap::new();
        let plain = Uri::from_static("/");
        assert_eq!(foreign_host(&plain, &headers).as_deref(), Some(""));
        headers.insert(HOST, "localhost:8000".parse().unwrap());
        assert_eq!(foreign_host(&plain, &headers), None);
        assert_eq!(
            foreign_host(&Uri::from_static("http://evil.example/"), &headers).as_deref(),
            Some("evil.example")
        );
        headers.append(HOST, "evil.example".parse().unwrap());
        assert_eq!(foreign_host(&plain, &headers).as_deref(), Some("evil.example"));
    }
}
