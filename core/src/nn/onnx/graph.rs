//! From blocks to the nodes of a graph.

use super::messages::{
    AttributeProto, DimensionProto, FLOAT, GraphProto, NodeProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::nn::activation::{Activation, GELU_CUBE, GELU_SCALE, LEAK};
use crate::nn::network::{Block, Norm};
use crate::nn::norm::EPSILON;
use crate::params::Params;
use std::ops::Range;

const INPUT: &str = "features";
const OUTPUT: &str = "output";

/// A graph that grows node by node, each taking what the one before gave.
pub(super) struct Graph<'a> {
    params: &'a Params,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// The name of the newest value.
    value: String,
}

impl<'a> Graph<'a> {
    pub(super) fn new(params: &'a Params) -> Graph<'a> {
        Graph { params, nodes: Vec::new(), initializers: Vec::new(), value: INPUT.into() }
    }

    /// A block on top of what is there.
    pub(super) fn push(&mut self, block: &Block) {
        let mut inputs = vec![self.value.clone(), self.tensor(&block.weight)];
        inputs.extend(block.bias.as_ref().map(|bias| self.tensor(bias)));
        self.node("Gemm", inputs, vec![]);
        if let Some(norm) = &block.norm {
            self.normalize(norm, block.units);
        }
        // Dropout is for training alone.
        self.activate(block.activation);
    }

    /// The whole graph; its newest value is the output.
    pub(super) fn finish(mut self, inputs: usize, outputs: usize) -> GraphProto {
        let last = self.nodes.last_mut().expect("a network has at least its output layer");
        last.output = vec![OUTPUT.into()];
        GraphProto {
            node: self.nodes,
            name: "privet".into(),
            initializer: self.initializers,
            input: vec![rows_of(INPUT, inputs)],
            output: vec![rows_of(OUTPUT, outputs)],
        }
    }

    /// Layer normalization, which is an operator of its own only in later sets. Means are products with a column of
    /// `1 / units`: reducing operators take their axis in another way from set to set.
    fn normalize(&mut self, norm: &Norm, units: usize) {
        let mean_of = format!("mean of {}", self.nodes.len());
        self.initializers.push(floats(&mean_of, vec![units as i64, 1], &vec![1.0 / units as f32; units]));
        let x = self.value.clone();
        self.combine("MatMul", &mean_of);
        let mean = std::mem::replace(&mut self.value, x);
        self.combine("Sub", &mean);
        let centred = self.value.clone();
        self.combine("Mul", &centred);
        self.combine("MatMul", &mean_of);
        self.with_constant("Add", EPSILON);
        self.apply("Sqrt", vec![]);
        let deviation = std::mem::replace(&mut self.value, centred);
        self.combine("Div", &deviation);
        let (gain, shift) = (self.tensor(&norm.gain), self.tensor(&norm.shift));
        self.combine("Mul", &gain);
        self.combine("Add", &shift);
    }

    fn activate(&mut self, activation: Activation) {
        let x = self.value.clone();
        match activation {
            Activation::Linear => {}
            Activation::Sigmoid => self.apply("Sigmoid", vec![]),
            Activation::Tanh => self.apply("Tanh", vec![]),
            Activation::Relu => self.apply("Relu", vec![]),
            Activation::LeakyRelu => self.apply("LeakyRelu", vec![AttributeProto::float("alpha", LEAK)]),
            Activation::Elu => self.apply("Elu", vec![AttributeProto::float("alpha", 1.0)]),
            Activation::Softplus => self.apply("Softplus", vec![]),
            Activation::Softmax => self.apply("Softmax", vec![AttributeProto::int("axis", 1)]),
            Activation::Silu => {
                self.apply("Sigmoid", vec![]);
                self.combine("Mul", &x);
            }
            Activation::Gelu => {
                // x/2 (1 + erf(x / sqrt 2)).
                self.with_constant("Mul", std::f32::consts::FRAC_1_SQRT_2);
                self.apply("Erf", vec![]);
                self.half_of_one_more(&x);
            }
            Activation::GeluTanh => {
                // x/2 (1 + tanh(s (x + c x³))), where s (x + c x³) = s x (1 + c x²).
                self.combine("Mul", &x);
                self.with_constant("Mul", GELU_CUBE);
                self.with_constant("Add", 1.0);
                self.combine("Mul", &x);
                self.with_constant("Mul", GELU_SCALE);
                self.apply("Tanh", vec![]);
                self.half_of_one_more(&x);
            }
        }
    }

    /// x/2 (1 + the newest value).
    fn half_of_one_more(&mut self, x: &str) {
        self.with_constant("Add", 1.0);
        self.combine("Mul", x);
        self.with_constant("Mul", 0.5);
    }

    /// An operator on the newest value.
    fn apply(&mut self, operator: &str, attributes: Vec<AttributeProto>) {
        self.node(operator, vec![self.value.clone()], attributes);
    }

    /// An operator on the newest value and an older one.
    fn combine(&mut self, operator: &str, other: &str) {
        self.node(operator, vec![self.value.clone(), other.to_owned()], vec![]);
    }

    /// An operator on the newest value and a number.
    fn with_constant(&mut self, operator: &str, number: f32) {
        let name = format!("constant {}", self.nodes.len());
        self.initializers.push(floats(&name, vec![], &[number]));
        self.node(operator, vec![self.value.clone(), name], vec![]);
    }

    fn node(&mut self, operator: &str, inputs: Vec<String>, attribute: Vec<AttributeProto>) {
        self.value = format!("value {}", self.nodes.len());
        let (output, op_type) = (vec![self.value.clone()], operator.to_owned());
        self.nodes.push(NodeProto { input: inputs, output, op_type, attribute });
    }

    /// Adds the tensor that lies there in the parameters; gives its name.
    fn tensor(&mut self, range: &Range<usize>) -> String {
        let tensors = self.params.layout().tensors();
        let tensor = tensors.iter().find(|tensor| tensor.range() == *range);
        let tensor = tensor.expect("a block's parameters are tensors of the layout");
        let dims = tensor.shape.iter().map(|&len| len as i64).collect();
        self.initializers.push(floats(&tensor.name, dims, &self.params.values()[tensor.range()]));
        tensor.name.clone()
    }
}

fn floats(name: &str, dims: Vec<i64>, values: &[f32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { dims, data_type: FLOAT, name: name.into(), raw_data }
}

/// `[batch, width]`.
fn rows_of(name: &str, width: usize) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some("batch".into()) };
    let width = DimensionProto { dim_value: Some(width as i64), dim_param: None };
    let shape = Some(TensorShapeProto { dim: vec![batch, width] });
    let tensor_type = Some(TensorTypeProto { elem_type: FLOAT, shape });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}
