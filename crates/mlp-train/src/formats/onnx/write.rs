//! ONNX export. `read.rs` imports.
//!
//! Opset 13 of 2020 is the oldest with today's Softmax, so every runtime since then reads the file.
//! Gelu, an operator since opset 20, is composed from Erf; the leaky ReLU in double precision is
//! composed from Mul and Max, since its slope attribute is single precision.

use mlp_core::{Activation, Layer, Mlp, Precision};
use prost::Message;

use crate::formats::FormatError;
use crate::formats::known::texts;
use crate::formats::onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    attribute_type, data_type,
};
use crate::{Model, Network, Number};

/// The ONNX operator set of exported graphs.
pub const OPSET: i64 = 13;
/// The file format version released with this operator set.
const IR_VERSION: i64 = 7;

/// The input of an exported graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pixels {
    /// Gray levels scaled to [0, 1], as `float`.
    #[default]
    Scaled,
    /// Gray levels from 0 to 255, as `uint8`; the graph scales them.
    Raw,
}

/// Returns whether the graph of a double-precision network computes Gelu's Erf in single precision,
/// because onnxruntime has no Erf for doubles.
pub fn erf_in_single(network: &Network) -> bool {
    let architecture = network.architecture();
    let gelu = architecture.activation == Activation::Gelu && !architecture.hidden.is_empty();
    gelu && network.precision() == Precision::F64
}

/// Writes an ONNX graph from `images` (batch, pixels) to `probabilities` (batch, classes) for any
/// batch size, in the network's precision (but see [`erf_in_single`]). Metadata is in
/// `metadata_props`.
///
/// # Errors
/// [`FormatError::TooLargeForOnnx`].
pub fn to_onnx(model: &Model, pixels: Pixels) -> Result<Vec<u8>, FormatError> {
    let architecture = model.network.architecture();
    let (graph, number) = match &model.network {
        Network::F32(network) => (graph(network, data_type::FLOAT, pixels), data_type::FLOAT),
        Network::F64(network) => (graph(network, data_type::DOUBLE, pixels), data_type::DOUBLE),
    };
    let input = if pixels == Pixels::Raw { data_type::UINT8 } else { data_type::FLOAT };
    let texts = texts(model).into_iter();
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "mlp".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphProto {
            name: "mlp".to_owned(),
            input: vec![value_info("images", input, architecture.inputs)],
            output: vec![value_info("probabilities", number, architecture.outputs)],
            ..graph
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: texts
            .map(|(key, value)| StringStringEntryProto { key: key.to_owned(), value })
            .collect(),
    };
    let bytes = model.encoded_len();
    if i32::try_from(bytes).is_err() {
        return Err(FormatError::TooLargeForOnnx { bytes });
    }
    Ok(model.encode_to_vec())
}

/// Creates the nodes and initializers.
fn graph<A: Number>(network: &Mlp<A>, number: i32, pixels: Pixels) -> GraphProto {
    let mut graph = Graph { proto: GraphProto::default(), number };
    let mut x = "images".to_owned();
    if pixels == Pixels::Raw {
        // Pixels are always scaled in single precision.
        x = graph.cast(&x, "levels", data_type::FLOAT);
        graph.proto.initializer.push(tensor("white", &[], data_type::FLOAT, &[255.0_f32]));
        x = graph.node("Div", &[&x, "white"], "x", Vec::new());
    }
    if number == data_type::DOUBLE {
        x = graph.cast(&x, "x_double", number);
    }
    let (output, hidden) = network.layers().split_last().expect("a network has at least its output layer");
    for (l, layer) in hidden.iter().enumerate() {
        let z = graph.affine(layer, &x, &format!("_h{}", l + 1));
        x = graph.activation(network.activation(), &z, &format!("h{}", l + 1));
    }
    let z = graph.affine(output, &x, "_o");
    let axis = attribute("axis", attribute_type::INT, -1, 0.0);
    graph.node("Softmax", &[&z], "probabilities", vec![axis]);
    graph.proto
}

struct Graph {
    proto: GraphProto,
    number: i32, // the data type of the network
}

