//! Each test starts a server on loopback and talks to it over a socket.

mod answer;
mod attacks;
mod bodies;
mod client;
mod described;
mod exposition;
mod formats;
mod life;
mod mutated;
mod openapi;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream};
use mlp_data::{ImageShape, Preprocessing, synthetic};
use mlp_train::{Metadata, Model, Network};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use self::answer::Answer;
use self::client::Connection;
use super::{App, Hosts, Limits, router, serve};
use crate::plot::Raster;

/// An untrained network for images of 28x28.
pub(super) fn model(hidden: &[usize], names: &[&str]) -> Model {
    let architecture = Architecture::new(784, hidden, names.len()).with_activation(Activation::Relu);
    let network = Mlp::<f32>::new(&architecture, Init::He, &mut NativeStream::new(1)).unwrap();
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let mut metadata = Metadata::new("made up", names, ImageShape { height: 28, width: 28 }, "a test");
    metadata.preprocessing = Preprocessing::Digit;
    Model { network: Network::F32(network), metadata }
}

/// The model of most tests: two hidden layers, three classes.
fn usual() -> Model {
    model(&[9, 5], &["zero", "one", "two"])
}

/// A digit, light on dark, as a PNG file.
fn picture() -> Vec<u8> {
    let digits = synthetic::digits(1, 1, 3).train;
    Raster::gray(28, digits.image(0)).to_png()
}

/// Limits that no test reaches by accident.
fn wide() -> Limits {
    Limits { rate: 0, ..Limits::default() }
}

/// A running server; dropping it shuts it down.
struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(model: Model, limits: Limits) -> Self {
        Self::of(App::new(model, limits, Hosts::new(true, &[])))
    }

    fn of(app: App) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (limits, stopped) = (app.limits.clone(), async { drop(stopped.await) });
            runtime.block_on(serve(listener, router(Arc::new(app)), limits, stopped));
            runtime.shutdown_timeout(Duration::from_secs(5));
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Starts a shutdown, like a signal.
    fn request_shutdown(&mut self) {
        drop(self.stop.take());
    }

    /// Shuts the server down and waits until it has ended.
    fn join(&mut self) {
        self.request_shutdown();
        self.thread.take().map(JoinHandle::join).transpose().unwrap();
    }

    /// Waits until this many requests are running, including its own.
    fn wait_for_running(&self, count: usize) {
        while !self.get("/metrics").text().contains(&format!("\nmlp_http_requests_running {count}\n")) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// Sends one request and reads its answer.
    fn ask(&self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        self.connect().ask(line, headers, body)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], b"")
    }

    fn predict(&self, query: &str, body: &[u8]) -> Answer {
        self.ask(&format!("POST /predict{query}"), &[], body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.request_shutdown();
        if let Some(thread) = self.thread.take() {
            // A panic has already failed the test.
            let _ = thread.join();
        }
    }
}
