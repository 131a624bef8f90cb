//! Protects the server from other websites: from their requests, and from DNS rebinding, where a
//! website points its own host name at this server to read the responses. Browsers reveal both in
//! the `Host`, `Origin` and `Sec-Fetch-*` headers. Proxy headers (`X-Forwarded-Host`) are not
//! trusted.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version};

use super::problem::Problem;

/// The names under which the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// Addresses in a `Host` header must be of this machine. Other addresses would be as safe,
    /// because a website cannot redirect them, but nobody needs them.
    is_local: bool,
    /// Further names, in lowercase.
    names: Vec<String>,
}

impl Hosts {
    /// The names of a server that listens on loopback only, or on other addresses.
    pub(crate) fn new(is_local: bool, names: &[String]) -> Self {
        Self { is_local, names: names.iter().map(|name| without_dot(name).to_ascii_lowercase()).collect() }
    }

    /// Checks the host that a request names.
    ///
    /// # Errors
    /// If it is another host, or if the request names several, or none although HTTP/1.1 requires
    /// it. Clients of HTTP/1.0 may omit it, since they are not browsers.
    pub(super) fn check(&self, uri: &Uri, version: Version, headers: &HeaderMap) -> Result<(), Problem> {
        let header: Vec<_> = headers.get_all(HOST).iter().collect();
        if header.len() > 1 || (header.is_empty() && version > Version::HTTP_10) {
            let reason = format!("found {} Host headers; expected one", header.len());
            return Err(Problem::new(StatusCode::BAD_REQUEST, reason));
        }
        let named = uri.authority().map(|authority| authority.as_str().as_bytes());
        let mut hosts = named.into_iter().chain(header.iter().map(|value| value.as_bytes()));
        let Some(host) = hosts.find(|host| !self.allows(&String::from_utf8_lossy(host))) else {
            return Ok(());
        };
        let host: String = String::from_utf8_lossy(host).escape_debug().take(200).collect();
        let expected = if self.is_local { "localhost" } else { "localhost or an address" };
        let reason = format!(
            "unexpected host `{host}`; expected {expected}; `--allow-host` of mlp serve allows others"
        );
        Err(Problem::new(StatusCode::FORBIDDEN, reason))
    }

    /// Returns true if `host`, with or without a port, names this server.
    fn allows(&self, host: &str) -> bool {
        let Some((name, _)) = name_and_port(host) else { return false };
        if name == "localhost" || name.ends_with(".localhost") || self.names.contains(&name) {
            return true;
        }
        let address: Option<IpAddr> = match name.strip_prefix('[') {
            Some(rest) => {
                rest.strip_suffix(']').and_then(|rest| rest.parse::<Ipv6Addr>().ok()).map(IpAddr::V6)
            }
            None => name.parse().ok().filter(IpAddr::is_ipv4),
        };
        address.is_some_and(|address| {
            let address = address.to_canonical();
            address.is_loopback() || (!self.is_local && !address.is_unspecified())
        })
    }
}

/// Checks that a request does not come from a page of another website. A link to this server is not
/// refused.
///
/// # Errors
/// If it does, or may.
pub(super) fn check_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let header =
        |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    let (origins, sites, modes): (Vec<_>, Vec<_>, Vec<_>) =
        (header(ORIGIN.as_str()), header("sec-fetch-site"), header("sec-fetch-mode"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
    let refused = |found: String| {
        let reason =
            format!("a page of another website sent this request ({found}); open the page of this server");
        Err(Problem::new(StatusCode::FORBIDDEN, reason))
    };
    if let Some(origin) = origins.iter().find(|origin| !is_same(origin, host)) {
        let origin: String = origin.escape_debug().take(200).collect();
        return refused(format!("origin `{origin}`"));
    }
    let is_link = matches!(*method, Method::GET | Method::HEAD) && modes == ["navigate"];
    match sites.iter().find(|site| !matches!(**site, "same-origin" | "none")) {
        Some(site) if !is_link => {
            let site: String = site.escape_debug().take(200).collect();
            refused(format!("Sec-Fetch-Site `{site}`"))
        }
        _ => Ok(()),
    }
}

/// Returns true if an origin is that of the server's own page.
fn is_same(origin: &str, host: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let (host_and_port, default) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
        (Some(rest), _) => (rest, 80),
        (_, Some(rest)) => (rest, 443),
        _ => return false,
    };
    let (Some((name, port)), Some((own, own_port))) = (name_and_port(host_and_port), name_and_port(host))
    else {
        return false;
    };
    name == own && port.unwrap_or(default) == own_port.unwrap_or(default)
}

