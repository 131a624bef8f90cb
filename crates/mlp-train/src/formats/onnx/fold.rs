//! Folds operators on constants in an ONNX graph: exporters leave transposes, casts and shape
//! computations in it.

use std::rc::Rc;

use crate::formats::onnx::proto::{NodeProto, attribute, data_type};
use crate::formats::onnx::shapes::{reshaped, shape_argument};
use crate::formats::onnx::tensor::{Budget, Tensor};

/// Computes an operator on constants; `None` if it cannot be folded.
pub(super) fn fold(
    node: &NodeProto,
    args: &[Rc<Tensor>],
    budget: &mut Budget,
) -> Result<Option<Tensor>, String> {
    let [first, rest @ ..] = args else { return Ok(None) };
    let size = first.values.len();
    let of = |shape: Vec<usize>, values: Vec<f64>| Tensor { shape, values, data_type: first.data_type };
    let same =
        |f: fn(f64) -> f64| of(first.shape.clone(), first.values.iter().map(|&value| f(value)).collect());
    let ints = |name: &str, at: usize| match rest.get(at) {
        Some(tensor) => Some(tensor.as_ints()),
        None => attribute(node, name).map(|attribute| attribute.ints.clone()),
    };
    let is_integer = matches!(first.data_type, data_type::INT32 | data_type::INT64);
    budget.spend(Some(size))?;
    let folded = match (node.op_type.as_str(), rest) {
        ("Identity" | "Dropout", _) => same(|value| value),
        ("Neg", []) => same(|value| -value),
        ("Sqrt", []) => same(f64::sqrt),
        ("Reciprocal", []) => same(|value| 1.0 / value),
        ("Cast", []) => match attribute(node, "to").map_or(0, |to| to.i) as i32 {
            to if data_type::is_float(to) => Tensor { data_type: to, ..same(|value| value) },
            to @ (data_type::INT32 | data_type::INT64) => Tensor { data_type: to, ..same(f64::trunc) },
            _ => return Ok(None),
        },
        ("Add", [second]) => binary(first, second, |a, b| a + b, budget)?,
        ("Sub", [second]) => binary(first, second, |a, b| a - b, budget)?,
        ("Mul", [second]) => binary(first, second, |a, b| a * b, budget)?,
        ("Div", [second]) if is_integer => binary(first, second, |a, b| (a / b).trunc(), budget)?,
        ("Div", [second]) => binary(first, second, |a, b| a / b, budget)?,
        ("Pow", [second]) => binary(first, second, f64::powf, budget)?,
        ("Transpose", []) if first.shape.len() == 2 => {
            let (rows, columns) = (first.shape[0], first.shape[1]);
            match ints("perm", usize::MAX).as_deref() {
                None | Some([1, 0]) => {
                    let turned = (0..size).map(|i| first.values[i % rows * columns + i / rows]);
                    of(vec![columns, rows], turned.collect())
                }
                _ => same(|value| value),
            }
        }
        ("Reshape" | "Flatten" | "Squeeze" | "Unsqueeze", _) => {
            match reshaped(node, &first.shape, ints(shape_argument(node), 0)) {
                Some(shape) if shape.iter().product::<usize>() == size => of(shape, first.values.clone()),
                _ => return Ok(None),
            }
        }
        ("Concat", _) if args.iter().all(|arg| arg.shape.len() == 1) => {
            let values: Vec<f64> = args.iter().flat_map(|arg| arg.values.iter().copied()).collect();
            budget.spend(Some(values.len()))?;
            of(vec![values.len()], values)
        }
        ("Shape", []) => Tensor::ints(&first.shape.iter().map(|&size| size as i64).collect::<Vec<_>>()),
        ("ReduceProd", _) if first.shape.len() == 1 => {
            let keeps = attribute(node, "keepdims").is_none_or(|flag| flag.i != 0);
            of(if keeps { vec![1] } else { Vec::new() }, vec![first.values.iter().product()])
        }
        ("Slice", _) if first.shape.len() == 1 => {
            let [starts, ends, axes, steps] = [("starts", 0), ("ends", 1), ("axes", 2), ("steps", 3)]
                .map(|(name, at)| ints(name, at).map(|ints| ints.first().copied()));
            let (Some(Some(start)), Some(Some(end))) = (starts, ends) else { return Ok(None) };
            if !matches!((axes, steps), (None | Some(Some(0 | -1)), None | Some(Some(1)))) {
                return Ok(None);
            }
            let at = |index: i64| {
                let index = if index < 0 { index.saturating_add(size as i64) } else { index };
                index.clamp(0, size as i64) as usize
            };
            let values = first.values.get(at(start)..at(end)).unwrap_or_default().to_vec();
            of(vec![values.len()], values)
        }
        ("Gather", [indices]) if first.shape.len() == 1 => {
            let at = |index: i64| if index < 0 { index + size as i64 } else { index };
            let value = |index: &i64| first.values.get(usize::try_from(at(*index)).ok()?).copied();
            budget.spend(Some(indices.values.len()))?;
            match indices.as_ints().iter().map(value).collect() {
                Some(values) => of(indices.shape.clone(), values),
                None => return Err("an index beyond the constant".to_owned()),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(folded))
}

fn binary(a: &Tensor, b: &Tensor, f: fn(f64, f64) -> f64, budget: &mut Budget) -> Result<Tensor, String> {
    let rank = a.shape.len().max(b.shape.len());
    let size = |tensor: &Tensor, axis: usize| match (axis + tensor.shape.len()).checked_sub(rank) {
        Some(axis) => tensor.shape[axis],
        None => 1,
    };
    let shape: Vec<usize> = (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (1, size) | (size, _) => size,
        })
        .collect();
    let (left, right) = (a.broadcast(&shape, budget)?, b.broadcast(&shape, budget)?);
    let values = left.into_iter().zip(right).map(|(a, b)| f(a, b)).collect();
    let data_type = if b.data_type == data_type::DOUBLE { b.data_type } else { a.data_type };
    Ok(Tensor { shape, values, data_type })
}
