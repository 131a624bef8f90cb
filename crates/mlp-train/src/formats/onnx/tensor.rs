//! The constants of an ONNX graph in any encoding.

use std::collections::BTreeMap;

use mlp_core::f16_to_f64;

use crate::formats::onnx::proto::{TensorProto, data_type};

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
        self.0 = left.ok_or("the graph computes far more numbers than the file has")?;
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
        let size = size_of(tensor.data_type).ok_or_else(|| {
            let found = data_type::name(tensor.data_type);
            wrong(format!("type {found}; expected float, double, float16 or bfloat16"))
        })?;
        let found = match tensor.data_type {
            _ if !raw.is_empty() => raw.len() / size,
            data_type::FLOAT => tensor.float_data.len(),
            data_type::DOUBLE => tensor.double_data.len(),
            data_type::INT64 => tensor.int64_data.len(),
            _ => tensor.int32_data.len(),
        };
        let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        if count != Some(found) || raw.len() % size != 0 {
            return Err(wrong(format!("{found} numbers for shape {shape:?}")));
        }
        budget.spend(count).map_err(wrong)?;
        let values = match tensor.data_type {
            data_type if !raw.is_empty() => numbers(data_type, raw),
            data_type::FLOAT => tensor.float_data.iter().map(|&value| value.into()).collect(),
            data_type::DOUBLE => tensor.double_data.clone(),
            data_type::INT64 => tensor.int64_data.iter().map(|&value| value as f64).collect(),
            // The bits of the number.
            data_type @ (data_type::FLOAT16 | data_type::BFLOAT16) => {
                let bits = tensor.int32_data.iter().flat_map(|&bits| (bits as u16).to_le_bytes());
                numbers(data_type, &bits.collect::<Vec<u8>>())
            }
            _ => tensor.int32_data.iter().map(|&value| value.into()).collect(),
        };
        Ok(Self { shape, values, data_type: tensor.data_type })
    }

    /// Creates a scalar.
    pub(super) fn scalar(value: f64, data_type: i32) -> Self {
        Self { shape: Vec::new(), values: vec![value], data_type }
    }

    /// Creates a vector in single precision.
    pub(super) fn floats(values: &[f32]) -> Self {
        let numbers = values.iter().map(|&value| value.into()).collect();
        Self { shape: vec![values.len()], values: numbers, data_type: data_type::FLOAT }
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

/// The bytes of a number.
fn size_of(data_type: i32) -> Option<usize> {
    Some(match data_type {
        data_type::UINT8 | data_type::INT8 | data_type::BOOL => 1,
        data_type::FLOAT16 | data_type::BFLOAT16 => 2,
        data_type::FLOAT | data_type::INT32 => 4,
        data_type::DOUBLE | data_type::INT64 => 8,
        _ => return None,
    })
}

/// Decodes little-endian numbers of a type that has a size.
fn numbers(data_type: i32, bytes: &[u8]) -> Vec<f64> {
    let bfloat = |&[low, high]: &[u8; 2]| f64::from(f32::from_le_bytes([0, 0, low, high]));
    match data_type {
        data_type::FLOAT16 => bytes.as_chunks().0.iter().map(|&v| f16_to_f64(v)).collect(),
        data_type::BFLOAT16 => bytes.as_chunks().0.iter().map(bfloat).collect(),
        data_type::FLOAT => bytes.as_chunks().0.iter().map(|&v| f32::from_le_bytes(v).into()).collect(),
        data_type::DOUBLE => bytes.as_chunks().0.iter().map(|&v| f64::from_le_bytes(v)).collect(),
        data_type::INT32 => bytes.as_chunks().0.iter().map(|&v| i32::from_le_bytes(v).into()).collect(),
        data_type::INT64 => bytes.as_chunks().0.iter().map(|&v| i64::from_le_bytes(v) as f64).collect(),
        data_type::INT8 => bytes.iter().map(|&byte| f64::from(byte as i8)).collect(),
        _ => bytes.iter().map(|&byte| byte.into()).collect(),
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
