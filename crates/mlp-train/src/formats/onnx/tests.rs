//! Graphs as other exporters write them, and graphs that mean something else. `cargo xtask interop`
//! compares real ones with onnxruntime.

use std::io;

use mlp_core::{Activation, Mlp};
use prost::Message;

use crate::Network;
use crate::formats::onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use crate::formats::{Format, FormatError, Imported, Known, import_with_files};

/// The network of most graphs: four pixels, three hidden units, two classes.
const PLAIN: &str = "p = MatMul(x, w1); z = Add(p, b1); h = Relu(z); q = MatMul(h, w2); l = Add(q, b2); y = Softmax(l) axis=1";

/// Numbers and shape of a constant.
type Constant<'a> = (&'a str, &'a [i64], &'a [f32]);

const W1: [f32; 12] = [0.5, -0.25, 1.0, 0.125, 2.0, -1.0, -0.5, 0.75, 0.25, 1.5, -2.0, 0.5];
const B1: [f32; 3] = [-0.5, 0.25, 1.0];
const W2: [f32; 6] = [1.0, -0.5, 0.25, 2.0, -1.0, 0.5];

const CONSTANTS: [Constant<'_>; 15] = [
    ("w1", &[4, 3], &W1),
    ("b1", &[3], &B1),
    ("w2", &[3, 2], &W2),
    ("b2", &[2], &[0.5, -0.25]),
    ("one_column", &[3, 1], &[1.0, 0.5, -0.25]),
    ("square", &[3, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
    ("ones", &[3], &[1.0; 3]),
    ("zero", &[], &[0.0]),
    ("hundredth", &[], &[0.01]),
    ("one", &[], &[1.0]),
    ("two", &[], &[2.0]),
    ("six", &[], &[6.0]),
    ("raised", &[1, 1, 1], &[0.0]),
    ("batch", &[2, 3], &[0.0; 6]),
    ("gray", &[], &[127.5]),
];

const INTEGERS: [(&str, &[i64], &[i64]); 8] = [
    ("scalar0", &[], &[0]),
    ("i0", &[1], &[0]),
    ("i1", &[1], &[1]),
    ("rest", &[1], &[-1]),
    ("flat", &[2], &[-1, 4]),
    ("groups", &[3], &[-1, 2, 1]),
    ("rows", &[2], &[-1, 2]),
    ("huge", &[1], &[i64::MAX]),
];

/// Parses `output = Operator(input, …) attribute=value …`.
fn node(text: &str) -> NodeProto {
    let (output, rest) = text.trim().split_once(" = ").unwrap();
    let (op, rest) = rest.split_once('(').unwrap();
    let (inputs, attributes) = rest.split_once(')').unwrap();
    let names = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
    let attribute = |text: &str| {
        let (name, value) = text.split_once('=').unwrap();
        let mut attribute = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
        match value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            Some(list) => attribute.ints = list.split(',').map(|number| number.parse().unwrap()).collect(),
            None => match (value.parse(), value.parse()) {
                (Ok(integer), _) => attribute.i = integer,
                (_, Ok(number)) => attribute.f = number,
                _ => attribute.s = value.into(),
            },
        }
        attribute
    };
    NodeProto {
        input: names(inputs),
        output: names(output),
        op_type: op.to_owned(),
        attribute: attributes.split_whitespace().map(attribute).collect(),
        ..NodeProto::default()
    }
}

fn value_info(name: &str, elem_type: i32, sizes: &[i64]) -> ValueInfoProto {
    let dim = |&size: &i64| DimensionProto { dim_value: (size > 0).then_some(size), dim_param: None };
    let shape = Some(TensorShapeProto { dim: sizes.iter().map(dim).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type, shape });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

/// A graph of images `x` with these sizes; the words after `->` are its outputs, by default `y`.
struct Graph(ModelProto);

impl Graph {
    fn new(nodes: &str, sizes: &[i64]) -> Self {
        let (nodes, outputs) = nodes.split_once(" -> ").unwrap_or((nodes, "y"));
        let floats = CONSTANTS.iter().map(|&(name, dims, values)| TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: data_type::FLOAT,
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        let integers = INTEGERS.iter().map(|&(name, dims, values)| TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: data_type::INT64,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        let graph = GraphProto {
            node: nodes.split(';').map(node).collect(),
            initializer: floats.chain(integers).collect(),
            input: vec![value_info("x", data_type::FLOAT, sizes)],
            output: outputs.split(' ').map(|name| value_info(name, data_type::FLOAT, &[])).collect(),
            ..GraphProto::default()
        };
        Self(ModelProto { ir_version: 8, graph: Some(graph), ..ModelProto::default() })
    }

    fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.as_mut().unwrap()
    }

    fn import(&self) -> Result<Imported, FormatError> {
        let beside = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
        import_with_files(Format::Onnx, &self.0.encode_to_vec(), &beside, &Known::default())
    }
}

/// Returns why a graph is refused.
#[track_caller]
pub(in crate::formats) fn refusal(nodes: &str, sizes: &[i64]) -> String {
    Graph::new(nodes, sizes).import().expect_err(nodes).to_string()
}

/// Returns the network in single precision and the notes.
#[track_caller]
fn imported(nodes: &str, sizes: &[i64]) -> (Mlp<f32>, Vec<String>) {
    let imported = Graph::new(nodes, sizes).import().unwrap_or_else(|error| panic!("{nodes}: {error}"));
    let Network::F32(network) = imported.model.network else { panic!("single precision") };
    (network, imported.notes)
}

fn plain() -> Mlp<f32> {
    imported(PLAIN, &[0, 4]).0
}

/// `PLAIN` with another text in place of a part.
fn with(part: &str, other: &str) -> String {
    assert!(PLAIN.contains(part), "{part}");
    PLAIN.replace(part, other)
}

#[test]
fn the_plain_graph_is_its_constants() {
    let network = plain();
    let numbers: Vec<f32> = network
        .layers()
        .iter()
        .flat_map(|layer| layer.weights().iter().copied().collect::<Vec<_>>())
        .collect();
    assert_eq!(numbers, [&W1[..], &W2].concat());
    assert_eq!(network.layers()[0].biases().to_vec(), B1);
    assert_eq!(network.activation(), Activation::Relu);
}

#[test]
fn other_operators_for_the_same_network_give_the_same_network() {
    for (part, other) in [
        ("p = MatMul(x, w1); z = Add(p, b1)", "z = Gemm(x, w1, b1) alpha=1.0 beta=1.0"),
        ("p = MatMul(x, w1); z = Add(p, b1)", "t = Transpose(w1) perm=[1,0]; z = Gemm(x, t, b1) transB=1"),
        (
            "p = MatMul(x, w1); z = Add(p, b1)",
            "d = Mul(x, two); g = Gemm(d, w1, b1) alpha=0.5; z = Add(zero, g)",
        ),
        ("h = Relu(z)", "h = Clip(z, zero)"),
        ("h = Relu(z)", "h = Clip(z) min=0.0 max=3.4028235e38"),
        ("h = Relu(z)", "h = Max(z, zero)"),
        ("h = Relu(z)", "h = Max(zero, z)"),
        ("h = Relu(z)", "c = LessOrEqual(z, zero); h = Where(c, zero, z)"),
        ("h = Relu(z)", "c = Less(zero, z); h = Where(c, z, zero)"),
        ("h = Relu(z)", "c = Greater(z, zero); m = Cast(c) to=1; h = Mul(m, z)"),
        ("h = Relu(z)", "r = Relu(z); d, mask = Dropout(r) ratio=0.5; h = Identity(d)"),
        ("h = Relu(z)", "r = Relu(z); h = Dropout(r, two, zero)"),
        ("h = Relu(z)", "n = Neg(z); m = Neg(n); h = Relu(m)"),
        ("y = Softmax(l) axis=1", "y = LogSoftmax(l) axis=-1"),
        ("y = Softmax(l) axis=1", "s = Softmax(l); y = Log(s)"),
        ("y = Softmax(l) axis=1", "s = LogSoftmax(l) axis=1; y = Exp(s)"),
        ("y = Softmax(l) axis=1", "s = LogSoftmax(l) axis=1; y = Softmax(s) axis=1"),
        ("y = Softmax(l) axis=1", "y = Identity(l)"),
        ("y = Softmax(l) axis=1", "s = Softmax(l); y = ArgMax(s) axis=1 keepdims=0"),
    ] {
        assert_eq!(imported(&with(part, other), &[0, 4]).0, plain(), "{other}");
    }
    let leaky = "c = Greater(z, zero); s = Mul(z, hundredth); h = Where(c, z, s)";
    assert_eq!(imported(&with("h = Relu(z)", leaky), &[0, 4]).0.activation(), Activation::LeakyRelu);
    let (_, notes) = imported(&with("y = Softmax(l) axis=1", "y = ArgMax(l) axis=1"), &[0, 4]);
    assert!(notes[0].starts_with("the graph ends with labels"), "{notes:?}");
}

#[test]
fn computed_shapes_are_computed() {
    for front in [
        "f = Flatten(x)",
        "f = Flatten(x) axis=-2",
        "f = Reshape(x, flat)",
        "s = Shape(x); n = Gather(s, scalar0); u = Unsqueeze(n, i0); to = Concat(u, rest) axis=0; f = Reshape(x, to)",
        "s = Shape(x); n = Slice(s, i0, i1); r = Slice(s, i1, huge); c = ReduceProd(r); to = Concat(n, c) axis=0; f = Reshape(x, to)",
        "t = Transpose(x) perm=[0,1,2]; f = Flatten(t)",
    ] {
        let nodes = format!("{front}; {}", with("MatMul(x", "MatMul(f"));
        // Of any batch, and of three.
        for batch in [0, 3] {
            assert_eq!(imported(&nodes, &[batch, 2, 2]).0, plain(), "{front}");
        }
    }
}

#[test]
fn graphs_that_compute_something_else_are_refused() {
    let after = |part: &str, other: &str, sizes: &'static [i64], expected: &'static str| {
        (with(part, other), sizes, expected)
    };
    let matrix = &[0, 4][..];
    let softmax = "y = Softmax(l) axis=1";
    let relu = |other: &str, expected: &'static str| after("h = Relu(z)", other, matrix, expected);
    for (nodes, sizes, expected) in [
        relu("c = Less(z, one); h = Where(c, zero, z)", "node 3, Less: with another bound than 0"),
        relu("c = Less(z, zero); h = Where(c, z, zero)", "node 4, Where: not supported here"),
        relu("c = Less(z, zero); h = Where(c, one, z)", "node 4, Where: of another value than 0"),
        relu("c = Less(z, zero); n = Neg(z); h = Where(c, zero, n)", "node 5, Where: not supported here"),
        relu("c = Less(z, zero); m = Cast(c) to=1; h = Mul(z, m)", "node 5, Mul: not supported here"),
        relu("h = Max(z, zero, one)", "node 3, Max: not supported here"),
        relu("h = Max(z, one)", "node 3, Max: not supported here"),
        relu("h = Clip(z, zero, six)", "node 3, Clip: a Clip with bounds"),
        relu("h = Clip(z, zero, b1)", "node 3, Clip: bounds of several numbers"),
        relu("h = LeakyRelu(z) alpha=0.2", "node 3, LeakyRelu: slope 0.2"),
        relu("h = PRelu(z, b1)", "node 3, PRelu: slopes that differ"),
        relu("h = Gelu(z) approximate=tanh", "node 3, Gelu: the tanh approximation"),
        relu("s = Sigmoid(z); h = Mul(z, s)", "node 4, Mul: takes a computed value"),
        relu("h = Mul(z, z)", "node 3, Mul: takes a computed value"),
        relu("r = Relu(z); h = Dropout(r, two, one)", "node 4, Dropout: in training mode"),
        relu(
            "n, m, v = BatchNormalization(z, ones, ones, ones, ones) training_mode=1; h = Relu(n)",
            "node 3, BatchNormalization: in training mode",
        ),
        relu(
            "r = Relu(z); k = MatMul(r, square); t = Tanh(k); h = Identity(t)",
            "the graph: activations relu and tanh",
        ),
        after("z = Add(p, b1)", "z = Add(p, batch)", matrix, "node 2, Add: a constant of shape [2, 3]"),
        after("z = Add(p, b1)", "z = Add(p, raised)", matrix, "node 2, Add: a constant of shape [1, 1, 1]"),
        after("z = Add(p, b1)", "z = Div(b1, p)", matrix, "node 2, Div: not supported here"),
        after("p = MatMul(x, w1)", "p = MatMul(w1, x)", matrix, "node 1, MatMul: not supported here"),
        after("p = MatMul(x, w1)", "p = Gemm(x, w1) transA=1", matrix, "node 1, Gemm: not supported here"),
        after(
            "p = MatMul(x, w1)",
            "q8, s8, z8 = DynamicQuantizeLinear(x); p = Mul(s8, q8)",
            matrix,
            "node 1, DynamicQuantizeLinear: quantized",
        ),
        after(
            "p = MatMul(x, w1)",
            "w = DequantizeLinear(w1, one); p = MatMul(x, w)",
            matrix,
            "node 1, DequantizeLinear: quantized",
        ),
        after(
            "p = MatMul(x, w1)",
            "i = Cast(x) to=6; p = MatMul(i, w1)",
            matrix,
            "node 1, Cast: to type int32",
        ),
        after(
            "p = MatMul(x, w1)",
            "t = Transpose(x) perm=[0,2,1]; f = Flatten(t); p = MatMul(f, w1)",
            &[0, 2, 2],
            "node 1, Transpose: moves the pixels",
        ),
        after(
            "p = MatMul(x, w1)",
            "f = Reshape(x, rows); p = MatMul(f, w1)",
            matrix,
            "node 1, Reshape: from shape [1, 4]",
        ),
        after(
            "p = MatMul(x, w1)",
            "s = Shape(x); f = Reshape(x, s); p = MatMul(f, w1)",
            &[0, 0],
            "node 1, Shape: of images whose shape",
        ),
        after(softmax, "y = Softmax(l) axis=0", matrix, "node 6, Softmax: along axis 0"),
        after(softmax, "y = ArgMax(l)", matrix, "node 6, ArgMax: along axis 0"),
        after(softmax, "s = Softmax(l); y = Softmax(s)", matrix, "node 7, Softmax: not supported here"),
        after(softmax, "s = Softmax(l); m = Log(s); y = Log(m)", matrix, "node 8, Log: not supported here"),
        after(softmax, "s = Softmax(l); y = Cast(s) to=7", matrix, "node 7, Cast: not supported here"),
        after(
            softmax,
            "g = Reshape(l, groups); y = Softmax(g) axis=-1",
            matrix,
            "node 7, Softmax: takes values of shape [1, 2, 1]",
        ),
        after(
            softmax,
            "g = Unsqueeze(l, i0); y = Softmax(g) axis=1",
            matrix,
            "node 7, Softmax: takes values of shape [1, 1, 2]",
        ),
        after(softmax, "y = Sigmoid(l)", matrix, "the graph: no output has logits or probabilities"),
        after(softmax, "y = Relu(l)", matrix, "the graph: no output has logits or probabilities"),
        after(softmax, "y = Foo(l) -> y l", matrix, "node 6, Foo: not supported here"),
        after(
            "q = MatMul(h, w2); l = Add(q, b2)",
            "l = MatMul(h, one_column)",
            matrix,
            "the network has one output",
        ),
        after(
            "q = MatMul(h, w2); l = Add(q, b2); y = Softmax(l) axis=1",
            "l = MatMul(h, one_column); s = Sigmoid(l); y = Concat(s, s) axis=1",
            matrix,
            "node 6, Concat: not supported here",
        ),
        after(
            "q = MatMul(h, w2); l = Add(q, b2); y = Softmax(l) axis=1",
            "l = MatMul(h, one_column); s = Sigmoid(l); t = Sub(two, s); y = Concat(t, s) axis=1",
            matrix,
            "node 7, Concat: not supported here",
        ),
        after(
            softmax,
            "y = Softmax(l); k = MatMul(h, square); u = Softmax(k) -> y u",
            matrix,
            "the graph: outputs `y` and `u`",
        ),
    ] {
        let error = Graph::new(&nodes, sizes).import().map(|imported| imported.notes);
        let error = error.map_err(|error| error.to_string());
        assert!(error.as_ref().is_err_and(|error| error.starts_with(expected)), "{nodes}: {error:?}");
    }
    let mut two = Graph::new(PLAIN, &[0, 4]);
    two.graph().input.push(value_info("x2", data_type::FLOAT, &[0, 4]));
    assert!(two.import().unwrap_err().to_string().starts_with("the graph: 2 inputs"));
    let mut colors = Graph::new(PLAIN, &[0, 3, 2, 2]);
    assert!(colors.import().unwrap_err().to_string().starts_with("the graph: images of several channels"));
    colors.graph().input = vec![value_info("x", data_type::INT32, &[0, 4])];
    assert!(colors.import().unwrap_err().to_string().starts_with("the graph: input of type int32"));
}

#[test]
fn one_logistic_output_is_the_second_of_two_classes() {
    let front = with(
        "q = MatMul(h, w2); l = Add(q, b2); y = Softmax(l) axis=1",
        "l = MatMul(h, one_column); s = Sigmoid(l)",
    );
    let (single, notes) = imported(&format!("{front} -> s"), &[0, 4]);
    assert_eq!(notes[0], "assumed: the output is the probability of the second of two classes");
    let (both, notes) =
        imported(&format!("{front}; t = Sub(one, s); y = Concat(t, s) axis=1 -> s y"), &[0, 4]);
    assert!(!notes[0].contains("second of two"), "{notes:?}");
    assert_eq!(single, both);
    let (turned, _) = imported(&format!("{front}; t = Sub(one, s); y = Concat(s, t) axis=1"), &[0, 4]);
    let column = |network: &Mlp<f32>, class| network.layers()[1].weights().column(class).to_vec();
    assert_eq!([column(&both, 0), column(&both, 1)], [vec![0.0; 3], vec![1.0, 0.5, -0.25]]);
    assert_eq!([column(&turned, 1), column(&turned, 0)], [vec![0.0; 3], vec![1.0, 0.5, -0.25]]);
}

#[test]
fn a_graph_that_scales_or_shifts_by_a_lot_takes_gray_levels_to_255() {
    for (front, factor, note) in [
        ("n = Sub(x, gray)", 255.0, "0 to 255, as it shifts them by 127.5"),
        ("d = Div(x, gray); n = Sub(d, one)", 2.0, "0 to 255, as it multiplies them by 0.008"),
        ("n = Mul(x, two)", 2.0, "assumed: inputs are gray levels divided by 255"),
        ("n = Sub(x, two)", 1.0, "assumed: inputs are gray levels divided by 255"),
    ] {
        let (network, notes) = imported(&format!("{front}; {}", with("MatMul(x", "MatMul(n")), &[0, 4]);
        assert!(notes[0].contains(note), "{notes:?}");
        let (found, expected) = (network.layers()[0].weights(), plain().layers()[0].weights().to_owned());
        assert!(
            found.iter().zip(&expected).all(|(a, b)| (a - factor * b).abs() <= 1e-5 * b.abs()),
            "{front}"
        );
    }
    // Columns that scikit-learn leaves as they are say nothing.
    let nodes = format!("n = Div(x, std); {}", with("MatMul(x", "MatMul(n"));
    let mut graph = Graph::new(&nodes, &[0, 4]);
    let std = TensorProto {
        name: "std".to_owned(),
        dims: vec![4],
        data_type: data_type::FLOAT,
        float_data: vec![1.0, 1.0, 1.0, 80.0],
        ..TensorProto::default()
    };
    graph.graph().initializer.push(std);
    let notes = graph.import().unwrap().notes;
    assert!(notes[0].contains("0 to 255, as it multiplies them by 0.013"), "{notes:?}");
}
