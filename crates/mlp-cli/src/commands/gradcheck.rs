//! `mlp gradcheck`: check the backward pass against central differences.

use std::io::{self, Write};
use std::process::ExitCode;

use mlp_core::gradcheck::{Entry, GradientReport, TOLERANCE, TensorReport, gradcheck_in};
use mlp_core::{
    Activation, Architecture, Init, Mlp, NativeStream, Objective, RandomStream, Reduction, Workspace,
};
use ndarray::Array2;

use crate::output::table::{Table, thousands};
use crate::parse::{self, Hidden};

/// Check gradients against central differences.
///
/// By default, checks every activation with one to three hidden layers and both loss reductions,
/// with and without dropout and label smoothing. Compares every entry of every gradient, in f64.
/// Entries whose difference straddles the kink of an activation are skipped and counted. The exit
/// code is 1 if a gradient disagrees.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp gradcheck                                     Check all kinds of network
  mlp gradcheck --activation gelu --hidden 20,10    Check one kind of network
  mlp gradcheck --activation relu --hidden 100 --loss-reduction mean --dropout 0.5
  mlp gradcheck --inputs 784 --classes 10 --hidden 100 --activation logistic --loss-reduction sum")]
pub(crate) struct Args {
    /// Check only this activation
    #[arg(long, value_parser = parse::activation())]
    activation: Option<Activation>,
    /// Check only these hidden layer sizes [default: `6`, `6,5` and `6,5,7`]
    #[arg(long, value_name = "SIZES")]
    hidden: Option<Hidden>,
    /// Check only this loss reduction
    #[arg(long, value_parser = parse::reduction())]
    loss_reduction: Option<Reduction>,
    /// Dropout probability of hidden units [default: 0 and 0.3]
    #[arg(long, value_name = "P")]
    dropout: Option<f64>,
    /// Dropout probability of inputs [default: 0 and 0.2]
    #[arg(long, value_name = "P")]
    input_dropout: Option<f64>,
    /// Label smoothing [default: 0 and 0.1]
    #[arg(long, value_name = "FRACTION")]
    label_smoothing: Option<f64>,
    /// Distribution of the initial weights
    #[arg(long, value_parser = parse::init(), default_value_t)]
    init: Init,
    /// Number of inputs
    #[arg(long, value_name = "N", default_value_t = 8)]
    inputs: usize,
    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 4)]
    classes: u8,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = 5)]
    batch_size: usize,
    /// Parts of the batch whose gradients are summed
    #[arg(long, value_name = "N", default_value_t = 1)]
    shards: usize,
    /// Random seed of the weights and the batch
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Maximum number of inputs in a batch.
const MAX_NUMBERS: usize = 1 << 24;

/// One kind of network to check.
struct Case {
    activation: Activation,
    hidden: Hidden,
    objective: Objective,
}

impl Args {
    fn cases(&self) -> Vec<Case> {
        let activations = self.activation.map_or(Activation::ALL.to_vec(), |activation| vec![activation]);
        let reductions = self.loss_reduction.map_or(Reduction::ALL.to_vec(), |reduction| vec![reduction]);
        let depths = || [vec![6], vec![6, 5], vec![6, 5, 7]].map(Hidden).to_vec();
        let hiddens = self.hidden.clone().map_or_else(depths, |hidden| vec![hidden]);
        let mut cases = Vec::new();
        for &activation in &activations {
            for hidden in &hiddens {
                for &reduction in &reductions {
                    for objective in self.objectives(reduction) {
                        cases.push(Case { activation, hidden: hidden.clone(), objective });
                    }
                }
            }
        }
        cases
    }

    /// The objective given by flags. Without any flags, the plain objective and one with
    /// everything.
    fn objectives(&self, reduction: Reduction) -> Vec<Objective> {
        let shares = [self.dropout, self.input_dropout, self.label_smoothing];
        let is_one_kind = self.activation.is_some() || self.hidden.is_some() || self.loss_reduction.is_some();
        let objective = |[dropout, input_dropout, label_smoothing]: [f64; 3]| {
            let objective =
                Objective::from(reduction).with_dropout(dropout).with_input_dropout(input_dropout);
            objective.with_label_smoothing(label_smoothing).with_seed(self.seed)
        };
        let asked = objective(shares.map(Option::unwrap_or_default));
        if is_one_kind || shares.iter().any(Option::is_some) {
            return vec![asked];
        }
        vec![asked, objective([0.3, 0.2, 0.1])]
    }

