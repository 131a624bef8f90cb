//! The protocol buffers of ONNX (`onnx/onnx.proto` of version 1.23), with only the fields needed
//! here. Messages are counted before memory is allocated for them.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// `TensorProto.DataType`.
pub(super) mod data_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const UINT8: i32 = 2;
    pub(crate) const INT8: i32 = 3;
    pub(crate) const INT32: i32 = 6;
    pub(crate) const INT64: i32 = 7;
    pub(crate) const STRING: i32 = 8;
    pub(crate) const BOOL: i32 = 9;
    pub(crate) const FLOAT16: i32 = 10;
    pub(crate) const DOUBLE: i32 = 11;
    pub(crate) const BFLOAT16: i32 = 16;
    const NAMES: [&str; 17] = [
        "undefined",
        "float",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "double",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];

    /// Returns whether a type holds real numbers.
    pub(crate) fn is_float(data_type: i32) -> bool {
        matches!(data_type, FLOAT | DOUBLE | FLOAT16 | BFLOAT16)
    }

    /// The name of a type in errors.
    pub(crate) fn name(data_type: i32) -> String {
        let name = usize::try_from(data_type).ok().and_then(|index| NAMES.get(index));
        name.map_or_else(|| format!("number {data_type}"), |&name| name.to_owned())
    }
}

/// `AttributeProto.AttributeType`.
pub(super) mod attribute_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT: i32 = 2;
}

