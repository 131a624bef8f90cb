//! The exponential moving average of a network's weights. Near the end of a training the weights circle around a minimum, and
//! their average is closer to it than they are (Polyak and Juditsky 1992).

use crate::layer::Layer;
use crate::network::Mlp;
use crate::scalar::Scalar;
use crate::workspace::Workspace;

/// The average of the networks of a training, θ̄ ← d·θ̄ + (1-d)·θ after each step.
///
/// d is the smaller of a given decay and (1+t)/(10+t) in step t, counted from 1, so that the first networks are soon forgotten (TensorFlow's
/// `ExponentialMovingAverage` with `num_updates`).
///
/// ```
/// use mlp_core::prelude::*;
///
/// let architecture = Architecture::new(2, &[], 2);
/// let mut network = Mlp::<f32>::new(&architecture, Init::Xavier, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 1);
/// let mut ema = Ema::new(&network, 0.99);
/// for _ in 0..10 {
///     let x = ndarray::array![[1.0, -1.0]];
///     network.train_step(x.view(), &[1], 0.1, &mut workspace);
///     ema.update(&network, &mut workspace);
/// }
/// assert_ne!(ema.network(), &network);
/// # Ok::<(), NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ema<A> {
    network: Mlp<A>,
    decay: f64,
    steps: u64,
}

impl<A: Scalar> Ema<A> {
    /// The average at its beginning: the network itself.
    ///
    /// # Panics
    /// If the decay is not from 0 to below 1.
    #[track_caller]
    pub fn new(network: &Mlp<A>, decay: f64) -> Self {
        Self::resume(network.clone(), decay, 0)
    }

    /// The average as it was after `steps` steps.
    ///
    /// # Panics
    /// As [`Ema::new`].
    #[track_caller]
    pub fn resume(average: Mlp<A>, decay: f64, steps: u64) -> Self {
        assert!((0.0..1.0).contains(&decay), "a decay of {decay}: expected from 0 to below 1");
        Self { network: average, decay, steps }
    }

    /// The network of averages.
    pub fn network(&self) -> &Mlp<A> {
        &self.network
    }

    /// Steps that it has seen.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes in the network after a step, with the threads of `workspace`.
    ///
    /// # Panics
    /// If the network is of another architecture.
    #[track_caller]
    pub fn update(&mut self, network: &Mlp<A>, workspace: &mut Workspace<A>) {
        let shape = |layer: &Layer<A>| (layer.inputs(), layer.outputs());
        let fits = self.network.layers().iter().map(shape).eq(network.layers().iter().map(shape));
        assert!(fits, "the average of networks of another architecture");
        self.steps += 1;
        let t = self.steps as f64;
        let share = 1.0 - self.decay.min((1.0 + t) / (10.0 + t));
        let ops = &mut workspace.ops;
        // In the strips in which training keeps the first layer.
        let first = &mut self.network.layers[0].weights;
        first.arrange(&ops.units::<A>(first.width()).parts);
        for (average, layer) in self.network.layers.iter_mut().zip(network.layers()) {
            ops.approach(share, layer, average);
        }
    }
}
