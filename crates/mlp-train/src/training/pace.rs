//! Whether the threads share a step. They wait for each other several times in each; where another program keeps a processor busy, all wait
//! for the thread that it holds up, and one thread alone is many times quicker. The numbers are the same either way, so that the
//! choice may follow the clock: it goes by the time that steps take.

use std::time::Duration;

/// Steps by which a way is judged.
const WINDOW: u32 = 16;
/// How many times as long as one thread alone the threads may take. Where nobody disturbs them they take half as long.
const TOO_SLOW: f64 = 1.2;
/// Slow windows in a row that are a disturbance; one is any hiccup of the machine.
const SLOW: u32 = 2;
/// Windows alone until sharing is tried again, at first; each time in vain they are doubled, to the most.
const PATIENCE: u32 = 16;
const MAX_PATIENCE: u32 = 1024;
/// Windows shared after which a disturbance is forgotten.
const FORGIVEN: u32 = 64;

/// Chooses, from step to step.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    is_alone: bool,
    alone: Option<f64>, // seconds of a step alone, when it was last tried
    steps: u32,         // of this window
    seconds: f64,       // of these steps
    windows: u32,       // in this way
    slow: u32,          // of the last ones, in a row
    patience: u32,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { is_alone: false, alone: None, steps: 0, seconds: 0.0, windows: 0, slow: 0, patience: PATIENCE }
    }

    /// Whether one thread does the next step alone.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Takes note of how long a step took.
    pub(crate) fn took(&mut self, time: Duration) {
        (self.steps, self.seconds) = (self.steps + 1, self.seconds + time.as_secs_f64());
        if self.steps < WINDOW {
            return;
        }
        let mean = self.seconds / f64::from(self.steps);
        (self.steps, self.seconds, self.windows) = (0, 0.0, self.windows + 1);
        if self.is_alone {
            let is_first = self.alone.replace(mean).is_none();
            if is_first || self.windows >= self.patience {
                self.change();
            }
        } else {
            match self.alone {
                // The first window only warms up; the second is alone, to have something to compare with.
                None => self.change(),
                Some(alone) if mean > TOO_SLOW * alone => {
                    self.slow += 1;
                    if self.slow == SLOW {
                        self.patience = if self.windows < FORGIVEN {
                            MAX_PATIENCE.min(2 * self.patience)
                        } else {
                            PATIENCE
                        };
                        self.change();
                    }
                }
                Some(_) => self.slow = 0,
            }
        }
    }

    fn change(&mut self) {
        (self.is_alone, self.windows, self.slow) = (!self.is_alone, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps alone among so many, if shared and lone steps take these times.
    fn lone(pace: &mut Pace, steps: u32, shared: u64, alone: u64) -> u32 {
        let mut count = 0;
        for _ in 0..steps {
            let is_alone = pace.is_alone();
            count += u32::from(is_alone);
            pace.took(Duration::from_micros(if is_alone { alone } else { shared }));
        }
        count
    }

    #[test]
    fn undisturbed_threads_share_all_steps_but_a_few_of_the_first() {
        let mut pace = Pace::new();
        assert_eq!(lone(&mut pace, 100_000, 100, 180), WINDOW);
    }

    #[test]
    fn a_hiccup_changes_nothing() {
        let mut pace = Pace::new();
        lone(&mut pace, 64 * WINDOW, 100, 180);
        for _ in 0..100 {
            assert_eq!(lone(&mut pace, WINDOW, 2_000, 180) + lone(&mut pace, WINDOW, 100, 180), 0);
        }
    }

    #[test]
    fn disturbed_threads_are_left_out_and_tried_again_when_it_is_over() {
        let mut pace = Pace::new();
        lone(&mut pace, 1_000, 100, 180);
        // A disturbance: of 100,000 steps nearly all are alone.
        let alone = lone(&mut pace, 100_000, 2_000, 180);
        assert!(alone > 99_000, "{alone}");
        // It is over: after the longest patience at the latest they share again.
        let alone = lone(&mut pace, 100_000, 100, 180);
        assert!(alone <= MAX_PATIENCE * WINDOW, "{alone}");
        assert!(!pace.is_alone());
    }

    #[test]
    fn a_machine_that_becomes_slower_goes_on_sharing() {
        let mut pace = Pace::new();
        lone(&mut pace, 1_000, 100, 180);
        let alone = lone(&mut pace, 10_000, 300, 540);
        assert!(alone <= PATIENCE * 2 * WINDOW, "{alone}");
        assert!(!pace.is_alone());
    }
}
