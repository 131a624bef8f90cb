//! The constants of an ONNX graph: the numbers of a tensor in any of the format's encodings, with
//! lengths checked against shapes.

use mlp_core::Architecture;
use ndarray::{Array1, Array2};

use crate::formats::onnx_proto::{TensorProto, data_type};

/// The value of `data_location` that says that the numbers are not in this file.
const EXTERNAL: i32 = 1;

/// A constant of the graph.
#[derive(Clone, Copy)]
pub(super) struct Constant<'a> {
    content: Content<'a>,
    turned: bool,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    Number(f64),
    Tensor(&'a TensorProto),
    /// Something else, with which shapes are made.
    Other,
}

impl<'a> Constant<'a> {
    pub(super) fn of(tensor: &'a TensorProto) -> Self {
        Self { content: Content::Tensor(tensor), turned: false }
    }

    pub(super) fn of_number(number: f64) -> Self {
        Self { content: Content::Number(number), turned: false }
    }

    pub(super) fn other() -> Self {
        Self { content: Content::Other, turned: false }
    }

    /// Its transpose.
    pub(super) fn turned(self) -> Self {
        Self { turned: !self.turned, ..self }
    }

    pub(super) fn is_double(&self) -> bool {
        matches!(self.content, Content::Tensor(tensor) if tensor.data_type == data_type::DOUBLE)
    }

    /// The one number of a constant that has no more.
    pub(super) fn number(&self) -> Option<f64> {
        match self.content {
            Content::Number(number) => Some(number),
            Content::Tensor(tensor) if tensor.dims.iter().all(|&size| size == 1) => {
                numbers(tensor).ok()?.1.first().copied()
            }
            _ => None,
        }
    }

    /// Weights (inputs, outputs).
    pub(super) fn matrix(&self) -> Result<Array2<f64>, String> {
        let (shape, numbers) = self.numbers()?;
        let &[rows, columns] = &shape[..] else {
            return Err(format!("its weights have the shape {shape:?}; expected two dimensions"));
        };
        let matrix = Array2::from_shape_vec((rows, columns), numbers).map_err(|error| error.to_string())?;
        Ok(if self.turned { matrix.reversed_axes() } else { matrix })
    }

    /// Biases (outputs) or (1, outputs).
    pub(super) fn vector(&self) -> Result<Array1<f64>, String> {
        let (shape, numbers) = self.numbers()?;
        if self.turned || !matches!(shape[..], [_] | [1, _]) {
            return Err(format!("its biases have the shape {shape:?}; expected one dimension"));
        }
        Ok(Array1::from_vec(numbers))
    }

    fn numbers(&self) -> Result<(Vec<usize>, Vec<f64>), String> {
        match self.content {
            Content::Tensor(tensor) => numbers(tensor),
            _ => Err("it takes no tensor of weights and biases".to_owned()),
        }
    }
}

/// Shape and numbers.
fn numbers(tensor: &TensorProto) -> Result<(Vec<usize>, Vec<f64>), String> {
    let of = |reason: String| format!("its tensor `{}` {reason}", tensor.name.escape_debug());
    if tensor.data_location == EXTERNAL {
        return Err(of(
            "has its numbers in another file; save the model as one (torch.onnx.export with external_data=False)".to_owned(),
        ));
    }
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
    let shape = shape.ok_or_else(|| of(format!("has the shape {:?}", tensor.dims)))?;
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
    let count = count.filter(|&count| count <= Architecture::MAX_PARAMETERS);
    let count = count.ok_or_else(|| of(format!("of shape {shape:?} is larger than a network may be")))?;
    let raw = &tensor.raw_data;
    let numbers: Vec<f64> = match tensor.data_type {
        data_type::FLOAT if raw.is_empty() => tensor.float_data.iter().map(|&number| number.into()).collect(),
        data_type::FLOAT => raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect(),
        data_type::DOUBLE if raw.is_empty() => tensor.double_data.clone(),
        data_type::DOUBLE => raw.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect(),
        other => return Err(of(format!("holds numbers of type {other}; expected float or double"))),
    };
    if numbers.len() != count {
        return Err(of(format!("has {} numbers; expected {count} by its shape {shape:?}", numbers.len())));
    }
    Ok((shape, numbers))
}
