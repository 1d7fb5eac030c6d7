//! A network as a list of layers, for people.

use super::activation::Activation;
use super::network::Network;

/// One layer of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Its number among the modules of a `torch.nn.Sequential`, which begins the names of its tensors.
    pub number: usize,
    /// `dense`, `layer-normalization`, `dropout`, or the name of an activation.
    pub kind: &'static str,
    /// Numbers that go in, for each row.
    pub inputs: usize,
    /// Numbers that come out, for each row.
    pub outputs: usize,
    /// Parameters that are trained.
    pub parameters: usize,
}

impl Network {
    /// Its layers, from the input on. A linear activation is none.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        for block in &self.blocks {
            let mut push = |kind, inputs, parameters| {
                layers.push(Layer { number: layers.len(), kind, inputs, outputs: block.units, parameters });
            };
            let parameters = block.weight.len() + block.bias.as_ref().map_or(0, |bias| bias.len());
            push("dense", block.inputs, parameters);
            if let Some(norm) = &block.norm {
                push("layer-normalization", block.units, norm.gain.len() + norm.shift.len());
            }
            if block.activation != Activation::Linear {
                push(block.activation.name(), block.units, 0);
            }
            if block.dropout > 0.0 {
                push("dropout", block.units, 0);
            }
        }
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Loss, ModelConfig, Normalization, PerLayer};

    #[test]
    fn layers_are_numbered_as_their_tensors_and_have_all_parameters() {
        let config = ModelConfig {
            hidden: vec![5, 4],
            normalization: Normalization::Layer,
            dropout: PerLayer::Each(vec![0.0, 0.5]),
            ..ModelConfig::default()
        };
        for loss in [Loss::CrossEntropy { label_smoothing: 0.0 }, Loss::MeanSquaredError] {
            let network = Network::new(&config, 6, 3, loss).unwrap();
            let layers = network.layers();
            let parameters: usize = layers.iter().map(|layer| layer.parameters).sum();
            assert_eq!(parameters, network.layout().len());
            for tensor in network.layout().tensors() {
                let number: usize = tensor.name.split('.').next().unwrap().parse().unwrap();
                let layer = layers.iter().find(|layer| layer.number == number).unwrap();
                assert!(layer.parameters >= tensor.len(), "{} is not of {}", tensor.name, layer.kind);
            }
        }
    }
}
