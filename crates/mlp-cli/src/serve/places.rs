//! A limited number of places for connections. Every new connection gets one; if all are taken, the
//! peer with the most connections loses the one that has kept the server waiting the longest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, oneshot};

use super::peer::Peer;

/// All open connections.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    connections: Mutex<Connections>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Connections {
    open: HashMap<u64, Connection>,
    next: u64, // key
}

#[derive(Debug)]
struct Connection {
    peer: Peer,
    /// Since when the server has been waiting for the client; `None` while it works for it.
    waits: Option<Instant>,
    /// Closes the connection when dropped.
    _close: oneshot::Sender<()>,
}

/// The place of a connection, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    key: u64,
}

/// Completes with an error when the connection must make room.
pub(super) type Closed = oneshot::Receiver<()>;

impl Places {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, connections: Mutex::default(), freed: Notify::new() })
    }

    /// Returns a place for a connection. Waits only while the server works for all others.
    pub(super) async fn enter(self: &Arc<Self>, peer: Peer) -> (Place, Closed) {
        loop {
            let freed = self.freed.notified();
            if let Some(entered) = self.try_enter(peer) {
                return entered;
            }
            freed.await;
        }
    }

    fn try_enter(self: &Arc<Self>, peer: Peer) -> Option<(Place, Closed)> {
        let mut connections = self.connections();
        if connections.open.len() >= self.max {
            let victim = connections.victim()?;
            connections.open.remove(&victim);
        }
        let key = connections.next;
        connections.next += 1;
        let (close, closed) = oneshot::channel();
        let connection = Connection { peer, waits: Some(Instant::now()), _close: close };
        connections.open.insert(key, connection);
        Some((Place { places: Arc::clone(self), key }, closed))
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Returns the connection to close, unless the server works for all.
    fn victim(&self) -> Option<u64> {
        let mut counts: HashMap<Peer, usize> = HashMap::new();
        self.open.values().for_each(|connection| *counts.entry(connection.peer).or_default() += 1);
        let waiting =
            self.open.iter().filter_map(|(&key, connection)| Some((key, connection.peer, connection.waits?)));
        // Connections that began to wait at the same time close in the order of their keys.
        let victim = waiting.max_by(|(a, one, since), (b, other, later)| {
            counts[one].cmp(&counts[other]).then(later.cmp(since)).then(b.cmp(a))
        });
        victim.map(|(key, ..)| key)
    }
}

impl Place {
    /// The server works for the client, or waits for it from now on.
    pub(super) fn set_working(&self, is_working: bool) {
        if let Some(connection) = self.places.connections().open.get_mut(&self.key) {
            connection.waits = (!is_working).then(Instant::now);
        }
        if !is_working {
            self.places.freed.notify_waiters();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.connections().open.remove(&self.key);
        self.places.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::new([10, 0, 0, last].into())
    }

    fn is_closed(closed: &mut Closed) -> bool {
        !matches!(closed.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    #[test]
    fn the_greediest_peer_loses_the_connection_that_waits_the_longest() {
        let places = Places::new(4);
        let mut open: Vec<_> = [1, 2, 2, 3].map(|of| places.try_enter(peer(of)).unwrap()).into();
        open[1].0.set_working(true);
        let closed = |open: &mut Vec<(Place, Closed)>| -> Vec<usize> {
            (0..open.len()).filter(|&i| is_closed(&mut open[i].1)).collect()
        };
        open.push(places.try_enter(peer(4)).unwrap());
        assert_eq!(closed(&mut open), [2], "the server works for the first of 10.0.0.2");
        // All have one connection: the first goes.
        open.push(places.try_enter(peer(3)).unwrap());
        assert_eq!(closed(&mut open), [0, 2]);
        // 10.0.0.3 has two. Its first has just sent a request.
        open[3].0.set_working(true);
        open[3].0.set_working(false);
        open.push(places.try_enter(peer(5)).unwrap());
        assert_eq!(closed(&mut open), [0, 2, 5]);
    }

    #[test]
    fn there_is_no_place_only_while_the_server_works_for_all() {
        let places = Places::new(2);
        let (one, other) = (places.try_enter(peer(1)).unwrap(), places.try_enter(peer(2)).unwrap());
        for (place, _) in [&one, &other] {
            place.set_working(true);
        }
        assert!(places.try_enter(peer(3)).is_none());
        drop(one);
        let third = places.try_enter(peer(3)).unwrap();
        third.0.set_working(true);
        other.0.set_working(false);
        assert!(places.try_enter(peer(3)).is_some());
    }
}
