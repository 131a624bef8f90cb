//! Decides when the caller of a pool works alone for a while. Another process that takes a core in
//! the middle of a thread's part holds up the whole run for milliseconds, again and again; for
//! short runs, one thread alone is then faster.
//!
//! This crate reads no clock. Waits are counted in rounds of spinning, and time alone in periods:
//! the runs that the caller does until the idle helpers, after a fixed number of rounds, have
//! fallen asleep.

/// Rounds of waiting for one part that count as a stall, unless longer waits are normal.
const STALL: u32 = 20_000;
/// Runs in a period below which runs are long: working alone then costs more than a stall.
const MIN_RUNS: u32 = 6;
/// Upper bound of the runs in a period, for helpers that are kept from falling asleep.
const MAX_RUNS: u32 = 4096;
/// Periods within which another stall is a repeated one.
const SOON: u32 = 64;
/// Upper bound of the periods alone; each repeated stall doubles them.
const MAX_PATIENCE: u32 = 512;

/// Decides from run to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    threshold: u32, // rounds of waiting above which a wait is a stall
    patience: u32,  // periods to stay alone
    alone: u32,     // runs alone since the last stall, and this one; 0 while the runs are shared
    period: u32,    // runs; 0 until it is known
    shared: u32,    // shared runs since the caller was last alone
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { threshold: STALL, patience: 1, alone: 0, period: 0, shared: 0 }
    }

    /// Returns true if the caller does the next run alone.
    pub(super) fn is_alone(&self) -> bool {
        self.alone > 0
    }

    /// Records a run that the caller did alone, and whether all helpers are asleep.
    pub(super) fn ran_alone(&mut self, are_asleep: bool) {
        if self.period == 0 && (are_asleep || self.alone == MAX_RUNS) {
            self.period = self.alone;
        }
        let is_long = (1..MIN_RUNS).contains(&self.period);
        if is_long {
            // A wait like the last is normal for such runs.
            self.threshold = self.threshold.saturating_mul(2);
            self.patience = 1;
        }
        let is_over = is_long || self.period > 0 && self.alone >= self.period * self.patience;
        (self.alone, self.shared) = if is_over { (0, 0) } else { (self.alone + 1, 0) };
    }

    /// Records the rounds that the caller waited in a shared run.
    pub(super) fn waited(&mut self, rounds: u32) {
        self.shared = self.shared.saturating_add(1);
        if rounds > self.threshold {
            let is_repeated = self.period > 0 && self.shared < SOON * self.period;
            self.patience = if is_repeated { MAX_PATIENCE.min(2 * self.patience) } else { 1 };
            (self.alone, self.period) = (1, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the runs alone among `runs`. The caller waits `wait(run)` rounds in each shared run;
    /// the helpers fall asleep after `period` runs alone.
    fn alone(backoff: &mut Backoff, runs: u32, period: u32, wait: impl Fn(u32) -> u32) -> u32 {
        let (mut count, mut since) = (0, 0);
        for run in 0..runs {
            if backoff.is_alone() {
                (count, since) = (count + 1, since + 1);
                backoff.ran_alone(since >= period);
            } else {
                since = 0;
                backoff.waited(wait(run));
            }
        }
        count
    }

    #[test]
    fn short_waits_change_nothing() {
        assert_eq!(alone(&mut Backoff::new(), 100_000, 30, |run| run % 300), 0);
    }

    #[test]
    fn long_runs_are_shared_however_long_the_waits_are() {
        for waits in [STALL + 1, 10 * STALL, 1000 * STALL] {
            let count = alone(&mut Backoff::new(), 100_000, 2, |run| waits / (1 + run % 3));
            assert!(count < 50, "{count} of 100,000 runs alone with waits of {waits}");
        }
    }

    #[test]
    fn a_single_stall_costs_one_period() {
        let mut backoff = Backoff::new();
        assert_eq!(alone(&mut backoff, 10_000, 30, |run| if run == 5_000 { 1_000_000 } else { 100 }), 30);
    }

    #[test]
    fn a_thread_that_is_held_up_is_left_out_and_tried_again_later() {
        let mut backoff = Backoff::new();
        let disturbed = alone(&mut backoff, 100_000, 30, |_| 100_000);
        assert!(disturbed > 99_000, "{disturbed}");
        let after = alone(&mut backoff, 100_000, 30, |_| 100);
        assert!(after <= 30 * MAX_PATIENCE, "{after}");
    }

    #[test]
    fn helpers_that_never_fall_asleep_do_not_keep_the_caller_alone() {
        let mut backoff = Backoff::new();
        let count = alone(&mut backoff, 1_000_000, u32::MAX, |run| if run == 0 { 1_000_000 } else { 0 });
        assert_eq!(count, MAX_RUNS);
    }
}
