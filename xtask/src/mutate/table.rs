//! The errors that `mutate` plants: in each statement that computes an equation a wrong sign, factor, term or index. Data only.
//!
//! G2 and G6 are one statement of the source, as are G3 and G7; their mutants differ in the layer they touch, `l == 0` being
//! the first. A transposition is planted where the matrix is square, because anywhere else ndarray would refuse the shapes
//! and any test would notice.

use anyhow::{Result, ensure};

/// A statement of the source, and what can be wrong with it.
struct Statement {
    /// A path below the root.
    file: &'static str,
    /// What stands there, exactly once.
    text: &'static str,
    /// The equations that it computes, each with the condition under which it does.
    equations: &'static [(&'static str, &'static str)],
    /// What is wrong, and the text that makes it so: `$0` stands for the statement, `$here` for the condition.
    errors: &'static [(&'static str, &'static str)],
}

const NETWORK: &str = "crates/mlp-core/src/network.rs";
const ACTIVATION: &str = "crates/mlp-core/src/activation.rs";

const STATEMENTS: &[Statement] = &[
    Statement {
        file: NETWORK,
        text: "output.delta.assign(&output.h);",
        equations: &[("G1", "true")],
        errors: &[("Ŷ left out", "output.delta.fill(A::zero());")],
    },
    Statement {
        file: NETWORK,
        text: "row[usize::from(label)] -= A::one();",
        equations: &[("G1", "true")],
        errors: &[
            ("Ŷ + Y for Ŷ - Y", "row[usize::from(label)] += A::one();"),
            ("Y left out", "let _ = (&mut row, label);"),
            (
                "the wrong class in Y",
                "let wrong = (usize::from(label) + 1) % row.len(); row[wrong] -= A::one();",
            ),
        ],
    },
    Statement {
        file: NETWORK,
        text: "output.delta *= weight;",
        equations: &[("G1", "true")],
        errors: &[
            ("the sign of ∂J/∂Z^o", "output.delta *= -weight;"),
            ("the factor 1/n of the mean left out", "let _ = weight;"),
        ],
    },
    Statement {
        file: NETWORK,
        text: "transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());",
        equations: &[("G2", "l > 0"), ("G6", "l == 0")],
        errors: &[
            ("the sign of ∂J/∂W", "let alpha = if $here { -alpha } else { alpha }; $0"),
            ("a factor 1/2 too many", "let alpha = if $here { A::from_f64(0.5) * alpha } else { alpha }; $0"),
            (
                "Aδ for Aᵀδ, where A is square",
                "let input = if $here && input.is_square() { input.reversed_axes() } else { input }; $0",
            ),
            (
                "an example left out",
                "let rest = ndarray::s![usize::from($here).., ..]; \
                 let (input, delta) = (input.slice(rest), here.delta.slice(rest)); \
                 transposed_product(alpha, input, delta, keep, target.weights.view_mut());",
            ),
        ],
    },
    Statement {
        file: NETWORK,
        text: "column_sums(alpha, here.delta.view(), keep, target.biases.view_mut());",
        equations: &[("G3", "l > 0"), ("G7", "l == 0")],
        errors: &[
            ("the sign of ∂J/∂b", "let alpha = if $here { -alpha } else { alpha }; $0"),
            (
                "the mean over the examples for their sum",
                "let alpha = if $here { alpha / A::from_f64(x.nrows() as f64) } else { alpha }; $0",
            ),
            (
                "row sums for column sums, where δ is square",
                "let delta = here.delta.view(); \
                 let delta = if $here && delta.is_square() { delta.reversed_axes() } else { delta }; \
                 column_sums(alpha, delta, keep, target.biases.view_mut());",
            ),
            (
                "an example left out",
                "let delta = here.delta.slice(ndarray::s![usize::from($here).., ..]); \
                 column_sums(alpha, delta, keep, target.biases.view_mut());",
            ),
        ],
    },
    Statement {
        file: NETWORK,
        text: "product_with_transposed(here.delta.view(), self.layers[l].weights.view(), below.delta.view_mut());",
        equations: &[("G4", "true")],
        errors: &[
            ("the sign of ∂J/∂H", "$0 below.delta.mapv_inplace(|value| -value);"),
            ("a factor 1/2 too many", "$0 below.delta.mapv_inplace(|value| A::from_f64(0.5) * value);"),
            (
                "Y left out of ∂J/∂Z^o",
                "product_with_transposed(here.h.view(), self.layers[l].weights.view(), below.delta.view_mut());",
            ),
            (
                "W for Wᵀ, where W is square",
                "let weights = self.layers[l].weights.view(); \
                 let weights = if weights.is_square() { weights.reversed_axes() } else { weights }; \
                 product_with_transposed(here.delta.view(), weights, below.delta.view_mut());",
            ),
            (
                "an output unit left out",
                "let rest = ndarray::s![.., 1..]; \
                 let (delta, weights) = (here.delta.slice(rest), self.layers[l].weights.slice(rest)); \
                 product_with_transposed(delta, weights, below.delta.view_mut());",
            ),
        ],
    },
    Statement {
        file: NETWORK,
        text: "self.activation.multiply_by_derivative(below.z.view(), below.h.view(), below.delta);",
        equations: &[("G5", "true")],
        errors: &[
            ("f' left out", "let _ = (below.z.view(), below.h.view(), below.delta);"),
            (
                "Z and H swapped in f'",
                "self.activation.multiply_by_derivative(below.h.view(), below.z.view(), below.delta);",
            ),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "*d *= F::derivative(z, h)",
        equations: &[("G5", "true")],
        errors: &[
            ("the sign of f'", "*d *= -F::derivative(z, h)"),
            ("∂J/∂H left out", "*d = F::derivative(z, h)"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "h * (A::one() - h)",
        equations: &[("G5", "true")],
        errors: &[
            ("logistic: h (1 + h) for h (1 - h)", "h * (A::one() + h)"),
            ("logistic: the factor h left out", "A::one() - h"),
            ("logistic: the term -h² left out", "h"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "A::one() - h * h",
        equations: &[("G5", "true")],
        errors: &[
            ("tanh: 1 + h² for 1 - h²", "A::one() + h * h"),
            ("tanh: 1 - h for 1 - h²", "A::one() - h"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "if z <= A::zero() { A::zero() } else { A::one() }",
        equations: &[("G5", "true")],
        errors: &[("relu: the two sides swapped", "if z <= A::zero() { A::one() } else { A::zero() }")],
    },
    Statement {
        file: ACTIVATION,
        text: "A::from_f64(Self::SLOPE) } else { A::one() }",
        equations: &[("G5", "true")],
        errors: &[("leaky relu: no slope on the left", "A::zero() } else { A::one() }")],
    },
    Statement {
        file: ACTIVATION,
        text: "Self::normal_distribution(z) + z * Self::normal_density(z)",
        equations: &[("G5", "true")],
        errors: &[
            ("gelu: the term z φ(z) left out", "Self::normal_distribution(z)"),
            ("gelu: the sign of z φ(z)", "Self::normal_distribution(z) - z * Self::normal_density(z)"),
        ],
    },
    Statement {
        file: ACTIVATION,
        text: "fn derivative<A: Scalar>(_z: A, _h: A) -> A {\n        A::one()",
        equations: &[("G5", "true")],
        errors: &[("identity: 2 for 1", "$0 + A::one()")],
    },
];

/// One planted error.
pub(super) struct Mutant {
    equation: &'static str,
    error: &'static str,
    /// The source, as a path below the root.
    pub(super) file: &'static str,
    find: &'static str,
    /// What is put in its place.
    pub(super) replace: String,
}

/// All of them, by equation.
pub(super) fn mutants() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for statement in STATEMENTS {
        for (equation, here) in statement.equations {
            for (error, replace) in statement.errors {
                mutants.push(Mutant {
                    equation,
                    error,
                    file: statement.file,
                    find: statement.text,
                    replace: replace.replace("$here", here).replace("$0", statement.text),
                });
            }
        }
    }
    mutants.sort_by_key(|mutant| mutant.equation);
    mutants
}

impl Mutant {
    /// Equation and error.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.equation, self.error)
    }

    /// `source` with the error in it.
    ///
    /// # Errors
    /// When the text to replace does not stand in it exactly once.
    pub(super) fn plant(&self, source: &str) -> Result<String> {
        let count = source.matches(self.find).count();
        let Self { find, file, .. } = self;
        ensure!(count == 1, "`{find}` stands {count} times in {file} and should once: mend the table");
        Ok(source.replace(find, &self.replace))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_text_to_replace_stands_in_the_sources_exactly_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for mutant in mutants() {
            let source = fs::read_to_string(root.join(mutant.file)).unwrap();
            let mutated = mutant.plant(&source).unwrap();
            assert_ne!(mutated, source, "{}", mutant.name());
        }
    }

    #[test]
    fn every_equation_has_several_mutants_and_no_two_have_one_name() {
        let mutants = mutants();
        let mut per_equation = BTreeMap::new();
        for mutant in &mutants {
            *per_equation.entry(mutant.equation).or_insert(0) += 1;
            let same_name = mutants.iter().filter(|other| other.name() == mutant.name());
            assert_eq!(same_name.count(), 1, "{}", mutant.name());
        }
        let equations: Vec<&str> = per_equation.keys().copied().collect();
        assert_eq!(equations, ["G1", "G2", "G3", "G4", "G5", "G6", "G7"]);
        assert!(per_equation.values().all(|&count| count >= 4), "{per_equation:?}");
    }

    #[test]
    fn a_text_that_stands_twice_or_nowhere_is_refused() {
        let mutant = Mutant {
            equation: "G1",
            error: "for the test",
            file: "a.rs",
            find: "-",
            replace: "+".to_owned(),
        };
        assert!(mutant.plant("a - b - c").is_err());
        assert!(mutant.plant("a + b").is_err());
        assert_eq!(mutant.plant("a - b").unwrap(), "a + b");
    }
}
