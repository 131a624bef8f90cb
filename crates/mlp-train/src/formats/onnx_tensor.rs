//! The constants of an ONNX graph in any encoding, with lengths checked against shapes.

use mlp_core::Architecture;
use ndarray::{Array1, Array2};

use crate::formats::onnx_proto::{TensorProto, data_type};

/// The `data_location` of numbers in another file.
const EXTERNAL: i32 = 1;

/// A constant of the graph.
#[derive(Clone, Copy)]
pub(super) struct Constant<'a> {
    content: Content<'a>,
    is_transposed: bool,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    Number(f64),
    Tensor(&'a TensorProto),
    /// Anything else, only for computing shapes.
    Other,
}

impl<'a> Constant<'a> {
    pub(super) fn of(tensor: &'a TensorProto) -> Self {
        Self { content: Content::Tensor(tensor), is_transposed: false }
    }

    pub(super) fn of_number(number: f64) -> Self {
        Self { content: Content::Number(number), is_transposed: false }
    }

    pub(super) fn other() -> Self {
        Self { content: Content::Other, is_transposed: false }
    }

    pub(super) fn transposed(self) -> Self {
        Self { is_transposed: !self.is_transposed, ..self }
    }

    pub(super) fn is_double(&self) -> bool {
        matches!(self.content, Content::Tensor(tensor) if tensor.data_type == data_type::DOUBLE)
    }

    /// Returns the number of a constant with exactly one.
    pub(super) fn number(&self) -> Option<f64> {
        match self.content {
            Content::Number(number) => Some(number),
            Content::Tensor(tensor) if tensor.dims.iter().all(|&size| size == 1) => {
                numbers(tensor).ok()?.1.first().copied()
            }
            _ => None,
        }
    }

    /// Returns weights (inputs, outputs).
    pub(super) fn matrix(&self) -> Result<Array2<f64>, String> {
        let (shape, numbers) = self.numbers()?;
        let &[rows, columns] = &shape[..] else {
            return Err(format!("weights of shape {shape:?}; expected two dimensions"));
        };
        let matrix = Array2::from_shape_vec((rows, columns), numbers).map_err(|error| error.to_string())?;
        Ok(if self.is_transposed { matrix.reversed_axes() } else { matrix })
    }

    /// Returns biases, stored as (outputs) or (1, outputs).
    pub(super) fn vector(&self) -> Result<Array1<f64>, String> {
        let (shape, numbers) = self.numbers()?;
        if self.is_transposed || !matches!(shape[..], [_] | [1, _]) {
            return Err(format!("biases of shape {shape:?}; expected one dimension"));
        }
        Ok(Array1::from_vec(numbers))
    }

    fn numbers(&self) -> Result<(Vec<usize>, Vec<f64>), String> {
        match self.content {
            Content::Tensor(tensor) => numbers(tensor),
            _ => Err("expected a tensor of weights or biases".to_owned()),
        }
    }
}

/// Returns the shape and the numbers.
fn numbers(tensor: &TensorProto) -> Result<(Vec<usize>, Vec<f64>), String> {
    let wrong = |reason: String| format!("tensor `{}`: {reason}", tensor.name.escape_debug());
    if tensor.data_location == EXTERNAL {
        let reason = "external data; export to a single file (torch.onnx.export with external_data=False)";
        return Err(wrong(reason.to_owned()));
    }
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
    let shape = shape.ok_or_else(|| wrong(format!("shape {:?}", tensor.dims)))?;
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
    let count = count.filter(|&count| count <= Architecture::MAX_PARAMETERS);
    let count = count.ok_or_else(|| wrong(format!("shape {shape:?} is too large")))?;
    let raw = &tensor.raw_data;
    let numbers: Vec<f64> = match tensor.data_type {
        data_type::FLOAT if raw.is_empty() => tensor.float_data.iter().map(|&number| number.into()).collect(),
        data_type::FLOAT => raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect(),
        data_type::DOUBLE if raw.is_empty() => tensor.double_data.clone(),
        data_type::DOUBLE => raw.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect(),
        other => return Err(wrong(format!("type {other}; expected float or double"))),
    };
    if numbers.len() != count {
        return Err(wrong(format!("{} numbers; expected {count} for shape {shape:?}", numbers.len())));
    }
    Ok((shape, numbers))
}
