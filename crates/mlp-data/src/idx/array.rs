//! An IDX array in memory: element type, shape and elements.

use std::fmt;

/// Defines [`ElementType`] and [`IdxData`] from the element types and their codes.
macro_rules! elements {
    ($($variant:ident($type:ident) = $code:literal, $text:literal;)+) => {
        /// The element types of IDX; the discriminant is the third byte of the magic number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum ElementType {
            $(#[doc = $text] $variant = $code,)+
        }

        impl ElementType {
            /// All element types.
            pub const ALL: [Self; 6] = [$(Self::$variant),+];

            /// Bytes per element.
            pub fn size(self) -> usize {
                match self {
                    $(Self::$variant => size_of::<$type>(),)+
                }
            }
        }

        impl fmt::Display for ElementType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => stringify!($type),)+
                })
            }
        }

        /// The elements of an array, in file order.
        #[derive(Debug, Clone, PartialEq)]
        pub enum IdxData {
            $(#[doc = $text] $variant(Vec<$type>),)+
        }

        impl IdxData {
            /// The element type.
            pub fn element(&self) -> ElementType {
                match self {
                    $(Self::$variant(_) => ElementType::$variant,)+
                }
            }

            /// The number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant(data) => data.len(),)+
                }
            }
        }
    };
}

elements! {
    U8(u8) = 0x08, "Unsigned bytes.";
    I8(i8) = 0x09, "Signed bytes.";
    I16(i16) = 0x0b, "16-bit integers.";
    I32(i32) = 0x0c, "32-bit integers.";
    F32(f32) = 0x0d, "Single precision.";
    F64(f64) = 0x0e, "Double precision.";
}

impl ElementType {
    /// The type with this code in the magic number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&element| element as u8 == code)
    }
}

impl IdxData {
    /// Returns true if there are no elements.
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
    /// Creates an array from its shape and elements.
    ///
    /// # Panics
    /// If the shape's product is not the number of elements, the rank is above 255, or a dimension
    /// is above `u32::MAX`, which the format cannot express.
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

    /// Splits the array into shape and elements without copying.
    pub fn into_parts(self) -> (Vec<usize>, IdxData) {
        (self.shape, self.data)
    }
}

/// The product of the dimensions, or `None` if it overflows. It is 0 if any dimension is 0.
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
    fn element_counts_are_checked_for_overflow() {
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
