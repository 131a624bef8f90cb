//! Turns to receive large bodies and to decode pictures: a few at a time, so that memory is
//! bounded, and shared fairly, so that no client keeps the others waiting. Large pictures have a
//! turn of their own; small ones never wait for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::peer::Peer;
use super::problem::Problem;

/// Pictures that take more memory than this to decode are large.
pub(super) const SMALL: u64 = 16 << 20;

/// Maximum memory to decode a picture. Only one large picture is decoded at a time.
pub(super) const MAX_MEMORY: u64 = 256 << 20;

/// Maximum number of pictures or bodies that wait, of one peer and of all.
const MAX_WAITING: (usize, usize) = (32, 96);

/// Maximum number of large bodies in memory at the same time, of one peer and of all.
const MAX_BODIES: (usize, usize) = (2, 4);

/// The turns of small pictures, of large ones, and of large bodies.
#[derive(Debug)]
pub(super) struct Turns([Arc<Lane>; 3]);

#[derive(Debug)]
struct Lane(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    free: usize,
    /// Maximum number of turns of a peer, and the peers that have a turn.
    most: usize,
    running: Vec<Peer>,
    /// The peers whose pictures wait; the first is next.
    peers: VecDeque<(Peer, Vec<Waiting>)>,
}

#[derive(Debug)]
struct Waiting {
    memory: u64,
    call: oneshot::Sender<Turn>,
}

/// The right to decode a picture or to keep a large body, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Option<(Arc<Lane>, Peer)>);

impl Turns {
    /// `small` pictures are decoded at the same time, and a large one; none if `small` is 0.
    pub(super) fn new(small: usize) -> Self {
        let lane = |most: usize, free: usize| {
            let queue = Queue { free, most, running: Vec::new(), peers: VecDeque::new() };
            Arc::new(Lane(Mutex::new(queue)))
        };
        Self([lane(small, small), lane(1, small.min(1)), lane(MAX_BODIES.0, MAX_BODIES.1)])
    }

    /// Waits until a large body may be received.
    ///
    /// # Errors
    /// If too many bodies are already waiting.
    pub(super) async fn take_body(&self, peer: Peer) -> Result<Turn, Problem> {
        Self::take_of(&self.0[2], peer, 0).await
    }

    /// Waits for the turn of a picture that takes so much memory. Peers take turns, each with its
    /// smallest picture first.
    ///
    /// # Errors
    /// If too many pictures are already waiting.
    pub(super) async fn take(&self, peer: Peer, memory: u64) -> Result<Turn, Problem> {
        Self::take_of(&self.0[usize::from(memory > SMALL)], peer, memory).await
    }

    async fn take_of(lane: &Arc<Lane>, peer: Peer, memory: u64) -> Result<Turn, Problem> {
        let called = {
            let mut queue = lane.queue();
            if queue.has_turn(peer) {
                queue.begin(peer);
                return Ok(Turn(Some((Arc::clone(lane), peer))));
            }
            queue.wait(peer, memory)?
        };
        called.await.map_err(|_| Problem::busy())
    }
}

impl Lane {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Returns true if there is a turn that this peer may have.
    fn has_turn(&self, peer: Peer) -> bool {
        self.free > 0 && self.running.iter().filter(|running| **running == peer).count() < self.most
    }

    fn begin(&mut self, peer: Peer) {
        self.free -= 1;
        self.running.push(peer);
    }

    fn end(&mut self, peer: Peer) {
        self.free += 1;
        if let Some(place) = self.running.iter().position(|running| *running == peer) {
            self.running.swap_remove(place);
        }
    }

    fn wait(&mut self, peer: Peer, memory: u64) -> Result<oneshot::Receiver<Turn>, Problem> {
        // Clients that have hung up no longer wait.
        self.peers.iter_mut().for_each(|(_, waiting)| waiting.retain(|waiting| !waiting.call.is_closed()));
        self.peers.retain(|(_, waiting)| !waiting.is_empty());
        let place = self.peers.iter().position(|(waiting, _)| *waiting == peer);
        let own = place.map_or(0, |place| self.peers[place].1.len());
        let all: usize = self.peers.iter().map(|(_, waiting)| waiting.len()).sum();
        if own >= MAX_WAITING.0 || all >= MAX_WAITING.1 {
            return Err(Problem::busy());
        }
        let (call, called) = oneshot::channel();
        let waiting = Waiting { memory, call };
        match place {
            Some(place) => self.peers[place].1.push(waiting),
            None => self.peers.push_back((peer, vec![waiting])),
        }
        Ok(called)
    }

