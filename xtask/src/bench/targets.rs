//! What our program is to reach, against what was measured: each target is a number of somebody's, a number of ours and the most or the
//! least that ours may be of theirs. Nothing fails here: a target that is missed is printed as missed.

use super::contenders::{Precision, Program};
use super::dense::DenseRow;
use super::machine::SgemmPeak;
use super::tables::markdown;
use super::turns::{Measured, Row, reference};
use super::whole::{Whole, WholeRow};
use super::workloads::Workload;

/// The most that our time may be of the dense floor.
const OF_THE_DENSE_FLOOR: f64 = 0.65;
/// The most that our time on all cores may be of that on one.
const OF_ONE_THREAD: f64 = 0.6;
/// The least that our throughput on dense inputs may be of the sgemm peak.
const OF_THE_PEAK: f64 = 0.8;
/// The most memory that a whole run may hold, in 10⁶ bytes.
const PEAK_MEGABYTES: f64 = 150.0;

/// The peers with a target of their own in the chapter's sizes: ours is to take at most one N-th of their time.
const PEERS: [(Program, Precision, u32); 4] = [
    (Program::NumPy, Precision::F64, 10),
    (Program::NumPy, Precision::F32, 6),
    (Program::Jax, Precision::F32, 4),
    (Program::TorchAutograd, Precision::F32, 8),
];

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    against: String,
    /// None if it was not measured.
    theirs: Option<f64>,
    ours: f64,
    unit: Unit,
    limit: Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Megabytes,
    Gigaflops,
}

/// What ours may be of theirs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    /// At most one N-th.
    Part(u32),
    /// At most this ratio.
    Most(f64),
    /// At least this ratio.
    Least(f64),
}

impl Limit {
    fn admits(self, ratio: f64) -> bool {
        match self {
            Self::Part(part) => ratio <= 1.0 / f64::from(part),
            Self::Most(most) => ratio <= most,
            Self::Least(least) => ratio >= least,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Part(part) => format!("at most 1/{part} = {:.3}", 1.0 / f64::from(part)),
            Self::Most(most) => format!("at most {most}"),
            Self::Least(least) => format!("at least {least}"),
        }
    }
}

/// The targets of the chapter's sizes.
pub(super) fn of_main(workload: &Workload, rows: &[Row], peak: SgemmPeak) -> Vec<Target> {
    let Some(reference) = reference(rows, Precision::F32) else { return Vec::new() };
    let ours = reference.seconds.median;
    let target = |against: String, theirs: Option<f64>, limit| Target {
        against,
        theirs,
        ours,
        unit: Unit::Seconds,
        limit,
    };
    let mut targets: Vec<Target> = PEERS
        .iter()
        .map(|&(program, precision, part)| {
            let contender = super::contenders::peer(program, precision);
            let theirs = rows.iter().find(|row| row.contender == contender).map(|row| row.seconds.median);
            target(contender.name(), theirs, Limit::Part(part))
        })
        .collect();
    let floor = format!(
        "the dense floor: {:.1} GFLOP at the sgemm peak, {:.0} GFLOP/s on {} threads",
        workload.gigaflops(),
        peak.gflops,
        peak.threads
    );
    targets.push(target(floor, Some(workload.gigaflops() / peak.gflops), Limit::Most(OF_THE_DENSE_FLOOR)));
    // On one core the two are the same run.
    let one = rows.iter().find(|row| {
        row.contender.is_ours()
            && row.contender.precision == Precision::F32
            && row.threads == 1
            && reference.threads > 1
    });
    let one = one.map(|row| row.seconds.median);
    targets.push(target("our own one-thread time".to_owned(), one, Limit::Most(OF_ONE_THREAD)));
    targets
}

