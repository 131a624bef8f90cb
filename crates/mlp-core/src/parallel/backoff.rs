//! Decides when the caller of a pool works alone. If another process keeps holding up a helper in
//! the middle of its part, every run takes milliseconds, and one thread is faster. Measured in
//! spins, because this crate reads no clock.

/// Spins that count as a stall: about half a millisecond.
const STALL: u32 = 20_000;
/// A stall also takes this many times longer than usual, because large parts of unequal size cause
/// long waits too.
const UNUSUAL: u32 = 16;
/// Runs alone after the first stall. Each further stall doubles the number, up to the maximum.
const PATIENCE: u32 = 64;
const MAX_PATIENCE: u32 = 4096;
/// Number of shared runs after which earlier stalls are forgotten.
const FORGIVEN: u32 = 4096;

/// The state of the decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    usual: u32, // moving average of spins per run
    patience: u32,
    alone: u32,  // remaining runs alone
    shared: u32, // shared runs since the last stall
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

    /// Records the caller's spins in a shared run.
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

    /// Counts the runs alone, given the spins of each shared run.
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
    fn long_but_usual_waits_do_not_count_as_stalls() {
        assert_eq!(alone(&mut Backoff::new(), 100_000, |run| run % 300), 0);
        let mut backoff = Backoff::new();
        assert_eq!(alone(&mut backoff, 1_000, |_| STALL), 0);
        assert_eq!(alone(&mut backoff, 10_000, |run| STALL * (1 + run % 8)), 0);
    }

    #[test]
    fn a_single_stall_costs_a_few_runs() {
        let mut backoff = Backoff::new();
        alone(&mut backoff, 10_000, |_| 100);
        assert_eq!(alone(&mut backoff, 10_000, |run| if run == 0 { 1_000_000 } else { 100 }), PATIENCE);
    }

    #[test]
    fn a_blocked_thread_is_left_out_until_it_recovers() {
        let mut backoff = Backoff::new();
        alone(&mut backoff, 1_000, |_| 100);
        let disturbed = alone(&mut backoff, 100_000, |_| 100_000);
        assert!(disturbed > 99_000, "{disturbed}");
        let after = alone(&mut backoff, 100_000, |_| 100);
        assert!(after <= MAX_PATIENCE, "{after}");
    }
}
