//! `mlp serve`: the command's flags, and its life from the socket to the signal that ends it. The server itself is in `crate::serve`.

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

/// How often it is looked whether a signal has come.
const LOOK: Duration = Duration::from_millis(50);

/// Draw on a web page and see what a model makes of it; or ask it over HTTP.
///
/// The page shows, while you draw, what the network sees, its probabilities, and the hidden units that light up. Everything is in the program: the page
/// needs no network. Programs send a PNG, JPEG or PGM picture to `/predict` and read JSON; `/model` describes the model, `/metrics` is for
/// Prometheus, `/healthz` says that the server lives. Pictures may have up to 1 MiB.
///
/// On loopback, the default, only this machine is served, and only under its own names. SIGINT and SIGTERM end the server once running requests are
/// answered, with exit code 0; a second signal ends it at once.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp serve runs/mnist/model.mlp                     then open the address that it prints
  mlp serve runs/mnist/model.mlp --port 0            on any free port
  mlp serve runs/mnist/model.mlp --host 0.0.0.0      for telephones in the same network, too
  curl --data-binary @seven.png http://127.0.0.1:8000/predict
  curl --data-binary @seven.png 'http://127.0.0.1:8000/predict?polarity=dark-on-light&strongest=0'")]
pub(crate) struct Args {
    /// The model file that `mlp train` wrote, or its run directory
    model: PathBuf,
    /// The address to listen on; 0.0.0.0 for all of this machine's
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    host: IpAddr,
    /// The port to listen on; 0 for any that is free
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Requests a second that an address may send in the long run; 0 for any number
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
        .context("cannot start the threads of a server")?;
    let app = Arc::new(App::new(model, limits.clone(), args.host.is_loopback()));
    let wanted = SocketAddr::new(args.host, args.port);
    let signal = runtime.block_on(async {
        let listener = TcpListener::bind(wanted).await.with_context(|| {
            format!("cannot listen on {wanted}; choose another --port (0 for any that is free) or --host")
        })?;
        let address = listener.local_addr().context("cannot find out the server's address")?;
        announce(&path, args.host, address)?;
        let mut heard = None;
        let stop = async {
            while heard.is_none() {
                sleep(LOOK).await;
                heard = signals.heard();
            }
        };
        serve(listener, router(app), limits.clone(), stop).await;
        let (name, _) = heard.context("the server ended without a signal")?;
        anyhow::Ok(name)
    })?;
    // A picture that is still being decoded for a client that has gone.
    runtime.shutdown_timeout(limits.grace);
    note(&format!("ended by {signal}"));
    // It has done what it was told, which is how a server ends.
    Ok(ExitCode::SUCCESS)
}

/// The address is the command's result; the rest is for people.
fn announce(model: &Path, host: IpAddr, address: SocketAddr) -> io::Result<()> {
    let address = reachable(address);
    let mut out = io::stdout().lock();
    writeln!(out, "http://{address}/")?;
    out.flush()?;
    drop(out);
    let whom = if host.is_loopback() { "this machine" } else { "everybody who can reach this machine" };
    note(&format!("serving {} to {whom}; Ctrl-C ends", model.display()));
    Ok(())
}

/// `address`, or where it stands for all addresses of this machine, one of them: that which speaks to the rest of the world.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // From the ranges for documentation. Connecting a UDP socket sends nothing: it only looks up the way.
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