/// At the other sizes: no worse than the best peer.
pub(super) fn of_others(all: &[(Workload, Measured)]) -> Vec<Target> {
    all.iter()
        .filter_map(|(workload, measured)| {
            let ours = reference(&measured.rows, Precision::F32)?.seconds.median;
            let peers = measured.rows.iter().filter(|row| !row.contender.is_ours());
            let best = peers.min_by(|a, b| a.seconds.median.total_cmp(&b.seconds.median));
            let name = best.map_or_else(|| "none was measured".to_owned(), |row| row.contender.name());
            Some(Target {
                against: format!("the best peer at {}: {name}", workload.name()),
                theirs: best.map(|row| row.seconds.median),
                ours,
                unit: Unit::Seconds,
                limit: Limit::Most(1.0),
            })
        })
        .collect()
}

/// On dense inputs: the sgemm peak, or nearly.
pub(super) fn of_dense(rows: &[DenseRow]) -> Vec<Target> {
    let target = |row: &DenseRow| Target {
        against: format!(
            "the sgemm peak on {} threads, for {} on standardized MNIST, kernel {}",
            row.peak.threads,
            row.workload.name(),
            row.kernel
        ),
        theirs: Some(row.peak.gflops),
        ours: row.gflops,
        unit: Unit::Gigaflops,
        limit: Limit::Least(OF_THE_PEAK),
    };
    rows.iter().map(target).collect()
}

/// The targets of a whole run.
pub(super) fn of_whole(rows: &[WholeRow]) -> Vec<Target> {
    let find = |program| rows.iter().find(|row| row.program == program);
    let Some(ours) = find(Whole::Mlp) else { return Vec::new() };
    vec![
        Target {
            against: "50 epochs of the chapter's NumPy program, from start to exit".to_owned(),
            theirs: find(Whole::NumPy).map(|row| row.seconds.median),
            ours: ours.seconds.median,
            unit: Unit::Seconds,
            limit: Limit::Part(10),
        },
        Target {
            against: "the memory that 50 epochs may hold".to_owned(),
            theirs: Some(PEAK_MEGABYTES),
            ours: ours.peak_megabytes,
            unit: Unit::Megabytes,
            limit: Limit::Most(1.0),
        },
    ]
}

/// The targets as a Markdown table.
pub(super) fn table(targets: &[Target]) -> String {
    let header = ["against", "theirs", "ours", "ours/theirs", "target", "reached"];
    let rows: Vec<Vec<String>> = targets.iter().map(Target::cells).collect();
    markdown(&header, &rows)
}