    fn check(&self, case: &Case) -> anyhow::Result<GradientReport> {
        let architecture = Architecture::new(self.inputs, &case.hidden.0, usize::from(self.classes))
            .with_activation(case.activation);
        let mut stream = NativeStream::new(self.seed);
        let network = Mlp::new(&architecture, self.init, &mut stream)?;
        let x = Array2::from_shape_simple_fn((self.batch_size, self.inputs), || stream.standard_normal());
        let labels: Vec<u8> =
            (0..self.batch_size).map(|_| (stream.next_u64() % u64::from(self.classes)) as u8).collect();
        let mut workspace = Workspace::new(&architecture, self.batch_size);
        workspace.set_objective(case.objective);
        workspace.set_shards(self.shards);
        Ok(gradcheck_in(&network, x.view(), &labels, &mut workspace))
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(args.batch_size > 0, "batch size is 0; expected at least 1");
    anyhow::ensure!(
        (1..=args.batch_size).contains(&args.shards),
        "shards is {}; expected 1 to {}, the batch size",
        args.shards,
        args.batch_size
    );
    anyhow::ensure!(args.classes > 0, "classes is 0; expected at least 1");
    for (flag, share) in [
        ("dropout", args.dropout),
        ("input dropout", args.input_dropout),
        ("label smoothing", args.label_smoothing),
    ] {
        let share = share.unwrap_or_default();
        anyhow::ensure!((0.0..1.0).contains(&share), "{flag} is {share}; expected from 0 to below 1");
    }
    let numbers = args.batch_size.checked_mul(args.inputs);
    anyhow::ensure!(
        numbers.is_some_and(|numbers| numbers <= MAX_NUMBERS),
        "a batch of {} examples with {} inputs; expected at most {MAX_NUMBERS} inputs in total",
        args.batch_size,
        args.inputs
    );
    let cases = args.cases();
    let mut out = io::stdout().lock();
    let mut table = Table::new([
        "activation",
        "hidden",
        "loss",
        "regularization",
        "worst error",
        "tensor",
        "entries",
        "skipped",
        "",
    ]);
    let (mut failed, mut details) = (0, String::new());
    for case in &cases {
        let report = args.check(case)?;
        failed += usize::from(!report.passed());
        table.row(row(case, &report));
        if !report.passed() || cases.len() == 1 {
            details.push_str(&format!(
                "\n{}, hidden {}, {} loss {:.4}\n{}",
                case.activation,
                case.hidden,
                case.objective.reduction,
                report.loss,
                tensors(&report)
            ));
        }
    }
    write!(out, "{table}{details}\n{}", verdict(cases.len(), failed))?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn row(case: &Case, report: &GradientReport) -> [String; 9] {
    let error = |tensor: &TensorReport| tensor.worst.as_ref().map_or(0.0, |entry| entry.relative_error);
    let worst = report.tensors.iter().max_by(|a, b| error(a).total_cmp(&error(b)));
    [
        case.activation.to_string(),
        case.hidden.to_string(),
        case.objective.reduction.to_string(),
        regularization(&case.objective),
        format!("{:.1e}", report.worst_error()),
        worst.map_or(String::new(), |tensor| tensor.name.clone()),
        thousands(report.checked()),
        thousands(report.straddling()),
        if report.passed() { "ok".to_owned() } else { "FAILED".to_owned() },
    ]
}

/// The regularization: `dropout 0.3, input dropout 0.2, smoothing 0.1`.
fn regularization(objective: &Objective) -> String {
    let Objective { dropout, input_dropout, label_smoothing, .. } = *objective;
    let parts = [("dropout", dropout), ("input dropout", input_dropout), ("smoothing", label_smoothing)];
    let parts = parts.iter().filter(|(_, share)| *share > 0.0);
    let parts: Vec<String> = parts.map(|(name, share)| format!("{name} {share}")).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

fn tensors(report: &GradientReport) -> String {
    let mut table = Table::new([
        "tensor",
        "equation",
        "shape",
        "worst at",
        "backward",
        "differences",
        "error",
        "skipped",
    ]);
    for tensor in &report.tensors {
        let worst = |show: fn(&Entry) -> String| tensor.worst.as_ref().map_or("-".to_owned(), show);
        table.row([
            tensor.name.clone(),
            tensor.equation.to_owned(),
            format!("{} x {}", tensor.shape.0, tensor.shape.1),
            worst(|entry| format!("({}, {})", entry.index.0, entry.index.1)),
            worst(|entry| format!("{:.10e}", entry.analytic)),
            worst(|entry| format!("{:.10e}", entry.numeric)),
            worst(|entry| format!("{:.1e}", entry.relative_error)),
            tensor.straddling.to_string(),
        ]);
    }
    table.to_string()
}

fn verdict(cases: usize, failed: usize) -> String {
    let networks = if cases == 1 { "the network".to_owned() } else { format!("all {cases} networks") };
    match failed {
        0 => format!(
            "gradients agree with central differences in {networks}: all relative errors are below {TOLERANCE:.0e}\n"
        ),
        _ => format!(
            "gradients DISAGREE with central differences in {failed} of {cases} networks: relative errors reach {TOLERANCE:.0e} or more\n"
        ),
    }
}
