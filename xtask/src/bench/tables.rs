//! The measurements as Markdown tables: rows in, text out. The targets have a table of their own, in `targets`.

use super::turns::{Measured, Row, reference};
use super::whole::WholeRow;
use super::workloads::Workload;

/// A Markdown table; every cell of a header or a row stands between bars.
pub(super) fn markdown(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let mut table = line(&header);
    table += &format!("|{}\n", "---|".repeat(header.len()));
    for row in rows {
        table += &line(row);
    }
    table
}

/// The chapter's sizes: what was measured, the table, who was left out.
pub(super) fn main_part(workload: &Workload, measured: &Measured) -> String {
    let caption = format!(
        "{} on MNIST: seconds per epoch; runs: {}, epochs timed in each: {}{}",
        workload.name(),
        workload.repetitions,
        workload.epochs,
        of_peers(measured.rows.iter())
    );
    format!("{caption}\n\n{}{}", main_table(workload, measured), left_out(&measured.left_out))
}

/// The other sizes, in the same way.
pub(super) fn others_part(all: &[(Workload, Measured)]) -> String {
    let mut caption = "Other sizes: seconds per epoch, median (min to max), times mlp's, threads".to_owned();
    for (workload, _) in all {
        let Workload { repetitions, epochs, learning_rate, .. } = workload;
        caption += &format!(
            "; {}: runs {repetitions}, epochs {epochs}, learning rate {learning_rate}",
            workload.name()
        );
        if let Some(examples) = workload.peer_examples {
            caption += &format!(", the peers' of {examples} examples, scaled to a whole one");
        }
    }
    caption += of_peers(all.iter().flat_map(|(_, measured)| &measured.rows));
    let lines = all.iter().flat_map(|(workload, measured)| {
        measured.left_out.iter().map(|line| format!("{}, {line}", workload.name()))
    });
    format!("{caption}\n\n{}{}", others_table(all), left_out(&lines.collect::<Vec<_>>()))
}

/// What the caption says of the peers' threads, if there are peers.
fn of_peers<'a>(mut rows: impl Iterator<Item = &'a Row>) -> &'static str {
    if rows.any(|row| !row.contender.is_ours()) {
        "; a peer is shown on one thread or on all, whichever was quicker"
    } else {
        ""
    }
}

/// A row for each program, with how it stands to ours in the same precision and what it had learned in the end.
fn main_table(workload: &Workload, measured: &Measured) -> String {
    let learned = format!("loss, accuracy after {} epochs", workload.epochs + 1);
    let header = ["program", "threads", "median", "min", "max", "times mlp's", &learned];
    let rows: Vec<Vec<String>> = measured
        .rows
        .iter()
        .map(|row| {
            let seconds = row.seconds;
            let mut cells = vec![row.contender.name(), row.threads.to_string()];
            cells.extend([seconds.median, seconds.min, seconds.max].map(|seconds| format!("{seconds:.3}")));
            cells
                .push(times_ours(row, &measured.rows).map(|times| format!("{times:.2}")).unwrap_or_default());
            cells.push(format!("{:.1}, {:.4}", row.loss, row.accuracy));
            cells
        })
        .collect();
    markdown(&header, &rows)
}

/// A row for each program and a column for each workload: the median, the ends, how it stands to ours, and its threads.
fn others_table(all: &[(Workload, Measured)]) -> String {
    let names: Vec<String> = all.iter().map(|(workload, _)| workload.name()).collect();
    let header: Vec<&str> = ["program"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut contenders = Vec::new();
    for row in all.iter().flat_map(|(_, measured)| &measured.rows) {
        // Ours may have other threads, but a peer is the same program in all.
        if !contenders.contains(&row.contender) {
            contenders.push(row.contender);
        }
    }
    let cell = |measured: &Measured, contender| {
        let Some(row) = measured.rows.iter().find(|row| row.contender == contender) else {
            return "left out".to_owned();
        };
        let seconds = row.seconds;
        let times = times_ours(row, &measured.rows).map(|times| format!(", {times:.2}×")).unwrap_or_default();
        format!("{:.3} ({:.3} to {:.3}){times}, t{}", seconds.median, seconds.min, seconds.max, row.threads)
    };
    let rows: Vec<Vec<String>> = contenders
        .into_iter()
        .map(|contender| {
            let cells = all.iter().map(|(_, measured)| cell(measured, contender));
            [contender.name()].into_iter().chain(cells).collect()
        })
        .collect();
    markdown(&header, &rows)
}

/// The median over that of ours in the same precision, unless it is ours.
fn times_ours(row: &Row, rows: &[Row]) -> Option<f64> {
    let ours = reference(rows, row.contender.precision)?;
    (ours != row).then_some(row.seconds.median / ours.seconds.median)
}

/// 50 epochs from start to exit.
pub(super) fn whole_table(rows: &[WholeRow]) -> String {
    let header = ["50 epochs, from start to exit", "median", "min", "max", "peak memory"];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let seconds = [row.seconds.median, row.seconds.min, row.seconds.max];
            let mut cells = vec![row.program.name().to_owned()];
            cells.extend(seconds.map(|seconds| format!("{seconds:.2} s")));
            cells.push(format!("{:.0} MB", row.peak_megabytes));
            cells
        })
        .collect();
    markdown(&header, &rows)
}