impl Target {
    fn cells(&self) -> Vec<String> {
        let value = |value: f64| match self.unit {
            Unit::Seconds => format!("{value:.3} s"),
            Unit::Megabytes => format!("{value:.0} MB"),
            Unit::Gigaflops => format!("{value:.0} GFLOP/s"),
        };
        let (theirs, ratio, reached) = match self.theirs {
            None => ("not measured".to_owned(), String::new(), "not measured"),
            Some(theirs) => {
                let ratio = self.ours / theirs;
                let reached = if self.limit.admits(ratio) { "yes" } else { "missed" };
                (value(theirs), format!("{ratio:.3}"), reached)
            }
        };
        vec![self.against.clone(), theirs, value(self.ours), ratio, self.limit.name(), reached.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::super::contenders::{Contender, ours, peer};
    use super::super::measure::Spread;
    use super::super::workloads::{DENSE, OTHERS, chapter};
    use super::*;

    fn row(contender: Contender, threads: u32, seconds: f64) -> Row {
        Row { contender, threads, seconds: Spread::of(vec![seconds]), loss: 20.0, accuracy: 0.9 }
    }

    /// The cells of the table's rows.
    fn cells(targets: &[Target]) -> Vec<Vec<String>> {
        let table = table(targets);
        let cells = |line: &str| line.trim_matches(['|', ' ']).split(" | ").map(str::to_owned).collect();
        table.lines().skip(2).map(cells).collect()
    }

    #[test]
    fn a_target_is_reached_up_to_its_limit_and_missed_beyond() {
        let rows = [
            row(ours(Precision::F32, 2), 2, 0.125),
            row(ours(Precision::F32, 1), 1, 0.25),
            row(ours(Precision::F64, 2), 2, 0.01),
            row(peer(Program::NumPy, Precision::F64), 2, 1.25),
            row(peer(Program::Jax, Precision::F32), 2, 0.48),
        ];
        let peak = SgemmPeak { threads: 2, gflops: 95.88 };
        let cells = cells(&of_main(&chapter(5, 3), &rows, peak));
        let numpy = peer(Program::NumPy, Precision::F64).name();
        assert_eq!(cells[0], [&numpy, "1.250 s", "0.125 s", "0.100", "at most 1/10 = 0.100", "yes"]);
        assert_eq!(cells[1][1..], ["not measured", "0.125 s", "", "at most 1/6 = 0.167", "not measured"]);
        assert_eq!(cells[2][1..], ["0.480 s", "0.125 s", "0.260", "at most 1/4 = 0.250", "missed"]);
        assert!(cells[4][0].contains("19.2 GFLOP") && cells[4][0].contains("96 GFLOP/s on 2 threads"));
        assert_eq!(cells[4][1..], ["0.200 s", "0.125 s", "0.625", "at most 0.65", "yes"]);
        assert_eq!(cells[5][1..], ["0.250 s", "0.125 s", "0.500", "at most 0.6", "yes"]);
        assert_eq!(cells.len(), 6);
    }

    #[test]
    fn on_one_core_there_is_no_one_thread_time_to_compare_with() {
        let rows = [row(ours(Precision::F32, 1), 1, 0.25)];
        let cells = cells(&of_main(&chapter(5, 3), &rows, SgemmPeak { threads: 1, gflops: 100.0 }));
        assert_eq!(cells[5][5], "not measured");
    }

    #[test]
    fn at_other_sizes_the_best_peer_is_the_measure() {
        let measured = |rows| Measured { rows, left_out: Vec::new() };
        let jax = peer(Program::Jax, Precision::F32);
        let numpy = peer(Program::NumPy, Precision::F32);
        let mlp = ours(Precision::F32, 2);
        let all = [
            (OTHERS[0], measured(vec![row(mlp, 2, 1.5), row(numpy, 2, 2.0), row(jax, 2, 1.25)])),
            (OTHERS[1], measured(vec![row(mlp, 2, 1.5)])),
        ];
        let cells = cells(&of_others(&all));
        let against = format!("the best peer at 784-1024-10, batch 100: {}", jax.name());
        assert_eq!(cells[0], [&against, "1.250 s", "1.500 s", "1.200", "at most 1", "missed"]);
        assert_eq!(cells[1][5], "not measured");
    }

    #[test]
    fn on_dense_inputs_the_sgemm_peak_is_the_measure() {
        let peak = SgemmPeak { threads: 2, gflops: 160.0 };
        let row = |kernel: &str, gflops| DenseRow { kernel: kernel.into(), workload: DENSE[0], gflops, peak };
        let cells = cells(&of_dense(&[row("dense", 128.0), row("openblas", 127.0)]));
        let against =
            "the sgemm peak on 2 threads, for 784-512-10, batch 100 on standardized MNIST, kernel dense";
        assert_eq!(cells[0], [against, "160 GFLOP/s", "128 GFLOP/s", "0.800", "at least 0.8", "yes"]);
        assert_eq!(cells[1][2..], ["127 GFLOP/s", "0.794", "at least 0.8", "missed"]);
    }

    #[test]
    fn a_whole_run_has_a_target_in_seconds_and_one_in_megabytes() {
        let row = |program, seconds, peak_megabytes| WholeRow {
            program,
            seconds: Spread::of(vec![seconds]),
            peak_megabytes,
        };
        let rows = [row(Whole::Mlp, 8.0, 75.0), row(Whole::NumPy, 40.0, 500.0)];
        let cells = cells(&of_whole(&rows));
        assert_eq!(cells[0][1..], ["40.000 s", "8.000 s", "0.200", "at most 1/10 = 0.100", "missed"]);
        assert_eq!(cells[1][1..], ["150 MB", "75 MB", "0.500", "at most 1", "yes"]);
    }
}
