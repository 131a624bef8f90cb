//! The thread that writes checkpoints while training continues. Only the newest waiting checkpoint
//! is kept, so a slow disk means fewer checkpoints, not slower training.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::{Checkpoint, Error, Number, RunDir};

pub(crate) struct Saver<A> {
    shared: Arc<Shared<A>>,
    thread: Option<JoinHandle<()>>,
    waits: bool,
}

struct Shared<A> {
    state: Mutex<State<A>>,
    changed: Condvar,
}

struct State<A> {
    next: Option<Checkpoint<A>>,
    is_busy: bool,
    is_over: bool,
    failure: Option<Error>,
}

impl<A: Number> Saver<A> {
    /// Starts a saver for a run directory; with `waits`, [`Saver::save`] returns when the
    /// checkpoint is on disk.
    pub(crate) fn new(run: &RunDir, waits: bool) -> Self {
        let state = State { next: None, is_busy: false, is_over: false, failure: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let thread = {
            let (shared, run) = (Arc::clone(&shared), run.clone());
            std::thread::spawn(move || shared.write(&run))
        };
        Self { shared, thread: Some(thread), waits }
    }

    /// Hands over a checkpoint. Fails if an earlier one could not be written.
    pub(crate) fn save(&self, checkpoint: Checkpoint<A>) -> Result<(), Error> {
        let mut state = self.shared.lock();
        state.next = Some(checkpoint);
        self.shared.changed.notify_all();
        if self.waits {
            state = self.shared.until_idle(state);
        }
        state.failure.take().map_or(Ok(()), Err)
    }

    /// Waits until the newest checkpoint is on disk.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let mut state = self.shared.until_idle(self.shared.lock());
        state.failure.take().map_or(Ok(()), Err)
    }
}

impl<A> Drop for Saver<A> {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic has already printed its message.
            let _ = thread.join();
        }
    }
}

impl<A> Shared<A> {
    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'s>(
        &self,
        state: MutexGuard<'s, State<A>>,
        condition: impl Fn(&mut State<A>) -> bool,
    ) -> MutexGuard<'s, State<A>> {
        self.changed.wait_while(state, condition).unwrap_or_else(PoisonError::into_inner)
    }

    fn until_idle<'s>(&self, state: MutexGuard<'s, State<A>>) -> MutexGuard<'s, State<A>> {
        self.wait_while(state, |state| state.failure.is_none() && (state.next.is_some() || state.is_busy))
    }
}

impl<A: Number> Shared<A> {
    /// The body of the thread.
    fn write(&self, run: &RunDir) {
        let (mut state, mut bytes) = (self.lock(), Vec::new());
        // Only a checkpoint written here is kept as the previous one: the first in the directory
        // may be damaged.
        let mut previous = None;
        loop {
            state = self.wait_while(state, |state| state.next.is_none() && !state.is_over);
            let Some(checkpoint) = state.next.take() else { return };
            state.is_busy = true;
            drop(state);
            let saved =
                checkpoint.save_on(run.disk(), &run.checkpoint_path(), previous.as_deref(), &mut bytes);
            previous = Some(run.previous_checkpoint_path());
            state = self.lock();
            state.is_busy = false;
            if let Err(error) = saved {
                state.failure = Some(error);
            }
            self.changed.notify_all();
        }
    }
}
