//! The errors that `mutate` plants: a wrong sign, factor, term or index in each statement that
//! computes an equation. Transpositions are planted only for square matrices; others fail the shape
//! checks anyway.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

/// A statement in the sources, and errors to plant in it.
pub(super) struct Statement {
    /// Path relative to the root.
    pub(super) file: &'static str,
    /// The statement or expression. With what precedes the last [`MARK`] in it, if there is one, it
    /// occurs exactly once in the file.
    text: &'static str,
    /// The equation that it computes.
    equation: &'static str,
    /// Descriptions and replacements. `$0` in a replacement is the original statement.
    errors: &'static [(&'static str, &'static str)],
}

const OUTPUT: &str = "crates/mlp-core/src/kernels/softmax.rs";
const HIDDEN: &str = "crates/mlp-core/src/ops/hidden.rs";
const INPUTS: &str = "crates/mlp-core/src/ops/inputs.rs";
const LOOPS: &str = "crates/mlp-core/src/kernels/elementwise.rs";
const ACTIVATION: &str = "crates/mlp-core/src/activation.rs";

/// Separates a statement from the text before it that makes it unique.
const MARK: char = '¦';

/// Errors in G2.
const WRONG_HIDDEN_PRODUCT: &[(&str, &str)] = &[
    ("the sign of ∂J/∂W", "let alpha = -alpha; $0"),
    ("a factor 1/2 too many", "let alpha = A::from_f64(0.5) * alpha; $0"),
    (
        "Hδ for Hᵀδ, where H is square",
        "let input = match input { \
             Input::Dense(h) if h.rows() == h.columns() => Input::Dense(h.transposed()), \
             other => other, \
         }; $0",
    ),
    (
        "an example left out",
        "let rows = delta.rows(); \
         let (input, delta) = match input { \
             Input::Dense(h) => (Input::Dense(h.rows_of(1..rows)), delta.rows_of(1..rows)), \
             other => (other, delta), \
         }; $0",
    ),
];

/// Errors in G6.
const WRONG_INPUT_PRODUCT: &[(&str, &str)] = &[
    ("the sign of ∂J/∂W", "let alpha = -alpha; $0"),
    ("a factor 1/2 too many", "let alpha = A::from_f64(0.5) * alpha; $0"),
    (
        "Xδ for Xᵀδ, where X is square",
        "let x = match x { \
             Input::Dense(x) if x.rows() == x.columns() => Input::Dense(x.transposed()), \
             other => other, \
         }; $0",
    ),
    (
        "an example left out",
        "let rows = delta.rows(); \
         let (x, delta) = match x { \
             Input::Dense(x) => (Input::Dense(x.rows_of(1..rows)), delta.rows_of(1..rows)), \
             other => (other, delta), \
         }; $0",
    ),
];

/// Errors in G3 and G7.
const WRONG_SUM: &[(&str, &str)] = &[
    ("the sign of ∂J/∂b", "let alpha = -alpha; $0"),
    ("the mean over the examples for their sum", "let alpha = alpha / A::from_f64(delta.rows() as f64); $0"),
    ("a factor 1/2 too many", "let alpha = A::from_f64(0.5) * alpha; $0"),
    ("an example left out", "let delta = delta.rows_of(1..delta.rows()); $0"),
];