    /// Removes the next picture, and begins its turn. Its peer goes to the end of the queue.
    fn next(&mut self) -> Option<(Peer, Waiting)> {
        let place = self.peers.iter().position(|(peer, _)| self.has_turn(*peer))?;
        let (peer, mut pictures) = self.peers.remove(place)?;
        let memory = |i: &usize| pictures[*i].memory;
        let smallest = (0..pictures.len()).min_by_key(memory)?;
        let next = pictures.remove(smallest);
        if !pictures.is_empty() {
            self.peers.push_back((peer, pictures));
        }
        self.begin(peer);
        Some((peer, next))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some((lane, mut peer)) = self.0.take() else { return };
        loop {
            let mut queue = lane.queue();
            queue.end(peer);
            let Some((next, waiting)) = queue.next() else { return };
            // Sent without the lock: a turn that nobody receives is dropped.
            drop(queue);
            match waiting.call.send(Self(Some((Arc::clone(&lane), next)))) {
                Ok(()) => return,
                Err(mut turn) => turn.0 = None,
            }
            peer = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LARGE: u64 = SMALL + 1;

    fn peer(last: u8) -> Peer {
        Peer::new([10, 0, 0, last].into())
    }

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn now(turns: &Turns, of: u8, memory: u64) -> Option<Turn> {
        poll(&mut Box::pin(turns.take(peer(of), memory))).map(Result::unwrap)
    }

    #[test]
    fn small_pictures_do_not_wait_for_large_ones() {
        let turns = Turns::new(2);
        let large = now(&turns, 1, LARGE);
        assert!(large.is_some() && now(&turns, 2, MAX_MEMORY).is_none(), "one large picture at a time");
        let small = [now(&turns, 1, SMALL), now(&turns, 1, 1)];
        assert!(small.iter().all(Option::is_some) && now(&turns, 1, 1).is_none(), "two small ones");
        drop(large);
        assert!(now(&turns, 2, LARGE).is_some());
        assert!(now(&Turns::new(0), 1, 1).is_none());
    }

    #[test]
    fn peers_take_turns_and_each_begins_with_its_smallest_picture() {
        let turns = Turns::new(1);
        let mut running = now(&turns, 1, 1);
        let asked = [(1, 9), (1, 5), (1, 7), (2, 8), (3, 6), (2, 4)];
        let mut waiting: Vec<_> = asked
            .map(|(of, memory)| {
                let mut wait = Box::pin(turns.take(peer(of), memory));
                assert!(poll(&mut wait).is_none());
                ((of, memory), wait)
            })
            .into();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(running.take());
            for i in 0..waiting.len() {
                if let Some(turn) = poll(&mut waiting[i].1) {
                    running = Some(turn.unwrap());
                    order.push(waiting.remove(i).0);
                    break;
                }
            }
        }
        assert_eq!(order, [(1, 5), (2, 4), (3, 6), (1, 7), (2, 8), (1, 9)]);
    }

    #[test]
    fn a_client_that_hangs_up_loses_its_turn_to_the_next() {
        let turns = Turns::new(1);
        let running = now(&turns, 1, 1);
        let mut gone = Box::pin(turns.take(peer(1), 1));
        let mut called = Box::pin(turns.take(peer(2), 1));
        let mut last = Box::pin(turns.take(peer(3), 1));
        assert!(poll(&mut gone).is_none() && poll(&mut called).is_none() && poll(&mut last).is_none());
        drop(gone);
        drop(running);
        // The second is called, and hangs up before it notices.
        drop(called);
        assert!(poll(&mut last).is_some());
        assert!(now(&turns, 4, 1).is_some(), "nobody decodes any more");
    }

    #[test]
    fn a_peer_has_only_some_of_the_turns_of_large_bodies() {
        let turns = Turns::new(2);
        let body = |of: u8| Box::pin(turns.take_body(peer(of)));
        let mut one: Vec<Turn> = (0..2).map(|_| poll(&mut body(1)).unwrap().unwrap()).collect();
        let mut third = body(1);
        assert!(poll(&mut third).is_none(), "a peer has two");
        let others = [2, 3].map(|of| poll(&mut body(of)).unwrap().unwrap());
        let (mut fourth, mut fifth) = (body(4), body(1));
        assert!(poll(&mut fourth).is_none() && poll(&mut fifth).is_none(), "four at a time");
        // The first peer has waited longer, but has two.
        drop(others);
        let _fourth = poll(&mut fourth).unwrap();
        assert!(poll(&mut third).is_none());
        one.pop();
        let _third = poll(&mut third).unwrap();
        assert!(poll(&mut fifth).is_none());
        // Pictures are independent of bodies.
        assert!(now(&turns, 1, 1).is_some() && now(&turns, 1, LARGE).is_some());
    }

    #[test]
    fn the_number_of_waiting_pictures_is_limited_for_each_peer_and_in_total() {
        let turns = Turns::new(0);
        let mut waiting = Vec::new();
        let mut accepted = |of: u8| {
            let mut wait = Box::pin(turns.take(peer(of), 1));
            let is_waiting = poll(&mut wait).is_none();
            waiting.push(wait);
            is_waiting
        };
        assert_eq!((0..99).filter(|_| accepted(1)).count(), MAX_WAITING.0);
        let all = (2..100).map(|of| (0..2).filter(|_| accepted(of)).count()).sum::<usize>();
        assert_eq!(all + MAX_WAITING.0, MAX_WAITING.1);
        // There is room again when they have hung up.
        waiting.clear();
        assert!(poll(&mut Box::pin(turns.take(peer(1), 1))).is_none());
    }
}
