//! The errors that `mutate` plants: for each equation a sign, a factor, a term, an index. Data only.
//!
//! G2 and G6 are one statement of the source, as are G3 and G7; their mutants differ in the layer they touch, `l == 0` being
//! the first. A transposition is planted where the matrix is square, because anywhere else ndarray would refuse the shapes
//! and any test would notice.

use anyhow::{Result, ensure};

/// One planted error.
pub(super) struct Mutant {
    /// The label of the equation, as in `mlp-core/docs/gradients.md`.
    pub(super) equation: &'static str,
    /// What is wrong.
    pub(super) error: &'static str,
    /// The source, as a path below the root.
    pub(super) file: &'static str,
    /// What stands there, exactly once.
    pub(super) find: &'static str,
    /// What is put in its place.
    pub(super) replace: &'static str,
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
        ensure!(
            count == 1,
            "`{}` stands {count} times in {} and should once: mend the table",
            self.find,
            self.file
        );
        Ok(source.replace(self.find, self.replace))
    }
}

const NETWORK: &str = "crates/mlp-core/src/network.rs";
const ACTIVATION: &str = "crates/mlp-core/src/activation.rs";

const fn mutant(
    equation: &'static str,
    error: &'static str,
    file: &'static str,
    find: &'static str,
    replace: &'static str,
) -> Mutant {
    Mutant { equation, error, file, find, replace }
}

/// G1, the labels.
const MINUS_Y: &str = "row[usize::from(label)] -= A::one();";
/// G1, the factor of the reduction.
const REDUCTION: &str = "output.delta *= weight;";
/// G2 and G6.
const WEIGHTS: &str = "transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());";
/// G3 and G7.
const BIASES: &str = "column_sums(alpha, here.delta.view(), keep, target.biases.view_mut());";
/// G4.
const TO_HIDDEN: &str =
    "product_with_transposed(here.delta.view(), self.layers[l].weights.view(), below.delta.view_mut());";
/// G5.
const THROUGH_ACTIVATION: &str =
    "self.activation.multiply_by_derivative(below.z.view(), below.h.view(), below.delta);";

