//! Accepts connections, limits their number and lifetime, and shuts them down.
//!
//! This uses hyper directly. `axum::serve` has no such limits, and tower layers see a request only
//! after its head, so they can neither count connections nor close slow, idle or old ones.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::limits::Limits;
use super::peer::Peer;

/// Pause after a failure to accept a connection, for example for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `stop` completes, then lets running requests finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stopping, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
            // Free the task of a finished connection.
            Some(_) = connections.join_next() => continue,
        };
        let (router, limits, stopping) = (router.clone(), limits.clone(), stopping.subscribe());
        connections.spawn(async move {
            let _place = place;
            connection(stream, Peer::new(peer.ip()), router, &limits, stopping).await;
        });
    }
    drop(listener);
    stopping.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Each ends within its grace period; dropping the set aborts the rest.
    let _ = timeout(limits.grace + limits.grace / 2, finished).await;
}

/// Waits for a free place and accepts the next connection.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    limits: &Limits,
    mut stopping: watch::Receiver<bool>,
) {
    // Reduces latency; failure is harmless.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_time);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // Errors are ignored because the client is gone.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(limits.connection_time) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(limits.grace, connection).await;
}
