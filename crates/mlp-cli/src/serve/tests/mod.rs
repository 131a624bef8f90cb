//! The server's tests.

use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream};
use mlp_data::{ImageShape, Preparation};
use mlp_train::{Metadata, Model, Network};

/// An untrained network for images of 28x28.
pub(super) fn model(hidden: &[usize], names: &[&str]) -> Model {
    let architecture = Architecture {
        inputs: 784,
        hidden: hidden.to_vec(),
        outputs: names.len(),
        activation: Activation::Relu,
    };
    let network = Mlp::<f32>::new(&architecture, Init::He, &mut NativeStream::new(1)).unwrap();
    Model {
        network: Network::F32(network),
        metadata: Metadata {
            dataset: "made up".to_owned(),
            class_names: names.iter().map(|&name| name.to_owned()).collect(),
            image_shape: ImageShape { height: 28, width: 28 },
            preparation: Preparation::Digit,
            config: None,
            program: "a test".to_owned(),
        },
    }
}
