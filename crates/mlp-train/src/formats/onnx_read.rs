//! ONNX import: walks the graph like a runtime, but with meanings instead of numbers, so that the
//! names and order of an exporter do not matter. Errors name the first node without a meaning.

use std::collections::HashMap;

use mlp_core::{Activation, Layer, Precision};
use mlp_data::ImageShape;
use ndarray::Array1;

use crate::formats::content::Content;
use crate::formats::onnx_forms::{Form, Found, Value, attribute};
use crate::formats::onnx_proto::{GraphProto, ModelProto, NodeProto, data_type, decode};
use crate::formats::onnx_tensor::Constant;
use crate::formats::{FormatError, Known};

pub(super) fn read(bytes: &[u8]) -> Result<Content, FormatError> {
    let model = decode(bytes).map_err(|reason| FormatError::Onnx { reason })?;
    let Some(graph) = &model.graph else {
        return Err(FormatError::Onnx { reason: "no graph".to_owned() });
    };
    let texts = &model.metadata_props;
    let mut known =
        Known::of_texts(|name| texts.iter().find(|text| text.key == name).map(|text| text.value.as_str()))?;
    let is_ours = known.program.is_some();
    known.program = known.program.or_else(|| producer(&model));

    let (sizes, found) = walk(graph)?;
    known.image_shape = known.image_shape.or(image_shape(&sizes));
    if let Some(activation) = activation(&found)? {
        known.activation = Some(activation);
    }
    let inputs = found.layers.first().map_or(0, |layer| layer.weights.nrows());
    let pixels = sizes.iter().try_fold(1_usize, |pixels, &size| pixels.checked_mul(size?));
    if let Some(pixels) = pixels.filter(|&pixels| pixels != inputs && !sizes.is_empty()) {
        return Err(of_graph(format!("images of {pixels} pixels for a layer of {inputs} inputs")));
    }
    let layers = found.layers.into_iter().map(|layer| {
        let biases = layer.biases.unwrap_or_else(|| Array1::zeros(layer.weights.ncols()));
        Layer::new(layer.weights, biases)
    });
    Ok(Content {
        precision: if found.is_double { Precision::F64 } else { Precision::F32 },
        layers: layers.collect(),
        known,
        default_activation: None,
        is_scale_known: is_ours || found.is_divided,
        notes: Vec::new(),
    })
}

/// The program that wrote the file, such as `pytorch 2.15.0`.
fn producer(model: &ModelProto) -> Option<String> {
    let text = format!("{} {}", model.producer_name, model.producer_version);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the sizes of an image, where the graph states them, and the network.
fn walk(graph: &GraphProto) -> Result<(Vec<Option<usize>>, Found), FormatError> {
    let constants = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), Constant::of(tensor)));
    let mut values: HashMap<&str, Value<'_>> =
        constants.map(|(name, constant)| (name, Value::Constant(constant))).collect();
    // Older files also list the constants as inputs.
    let inputs: Vec<_> =
        graph.input.iter().filter(|input| !values.contains_key(input.name.as_str())).collect();
    let [input] = inputs[..] else {
        return Err(of_graph(format!("{} inputs; expected one, the images", inputs.len())));
    };
    let of_tensor = input.r#type.as_ref().and_then(|r#type| r#type.tensor_type.as_ref());
    let elem_type = of_tensor.map_or(data_type::FLOAT, |tensor| tensor.elem_type);
    if !matches!(elem_type, data_type::FLOAT | data_type::DOUBLE | data_type::UINT8) {
        return Err(of_graph(format!("input of type {elem_type}; expected float, double or uint8")));
    }
    let dims = of_tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let size = |value: i64| usize::try_from(value).ok();
    let sizes = dims.iter().skip(1).map(|dim| dim.dim_value.and_then(size)).collect();

    let mut found = Found { is_byte: elem_type == data_type::UINT8, ..Found::default() };
    values.insert(&input.name, Value::Of(Form::Images));
    for (index, node) in graph.node.iter().enumerate() {
        let value = value(&values, node, &mut found)
            .map_err(|reason| FormatError::Node { what: describe(index, node), reason })?;
        if let Some(output) = node.output.first() {
            values.insert(output, value);
        }
    }
    let output = match &graph.output[..] {
        [output] => values.get(output.name.as_str()),
        outputs => return Err(of_graph(format!("{} outputs; expected one", outputs.len()))),
    };
    let end = match output {
        Some(Value::Of(Form::Probabilities(layer))) => Some(*layer),
        Some(value) => found.z(value),
        None => None,
    };
    let is_last = |layer: usize| layer + 1 == found.layers.len() && found.layers[layer].activation.is_none();
    if !end.is_some_and(is_last) {
        return Err(of_graph("the output is not that of the last layer".to_owned()));
    }
    Ok((sizes, found))
}

/// Returns the output of a node.
fn value<'a>(
    values: &HashMap<&str, Value<'a>>,
    node: &'a NodeProto,
    found: &mut Found,
) -> Result<Value<'a>, String> {
    if !is_standard(node) {
        return Err("not a standard operator".to_owned());
    }
    let arg = |name: &String| {
        values.get(name.as_str()).copied().ok_or_else(|| format!("unknown input `{}`", name.escape_debug()))
    };
    // Omitted arguments have an empty name.
    let names = node.input.iter().filter(|name| !name.is_empty());
    let args = names.map(arg).collect::<Result<Vec<_>, _>>()?;
    match (node.op_type.as_str(), &args[..]) {
        ("Constant", []) => Ok(Value::Constant(constant(node))),
        ("Identity", [Value::Constant(constant)]) => Ok(Value::Constant(*constant)),
        ("Transpose", [Value::Constant(constant)])
            if attribute(node, "perm").is_none_or(|perm| perm.ints == [1, 0]) =>
        {
            Ok(Value::Constant(constant.transposed()))
        }
        _ => found.form(node, &args).map(Value::Of),
    }
}

fn constant(node: &NodeProto) -> Constant<'_> {
    match attribute(node, "value").and_then(|value| value.t.as_ref()) {
        Some(tensor) => Constant::of(tensor),
        None => attribute(node, "value_float")
            .map_or(Constant::other(), |value| Constant::of_number(value.f.into())),
    }
}

/// The activation of all hidden layers.
fn activation(found: &Found) -> Result<Option<Activation>, FormatError> {
    let mut activations = found.layers.iter().filter_map(|layer| layer.activation);
    let Some(first) = activations.next() else {
        return Ok(None);
    };
    match activations.find(|&other| other != first) {
        Some(other) => Err(of_graph(format!("activations {first} and {other}; expected one for all layers"))),
        None => Ok(Some(first)),
    }
}

/// The shape of images given as (batch, height, width) or (batch, 1, height, width).
fn image_shape(sizes: &[Option<usize>]) -> Option<ImageShape> {
    match *sizes {
        [Some(height), Some(width)] | [Some(1), Some(height), Some(width)] => {
            Some(ImageShape { height, width })
        }
        _ => None,
    }
}

/// Names a node in errors.
fn describe(index: usize, node: &NodeProto) -> String {
    let domain = if is_standard(node) { String::new() } else { format!("{}.", node.domain) };
    let name = if node.name.is_empty() { String::new() } else { format!(" `{}`", node.name) };
    format!("node {}, {domain}{}{name}", index + 1, node.op_type).escape_debug().to_string()
}

fn is_standard(node: &NodeProto) -> bool {
    matches!(node.domain.as_str(), "" | "ai.onnx")
}

fn of_graph(reason: String) -> FormatError {
    FormatError::Node { what: "the graph".to_owned(), reason }
}
