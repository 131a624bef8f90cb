//! When the caller of a pool works alone for a while. A thread that another process keeps out in the middle of its part holds up the
//! whole run for milliseconds, again and again; one thread alone is then faster. Counted in rounds of waiting, because this crate
//! reads no clock.

/// Rounds of waiting for a part that are a stall: about half a millisecond.
const STALL: u32 = 20_000;
/// How many times as long as usual a wait has to be for a stall. Large parts of unequal length make long waits, too.
const UNUSUAL: u32 = 16;
/// Runs alone after a first stall, and at most: each stall soon after another doubles them.
const PATIENCE: u32 = 64;
const MAX_PATIENCE: u32 = 4096;
/// Shared runs after which earlier stalls are forgotten.
const FORGIVEN: u32 = 4096;

/// Decides from run to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    usual: u32, // rounds of waiting in a run
    patience: u32,
    alone: u32,  // runs to come that the caller does alone
    shared: u32, // runs since
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { usual: 0, patience: PATIENCE / 2, alone: 0, shared: 0 }
    }

    /// Returns true if the caller does the next run alone.
    pub(super) fn is_alone(&mut self) -> bool {
        let is_alone = self.alone > 0;
        self.alone = self.alone.saturating_sub(1);
        is_alone
    }

    /// Takes note of the rounds that the caller waited in a shared run.
    pub(super) fn waited(&mut self, rounds: u32) {
        if rounds > STALL.max(self.usual.saturating_mul(UNUSUAL)) {
            let is_repeated = self.shared < FORGIVEN;
            self.patience = if is_repeated { MAX_PATIENCE.min(2 * self.patience) } else { PATIENCE };
            (self.alone, self.shared) = (self.patience, 0);
        } else {
            self.usual = self.usual - self.usual / 16 + rounds / 16;
            self.shared = self.shared.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs alone among so many, if the caller waits so long in each shared one.
    fn alone(backoff: &mut Backoff, runs: u32, wait: impl Fn(u32) -> u32) -> u32 {
        let mut count = 0;
        for run in 0..runs {
            if backoff.is_alone() {
                count += 1;
            } else {
                backoff.waited(wait(run));
            }
        }
        count
    }

    #[test]
    fn usual_waits_change_nothing_however_long_they_are() {
        assert_eq!(alone(&mut Backoff::new(), 100_000, |run| run % 300), 0);
        let mut backoff = Backoff::new();
        assert_eq!(alone(&mut backoff, 1_000, |_| STALL), 0);
        assert_eq!(alone(&mut backoff, 10_000, |run| STALL * (1 + run % 8)), 0);
    }

    #[test]
    fn a_hiccup_costs_a_few_runs() {
        let mut backoff = Backoff::new();
        alone(&mut backoff, 10_000, |_| 100);
        assert_eq!(alone(&mut backoff, 10_000, |run| if run == 0 { 1_000_000 } else { 100 }), PATIENCE);
    }

    #[test]
    fn a_thread_that_is_kept_out_is_left_out_and_tried_again_when_it_is_over() {
        let mut backoff = Backoff::new();
        alone(&mut backoff, 1_000, |_| 100);
        let disturbed = alone(&mut backoff, 100_000, |_| 100_000);
        assert!(disturbed > 99_000, "{disturbed}");
        let after = alone(&mut backoff, 100_000, |_| 100);
        assert!(after <= MAX_PATIENCE, "{after}");
    }
}
