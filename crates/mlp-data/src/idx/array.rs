//! An IDX array in memory: element type, shape and elements.

use std::fmt;

/// The element types of IDX; the discriminant is the third byte of the magic number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ElementType {
    /// Unsigned bytes.
    U8 = 0x08,
    /// Signed bytes.
    I8 = 0x09,
    /// 16-bit integers.
    I16 = 0x0b,
    /// 32-bit integers.
    I32 = 0x0c,
    /// Single precision.
    F32 = 0x0d,
    /// Double precision.
    F64 = 0x0e,
}

impl ElementType {
    /// All six.
    pub const ALL: [Self; 6] = [Self::U8, Self::I8, Self::I16, Self::I32, Self::F32, Self::F64];

    /// The type with this byte in the magic number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&element| element as u8 == code)
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

/// The elements of an array, in file order.
#[derive(Debug, Clone, PartialEq)]
pub enum IdxData {
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// 16-bit integers.
    I16(Vec<i16>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

impl IdxData {
    /// Their type.
    pub fn element(&self) -> ElementType {
        match self {
            Self::U8(_) => ElementType::U8,
            Self::I8(_) => ElementType::I8,
            Self::I16(_) => ElementType::I16,
            Self::I32(_) => ElementType::I32,
            Self::F32(_) => ElementType::F32,
            Self::F64(_) => ElementType::F64,
        }
    }

    /// Their number.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(data) => data.len(),
            Self::I8(data) => data.len(),
            Self::I16(data) => data.len(),
            Self::I32(data) => data.len(),
            Self::F32(data) => data.len(),
            Self::F64(data) => data.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array of any rank. Rank 0 is one element without dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Idx {
    pub(super) shape: Vec<usize>,
    pub(super) data: IdxData,
}

impl Idx {
    /// Puts shape and elements together.
    ///
    /// # Panics
    /// If the shape's product is not the number of elements, if the rank is above 255, or a
    /// dimension above `u32::MAX`: the format cannot say it.
    #[track_caller]
    pub fn new(shape: Vec<usize>, data: IdxData) -> Self {
        assert!(shape.len() <= usize::from(u8::MAX), "IDX has at most 255 dimensions, not {}", shape.len());
        assert!(
            shape.iter().all(|&dimension| u32::try_from(dimension).is_ok()),
            "an IDX dimension is at most {}, the shape is {shape:?}",
            u32::MAX
        );
        assert_eq!(element_count(&shape), Some(data.len()), "the shape {shape:?} does not fit the elements");
        Self { shape, data }
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &IdxData {
        &self.data
    }

    /// Shape and elements apart, without copying.
    pub fn into_parts(self) -> (Vec<usize>, IdxData) {
        (self.shape, self.data)
    }
}

/// The product of the dimensions; `None` where it does not fit. A zero makes it zero whatever
/// stands beside it.
pub(super) fn element_count(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, &dimension| product.checked_mul(dimension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_type_is_found_by_its_code() {
        for code in 0..=255u8 {
            let found = ElementType::from_code(code);
            assert_eq!(
                found.map(|element| element as u8),
                [8, 9, 11, 12, 13, 14].contains(&code).then_some(code)
            );
        }
    }

    #[test]
    fn counts_are_checked() {
        assert_eq!(element_count(&[]), Some(1));
        assert_eq!(element_count(&[2, 3, 4]), Some(24));
        assert_eq!(element_count(&[usize::MAX, 0, usize::MAX]), Some(0));
        assert_eq!(element_count(&[usize::MAX, 2]), None);
    }

    #[test]
    #[should_panic(expected = "does not fit the elements")]
    fn a_wrong_shape_panics() {
        Idx::new(vec![2, 2], IdxData::U8(vec![0; 3]));
    }
}
