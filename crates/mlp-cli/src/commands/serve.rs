//! `mlp serve`: the flags, and the process from the socket to the signal that ends it. The server
//! itself is in `crate::serve`.

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
use crate::serve::{App, Limits, router, serve};
use crate::signals::Signals;

/// Interval between checks for a signal.
const POLL: Duration = Duration::from_millis(50);

/// Serve a model: a web page to draw on, and an HTTP API.
///
/// While you draw, the page shows what the network sees, its probabilities, and its active hidden
/// units. The page is part of the program and loads nothing from elsewhere. Programs POST a PNG,
/// JPEG or PGM picture of up to 1 MiB to `/predict` and get JSON; `/model` describes the model,
/// `/metrics` is for Prometheus, `/healthz` is a health check.
///
/// By default the server listens on loopback and only answers requests for this machine by its own
/// names. SIGINT and SIGTERM shut it down after running requests are answered, with exit code 0; a
/// second signal ends it immediately.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp serve runs/mnist/model.mlp                     then open the address it prints
  mlp serve runs/mnist/model.mlp --port 0            on any free port
  mlp serve runs/mnist/model.mlp --host 0.0.0.0      for phones on the same network as well
  curl --data-binary @seven.png http://127.0.0.1:8000/predict
  curl --data-binary @seven.png 'http://127.0.0.1:8000/predict?polarity=dark-on-light&strongest=0'")]
pub(crate) struct Args {
    /// Model file, or the run directory of one
    model: PathBuf,
    /// Address to listen on; 0.0.0.0 for all addresses of this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    host: IpAddr,
    /// Port to listen on; 0 for any free port
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Average requests per second and client address; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = Limits::default().rate)]
    rate: u32,
}

fn address(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "expected an address such as 127.0.0.1, ::1 or 0.0.0.0".to_owned())
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (path, model) = load_model(&args.model)?;
    let signals = Signals::listen()?;
    let limits = Limits { rate: args.rate, ..Limits::default() };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the threads of the server")?;
    let app = Arc::new(App::new(model, limits.clone(), args.host.is_loopback()));
    let wanted = SocketAddr::new(args.host, args.port);
    let signal = runtime.block_on(async {
        let listener = TcpListener::bind(wanted).await.with_context(|| {
            format!("cannot listen on {wanted}; choose another --port (0 for any free port) or --host")
        })?;
        let address = listener.local_addr().context("cannot determine the address of the server")?;
        announce(&path, args.host, address)?;
        let mut heard = None;
        let stop = async {
            while heard.is_none() {
                sleep(POLL).await;
                heard = signals.heard();
            }
        };
        serve(listener, router(app), limits.clone(), stop).await;
        let (name, _) = heard.context("the server ended without a signal")?;
        anyhow::Ok(name)
    })?;
    // A picture may still be decoding for a client that has disconnected.
    runtime.shutdown_timeout(limits.grace);
    note(&format!("ended by {signal}"));
    // Signals are how a server ends, so this is success.
    Ok(ExitCode::SUCCESS)
}

/// Prints the address, which is the result of the command, and a note for people.
fn announce(model: &Path, host: IpAddr, address: SocketAddr) -> io::Result<()> {
    let address = reachable(address);
    let mut out = io::stdout().lock();
    writeln!(out, "http://{address}/")?;
    out.flush()?;
    drop(out);
    let whom = if host.is_loopback() { "this machine" } else { "everyone who can reach this machine" };
    note(&format!("serving {} to {whom}; Ctrl-C stops it", model.display()));
    Ok(())
}

/// `address`, or if it stands for all addresses of this machine, the one with the default route.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // Addresses reserved for documentation. Connecting a UDP socket sends nothing, it only looks up
    // the route.
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