/// Splits a host into its name in lowercase, without a final dot, and its port.
fn name_and_port(host: &str) -> Option<(String, Option<u16>)> {
    // The colons of an IPv6 address are in brackets.
    let end = host.rfind(']').map_or(0, |end| end + 1);
    let colon = host[end..].find(':').map_or(host.len(), |colon| end + colon);
    let (name, port) = host.split_at(colon);
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    Some((without_dot(name).to_ascii_lowercase(), port))
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(host: &str) -> bool {
        Hosts::new(true, &[]).allows(host)
    }

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
            "[0:0:0:0:0:0:0:1]:1",
            "mlp.localhost:8000",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(local(host), "{host}");
        }
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
            "localhost:+80",
            "localhost:99999",
            "localhost..",
            "[::1",
            "::1",
            "[::1]evil",
            "[::2]",
            "[127.0.0.1]",
            "10.0.0.1",
            "0.0.0.0:8000",
            "é",
        ] {
            assert!(!local(host), "{host}");
        }
    }

    #[test]
    fn a_server_for_others_answers_under_addresses_and_allowed_names() {
        let open = Hosts::new(false, &["Scanner.Example.".to_owned()]);
        for host in ["10.0.0.1:8000", "[fe80::1]", "localhost:1", "scanner.example:80", "SCANNER.example."] {
            assert!(open.allows(host), "{host}");
        }
        for host in ["evil.example", "0.0.0.0", "[::]:80", "10.0.0.1.evil.example", "x.scanner.example", "1"]
        {
            assert!(!open.allows(host), "{host}");
        }
        assert!(Hosts::new(true, &["mlp".to_owned()]).allows("mlp:8000"));
    }

    #[test]
    fn every_name_in_a_request_counts_and_only_http_1_0_may_omit_it() {
        let hosts = Hosts::new(true, &[]);
        let (mut headers, plain) = (HeaderMap::new(), Uri::from_static("/"));
        let is_allowed = |uri: &Uri, headers: &HeaderMap| hosts.check(uri, Version::HTTP_11, headers).is_ok();
        assert!(!is_allowed(&plain, &headers));
        assert!(hosts.check(&plain, Version::HTTP_10, &headers).is_ok());
        headers.insert(HOST, "localhost:8000".parse().unwrap());
        headers.insert("x-forwarded-host", "evil.example".parse().unwrap());
        assert!(is_allowed(&plain, &headers));
        assert!(!is_allowed(&Uri::from_static("http://evil.example/"), &headers));
        headers.append(HOST, "localhost:8000".parse().unwrap());
        assert!(!is_allowed(&plain, &headers));
        headers.insert(HOST, "evil.example".parse().unwrap());
        headers.insert("x-forwarded-host", "localhost".parse().unwrap());
        assert!(!is_allowed(&plain, &headers));
    }

    #[test]
    fn only_the_page_of_the_same_host_and_port_has_the_same_origin() {
        for (origin, host) in [
            ("http://localhost:8000", "LOCALHOST:8000"),
            ("HTTP://Localhost.:8000", "localhost:8000"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("https://scanner.example", "scanner.example"),
            ("https://scanner.example", "scanner.example:443"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(is_same(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "localhost:8000"),
            ("", "localhost:8000"),
            ("http://localhost:3000", "localhost:8000"),
            ("http://localhost", "localhost:8000"),
            ("http://127.0.0.1:8000", "localhost:8000"),
            ("http://[::2]:8000", "[::1]:8000"),
            ("http://evil.example", "localhost"),
            ("http://localhost.evil.example:8000", "localhost:8000"),
            ("http://localhost:8000@evil.example", "localhost:8000"),
            ("http://localhost:8000 http://evil.example", "localhost:8000"),
            ("file://localhost", "localhost"),
            ("https://scanner.example", "scanner.example:80"),
        ] {
            assert!(!is_same(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn requests_of_other_websites_are_refused_but_links_are_not() {
        let is_refused = |method: Method, lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "localhost:8000".parse().unwrap());
            for &(name, value) in lines {
                headers.append(name, value.parse().unwrap());
            }
            check_site(&method, &Uri::from_static("/predict"), &headers).is_err()
        };
        let own = ("origin", "http://localhost:8000");
        assert!(!is_refused(Method::POST, &[]));
        assert!(!is_refused(Method::POST, &[own, ("sec-fetch-site", "same-origin")]));
        assert!(!is_refused(Method::GET, &[("sec-fetch-site", "none")]));
        let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert!(!is_refused(Method::GET, &link));
        // A form of another website also navigates.
        assert!(is_refused(Method::POST, &link));
        assert!(is_refused(Method::OPTIONS, &[("origin", "https://evil.example")]));
        for site in ["cross-site", "same-site", "SAME-ORIGIN", "?", ""] {
            assert!(is_refused(Method::POST, &[("sec-fetch-site", site)]), "{site}");
            assert!(is_refused(Method::GET, &[("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")]));
        }
        assert!(is_refused(Method::POST, &[own, ("origin", "https://evil.example")]));
        assert!(is_refused(Method::POST, &[own, ("x-forwarded-host", "localhost:8000"), ("origin", "null")]));
        assert!(is_refused(
            Method::POST,
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]
        ));
    }
}
