//! The protocol buffers of ONNX (`onnx/onnx.proto` of version 1.23), with only the fields that our
//! networks have or that tell others from them; and a count of the messages in some bytes before
//! memory is taken for them.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The types of numbers, `TensorProto.DataType`.
pub(super) mod data_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const UINT8: i32 = 2;
    pub(crate) const DOUBLE: i32 = 11;
}

/// The types of attributes, `AttributeProto.AttributeType`.
pub(super) mod attribute_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT: i32 = 2;
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(super) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(super) producer_name: String,
    #[prost(string, tag = "3")]
    pub(super) producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(super) opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    pub(super) metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub(super) domain: String,
    #[prost(int64, tag = "2")]
    pub(super) version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(super) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(super) output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(float, tag = "2")]
    pub(super) f: f32,
    #[prost(int64, tag = "3")]
    pub(super) i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub(super) t: Option<TensorProto>,
    #[prost(int64, repeated, tag = "8")]
    pub(super) ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub(super) r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub(super) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(super) float_data: Vec<f32>,
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(super) raw_data: Vec<u8>, // little-endian
    #[prost(double, repeated, tag = "10")]
    pub(super) double_data: Vec<f64>,
    /// 1 if the numbers are in another file.
    #[prost(int32, tag = "14")]
    pub(super) data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(super) dim_param: Option<String>,
}

/// The most messages and texts in a file: an empty one takes two bytes there and a hundred in
/// memory. A network of 64 layers has a thousand.
const MAX_MESSAGES: usize = 100_000;

/// A field in which there are messages or texts, by its number, and those in them if they are
/// counted, too.
struct Nest(u32, &'static [Nest]);

const SHAPE: &[Nest] = &[Nest(1, &[])];
const VALUE_INFO: &[Nest] = &[Nest(2, &[Nest(1, &[Nest(2, SHAPE)])])];
const ATTRIBUTE: &[Nest] = &[Nest(5, &[])];
const NODE: &[Nest] = &[Nest(1, &[]), Nest(2, &[]), Nest(5, ATTRIBUTE)];
const GRAPH: &[Nest] = &[Nest(1, NODE), Nest(5, &[]), Nest(11, VALUE_INFO), Nest(12, VALUE_INFO)];
const MODEL: &[Nest] = &[Nest(7, GRAPH), Nest(8, &[]), Nest(14, &[])];

/// The model in some bytes. The memory that it takes is in proportion to their number.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, String> {
    let mut left = MAX_MESSAGES;
    count(bytes, MODEL, &mut left)?;
    ModelProto::decode(bytes).map_err(|error| error.to_string())
}

/// Takes the messages in `bytes` from those that are left.
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
        *left = left.checked_sub(1).ok_or_else(|| format!("more than {MAX_MESSAGES} messages in it"))?;
        let length = usize::try_from(decode_varint(&mut bytes).map_err(text)?).unwrap_or(usize::MAX);
        let (message, rest) = bytes.split_at_checked(length).ok_or("it is cut short")?;
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
    fn a_million_empty_nodes_are_counted_and_not_read() {
        let graph = [0x0A, 0].repeat(1_000_000); // field 1, of length 0
        let mut model = vec![0x3A]; // field 7
        prost::encoding::encode_varint(graph.len() as u64, &mut model);
        model.extend(graph);
        assert_eq!(decode(&model).unwrap_err(), "more than 100000 messages in it");
        assert_eq!(decode(&model[..100]).unwrap_err(), "it is cut short");
    }
}
