//! The exponential moving average of the weights. Late in training the weights circle around a
//! minimum, and their average is closer to it (Polyak and Juditsky 1992).

use crate::layer::Layer;
use crate::network::Mlp;
use crate::scalar::Scalar;
use crate::workspace::Workspace;

/// An exponential moving average of a network's weights: θ̄ ← d·θ̄ + (1-d)·θ after each step.
///
/// In step t, counted from 1, d is the smaller of the given decay and (1+t)/(10+t), so that early
/// weights fade quickly (as TensorFlow's `ExponentialMovingAverage` with `num_updates`).
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
    /// Starts an average at the given network.
    ///
    /// # Panics
    /// If the decay is not in [0, 1).
    #[track_caller]
    pub fn new(network: &Mlp<A>, decay: f64) -> Self {
        Self::resume(network.clone(), decay, 0)
    }

    /// Resumes an average after `steps` steps.
    ///
    /// # Panics
    /// Same as [`Ema::new`].
    #[track_caller]
    pub fn resume(average: Mlp<A>, decay: f64, steps: u64) -> Self {
        assert!((0.0..1.0).contains(&decay), "EMA decay is {decay}; expected 0 or more, below 1");
        Self { network: average, decay, steps }
    }

    /// Returns the network with averaged weights.
    pub fn network(&self) -> &Mlp<A> {
        &self.network
    }

    /// Returns the number of updates.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Updates the average after a training step, on the threads of `workspace`.
    ///
    /// # Panics
    /// If the network has another architecture.
    #[track_caller]
    pub fn update(&mut self, network: &Mlp<A>, workspace: &mut Workspace<A>) {
        let fits = self.network.layers.iter().map(Layer::shape).eq(network.layers.iter().map(Layer::shape));
        assert!(fits, "the EMA was made for another architecture");
        self.steps += 1;
        let t = self.steps as f64;
        let share = 1.0 - self.decay.min((1.0 + t) / (10.0 + t));
        let ops = &mut workspace.ops;
        // Use the same strips as training does.
        let first = &mut self.network.layers[0].weights;
        first.arrange(&ops.units::<A>(first.width()).parts);
        for (average, layer) in self.network.layers.iter_mut().zip(network.layers()) {
            A::average(ops, share, layer, average);
        }
    }
}
