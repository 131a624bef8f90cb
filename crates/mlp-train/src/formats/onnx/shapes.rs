//! Operators of an ONNX graph that change only the shape of a value.

use crate::formats::onnx::proto::{NodeProto, attribute};
use crate::formats::onnx::tensor::MAX_RANK;

/// The name of the sizes or axes of an operator, which were an attribute before opset 13.
pub(super) fn shape_argument(node: &NodeProto) -> &'static str {
    if node.op_type == "Reshape" { "shape" } else { "axes" }
}

/// Returns the shape after a transpose that moves no number, since only dimensions of one move.
pub(super) fn transposed(node: &NodeProto, shape: &[usize]) -> Result<Option<Vec<usize>>, String> {
    let perm = attribute(node, "perm").map(|perm| &perm.ints[..]).unwrap_or_default();
    let axis = |&axis: &i64| usize::try_from(axis).ok().filter(|&axis| axis < shape.len());
    let axes: Option<Vec<usize>> = perm.iter().map(axis).collect();
    let axes = axes.filter(|axes| axes.len() == shape.len() && axes.first() == Some(&0));
    let Some(axes) = axes else { return Ok(None) };
    let wide: Vec<usize> = axes[1..].iter().copied().filter(|&axis| shape[axis] != 1).collect();
    if !wide.is_sorted() || wide.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("moves the pixels of an image".to_owned());
    }
    Ok(Some(axes.iter().map(|&axis| shape[axis]).collect()))
}

/// Returns the shape after an operator that only changes shapes; `given` are its sizes or axes.
pub(super) fn reshaped(node: &NodeProto, shape: &[usize], given: Option<Vec<i64>>) -> Option<Vec<usize>> {
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size))?;
    match node.op_type.as_str() {
        "Flatten" => {
            let axis = attribute(node, "axis").map_or(1, |axis| axis.i);
            let axis = usize::try_from(if axis < 0 { axis + shape.len() as i64 } else { axis }).ok()?;
            let (before, after) = shape.split_at_checked(axis)?;
            let product =
                |sizes: &[usize]| sizes.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
            Some(vec![product(before)?, product(after)?])
        }
        "Reshape" => {
            let given = given.filter(|sizes| sizes.len() <= MAX_RANK)?;
            let keeps_zero = attribute(node, "allowzero").is_some_and(|flag| flag.i == 1);
            let size = |(axis, &size): (usize, &i64)| match size {
                0 if !keeps_zero => shape.get(axis).copied(),
                -1 => Some(1),
                size => usize::try_from(size).ok(),
            };
            let mut sizes: Vec<usize> = given.iter().enumerate().map(size).collect::<Option<_>>()?;
            if let Some(axis) = given.iter().position(|&size| size == -1) {
                let known = sizes.iter().try_fold(1_usize, |known, &size| known.checked_mul(size))?;
                sizes[axis] = count.checked_div(known)?;
            }
            let new = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
            (new == Some(count)).then_some(sizes)
        }
        "Squeeze" => {
            let axes = given.unwrap_or_default();
            (axes.len() <= MAX_RANK).then_some(())?;
            let is_out = |axis: usize| {
                let negative = axis as i64 - shape.len() as i64;
                axes.is_empty() || axes.contains(&(axis as i64)) || axes.contains(&negative)
            };
            let kept = shape.iter().enumerate().filter(|&(axis, &size)| size != 1 || !is_out(axis));
            Some(kept.map(|(_, &size)| size).collect())
        }
        "Unsqueeze" => {
            let axes = given.filter(|axes| axes.len() <= MAX_RANK)?;
            let rank = shape.len() + axes.len();
            let mut sizes = shape.iter().copied();
            let is_new =
                |axis: usize| axes.contains(&(axis as i64)) || axes.contains(&(axis as i64 - rank as i64));
            (rank <= MAX_RANK).then_some(())?;
            (0..rank).map(|axis| if is_new(axis) { Some(1) } else { sizes.next() }).collect()
        }
        _ => None,
    }
}
