//! The meaning of a graph's outputs: probabilities of classes, or what is computed from the same
//! logits; and the layers behind an output.

use std::rc::Rc;

use mlp_core::Activation;
use ndarray::{Array1, Array2};

use crate::formats::onnx::layers::{Base, Layers, Signal};
use crate::formats::onnx::map::Map;
use crate::formats::onnx::proto::{NodeProto, attribute, data_type};

/// The probabilities of the classes, or what is computed from the same logits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) layer: usize, // of the logits
    map: Map,                // of its product
    head: Head,
}

/// In the order in which outputs are preferred.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Kind {
    Label,
    /// One logistic output.
    Single,
    Logits,
    Logarithms,
    Probabilities,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Head {
    Softmax,
    /// The logistic function of one logit, and its complement.
    Pair {
        is_complement_first: bool,
    },
}

/// The layers of a chain and the activation between them.
pub(super) type Chain = (Vec<(Array2<f64>, Array1<f64>)>, Vec<Activation>);

impl Answer {
    fn of_kind(&self, kind: Kind) -> Rc<Self> {
        Rc::new(Self { kind, ..self.clone() })
    }

    /// Returns the output of an operator on this; `None` if it has no meaning.
    pub(super) fn after(&self, node: &NodeProto) -> Result<Option<Rc<Self>>, String> {
        let op = node.op_type.as_str();
        let default = if op == "ArgMax" { 0 } else { -1 };
        let axis = attribute(node, "axis").map_or(default, |axis| axis.i);
        if matches!(op, "Softmax" | "LogSoftmax" | "ArgMax") && !matches!(axis, -1 | 1) {
            return Err(format!("along axis {axis}; expected 1"));
        }
        let to = attribute(node, "to").map_or(0, |to| to.i);
        let is_number = i32::try_from(to).is_ok_and(data_type::is_float);
        Ok(match (op, self.kind) {
            ("Softmax", Kind::Logits | Kind::Logarithms) => Some(Kind::Probabilities),
            ("LogSoftmax", Kind::Logits | Kind::Logarithms) => Some(Kind::Logarithms),
            ("Log", Kind::Probabilities) => Some(Kind::Logarithms),
            ("Exp", Kind::Logarithms) => Some(Kind::Probabilities),
            ("ZipMap", Kind::Probabilities) => Some(self.kind),
            ("ArgMax", Kind::Logits | Kind::Logarithms | Kind::Probabilities) => Some(Kind::Label),
            ("Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten", Kind::Label) => Some(self.kind),
            ("Cast", _) if is_number => Some(self.kind),
            _ => None,
        }
        .map(|kind| self.of_kind(kind)))
    }

    /// Returns whether two answers about the same layer are the same.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.map == other.map && self.head == other.head
    }
}

impl Layers {
    /// Returns a complete Z as logits.
    pub(super) fn logits(&self, signal: &Signal) -> Result<Rc<Answer>, String> {
        let Base::Product(layer) = signal.base else {
            return Err("does not take the outputs of a layer".to_owned());
        };
        if !signal.is_matrix() {
            let shape = signal.shape.as_deref().unwrap_or_default();
            return Err(format!("takes values of shape {shape:?}; expected one row for each image"));
        }
        let map = signal.map.clone();
        Ok(Rc::new(Answer { kind: Kind::Logits, layer, map, head: Head::Softmax }))
    }

    /// Returns the answer of a value that is an output of the graph, if it is one.
    pub(super) fn answer(&self, signal: &Signal) -> Option<Rc<Answer>> {
        self.logits(signal).ok().or_else(|| {
            // One logistic output is the probability of the second of two classes.
            let complement = self.logistic(signal)?;
            (!complement).then(|| self.paired(signal, true))?.map(|answer| answer.of_kind(Kind::Single))
        })
    }

    /// Returns whether this is 1 - p instead of p, of a layer with one logistic output p.
    fn logistic(&self, signal: &Signal) -> Option<bool> {
        let Base::Hidden(layer) = signal.base else { return None };
        let layer = &self.list[layer];
        let is_logistic = matches!(layer.end, Some((Activation::Logistic, _))) && layer.weights.ncols() == 1;
        match (&signal.map.scale[..], &signal.map.shift[..]) {
            ([1.0], [0.0]) if is_logistic => Some(false),
            ([-1.0], [1.0]) if is_logistic => Some(true),
            _ => None,
        }
    }

    fn paired(&self, signal: &Signal, is_complement_first: bool) -> Option<Rc<Answer>> {
        let Base::Hidden(layer) = signal.base else { return None };
        let (_, map) = self.list[layer].end.as_ref()?;
        let head = Head::Pair { is_complement_first };
        Some(Rc::new(Answer { kind: Kind::Probabilities, layer, map: map.clone(), head }))
    }

    /// Joins p and 1 - p, in either order.
    pub(super) fn pair(&self, node: &NodeProto, first: &Signal, second: &Signal) -> Option<Rc<Answer>> {
        let is_last = matches!(attribute(node, "axis").map_or(0, |axis| axis.i), 1 | -1);
        let (a, b) = (self.logistic(first)?, self.logistic(second)?);
        let fits = is_last && a != b && first.base == second.base;
        (fits && first.is_matrix() && second.is_matrix()).then(|| self.paired(first, a))?
    }

    /// Returns whether the layers of one answer are among those of another.
    pub(super) fn is_within(&self, one: &Answer, other: &Answer) -> bool {
        self.chain(other.layer).contains(&one.layer)
    }

    /// Returns the layers of an answer, the output layer last, with everything folded.
    pub(super) fn into_chain(mut self, answer: &Answer) -> Chain {
        let mut chain = self.chain(answer.layer);
        chain.reverse();
        let mut activations = Vec::new();
        let mut layers = Vec::new();
        for &index in &chain {
            let affine = &mut self.list[index];
            let mut weights = std::mem::take(&mut affine.weights);
            let mut biases = std::mem::take(&mut affine.biases);
            let mut map = &answer.map;
            if let Some((activation, end)) = affine.end.as_ref().filter(|_| index != answer.layer) {
                activations.push(*activation);
                map = end;
            }
            if !map.is_identity() {
                // (x W + b) scale + shift
                let [scale, shift] = map.columns(biases.len());
                weights *= &scale;
                biases = biases * &scale + &shift;
            }
            if let Head::Pair { is_complement_first } = answer.head
                && index == answer.layer
            {
                // softmax(0, z) = (1 - logistic(z), logistic(z))
                let column = usize::from(is_complement_first);
                let mut both = (Array2::zeros((weights.nrows(), 2)), Array1::zeros(2));
                both.0.column_mut(column).assign(&weights.column(0));
                both.1[column] = biases[0];
                (weights, biases) = both;
            }
            layers.push((weights, biases));
        }
        (layers, activations)
    }
}
