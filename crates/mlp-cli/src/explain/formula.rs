//! Formulas as in `gradients.md`: a row of parts, with the shape of each matrix below it. In the
//! text, `^` and `_` start a superscript or subscript.

pub(crate) struct Formula(pub(crate) Vec<Part>);

/// A matrix, or a sign between matrices.
pub(crate) struct Part {
    pub(crate) text: String,
    /// Rows and columns of a matrix.
    pub(crate) shape: Option<(usize, usize)>,
}

pub(super) fn sign(text: impl Into<String>) -> Part {
    Part { text: text.into(), shape: None }
}

pub(super) fn matrix(text: impl Into<String>, shape: (usize, usize)) -> Part {
    Part { text: text.into(), shape: Some(shape) }
}

impl Formula {
    /// `symbol = right`.
    pub(super) fn new(symbol: &str, shape: (usize, usize), right: Vec<Part>) -> Self {
        Self([matrix(symbol, shape), sign("=")].into_iter().chain(right).collect())
    }

    /// Returns the formula and the shapes aligned below it.
    pub(super) fn lines(&self) -> [String; 2] {
        let mut lines = [String::new(), String::new()];
        for part in &self.0 {
            let shape = part.shape.map_or(String::new(), |(rows, columns)| format!("{rows}×{columns}"));
            let width = part.text.chars().count().max(shape.chars().count());
            for (line, text) in lines.iter_mut().zip([&part.text, &shape]) {
                line.push_str(&format!("{text:^width$}  "));
            }
        }
        lines.map(|line| line.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_below_their_matrices() {
        let right = vec![matrix("Hᵀ", (100, 1)), matrix("(Ŷ − Y)", (1, 10))];
        let formula = Formula::new("∂J/∂W^o", (100, 10), right);
        let expected = ["∂J/∂W^o  =   Hᵀ    (Ŷ − Y)", "100×10      100×1   1×10"];
        assert_eq!(formula.lines(), expected);
    }
}
