//! ONNX files: a model for every other runtime.
//!
//! The file needs operator set 13 and nothing outside of it: GELU and SiLU, which later sets or other domains have as
//! one operator, are written as the few that they are made of. Weights keep their order in memory, `[inputs, units]`,
//! which is what ONNX's `Gemm` multiplies by.

mod graph;
mod messages;

use super::model_file;
use super::network::Network;
use crate::params::Params;
use graph::Graph;
use messages::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use prost::Message;

/// Of ONNX 1.12: old enough for every runtime in use.
const IR_VERSION: i64 = 8;
/// Of ONNX 1.8.
const OPERATOR_SET: i64 = 13;

/// A model as the bytes of an ONNX file. The same model always gives the same bytes.
///
/// Its input `features` is `[batch, inputs]`, with features scaled and standardized as they were in training; its
/// output `output` is `[batch, output units]`: probabilities of the classes (a single unit: of class 1), or what a
/// regression predicts. The metadata key `privet` says what the one of a safetensors file does.
pub fn to_onnx(network: &Network, params: &Params) -> Vec<u8> {
    let mut graph = Graph::new(params);
    for block in &network.blocks {
        graph.push(block);
    }
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "privet".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph.finish(network.inputs(), network.output_units())),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPERATOR_SET }],
        metadata_props: vec![StringStringEntryProto {
            key: model_file::KEY.into(),
            value: model_file::metadata(network),
        }],
    };
    model.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Loss, ModelConfig};
    use crate::random::{Purpose, Seed};

    #[test]
    fn weights_keep_their_order_and_the_ends_have_their_shapes() {
        let config = ModelConfig { hidden: vec![3], ..ModelConfig::default() };
        let network = Network::new(&config, 4, 2, Loss::CrossEntropy { label_smoothing: 0.0 }).unwrap();
        let params = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
        let bytes = to_onnx(&network, &params);
        assert_eq!(bytes, to_onnx(&network, &params), "the same model, the same bytes");

        let model = ModelProto::decode(&bytes[..]).unwrap();
        let graph = model.graph.unwrap();
        let names: Vec<_> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
        assert_eq!(graph.initializer[0].dims, [4, 3]);
        let (numbers, _) = graph.initializer[0].raw_data.as_chunks();
        assert!(
            numbers.iter().zip(params.values()).all(|(bytes, value)| f32::from_le_bytes(*bytes) == *value)
        );
        let operators: Vec<_> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Gemm", "Relu", "Gemm", "Softmax"]);
        assert_eq!(graph.node.last().unwrap().output, ["output"]);
    }
}
