//! ONNX import: walks the graph like a runtime, but tracks what each value means instead of its
//! numbers, so an exporter's names and order do not matter. Errors name the first node that cannot
//! be interpreted.

use std::collections::HashMap;
use std::io;
use std::path::{Component, Path};
use std::rc::Rc;

use mlp_core::{Activation, Layer, Precision};
use mlp_data::ImageShape;

use crate::formats::content::Content;
use crate::formats::error::check_memory;
use crate::formats::onnx::answers::{Answer, Kind};
use crate::formats::onnx::layers::Signal;
use crate::formats::onnx::proto::{GraphProto, ModelProto, NodeProto, data_type, decode};
use crate::formats::onnx::rules::{Found, Value};
use crate::formats::onnx::tensor::{Budget, Files, MAX_RANK, location};
use crate::formats::{FormatError, Known};

/// Reads a file that lies beside the model, by its name.
pub(in crate::formats) type Beside<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

pub(in crate::formats) fn read(bytes: &[u8], beside: Beside<'_>) -> Result<Content, FormatError> {
    let model = decode(bytes).map_err(|reason| FormatError::Onnx { reason })?;
    let Some(graph) = &model.graph else {
        return Err(FormatError::Onnx { reason: "no graph".to_owned() });
    };
    let texts = &model.metadata_props;
    let mut known =
        Known::of_texts(|name| texts.iter().find(|text| text.key == name).map(|text| text.value.as_str()))?;
    let is_ours = known.program.is_some();
    known.program = known.program.or_else(|| producer(&model));

    let files = files(graph, beside)?;
    let length = files.values().fold(bytes.len(), |length, file| length.saturating_add(file.len()));
    let mut found = Found::new(Budget::of(length), &files);
    let (sizes, answer) = walk(graph, &mut found)?;
    known.image_shape = known.image_shape.or(image_shape(&sizes));
    known.class_names = known.class_names.or(found.class_names.take());
    let precision = if found.layers.is_double { Precision::F64 } else { Precision::F32 };
    let is_scale_known = is_ours || found.layers.is_scale_known;
    let notes = std::mem::take(&mut found.layers.notes);
    let (layers, activations) = found.layers.into_chain(&answer);
    if let Some(activation) = activation(&activations)? {
        known.activation = Some(activation);
    }
    let layers = layers.into_iter().zip(1..);
    let layers = layers.map(|((weights, biases), number)| Layer::checked(number, weights, biases));
    let layers = layers.collect::<Result<_, _>>()?;
    Ok(Content { precision, layers, known, default_activation: None, is_scale_known, notes })
}

/// The program that wrote the file, such as `pytorch 2.15.0`.
fn producer(model: &ModelProto) -> Option<String> {
    let text = format!("{} {}", model.producer_name, model.producer_version);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads the files with external data, which may only lie in the model's directory.
fn files(graph: &GraphProto, beside: Beside<'_>) -> Result<Files, FormatError> {
    let constants = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|value| value.t.as_ref());
    let mut files = Files::new();
    for name in graph.initializer.iter().chain(constants).filter_map(location) {
        if files.contains_key(name) {
            continue;
        }
        let is_name = matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
        let file = if is_name { beside(name) } else { Err(io::Error::other("not the name of a file")) };
        let external = |reason: io::Error| FormatError::ExternalData {
            file: name.escape_debug().to_string(),
            reason: reason.to_string().escape_debug().to_string(),
        };
        let content = file.map_err(external)?;
        check_memory(content.len())?;
        files.insert(name.to_owned(), content);
    }
    Ok(files)
}

/// Returns the sizes of an image, where the graph states them, and the output that is meant.
fn walk<'a>(
    graph: &'a GraphProto,
    found: &mut Found<'a>,
) -> Result<(Vec<Option<usize>>, Rc<Answer>), FormatError> {
    let constants = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), Value::Stored(tensor)));
    let mut values: HashMap<&str, Value<'_>> = constants.collect();
    // Older files also list the constants as inputs.
    let inputs: Vec<_> =
        graph.input.iter().filter(|input| !values.contains_key(input.name.as_str())).collect();
    let [input] = inputs[..] else {
        return Err(of_graph(format!("{} inputs; expected one, the images", inputs.len())));
    };
    let of_tensor = input.r#type.as_ref().and_then(|r#type| r#type.tensor_type.as_ref());
    let elem_type = of_tensor.map_or(data_type::FLOAT, |tensor| tensor.elem_type);
    found.layers.is_byte = elem_type == data_type::UINT8;
    if !data_type::is_float(elem_type) && elem_type != data_type::UINT8 {
        let name = data_type::name(elem_type);
        return Err(of_graph(format!("input of type {name}; expected float, double, float16 or uint8")));
    }
    let dims = of_tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let size = |value: i64| usize::try_from(value).ok().filter(|&size| size > 0);
    let sizes: Vec<Option<usize>> = dims.iter().map(|dim| dim.dim_value.and_then(size)).collect();
    if let [_, Some(channels), Some(_), Some(last)] = sizes[..]
        && channels != 1
        && last != 1
    {
        return Err(of_graph(format!(
            "images of several channels ({channels} or {last}); expected gray levels"
        )));
    }
    // A batch of any size counts as one.
    let of_image: Option<Vec<usize>> = sizes.iter().skip(1).copied().collect();
    let pixels = |image: &Vec<usize>| image.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
    let shape =
        of_image.filter(|image| !image.is_empty() && image.len() < MAX_RANK && pixels(image).is_some());
    let shape = shape.map(|image| [sizes[0].unwrap_or(1)].into_iter().chain(image).collect());

    values.insert(&input.name, Signal::images(shape).into());
    for (index, node) in graph.node.iter().enumerate() {
        let value = value(&values, node, found)
            .unwrap_or_else(|reason| Value::Unknown(Rc::new((describe(index, node), reason))));
        // Only the first output of a node has a known meaning.
        let count = if matches!(value, Value::Unknown(_)) { node.output.len() } else { 1 };
        for output in node.output.iter().take(count) {
            values.insert(output, value.clone());
        }
    }
    let answer = output(graph, &values, found)?;
    Ok((sizes.get(1..).unwrap_or_default().to_vec(), answer))
}

