//! The constants of an ONNX graph in any encoding, and the folding of operators on them.

use std::collections::BTreeMap;
use std::rc::Rc;

use mlp_core::f16_to_f64;

use crate::formats::onnx::proto::{NodeProto, TensorProto, attribute, data_type};

/// The `data_location` of numbers in another file.
const EXTERNAL: i32 = 1;

/// The most dimensions of a tensor.
pub(super) const MAX_RANK: usize = 16;

/// The files with external data, by the name in the model.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The numbers that reading a file may still make, in proportion to the file's length.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn of(bytes: usize) -> Self {
        Self(bytes.saturating_mul(4).saturating_add(1 << 16))
    }

    pub(super) fn spend(&mut self, numbers: Option<usize>) -> Result<(), String> {
        let left = numbers.and_then(|numbers| self.0.checked_sub(numbers));
        self.0 = left.ok_or("the graph makes many more numbers than the file has")?;
        Ok(())
    }
}

/// A constant of numbers.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>, // row-major
    pub(super) data_type: i32,
}

impl Tensor {
    /// Decodes a tensor of the file.
    pub(super) fn read(tensor: &TensorProto, files: &Files, budget: &mut Budget) -> Result<Self, String> {
        let wrong = |reason: String| format!("tensor `{}`: {reason}", tensor.name.escape_debug());
        if tensor.dims.len() > MAX_RANK {
            return Err(wrong(format!("{} dimensions; expected at most {MAX_RANK}", tensor.dims.len())));
        }
        budget.spend(Some(1 + tensor.external_data.len())).map_err(wrong)?;
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
        let shape = shape.ok_or_else(|| wrong(format!("shape {:?}", tensor.dims)))?;
        let raw = raw(tensor, files).map_err(wrong)?;
        let is_raw = !raw.is_empty();
        let size = match tensor.data_type {
            data_type::UINT8 | data_type::INT8 | data_type::BOOL => 1,
            data_type::FLOAT16 | data_type::BFLOAT16 => 2,
            data_type::FLOAT | data_type::INT32 => 4,
            data_type::DOUBLE | data_type::INT64 => 8,
            other => {
                let found = data_type::name(other);
                return Err(wrong(format!("type {found}; expected float, double, float16 or bfloat16")));
            }
        };
        let found = match tensor.data_type {
            _ if is_raw => raw.len() / size,
            data_type::FLOAT => tensor.float_data.len(),
            data_type::DOUBLE => tensor.double_data.len(),
            data_type::INT64 => tensor.int64_data.len(),
            _ => tensor.int32_data.len(),
        };
        let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        if count != Some(found) || (is_raw && raw.len() % size != 0) {
            return Err(wrong(format!("{found} numbers for shape {shape:?}")));
        }
        budget.spend(count).map_err(wrong)?;
        // The 16-bit types are bits in either encoding.
        let bits: Vec<[u8; 2]> = match tensor.data_type {
            data_type::FLOAT16 | data_type::BFLOAT16 if is_raw => raw.as_chunks().0.to_vec(),
            data_type::FLOAT16 | data_type::BFLOAT16 => {
                tensor.int32_data.iter().map(|&bits| (bits as u16).to_le_bytes()).collect()
            }
            _ => Vec::new(),
        };
        let bfloat = |[low, high]: [u8; 2]| f64::from(f32::from_le_bytes([0, 0, low, high]));
        let values = match tensor.data_type {
            data_type::FLOAT16 => bits.into_iter().map(f16_to_f64).collect(),
            data_type::BFLOAT16 => bits.into_iter().map(bfloat).collect(),
            data_type::FLOAT if is_raw => {
                raw.as_chunks().0.iter().map(|&v| f32::from_le_bytes(v).into()).collect()
            }
            data_type::FLOAT => tensor.float_data.iter().map(|&value| value.into()).collect(),
            data_type::DOUBLE if is_raw => raw.as_chunks().0.iter().map(|&v| f64::from_le_bytes(v)).collect(),
            data_type::DOUBLE => tensor.double_data.clone(),
            data_type::INT64 if is_raw => {
                raw.as_chunks().0.iter().map(|&v| i64::from_le_bytes(v) as f64).collect()
            }
            data_type::INT64 => tensor.int64_data.iter().map(|&value| value as f64).collect(),
            data_type::INT32 if is_raw => {
                raw.as_chunks().0.iter().map(|&v| i32::from_le_bytes(v).into()).collect()
            }
            data_type::INT8 if is_raw => raw.iter().map(|&byte| f64::from(byte as i8)).collect(),
            _ if is_raw => raw.iter().map(|&byte| byte.into()).collect(),
            _ => tensor.int32_data.iter().map(|&value| value.into()).collect(),
        };
        Ok(Self { shape, values, data_type: tensor.data_type })
    }