/// Who was left out and why, a line for each.
pub(super) fn left_out(lines: &[String]) -> String {
    lines.iter().map(|line| format!("- left out: {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::contenders::{Contender, Precision, Program, ours, peer};
    use super::super::measure::Spread;
    use super::super::whole::Whole;
    use super::super::workloads::{OTHERS, chapter};
    use super::*;

    fn row(contender: Contender, seconds: &[f64]) -> Row {
        let threads = contender.threads.unwrap_or(1);
        Row { contender, threads, seconds: Spread::of(seconds.to_vec()), loss: 23.46, accuracy: 0.92887 }
    }

    fn measured(rows: Vec<Row>) -> Measured {
        Measured { rows, left_out: Vec::new() }
    }

    #[test]
    fn others_are_compared_with_ours_in_their_own_precision() {
        let rows = vec![
            row(ours(Precision::F32, 2), &[1.0]),
            row(ours(Precision::F32, 1), &[1.5]),
            row(ours(Precision::F64, 2), &[2.0]),
            row(peer(Program::NumPy, Precision::F64), &[4.0, 5.0, 6.5]),
        ];
        let table = main_table(&chapter(5, 3), &measured(rows));
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].ends_with("| loss, accuracy after 4 epochs |"), "{table}");
        assert_eq!(lines[1], "|---|---|---|---|---|---|---|");
        assert_eq!(lines[2], "| mlp train, f32 | 2 | 1.000 | 1.000 | 1.000 |  | 23.5, 0.9289 |");
        assert_eq!(lines[3], "| mlp train, f32 | 1 | 1.500 | 1.500 | 1.500 | 1.50 | 23.5, 0.9289 |");
        assert_eq!(lines[4], "| mlp train, f64 | 2 | 2.000 | 2.000 | 2.000 |  | 23.5, 0.9289 |");
        let name = peer(Program::NumPy, Precision::F64).name();
        assert_eq!(lines[5], format!("| {name} | 1 | 5.000 | 4.000 | 6.500 | 2.50 | 23.5, 0.9289 |"));
    }

    #[test]
    fn the_other_workloads_are_columns_and_who_is_missing_in_one_is_said_to_be() {
        let mlp = ours(Precision::F32, 2);
        let jax = peer(Program::Jax, Precision::F32);
        let all = [
            (OTHERS[0], measured(vec![row(mlp, &[1.0])])),
            (OTHERS[1], measured(vec![row(mlp, &[1.0]), row(jax, &[2.0, 3.0, 4.0])])),
        ];
        let table = others_table(&all);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "| program | 784-1024-10, batch 100 | 784-100-10, batch 1000 |");
        assert_eq!(lines[2], "| mlp train, f32 | 1.000 (1.000 to 1.000), t2 | 1.000 (1.000 to 1.000), t2 |");
        assert_eq!(lines[3], format!("| {} | left out | 3.000 (2.000 to 4.000), 3.00×, t1 |", jax.name()));
    }

    #[test]
    fn whole_programs_are_shown_with_their_memory() {
        let seconds = Spread::of(vec![3.0, 4.0]);
        let table = whole_table(&[WholeRow { program: Whole::Mlp, seconds, peak_megabytes: 68.4 }]);
        assert!(table.ends_with("| mlp train, f32 | 3.50 s | 3.00 s | 4.00 s | 68 MB |\n"), "{table}");
    }

    #[test]
    fn captions_say_what_was_measured_and_end_with_who_was_left_out() {
        let jax = row(peer(Program::Jax, Precision::F32), &[2.0]);
        let mut part = measured(vec![row(ours(Precision::F32, 2), &[1.0])]);
        assert!(!main_part(&chapter(5, 3), &part).contains("peer"));
        part.rows.push(jax);
        part.left_out.push("NumPy: why".to_owned());
        let main = main_part(&chapter(5, 3), &part);
        let caption =
            "784-100-10, batch 100 on MNIST: seconds per epoch; runs: 5, epochs timed in each: 3; a peer is";
        assert!(main.starts_with(caption), "{main}");
        assert!(main.ends_with("|\n- left out: NumPy: why\n"), "{main}");
        let others = others_part(&[(OTHERS[2], part)]);
        assert!(others.contains("the peers' of 12000 examples, scaled to a whole one; a peer"), "{others}");
        assert!(others.ends_with("- left out: 784-100-10, batch 1, NumPy: why\n"), "{others}");
    }

    #[test]
    fn who_is_left_out_has_a_line() {
        assert_eq!(left_out(&["JAX: why".to_owned()]), "- left out: JAX: why\n");
        assert_eq!(left_out(&[]), "");
    }
}