impl Graph {
    /// Adds a node named like its output, and returns the name.
    fn node(&mut self, op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> String {
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: op.to_owned(),
            attribute,
            domain: String::new(),
        });
        output.to_owned()
    }

    fn cast(&mut self, input: &str, output: &str, to: i32) -> String {
        self.node("Cast", &[input], output, vec![attribute("to", attribute_type::INT, to.into(), 0.0)])
    }

    /// Adds a scalar in the network's precision, and returns its name.
    fn scalar(&mut self, name: String, value: f64) -> String {
        self.proto.initializer.push(match self.number {
            data_type::DOUBLE => tensor(&name, &[], self.number, &[value]),
            _ => tensor(&name, &[], self.number, &[value as f32]),
        });
        name
    }

    /// Z = X W + b.
    fn affine<A: Number>(&mut self, layer: &Layer<A>, x: &str, of: &str) -> String {
        let [w, b, z] = ['w', 'b', 'z'].map(|letter| format!("{letter}{of}"));
        let (weights, biases) = (layer.weights(), layer.biases());
        let (rows, biases): (Vec<A>, Vec<A>) = (weights.iter().copied().collect(), biases.to_vec());
        self.proto.initializer.push(tensor(&w, &[layer.inputs(), layer.outputs()], self.number, &rows));
        self.proto.initializer.push(tensor(&b, &[layer.outputs()], self.number, &biases));
        self.node("Gemm", &[x, &w, &b], &z, Vec::new())
    }

    /// H = f(Z).
    fn activation(&mut self, activation: Activation, z: &str, h: &str) -> String {
        let double = self.number == data_type::DOUBLE;
        match activation {
            Activation::Logistic => self.node("Sigmoid", &[z], h, Vec::new()),
            Activation::Tanh => self.node("Tanh", &[z], h, Vec::new()),
            Activation::Relu => self.node("Relu", &[z], h, Vec::new()),
            Activation::LeakyRelu if double => {
                let slope = self.scalar(format!("{h}_slope"), leaky_slope());
                let sloping = self.node("Mul", &[z, &slope], &format!("{h}_sloping"), Vec::new());
                self.node("Max", &[z, &sloping], h, Vec::new())
            }
            Activation::LeakyRelu => {
                let alpha = attribute("alpha", attribute_type::FLOAT, 0, leaky_slope() as f32);
                self.node("LeakyRelu", &[z], h, vec![alpha])
            }
            Activation::Gelu => {
                // z (1 + erf(z / √2)) / 2, in the order of PyTorch's exporter.
                let root = self.scalar(format!("{h}_root"), std::f64::consts::SQRT_2);
                let one = self.scalar(format!("{h}_one"), 1.0);
                let half = self.scalar(format!("{h}_half"), 0.5);
                let mut inner = self.node("Div", &[z, &root], &format!("{h}_scaled"), Vec::new());
                if double {
                    inner = self.cast(&inner, &format!("{h}_single"), data_type::FLOAT);
                }
                inner = self.node("Erf", &[&inner], &format!("{h}_erf"), Vec::new());
                if double {
                    inner = self.cast(&inner, &format!("{h}_double"), self.number);
                }
                inner = self.node("Add", &[&inner, &one], &format!("{h}_sum"), Vec::new());
                inner = self.node("Mul", &[z, &inner], &format!("{h}_product"), Vec::new());
                self.node("Mul", &[&inner, &half], h, Vec::new())
            }
            Activation::Identity => z.to_owned(),
            other => unreachable!("no ONNX operators for {other}"),
        }
    }
}

/// The slope of the leaky ReLU for negative inputs.
pub(super) fn leaky_slope() -> f64 {
    Activation::LeakyRelu.derivative(-1.0, -1.0)
}

fn tensor<A: Number>(name: &str, shape: &[usize], data_type: i32, values: &[A]) -> TensorProto {
    let raw_data = match A::PRECISION {
        Precision::F32 => values.iter().flat_map(|v| (v.into_f64() as f32).to_le_bytes()).collect(),
        Precision::F64 => values.iter().flat_map(|v| v.into_f64().to_le_bytes()).collect(),
    };
    let dims = shape.iter().map(|&size| size as i64).collect();
    TensorProto { dims, data_type, name: name.to_owned(), raw_data, ..TensorProto::default() }
}

fn attribute(name: &str, r#type: i32, i: i64, f: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f, i, r#type, ..AttributeProto::default() }
}

/// Describes an input or output (batch, columns).
fn value_info(name: &str, elem_type: i32, columns: usize) -> ValueInfoProto {
    let batch = DimensionProto { dim_param: Some("batch".to_owned()), dim_value: None };
    let columns = DimensionProto { dim_value: Some(columns as i64), dim_param: None };
    let shape = Some(TensorShapeProto { dim: vec![batch, columns] });
    let tensor_type = Some(TensorTypeProto { elem_type, shape });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

#[cfg(test)]
mod tests {
    use mlp_core::{Architecture, Init, NativeStream};
    use mlp_data::ImageShape;

    use super::*;
    use crate::Metadata;
    use crate::formats::onnx::proto::decode;

    /// The name, type and shape of an input or output.
    fn signature(value: &ValueInfoProto) -> (&str, i32, Vec<Result<i64, &str>>) {
        let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
        let sizes = &tensor.shape.as_ref().unwrap().dim;
        let sizes =
            sizes.iter().map(|size| size.dim_value.ok_or(size.dim_param.as_deref().unwrap_or_default()));
        (&value.name, tensor.elem_type, sizes.collect())
    }

    #[test]
    fn a_graph_takes_any_batch_size_in_the_requested_type() {
        let architecture = Architecture::new(6, &[4], 3).with_activation(Activation::Relu);
        let network = Mlp::<f64>::new(&architecture, Init::Normal, &mut NativeStream::new(0)).unwrap();
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let metadata = Metadata::new("mine", names, ImageShape { height: 2, width: 3 }, "a test");
        for (network, number) in
            [(Network::F32(network.cast()), data_type::FLOAT), (Network::F64(network), data_type::DOUBLE)]
        {
            let model = Model { network, metadata: metadata.clone() };
            for (pixels, input) in [(Pixels::Scaled, data_type::FLOAT), (Pixels::Raw, data_type::UINT8)] {
                let written = decode(&to_onnx(&model, pixels).unwrap()).unwrap();
                let versions: Vec<_> =
                    written.opset_import.iter().map(|opset| (opset.domain.as_str(), opset.version)).collect();
                assert_eq!(versions, [("", 13)]);
                let graph = written.graph.unwrap();
                assert_eq!((graph.input.len(), graph.output.len()), (1, 1));
                assert_eq!(signature(&graph.input[0]), ("images", input, vec![Err("batch"), Ok(6)]));
                assert_eq!(signature(&graph.output[0]), ("probabilities", number, vec![Err("batch"), Ok(3)]));
            }
        }
    }
}