    /// Creates a scalar in single precision.
    pub(super) fn scalar(value: f64) -> Self {
        Self { shape: Vec::new(), values: vec![value], data_type: data_type::FLOAT }
    }

    /// Creates a vector of integers.
    pub(super) fn ints(values: &[i64]) -> Self {
        let numbers = values.iter().map(|&value| value as f64).collect();
        Self { shape: vec![values.len()], values: numbers, data_type: data_type::INT64 }
    }

    /// Returns the number of a constant with exactly one.
    pub(super) fn number(&self) -> Option<f64> {
        if let [value] = self.values[..] { Some(value) } else { None }
    }

    /// Returns the values as integers.
    pub(super) fn as_ints(&self) -> Vec<i64> {
        self.values.iter().map(|&value| value as i64).collect()
    }

    /// Returns the values repeated to a shape, row-major.
    pub(super) fn broadcast(&self, shape: &[usize], budget: &mut Budget) -> Result<Vec<f64>, String> {
        let extra = self.shape.len().saturating_sub(shape.len());
        let fits = |(own, size): (&usize, &usize)| own == size || *own == 1;
        let own = &self.shape[extra..];
        let missing = shape.len() - own.len();
        if self.shape[..extra].iter().any(|&size| size != 1) || !own.iter().zip(&shape[missing..]).all(fits) {
            return Err(format!("a constant of shape {:?} for values of shape {shape:?}", self.shape));
        }
        let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        budget.spend(count)?;
        let at = |index: usize| {
            let (mut rest, mut at, mut stride) = (index, 0, 1);
            for (&size, &own) in shape[missing..].iter().zip(own).rev() {
                at += if own == 1 { 0 } else { rest % size * stride };
                (rest, stride) = (rest / size, stride * own);
            }
            self.values[at]
        };
        Ok((0..count.unwrap_or(0)).map(at).collect())
    }
}

/// Returns the raw bytes of a tensor, which may be in another file.
fn raw<'a>(tensor: &'a TensorProto, files: &'a Files) -> Result<&'a [u8], String> {
    let Some(location) = location(tensor) else { return Ok(&tensor.raw_data) };
    let entry = |key: &str| {
        let text = tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        text.map(|text| {
            text.parse::<usize>().map_err(|_| format!("external data with {key} `{}`", text.escape_debug()))
        })
    };
    let bytes = files.get(location).ok_or("external data without a file")?;
    let start = entry("offset").unwrap_or(Ok(0))?;
    let end = entry("length").transpose()?.map_or(Some(bytes.len()), |length| start.checked_add(length));
    end.and_then(|end| bytes.get(start..end)).ok_or_else(|| {
        format!("bytes beyond the end of `{}`, which has {}", location.escape_debug(), bytes.len())
    })
}

/// Returns the file that holds a tensor's numbers, if it is another one.
pub(super) fn location(tensor: &TensorProto) -> Option<&str> {
    let entry = tensor.external_data.iter().find(|entry| entry.key == "location");
    (tensor.data_location == EXTERNAL).then(|| entry.map_or("", |entry| &entry.value))
}

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
        ("Cast", []) => {
            let to = attribute(node, "to").map_or(0, |to| to.i) as i32;
            let truncates = matches!(to, data_type::INT32 | data_type::INT64);
            Tensor { data_type: to, ..same(if truncates { f64::trunc } else { |value| value }) }
        }
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
            match reshaped(
                node,
                &first.shape,
                ints(if node.op_type == "Reshape" { "shape" } else { "axes" }, 0),
            ) {
                Some(shape) if shape.iter().product::<usize>() == size => of(shape, first.values.clone()),
                _ => return Ok(None),
            }
        }
        ("Concat", _) if args.iter().all(|arg| arg.shape.len() == 1) => {
            let values: Vec<f64> = args.iter().flat_map(|arg| arg.values.iter().copied()).collect();
            budget.spend(Some(values.len()))?;
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
