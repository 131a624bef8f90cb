//! Formulas as they stand in `gradients.md`: parts from left to right, and under each matrix its shape. In text `^` and `_` begin an
//! upper and a lower index; how that is typeset is a renderer's business.

/// A formula.
pub(crate) struct Formula(pub(crate) Vec<Part>);

/// A symbol or a sign of it.
pub(crate) struct Part {
    pub(crate) text: String,
    /// Rows and columns.
    pub(crate) shape: Option<(usize, usize)>,
}

impl Formula {
    /// Of what stands left of the equals sign.
    pub(super) fn new(symbol: &str, shape: (usize, usize)) -> Self {
        Self(Vec::new()).matrix(symbol, shape).sign("=")
    }

    pub(super) fn sign(mut self, text: impl Into<String>) -> Self {
        self.0.push(Part { text: text.into(), shape: None });
        self
    }

    pub(super) fn matrix(mut self, text: impl Into<String>, shape: (usize, usize)) -> Self {
        self.0.push(Part { text: text.into(), shape: Some(shape) });
        self
    }

    /// The formula and its shapes, one line under the other.
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
    fn shapes_stand_under_their_matrices() {
        let formula = Formula::new("∂J/∂W^o", (100, 10)).matrix("Hᵀ", (100, 1)).matrix("(Ŷ − Y)", (1, 10));
        let expected = ["∂J/∂W^o  =   Hᵀ    (Ŷ − Y)", "100×10      100×1   1×10"];
        assert_eq!(formula.lines(), expected);
    }
}
