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
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::limits::Limits;
use super::peer::Peer;
use super::places::{Closed, Place, Places};
use super::router::normalize;

/// Pause after a failure to accept a connection, for example for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `stop` completes, then lets running requests finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let places = Places::new(limits.connections);
    let (stopping, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => accepted,
            // Free the task of a finished connection.
            Some(_) = connections.join_next() => continue,
        };
        let peer = Peer::new(peer.ip());
        let (place, closed) = tokio::select! {
            () = &mut stop => break,
            entered = places.enter(peer) => entered,
        };
        let (router, limits, stopping) = (router.clone(), limits.clone(), stopping.subscribe());
        connections.spawn(async move {
            tokio::select! {
                () = connection(stream, peer, Arc::new(place), router, &limits, stopping) => {}
                () = close(closed) => {}
            }
        });
    }
    drop(listener);
    stopping.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Each ends within its grace period; dropping the set aborts the rest.
    let _ = timeout(limits.grace + limits.grace / 2, finished).await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Waits until the connection must make room for another.
async fn close(closed: Closed) {
    let _ = closed.await;
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    place: Arc<Place>,
    router: Router,
    limits: &Limits,
    mut stopping: watch::Receiver<bool>,
) {
    // Reduces latency; failure is harmless.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        normalize(request.uri_mut());
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&place));
        let (router, place) = (router.clone(), Arc::clone(&place));
        async move {
            let response = router.oneshot(request.map(Body::new)).await;
            // The client may take its time to read it.
            place.set_working(false);
            response
        }
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