/// All of them.
pub(super) const MUTANTS: &[Mutant] = &[
    mutant("G1", "Ŷ + Y for Ŷ - Y", NETWORK, MINUS_Y, "row[usize::from(label)] += A::one();"),
    mutant("G1", "the sign of ∂J/∂Z^o", NETWORK, REDUCTION, "output.delta *= -weight;"),
    mutant("G1", "the factor 1/n of the mean left out", NETWORK, REDUCTION, "let _ = weight;"),
    mutant("G1", "Y left out", NETWORK, MINUS_Y, "let _ = (&mut row, label);"),
    mutant("G1", "Ŷ left out", NETWORK, "output.delta.assign(&output.h);", "output.delta.fill(A::zero());"),
    mutant(
        "G1",
        "the wrong class in Y",
        NETWORK,
        MINUS_Y,
        "let wrong = (usize::from(label) + 1) % row.len();\n            row[wrong] -= A::one();",
    ),
    mutant(
        "G2",
        "the sign of ∂J/∂W",
        NETWORK,
        WEIGHTS,
        "let alpha = if l > 0 { -alpha } else { alpha };\n    transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());",
    ),
    mutant(
        "G2",
        "a factor 1/2 too many",
        NETWORK,
        WEIGHTS,
        "let alpha = if l > 0 { A::from_f64(0.5) * alpha } else { alpha };\n    transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());",
    ),
    mutant(
        "G2",
        "Aδ for Aᵀδ, where the shapes allow it",
        NETWORK,
        WEIGHTS,
        "let input = if l > 0 && input.is_square() { input.reversed_axes() } else { input };\n    transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());",
    ),
    mutant(
        "G2",
        "an example left out",
        NETWORK,
        WEIGHTS,
        "let first = usize::from(l > 0);\n    transposed_product(alpha, input.slice(ndarray::s![first.., ..]), here.delta.slice(ndarray::s![first.., ..]), keep, target.weights.view_mut());",
    ),
    mutant(
        "G3",
        "the sign of ∂J/∂b",
        NETWORK,
        BIASES,
        "let alpha = if l > 0 { -alpha } else { alpha };\n    column_sums(alpha, here.delta.view(), keep, target.biases.view_mut());",
    ),
    mutant(
        "G3",
        "the mean over the examples for their sum",
        NETWORK,
        BIASES,
        "let alpha = if l > 0 { alpha / A::from_f64(x.nrows() as f64) } else { alpha };\n    column_sums(alpha, here.delta.view(), keep, target.biases.view_mut());",
    ),
    mutant(
        "G3",
        "row sums for column sums, where the shapes allow it",
        NETWORK,
        BIASES,
        "let delta = here.delta.view();\n    let delta = if l > 0 && delta.is_square() { delta.reversed_axes() } else { delta };\n    column_sums(alpha, delta, keep, target.biases.view_mut());",
    ),
    mutant(
        "G3",
        "an example left out",
        NETWORK,
        BIASES,
        "let first = usize::from(l > 0);\n    column_sums(alpha, here.delta.slice(ndarray::s![first.., ..]), keep, target.biases.view_mut());",
    ),
    mutant(
        "G4",
        "the sign of ∂J/∂H",
        NETWORK,
        TO_HIDDEN,
        "product_with_transposed(here.delta.view(), self.layers[l].weights.view(), below.delta.view_mut());\n            below.delta.mapv_inplace(|value| -value);",
    ),
    mutant(
        "G4",
        "Y left out of ∂J/∂Z^o",
        NETWORK,
        TO_HIDDEN,
        "product_with_transposed(here.h.view(), self.layers[l].weights.view(), below.delta.view_mut());",
    ),
    mutant(
        "G4",
        "a factor 1/2 too many",
        NETWORK,
        TO_HIDDEN,
        "product_with_transposed(here.delta.view(), self.layers[l].weights.view(), below.delta.view_mut());\n            below.delta.mapv_inplace(|value| A::from_f64(0.5) * value);",
    ),
    mutant(
        "G4",
        "W for Wᵀ, where the shapes allow it",
        NETWORK,
        TO_HIDDEN,
        "let weights = self.layers[l].weights.view();\n            let weights = if weights.is_square() { weights.reversed_axes() } else { weights };\n            product_with_transposed(here.delta.view(), weights, below.delta.view_mut());",
    ),
    mutant(
        "G4",
        "an output unit left out",
        NETWORK,
        TO_HIDDEN,
        "let (delta, weights) = (here.delta.view(), self.layers[l].weights.view());\n            let rest = ndarray::s![.., 1..];\n            product_with_transposed(delta.slice(rest), weights.slice(rest), below.delta.view_mut());",
    ),
    mutant(
        "G5",
        "f' left out",
        NETWORK,
        THROUGH_ACTIVATION,
        "let _ = (below.z.view(), below.h.view(), below.delta);",
    ),
    mutant(
        "G5",
        "f' at H instead of Z",
        NETWORK,
        THROUGH_ACTIVATION,
        "self.activation.multiply_by_derivative(below.h.view(), below.z.view(), below.delta);",
    ),
    mutant("G5", "the sign of f'", ACTIVATION, "*d *= F::derivative(z, h)", "*d *= -F::derivative(z, h)"),
    mutant("G5", "∂J/∂H left out", ACTIVATION, "*d *= F::derivative(z, h)", "*d = F::derivative(z, h)"),
    mutant("G5", "logistic: h (1 + h) for h (1 - h)", ACTIVATION, "h * (A::one() - h)", "h * (A::one() + h)"),
    mutant("G5", "logistic: the factor h left out", ACTIVATION, "h * (A::one() - h)", "A::one() - h"),
    mutant("G5", "logistic: the term -h² left out", ACTIVATION, "h * (A::one() - h)", "h"),
    mutant("G5", "tanh: 1 + h² for 1 - h²", ACTIVATION, "A::one() - h * h", "A::one() + h * h"),
    mutant("G5", "tanh: 1 - h for 1 - h²", ACTIVATION, "A::one() - h * h", "A::one() - h"),
    mutant(
        "G5",
        "relu: the two sides swapped",
        ACTIVATION,
        "if z <= A::zero() { A::zero() } else { A::one() }",
        "if z <= A::zero() { A::one() } else { A::zero() }",
    ),
    mutant(
        "G5",
        "leaky relu: no slope on the left",
        ACTIVATION,
        "A::from_f64(Self::SLOPE) } else { A::one() }",
        "A::zero() } else { A::one() }",
    ),
    mutant(
        "G5",
        "gelu: the term z φ(z) left out",
        ACTIVATION,
        "Self::normal_distribution(z) + z * Self::normal_density(z)",
        "Self::normal_distribution(z)",
    ),
    mutant(
        "G5",
        "gelu: the sign of z φ(z)",
        ACTIVATION,
        "Self::normal_distribution(z) + z * Self::normal_density(z)",
        "Self::normal_distribution(z) - z * Self::normal_density(z)",
    ),
    mutant(
        "G5",
        "identity: 2 for 1",
        ACTIVATION,
        "fn derivative<A: Scalar>(_z: A, _h: A) -> A {\n        A::one()",
        "fn derivative<A: Scalar>(_z: A, _h: A) -> A {\n        A::one() + A::one()",
    ),
    mutant(
        "G6",
        "the sign of ∂J/∂W",
        NETWORK,
        WEIGHTS,
        "let alpha = if l == 0 { -alpha } else { alpha };\n    transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());",
    ),
    mutant(
        "G6",
        "a factor 1/2 too many",
        NETWORK,
        WEIGHTS,
        "let alpha = if l == 0 { A::from_f64(0.5) * alpha } else { alpha };\n    transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());",
    ),
    mutant(
        "G6",
        "Aδ for Aᵀδ, where the shapes allow it",
        NETWORK,
        WEIGHTS,
        "let input = if l == 0 && input.is_square() { input.reversed_axes() } else { input };\n    transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());",
    ),
    mutant(
        "G6",
        "an example left out",
        NETWORK,
        WEIGHTS,
        "let first = usize::from(l == 0);\n    transposed_product(alpha, input.slice(ndarray::s![first.., ..]), here.delta.slice(ndarray::s![first.., ..]), keep, target.weights.view_mut());",
    ),
    mutant(
        "G7",
        "the sign of ∂J/∂b",
        NETWORK,
        BIASES,
        "let alpha = if l == 0 { -alpha } else { alpha };\n    column_sums(alpha, here.delta.view(), keep, target.biases.view_mut());",
    ),
    mutant(
        "G7",
        "the mean over the examples for their sum",
        NETWORK,
        BIASES,
        "let alpha = if l == 0 { alpha / A::from_f64(x.nrows() as f64) } else { alpha };\n    column_sums(alpha, here.delta.view(), keep, target.biases.view_mut());",
    ),
    mutant(
        "G7",
        "row sums for column sums, where the shapes allow it",
        NETWORK,
        BIASES,
        "let delta = here.delta.view();\n    let delta = if l == 0 && delta.is_square() { delta.reversed_axes() } else { delta };\n    column_sums(alpha, delta, keep, target.biases.view_mut());",
    ),
    mutant(
        "G7",
        "an example left out",
        NETWORK,
        BIASES,
        "let first = usize::from(l == 0);\n    column_sums(alpha, here.delta.slice(ndarray::s![first.., ..]), keep, target.biases.view_mut());",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_text_to_replace_stands_in_the_sources_exactly_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for mutant in MUTANTS {
            let source = fs::read_to_string(root.join(mutant.file)).unwrap();
            let mutated = mutant.plant(&source).unwrap();
            assert_ne!(mutated, source, "{}", mutant.name());
        }
    }

    #[test]
    fn every_equation_has_several_mutants_and_no_two_have_one_name() {
        let mut per_equation = BTreeMap::new();
        for mutant in MUTANTS {
            *per_equation.entry(mutant.equation).or_insert(0) += 1;
            assert_eq!(
                MUTANTS.iter().filter(|other| other.name() == mutant.name()).count(),
                1,
                "{}",
                mutant.name()
            );
        }
        assert_eq!(
            per_equation.keys().copied().collect::<Vec<_>>(),
            ["G1", "G2", "G3", "G4", "G5", "G6", "G7"]
        );
        assert!(per_equation.values().all(|&count| count >= 4), "{per_equation:?}");
    }

    #[test]
    fn a_text_that_stands_twice_is_refused() {
        let mutant = mutant("G1", "for the test", "nowhere.rs", "-", "+");
        assert!(mutant.plant("a - b - c").is_err());
        assert!(mutant.plant("a + b").is_err());
        assert_eq!(mutant.plant("a - b").unwrap(), "a + b");
    }
}