/// Defines messages from rows of `field: type = (arguments of #[prost])`.
macro_rules! messages {
    ($($Message:ident { $($field:ident: $Type:ty = ($($prost:tt)*),)* })*) => {
        $(
            #[derive(Clone, PartialEq, Message)]
            pub(super) struct $Message {
                $(#[prost($($prost)*)] pub(super) $field: $Type,)*
            }
        )*
    };
}

messages! {
    ModelProto {
        ir_version: i64 = (int64, tag = "1"),
        producer_name: String = (string, tag = "2"),
        producer_version: String = (string, tag = "3"),
        graph: Option<GraphProto> = (message, optional, tag = "7"),
        opset_import: Vec<OperatorSetIdProto> = (message, repeated, tag = "8"),
        metadata_props: Vec<StringStringEntryProto> = (message, repeated, tag = "14"),
    }

    OperatorSetIdProto {
        domain: String = (string, tag = "1"),
        version: i64 = (int64, tag = "2"),
    }

    StringStringEntryProto {
        key: String = (string, tag = "1"),
        value: String = (string, tag = "2"),
    }

    GraphProto {
        node: Vec<NodeProto> = (message, repeated, tag = "1"),
        name: String = (string, tag = "2"),
        initializer: Vec<TensorProto> = (message, repeated, tag = "5"),
        input: Vec<ValueInfoProto> = (message, repeated, tag = "11"),
        output: Vec<ValueInfoProto> = (message, repeated, tag = "12"),
    }

    NodeProto {
        input: Vec<String> = (string, repeated, tag = "1"),
        output: Vec<String> = (string, repeated, tag = "2"),
        name: String = (string, tag = "3"),
        op_type: String = (string, tag = "4"),
        attribute: Vec<AttributeProto> = (message, repeated, tag = "5"),
        domain: String = (string, tag = "7"),
    }

    AttributeProto {
        name: String = (string, tag = "1"),
        f: f32 = (float, tag = "2"),
        i: i64 = (int64, tag = "3"),
        s: Vec<u8> = (bytes = "vec", tag = "4"),
        t: Option<TensorProto> = (message, optional, tag = "5"),
        floats: Vec<f32> = (float, repeated, tag = "7"),
        ints: Vec<i64> = (int64, repeated, tag = "8"),
        strings: Vec<Vec<u8>> = (bytes = "vec", repeated, tag = "9"),
        r#type: i32 = (int32, tag = "20"),
    }

    TensorProto {
        dims: Vec<i64> = (int64, repeated, tag = "1"),
        data_type: i32 = (int32, tag = "2"),
        float_data: Vec<f32> = (float, repeated, tag = "4"),
        int32_data: Vec<i32> = (int32, repeated, tag = "5"), // also 8- and 16-bit types
        string_data: Vec<Vec<u8>> = (bytes = "vec", repeated, tag = "6"),
        int64_data: Vec<i64> = (int64, repeated, tag = "7"),
        name: String = (string, tag = "8"),
        raw_data: Vec<u8> = (bytes = "vec", tag = "9"), // little-endian
        double_data: Vec<f64> = (double, repeated, tag = "10"),
        external_data: Vec<StringStringEntryProto> = (message, repeated, tag = "13"),
        data_location: i32 = (int32, tag = "14"), // 1: in another file
    }

    ValueInfoProto {
        name: String = (string, tag = "1"),
        r#type: Option<TypeProto> = (message, optional, tag = "2"),
    }

    TypeProto {
        tensor_type: Option<TensorTypeProto> = (message, optional, tag = "1"),
    }

    TensorTypeProto {
        elem_type: i32 = (int32, tag = "1"),
        shape: Option<TensorShapeProto> = (message, optional, tag = "2"),
    }

    TensorShapeProto {
        dim: Vec<DimensionProto> = (message, repeated, tag = "1"),
    }

    DimensionProto {
        dim_value: Option<i64> = (int64, optional, tag = "1"),
        dim_param: Option<String> = (string, optional, tag = "2"),
    }
}

/// Returns an attribute of a node.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// Maximum number of messages and strings in a file: an empty one takes two bytes in the file and a
/// hundred in memory. A network of 64 layers has a thousand.
const MAX_MESSAGES: usize = 100_000;

/// The number of a field that holds messages or strings, and the fields counted inside them.
struct Nest(u32, &'static [Nest]);

const SHAPE: &[Nest] = &[Nest(1, &[])];
const VALUE_INFO: &[Nest] = &[Nest(2, &[Nest(1, &[Nest(2, SHAPE)])])];
const TENSOR: &[Nest] = &[Nest(6, &[]), Nest(13, &[])];
const ATTRIBUTE: &[Nest] = &[Nest(5, TENSOR), Nest(9, &[])];
const NODE: &[Nest] = &[Nest(1, &[]), Nest(2, &[]), Nest(5, ATTRIBUTE)];
const GRAPH: &[Nest] = &[Nest(1, NODE), Nest(5, TENSOR), Nest(11, VALUE_INFO), Nest(12, VALUE_INFO)];
const MODEL: &[Nest] = &[Nest(7, GRAPH), Nest(8, &[]), Nest(14, &[])];

/// Decodes a model with memory in proportion to the number of bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, String> {
    let mut left = MAX_MESSAGES;
    count(bytes, MODEL, &mut left)?;
    ModelProto::decode(bytes).map_err(|error| error.to_string())
}

/// Subtracts the messages in `bytes` from `left`.
fn count(mut bytes: &[u8], nests: &[Nest], left: &mut usize) -> Result<(), String> {
    let text = |error: prost::DecodeError| error.to_string();
    while !bytes.is_empty() {
        let (field, wire_type) = decode_key(&mut bytes).map_err(text)?;
        let nest =
            nests.iter().find(|nest| nest.0 == field).filter(|_| wire_type == WireType::LengthDelimited);
        let Some(&Nest(_, inside)) = nest else {
            skip_field(wire_type, field, &mut bytes, DecodeContext::default()).map_err(text)?;
            continue;
        };
        *left = left.checked_sub(1).ok_or_else(|| format!("more than {MAX_MESSAGES} messages"))?;
        let length = usize::try_from(decode_varint(&mut bytes).map_err(text)?).unwrap_or(usize::MAX);
        let (message, rest) = bytes.split_at_checked(length).ok_or("truncated file")?;
        if !inside.is_empty() {
            count(message, inside, left)?;
        }
        bytes = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_empty_nodes_are_counted_but_not_decoded() {
        let graph = [0x0A, 0].repeat(1_000_000); // field 1, of length 0
        let mut model = vec![0x3A]; // field 7
        prost::encoding::encode_varint(graph.len() as u64, &mut model);
        model.extend(graph);
        assert_eq!(decode(&model).unwrap_err(), "more than 100000 messages");
        assert_eq!(decode(&model[..100]).unwrap_err(), "truncated file");
    }
}