pub(super) const STATEMENTS: &[Statement] = &[
    Statement {
        file: OUTPUT,
        text: "delta.copy_from_slice(self.y_hat.row(row));",
        equation: "G1",
        errors: &[("Ŷ left out", "let _ = self.y_hat.row(row); delta.fill(A::zero());")],
    },
    Statement {
        file: OUTPUT,
        text: "delta[usize::from(label)] -= at_label;",
        equation: "G1",
        errors: &[
            ("Ŷ + Y for Ŷ - Y", "delta[usize::from(label)] += at_label;"),
            ("Y left out", "let _ = (label, at_label);"),
            ("the wrong class in Y", "delta[(usize::from(label) + 1) % classes] -= at_label;"),
            (
                "the label's target not lowered by smoothing",
                "let _ = at_label; delta[usize::from(label)] -= A::one();",
            ),
        ],
    },
    Statement {
        file: OUTPUT,
        text: "delta[..classes].iter_mut().for_each(|delta| *delta -= every_class);",
        equation: "G1",
        errors: &[("the other classes' share of smoothing left out", "let _ = every_class;")],
    },
    Statement {
        file: OUTPUT,
        text: "delta.iter_mut().for_each(|delta| *delta *= weight);",
        equation: "G1",
        errors: &[
            ("the sign of ∂J/∂Z^o", "delta.iter_mut().for_each(|delta| *delta *= -weight);"),
            ("the factor 1/n of the mean left out", "let _ = weight;"),
        ],
    },
    Statement {
        file: HIDDEN,
        text: "compute.transposed_product(alpha, input, delta, write, target, cut);",
        equation: "G2",
        errors: WRONG_HIDDEN_PRODUCT,
    },
    Statement {
        file: HIDDEN,
        text: "// G3: ∂J/∂b = 1 · ∂J/∂Z\n    let delta = delta.columns_of(of_biases);\n    \
               compute.column_sums(alpha, delta, write, biases.row_mut(0));",
        equation: "G3",
        errors: WRONG_SUM,
    },
    Statement {
        file: HIDDEN,
        text: "compute.product_with_transposed(above, weights, Write::Set, below_delta.reborrow(), cut);",
        equation: "G4",
        errors: &[
            (
                "the sign of ∂J/∂H",
                "$0 (0..below_delta.rows()).for_each(|i| \
                 below_delta.row_mut(i).iter_mut().for_each(|value| *value = -*value));",
            ),
            (
                "a factor 1/2 too many",
                "$0 (0..below_delta.rows()).for_each(|i| \
                 below_delta.row_mut(i).iter_mut().for_each(|value| *value *= A::from_f64(0.5)));",
            ),
            (
                "an output left out",
                "let [above, weights] = [above, weights].map(|matrix| matrix.columns_of(1..matrix.columns())); $0",
            ),
            (
                "W for Wᵀ, where W is square",
                "let weights = if weights.rows() == weights.columns() { weights.transposed() } else { weights }; \
                 $0",
            ),
        ],
    },
    Statement {
        file: HIDDEN,
        text: "A::mask(isa, s, below_delta.reborrow());",
        equation: "G8",
        errors: &[
            ("the mask left out", "let _ = s;"),
            ("the mask twice", "$0 A::mask(isa, s, below_delta.reborrow());"),
            (
                "a factor 1/2 too many",
                "$0 (0..below_delta.rows()).for_each(|i| \
                 below_delta.row_mut(i).iter_mut().for_each(|value| *value *= A::from_f64(0.5)));",
            ),
            (
                "the mask of the first example for all",
                "let s = s.rows_of(0..1); \
                 (0..below_delta.rows()).for_each(|i| below_delta.row_mut(i).iter_mut().zip(s.row(0)) \
                 .for_each(|(value, &s)| *value *= s));",
            ),
        ],
    },
    Statement {
        file: HIDDEN,
        text: "A::multiply_by_derivative(isa, activation, z, h, below_delta.reborrow());",
        equation: "G5",
        errors: &[
            ("f' left out", "let _ = (z, h);"),
            (
                "Z and H swapped in f'",
                "A::multiply_by_derivative(isa, activation, h, z, below_delta.reborrow());",
            ),
        ],
    },
    Statement {
        file: HIDDEN,
        text: "compute.input_product(alpha, x, delta, write, weights, memory);",
        equation: "G6",
        errors: WRONG_INPUT_PRODUCT,
    },
    Statement {
        file: HIDDEN,
        text: "// G7: ∂J/∂b = 1 · ∂J/∂Z\n    compute.column_sums(alpha, delta, write, biases.row_mut(0));",
        equation: "G7",
        errors: WRONG_SUM,
    },
    Statement {
        file: INPUTS,
        text: "compute.product_with_transposed(delta, weights, write, gradient.reborrow(), cut);",
        equation: "G9",
        errors: &[
            (
                "the sign of ∂J/∂X",
                "$0 (0..gradient.rows()).for_each(|i| \
                 gradient.row_mut(i).iter_mut().for_each(|value| *value = -*value));",
            ),
            (
                "a factor 1/2 too many",
                "$0 (0..gradient.rows()).for_each(|i| \
                 gradient.row_mut(i).iter_mut().for_each(|value| *value *= A::from_f64(0.5)));",
            ),
            (
                "a unit left out",
                "let [delta, weights] = [delta, weights].map(|matrix| matrix.columns_of(1..matrix.columns())); $0",
            ),
            (
                "W for Wᵀ, where W is square",
                "let weights = if weights.rows() == weights.columns() { weights.transposed() } else { weights }; \
                 $0",
            ),
        ],
    },
    Statement {
        file: LOOPS,
        text: "*d *= F::derivative(z, h)",
        equation: "G5",
        errors: &[
            ("the sign of f'", "*d *= -F::derivative(z, h)"),
            ("∂J/∂H left out", "*d = F::derivative(z, h)"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "h * (A::one() - h)",
        equation: "G5",
        errors: &[
            ("logistic: h (1 + h) for h (1 - h)", "h * (A::one() + h)"),
            ("logistic: the factor h left out", "A::one() - h"),
            ("logistic: the term -h² left out", "h"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "A::one() - h * h",
        equation: "G5",
        errors: &[
            ("tanh: 1 + h² for 1 - h²", "A::one() + h * h"),
            ("tanh: 1 - h for 1 - h²", "A::one() - h"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "if z <= A::zero() { A::zero() } else { A::one() }",
        equation: "G5",
        errors: &[("relu: the two sides swapped", "if z <= A::zero() { A::one() } else { A::zero() }")],
    },
    Statement {
        file: ACTIVATION,
        text: "if z <= A::zero() { A::from_f64(Self::SLOPE) } else { A::one() }",
        equation: "G5",
        errors: &[("leaky relu: no slope on the left", "if z <= A::zero() { A::zero() } else { A::one() }")],
    },
    Statement {
        file: ACTIVATION,
        text: "Self::normal_distribution(z) + z * Self::normal_density(z)",
        equation: "G5",
        errors: &[
            ("gelu: the term z φ(z) left out", "Self::normal_distribution(z)"),
            ("gelu: the sign of z φ(z)", "Self::normal_distribution(z) - z * Self::normal_density(z)"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "fn derivative<A: Real>(_z: A, _h: A) -> A {\n        ¦A::one()",
        equation: "G5",
        errors: &[("identity: 2 for 1", "$0 + A::one()")],
    },
];

impl Statement {
    /// The text before the statement, and the statement.
    fn parts(&self) -> (&'static str, &'static str) {
        self.text.rsplit_once(MARK).unwrap_or(("", self.text))
    }
}

/// One planted error.
pub(super) struct Mutant {
    /// Position in [`STATEMENTS`].
    statement: usize,
    /// Position among all errors, which selects it.
    pub(super) number: usize,
    error: &'static str,
    pub(super) replacement: String,
}

/// Returns all mutants, sorted by equation.
pub(super) fn mutants() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (place, statement) in STATEMENTS.iter().enumerate() {
        for &(error, replacement) in statement.errors {
            let replacement = replacement.replace("$0", statement.parts().1);
            mutants.push(Mutant { statement: place, number: mutants.len(), error, replacement });
        }
    }
    mutants.sort_by_key(|mutant| STATEMENTS[mutant.statement].equation);
    mutants
}

impl Mutant {
    /// The equation and the error.
    pub(super) fn name(&self) -> String {
        format!("{} {}", STATEMENTS[self.statement].equation, self.error)
    }
}

/// Returns the source of `file` with all its mutants planted. `crate::active_mutant()` selects one.
///
/// # Errors
/// If a statement does not occur exactly once.
pub(super) fn plant(file: &str, source: &str) -> Result<String> {
    let mutants = mutants();
    let mut planted = Vec::new();
    for (place, statement) in STATEMENTS.iter().enumerate().filter(|(_, statement)| statement.file == file) {
        let (before, original) = statement.parts();
        let start = position(source, &format!("{before}{original}"), file)? + before.len();
        let mut text = "match crate::active_mutant() {\n".to_owned();
        for mutant in mutants.iter().filter(|mutant| mutant.statement == place) {
            let _ = writeln!(text, "Some({}) => {{ {} }}", mutant.number, mutant.replacement);
        }
        let _ = write!(text, "_ => {{ {original} }}\n}}");
        planted.push((start..start + original.len(), text));
    }
    // From the end, so that the positions stay valid.
    planted.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut source = source.to_owned();
    for (range, text) in planted {
        source.replace_range(range, &text);
    }
    Ok(source)
}

/// Where the only occurrence of `text` starts.
fn position(source: &str, text: &str, file: &str) -> Result<usize> {
    let found: Vec<usize> = source.match_indices(text).map(|(start, _)| start).collect();
    ensure!(
        found.len() == 1,
        "`{text}` occurs {} times in {file}, expected once; fix the table",
        found.len()
    );
    Ok(found[0])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_statement_occurs_exactly_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for Statement { file, .. } in STATEMENTS {
            let source = fs::read_to_string(root.join(file)).unwrap();
            let planted = plant(file, &source).unwrap();
            let statements = STATEMENTS.iter().filter(|statement| statement.file == *file);
            assert_eq!(planted.matches("crate::active_mutant()").count(), statements.count(), "{file}");
        }
    }

    #[test]
    fn every_equation_has_several_mutants_with_unique_names() {
        let mutants = mutants();
        let mut per_equation = BTreeMap::new();
        for mutant in &mutants {
            *per_equation.entry(STATEMENTS[mutant.statement].equation).or_insert(0) += 1;
            let same_name = mutants.iter().filter(|other| other.name() == mutant.name());
            assert_eq!(same_name.count(), 1, "{}", mutant.name());
        }
        let equations: Vec<&str> = per_equation.keys().copied().collect();
        assert_eq!(equations, ["G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9"]);
        assert!(per_equation.values().all(|&count| count >= 4), "{per_equation:?}");
    }

    #[test]
    fn a_repeated_or_missing_statement_is_an_error() {
        assert!(position("a - b - c", "-", "a.rs").is_err());
        assert!(position("a + b", "-", "a.rs").is_err());
        assert_eq!(position("a - b", "-", "a.rs").unwrap(), 2);
    }
}