/// Returns the output of a node.
fn value<'a>(
    values: &HashMap<&str, Value<'a>>,
    node: &'a NodeProto,
    found: &mut Found<'a>,
) -> Result<Value<'a>, String> {
    // Omitted arguments have an empty name.
    let arg = |name: &String| match name.as_str() {
        "" => Ok(None),
        name => {
            let value = values.get(name).cloned().map(Some);
            value.ok_or_else(|| format!("unknown input `{}`", name.escape_debug()))
        }
    };
    let args = node.input.iter().map(arg).collect::<Result<Vec<_>, _>>()?;
    if let Some(unknown) = args.iter().flatten().find(|value| matches!(value, Value::Unknown(_))) {
        return Ok(unknown.clone());
    }
    if !is_standard(node) {
        return Err("not a standard operator".to_owned());
    }
    found.value(node, &args)
}

/// Chooses the output that is meant: of the last layer, and probabilities rather than labels.
fn output(
    graph: &GraphProto,
    values: &HashMap<&str, Value<'_>>,
    found: &mut Found<'_>,
) -> Result<Rc<Answer>, FormatError> {
    let names = graph.output.iter().map(|output| output.name.as_str());
    let layers = &mut found.layers;
    let answer = |name: &str| match values.get(name)? {
        Value::Answer(answer) => Some(Rc::clone(answer)),
        Value::Signal(signal) => layers.answer(signal),
        _ => None,
    };
    let answers: Vec<(&str, Option<Rc<Answer>>)> = names.map(|name| (name, answer(name))).collect();
    let mut best: Option<(&str, &Rc<Answer>)> = None;
    for (name, answer) in answers.iter().filter_map(|(name, answer)| Some((*name, answer.as_ref()?))) {
        let Some((other, before)) = best else {
            best = Some((name, answer));
            continue;
        };
        let is_better = if answer.layer == before.layer {
            if answer.kind == before.kind && !answer.agrees(before) {
                return Err(ambiguous(other, name));
            }
            answer.kind > before.kind
        } else if layers.is_within(before, answer) {
            true
        } else if layers.is_within(answer, before) {
            false
        } else {
            return Err(ambiguous(other, name));
        };
        if is_better {
            best = Some((name, answer));
        }
    }
    let unknown = graph.output.iter().find_map(|output| match values.get(output.name.as_str()) {
        Some(Value::Unknown(unknown)) => Some((unknown.0.clone(), unknown.1.clone())),
        _ => None,
    });
    // Logits beside another output may be features of a larger network.
    let is_weak = |kind: Kind| unknown.is_some() && matches!(kind, Kind::Logits | Kind::Single);
    let Some((name, answer)) = best.filter(|(_, answer)| !is_weak(answer.kind)) else {
        let none = "no output has logits or probabilities of mutually exclusive classes; expected Softmax or nothing after the last layer";
        return Err(unknown
            .map_or_else(|| of_graph(none.to_owned()), |(what, reason)| FormatError::Node { what, reason }));
    };
    let is_ignored =
        |other: &Option<Rc<Answer>>| other.as_ref().is_none_or(|other| other.layer != answer.layer);
    let mut ignored = answers.iter().filter(|(_, other)| is_ignored(other)).map(|(name, _)| *name);
    if let Some(first) = ignored.next() {
        let more = ignored.count();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let text = format!("read the output {name}, ignored the output {first}{more}");
        layers.notes.push(text.escape_debug().to_string());
    }
    let note = match answer.kind {
        Kind::Label => Some("the graph ends with labels; the model gives the probabilities behind them"),
        Kind::Single => Some("assumed: the output is the probability of the second of two classes"),
        _ => None,
    };
    layers.notes.extend(note.map(str::to_owned));
    Ok(Rc::clone(answer))
}

fn ambiguous(one: &str, other: &str) -> FormatError {
    let (one, other) = (one.escape_debug(), other.escape_debug());
    of_graph(format!("outputs `{one}` and `{other}` come from different networks; expected one"))
}

/// The activation of all hidden layers.
fn activation(activations: &[Activation]) -> Result<Option<Activation>, FormatError> {
    let Some(&first) = activations.first() else {
        return Ok(None);
    };
    match activations.iter().find(|&&other| other != first) {
        Some(other) => Err(of_graph(format!("activations {first} and {other}; expected one for all layers"))),
        None => Ok(Some(first)),
    }
}

/// The shape of images given as (batch, height, width), with or without a channel.
fn image_shape(sizes: &[Option<usize>]) -> Option<ImageShape> {
    match *sizes {
        [Some(height), Some(width)]
        | [Some(1), Some(height), Some(width)]
        | [Some(height), Some(width), Some(1)] => Some(ImageShape { height, width }),
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
    matches!(node.domain.as_str(), "" | "ai.onnx" | "ai.onnx.ml")
}

fn of_graph(reason: String) -> FormatError {
    FormatError::Node { what: "the graph".to_owned(), reason }
}
