//! `mlp serve`: flags, startup and shutdown of the server. The server itself is in `crate::serve`.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::output::messages::note;
use crate::runs::load_model;
use crate::serve::{App, Hosts, Limits, router, serve};
use crate::signals::Signals;

/// Interval between checks for a signal.
const POLL: Duration = Duration::from_millis(50);

/// Serve a drawing page and an HTTP API.
///
/// While you draw, the page shows the network's input, probabilities and active hidden units. The
/// page loads nothing from other servers.
///
/// POST or PUT a picture (PNG, JPEG, WebP, BMP, TIFF, GIF or PNM) of up to 16 MiB to /predict to
/// get JSON: the file itself, in a form, or as base64 in JSON. GET /model describes the model,
/// /metrics is for Prometheus, /healthz is a health check, and /openapi.json describes them all.
///
/// By default, only this machine can reach the server. It refuses requests from other websites'
/// pages. SIGINT and SIGTERM shut it down with exit code 0 after it has answered pending requests;
/// a second signal ends it immediately.
///
/// Clients take turns, so none keeps the others waiting. Decoding uses at most about 256 MB for one
/// large picture and 16 MB for each of two small ones at a time. Of bodies larger than 1 MiB, at
/// most four are in memory, and two from one address.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp serve runs/mnist                   Open the printed address in a browser
  mlp serve runs/mnist --port 0          Use any free port
  mlp serve runs/mnist --host 0.0.0.0    Also serve phones on the same network
  curl --data-binary @seven.png http://127.0.0.1:8000/predict
  curl -F image=@seven.png http://127.0.0.1:8000/predict
  curl --data-binary @seven.png 'http://127.0.0.1:8000/predict?polarity=dark-on-light&strongest=0'")]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// Address to listen on, or 0.0.0.0 for all addresses of this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    host: IpAddr,
    /// Port to listen on, or 0 for any free port
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Also answer requests for this host name; can be repeated
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    allow_host: Vec<String>,
    /// Average number of requests per second allowed from one address, or 0 for no limit
    #[arg(long, value_name = "N", default_value_t = Limits::default().rate)]
    rate: u32,
}

fn address(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "expected an address such as 127.0.0.1, ::1 or 0.0.0.0".to_owned())
}

fn host_name(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if text.chars().all(is_name) && !text.is_empty() {
        return Ok(text.to_owned());
    }
    Err("expected a host name without a port, such as scanner.example".to_owned())
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (path, model) = load_model(&args.model)?;
    let signals = Signals::listen()?;
    let limits = Limits { rate: args.rate, ..Limits::default() };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the server threads")?;
    let hosts = Hosts::new(args.host.is_loopback(), &args.allow_host);
    let app = Arc::new(App::new(model, limits.clone(), hosts));
    let wanted = SocketAddr::new(args.host, args.port);
    let signal = runtime.block_on(async {
        let listener = TcpListener::bind(wanted).await.with_context(|| {
            format!("cannot listen on {wanted}; choose another --port (0 for any free port) or --host")
        })?;
        let address = listener.local_addr().context("cannot determine the server address")?;
        announce(&path, args.host, address)?;
        let mut heard = None;
        let stop = async {
            while heard.is_none() {
                sleep(POLL).await;
                heard = signals.heard();
            }
        };
        serve(listener, router(app), limits.clone(), stop).await;
        let (name, _) = heard.context("the server stopped unexpectedly")?;
        anyhow::Ok(name)
    })?;
    // The image of a disconnected client may still be decoding.
    runtime.shutdown_timeout(limits.grace);
    note(&format!("stopped by {signal}"));
    // A signal is the normal way to stop a server.
    Ok(ExitCode::SUCCESS)
}

/// Prints the address to standard output and a note to standard error.
fn announce(model: &Path, host: IpAddr, address: SocketAddr) -> io::Result<()> {
    let address = reachable(address);
    let mut out = io::stdout().lock();
    writeln!(out, "http://{address}/")?;
    out.flush()?;
    drop(out);
    let whom = if host.is_loopback() { "this machine" } else { "anyone who can reach it" };
    note(&format!("serving {} to {whom}; press Ctrl-C to stop", model.display()));
    Ok(())
}

/// `address`, or the one with the default route if it is unspecified (0.0.0.0 or ::).
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // Connecting a UDP socket only looks up the route and sends nothing. These addresses are
    // reserved for documentation.
    let (any, far) = match address {
        SocketAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        SocketAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    let own = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(far)?;
        socket.local_addr()
    });
    let loopback = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(own.map_or(loopback, |own| own.ip()), address.port())
}
