//! Sums over processes on a thread of their own, so that the sum of a layer continues while the
//! layers below are computed.

use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use mlp_core::{Peers, Shards, add_nodes};

use crate::mpi::Message;
use crate::{Number, Processes};

/// A connection among processes.
pub(crate) trait Link: 'static {
    /// Sends numbers to a process and receives numbers from one, which calls this at the same time.
    fn exchange<N: Message>(&mut self, to: usize, message: &[N], from: usize, received: &mut [N]);
}

/// The processes of a training, connected by a thread.
#[derive(Debug)]
pub(crate) struct AllReduce<A> {
    number: usize,
    count: usize,
    jobs: Option<Sender<Job<A>>>, // `None` ends the thread
    results: Receiver<Job<A>>,
    thread: Option<JoinHandle<()>>,
}

/// Something to do, or the result.
#[derive(Debug)]
enum Job<A> {
    Sum(Vec<A>),
    Gather(Vec<f64>),
}

impl<A: Number> AllReduce<A> {
    /// Starts the thread of process `number` of `count`. `connect` is called on it.
    ///
    /// # Panics
    /// If there are fewer shards than processes, or the system cannot start a thread.
    pub(crate) fn start<L: Link>(
        shards: usize,
        number: usize,
        count: usize,
        connect: impl FnOnce() -> L + Send + 'static,
    ) -> Self {
        let (jobs, todo) = mpsc::channel();
        let (done, results) = mpsc::channel();
        let mut sums = Sums::new(shards, number, count);
        let work = move || {
            let mut link = connect();
            for mut job in todo {
                match &mut job {
                    Job::Sum(numbers) => sums.add_up(&mut link, numbers),
                    Job::Gather(numbers) => *numbers = gather(&mut link, number, count, numbers),
                }
                if done.send(job).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("all-reduce".to_owned()).spawn(work);
        let thread = thread.expect("the system can start a thread");
        Self { number, count, jobs: Some(jobs), results, thread: Some(thread) }
    }

    fn send(&self, job: Job<A>) {
        let jobs = self.jobs.as_ref().expect("open until it is dropped");
        jobs.send(job).expect("the thread runs until it is dropped");
    }

    fn receive(&self) -> Job<A> {
        self.results.recv().expect("the thread runs until it is dropped")
    }
}

impl<A: Number> Peers<A> for AllReduce<A> {
    fn start(&mut self, _layer: usize, sums: Vec<A>) {
        self.send(Job::Sum(sums));
    }

    fn finish(&mut self, _layer: usize) -> Vec<A> {
        match self.receive() {
            Job::Sum(sums) => sums,
            Job::Gather(_) => unreachable!("gathering waits for its result"),
        }
    }
}

impl<A: Number> Processes<A> for AllReduce<A> {
    fn number(&self) -> usize {
        self.number
    }

    fn count(&self) -> usize {
        self.count
    }

    fn gather(&mut self, own: Vec<f64>) -> Vec<f64> {
        self.send(Job::Gather(own));
        match self.receive() {
            Job::Gather(all) => all,
            Job::Sum(_) => unreachable!("the sums of a step are finished in the step"),
        }
    }
}

impl<A> Drop for AllReduce<A> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The processes to exchange numbers with, one after the other: everybody sends to the first of a
/// pair and receives from the second.
fn partners(number: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    (1..count).map(move |shift| ((number + shift) % count, (number + count - shift) % count))
}

fn gather<L: Link>(link: &mut L, number: usize, count: usize, own: &[f64]) -> Vec<f64> {
    let len = own.len();
    let mut all = vec![0.0; count * len];
    all[number * len..(number + 1) * len].copy_from_slice(own);
    for (to, from) in partners(number, count) {
        link.exchange(to, own, from, &mut all[from * len..(from + 1) * len]);
    }
    all
}

/// Sums of layers in the order of the tree. Each process has a segment of a layer: it receives that
/// segment of all nodes, adds them, and sends the total to the others.
struct Sums<A> {
    number: usize,
    nodes: Vec<Vec<Range<usize>>>, // of each process
    all: Vec<Range<usize>>,        // the same, in one list
    terms: Vec<A>,                 // this process's segment of each node
}

impl<A: Number> Sums<A> {
    fn new(shards: usize, number: usize, count: usize) -> Self {
        let nodes: Vec<_> =
            (0..count).map(|process| Shards::of_process(shards, process, count).nodes()).collect();
        Self { number, all: nodes.concat(), nodes, terms: Vec::new() }
    }

    /// Replaces the sums of this process's nodes: the vector then begins with the total.
    fn add_up<L: Link>(&mut self, link: &mut L, sums: &mut [A]) {
        let Self { number, nodes, all, terms } = self;
        let (number, count, own) = (*number, nodes.len(), nodes[*number].len());
        let len = sums.len() / own;
        let segment = |process: usize| len * process / count..len * (process + 1) / count;
        let most = nodes.iter().map(Vec::len).max().unwrap_or(0);
        let size = segment(number).len();
        terms.resize(all.len() * size, A::zero());
        // Where the terms of a process's node are.
        let place = |process: usize, node: usize| {
            let at = nodes[..process].iter().map(Vec::len).sum::<usize>() + node;
            if node < nodes[process].len() { at * size..(at + 1) * size } else { 0..0 }
        };
        let of_node = |node: usize, range: Range<usize>| match node < own {
            true => node * len + range.start..node * len + range.end,
            false => 0..0,
        };
        for node in 0..own {
            terms[place(number, node)].copy_from_slice(&sums[of_node(node, segment(number))]);
        }
        for (to, from) in partners(number, count) {
            // Some processes have more nodes than others; empty messages stand for missing ones.
            for node in 0..most {
                let message = &sums[of_node(node, segment(to))];
                link.exchange(to, message, from, &mut terms[place(from, node)]);
            }
        }
        add_nodes(all, terms);
        sums[segment(number)].copy_from_slice(&terms[..size]);
        for (to, from) in partners(number, count) {
            link.exchange(to, &terms[..size], from, &mut sums[segment(from)]);
        }
    }
}
