//! Optimizers take the same steps as PyTorch's (`fixtures/optimizers.py`) and as plain loops, with
//! the same bits on any number of threads and instruction set.

use mlp_core::{
    Activation, Architecture, Compute, Ema, Gradients, Init, Isa, Layer, MatmulBackend, Mlp, NativeStream,
    Objective, Optimizer, OptimizerKind, RandomStream, Real, Scalar, Workspace,
};
use ndarray::{Array1, Array2};

/// The initial network of `optimizers.py`.
fn start() -> Mlp<f64> {
    let mut k = 0.0;
    let mut next = || {
        k += 1.0;
        0.8 * (1.7_f64 * (k - 1.0)).sin()
    };
    let layers = [(5, 4), (4, 3)].map(|(inputs, outputs)| {
        let weights = Array2::from_shape_simple_fn((inputs, outputs), &mut next);
        Layer::new(weights, Array1::from_shape_simple_fn(outputs, &mut next))
    });
    Mlp::from_layers(layers.into(), Activation::Tanh).unwrap()
}

fn parameters<A: Scalar>(layers: &[Layer<A>]) -> Vec<f64> {
    let tensors = layers.iter().flat_map(|layer| layer.weights().into_iter().chain(layer.biases()));
    tensors.map(Real::into_f64).collect()
}

/// PyTorch's parameters for a case.
fn fixture(name: &str) -> Vec<f64> {
    let lines = include_str!("../fixtures/optimizers.txt").lines();
    let mut words =
        lines.map(str::split_whitespace).find(|words| words.clone().next() == Some(name)).unwrap();
    words.next();
    words.map(|word| word.parse().unwrap()).collect()
}

const ADAM: OptimizerKind = OptimizerKind::Adam { beta1: 0.8, beta2: 0.99, epsilon: 1e-6 };
const KINDS: [OptimizerKind; 5] = [
    OptimizerKind::Sgd,
    OptimizerKind::Momentum { momentum: 0.9 },
    OptimizerKind::Nesterov { momentum: 0.9 },
    ADAM,
    OptimizerKind::RmsProp { decay: 0.9, epsilon: 1e-6 },
];

#[test]
fn optimizers_agree_with_pytorch() {
    let architecture = start().architecture();
    let new = |kind| Optimizer::new(kind, &architecture);
    let cases = [
        ("sgd", new(OptimizerKind::Sgd), 0.3),
        ("sgd-decay", new(OptimizerKind::Sgd).with_weight_decay(0.02), 0.3),
        ("momentum", new(KINDS[1]), 0.3),
        ("nesterov", new(KINDS[2]), 0.3),
        ("adam", new(ADAM), 0.03),
        ("adamw", new(ADAM).with_weight_decay(0.5), 0.03),
        ("rmsprop", new(KINDS[4]), 0.03),
        ("clipped", new(KINDS[1]).with_clipping(0.05), 0.3),
        ("smoothed", new(OptimizerKind::Sgd), 0.3),
        ("averaged", new(OptimizerKind::Sgd), 0.3),
    ];
    let x = Array2::from_shape_fn((6, 5), |(i, j)| (0.9 * (5 * i + j) as f64).cos());
    let labels: Vec<u8> = (0..6).map(|i| i % 3).collect();
    for (name, mut optimizer, rate) in cases {
        let (mut network, mut workspace) = (start(), Workspace::new(&architecture, 6));
        let label_smoothing = if name == "smoothed" { 0.2 } else { 0.0 };
        workspace.set_objective(Objective::mean().with_label_smoothing(label_smoothing));
        let mut ema = Ema::new(&network, 0.7);
        for _ in 0..20 {
            optimizer.train_step(&mut network, x.view(), &labels, rate, &mut workspace);
            ema.update(&network, &mut workspace);
        }
        let found = if name == "averaged" { ema.network() } else { &network };
        let (found, expected) = (parameters(found.layers()), fixture(name));
        assert_eq!(found.len(), expected.len());
        // 20 steps of about 100 roundings each; this training does not amplify differences.
        let bound = 2e3 * f64::EPSILON;
        for (index, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            assert!((found - expected).abs() <= bound, "{name}, parameter {index}: {found}, {expected}");
        }
    }
}

/// An optimizer for one parameter, in plain f64.
struct Plain {
    kind: OptimizerKind,
    t: i32,
    m: f64,
    v: f64,
}

impl Plain {
    fn step(&mut self, theta: f64, g: f64, rate: f64, decay: f64) -> f64 {
        self.t += 1;
        let theta = theta - rate * decay * theta;
        theta
            - rate
                * match self.kind {
                    OptimizerKind::Sgd => g,
                    OptimizerKind::Momentum { momentum } => {
                        self.v = momentum * self.v + g;
                        self.v
                    }
                    OptimizerKind::Nesterov { momentum } => {
                        self.v = momentum * self.v + g;
                        g + momentum * self.v
                    }
                    OptimizerKind::Adam { beta1, beta2, epsilon } => {
                        self.m = beta1 * self.m + (1.0 - beta1) * g;
                        self.v = beta2 * self.v + (1.0 - beta2) * g * g;
                        let m = self.m / (1.0 - beta1.powi(self.t));
                        m / ((self.v / (1.0 - beta2.powi(self.t))).sqrt() + epsilon)
                    }
                    OptimizerKind::RmsProp { decay, epsilon } => {
                        self.v = decay * self.v + (1.0 - decay) * g * g;
                        g / (self.v.sqrt() + epsilon)
                    }
                    other => unreachable!("{other:?}"),
                }
    }
}

/// Random examples and a network.
struct Task<A> {
    x: Array2<A>,
    labels: Vec<u8>,
    network: Mlp<A>,
}

fn task<A: Scalar>(hidden: &[usize]) -> Task<A> {
    let mut stream = NativeStream::new(5);
    let architecture = Architecture::new(30, hidden, 10).with_activation(Activation::Relu);
    let x = Array2::from_shape_simple_fn((70, 30), || A::from_f64(stream.standard_normal()));
    let labels = (0..70).map(|_| (stream.next_u64() % 10) as u8).collect();
    Task { x, labels, network: Mlp::new(&architecture, Init::He, &mut stream).unwrap() }
}

#[test]
fn optimizers_agree_with_their_formulas() {
    for kind in KINDS {
        for (weight_decay, max_norm) in [(0.0, None), (0.3, None), (0.0, Some(0.1)), (0.1, Some(1e9))] {
            let task = task::<f64>(&[20]);
            let architecture = task.network.architecture();
            let mut optimizer = Optimizer::new(kind, &architecture).with_weight_decay(weight_decay);
            if let Some(most) = max_norm {
                optimizer = optimizer.with_clipping(most);
            }
            let (mut network, mut workspace) = (task.network, Workspace::new(&architecture, 70));
            workspace.set_objective(Objective::mean());
            let mut gradients = Gradients::new(&architecture);
            let mut expected = parameters(network.layers());
            let mut plain: Vec<Plain> =
                expected.iter().map(|_| Plain { kind, t: 0, m: 0.0, v: 0.0 }).collect();
            // Weights decay, biases do not.
            let sizes = architecture.layer_sizes();
            let decays = sizes.iter().flat_map(|&(inputs, outputs)| {
                [vec![weight_decay; inputs * outputs], vec![0.0; outputs]].concat()
            });
            let decays: Vec<f64> = decays.collect();
            for step in 0..5 {
                let rate = 0.05 / (1.0 + f64::from(step));
                network.forward(task.x.view(), &task.labels, &mut workspace);
                network.backward(task.x.view(), &mut workspace, &mut gradients);
                let gradient = parameters(gradients.layers());
                let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                let scale = max_norm.map_or(1.0, |most: f64| (most / norm).min(1.0));
                for (index, theta) in expected.iter_mut().enumerate() {
                    *theta = plain[index].step(*theta, scale * gradient[index], rate, decays[index]);
                }
                optimizer.train_step(&mut network, task.x.view(), &task.labels, rate, &mut workspace);
                let found = parameters(network.layers());
                // A step rounds about 12 times, and Adam's division magnifies the error of the
                // gradients.
                for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let bound = 1e-11 * (1.0 + expected.abs());
                    assert!((found - expected).abs() < bound, "{kind:?} {index}: {found} {expected}");
                }
                expected = found;
            }
        }
    }
}

fn train<A: Scalar>(kind: OptimizerKind, hidden: &[usize], compute: Compute, clipped: bool) -> [Vec<f64>; 2] {
    let task = task::<A>(hidden);
    let architecture = task.network.architecture();
    let mut workspace = Workspace::with_compute(&architecture, 70, compute);
    let objective = Objective::mean().with_dropout(0.3).with_input_dropout(0.2).with_label_smoothing(0.1);
    workspace.set_objective(objective.with_seed(2));
    let mut network = task.network;
    let mut optimizer = Optimizer::new(kind, &architecture).with_weight_decay(0.01);
    if clipped {
        optimizer = optimizer.with_clipping(0.5);
    }
    let mut ema = Ema::new(&network, 0.9);
    for _ in 0..6 {
        let (x, labels) = (task.x.view(), &task.labels);
        optimizer.train_step(&mut network, x, labels, 0.02, &mut workspace);
        ema.update(&network, &mut workspace);
    }
    [parameters(network.layers()), parameters(ema.network().layers())]
}

#[test]
fn optimizers_do_not_depend_on_threads_or_instructions() {
    for kind in KINDS {
        for (hidden, clipped) in [(&[100][..], true), (&[40, 24], false), (&[], true)] {
            let with = |isa, threads| {
                Compute::default().with_backend(MatmulBackend::Portable).with_isa(isa).with_threads(threads)
            };
            let expected = train::<f32>(kind, hidden, with(Isa::best(), 1), clipped);
            let wide = train::<f64>(kind, hidden, with(Isa::best(), 1), clipped);
            for isa in Isa::available() {
                for threads in [1, 2, 3, 5] {
                    let found = train::<f32>(kind, hidden, with(isa, threads), clipped);
                    assert_eq!(found, expected, "{kind:?} {hidden:?} {isa} {threads}");
                }
                assert_eq!(train::<f64>(kind, hidden, with(isa, 2), clipped), wide, "{kind:?} {isa}");
            }
        }
    }
}

#[test]
fn a_restored_optimizer_continues_identically() {
    for kind in KINDS {
        let task = task::<f32>(&[20]);
        let architecture = task.network.architecture();
        let compute = Compute::default().with_threads(2);
        let new = || Optimizer::new(kind, &architecture).with_clipping(1.0);
        let (mut network, mut optimizer) = (task.network.clone(), new());
        let mut workspace = Workspace::with_compute(&architecture, 70, compute);
        workspace.set_objective(Objective::mean());
        let (x, labels) = (task.x.view(), &task.labels);
        let mut step = |network: &mut Mlp<f32>, optimizer: &mut Optimizer<f32>| {
            optimizer.train_step(network, x, labels, 0.1, &mut workspace);
        };
        (0..3).for_each(|_| step(&mut network, &mut optimizer));
        let mut restored = new();
        restored.restore(optimizer.steps(), optimizer.states().map(<[_]>::to_vec).collect()).unwrap();
        let mut again = network.clone();
        (0..3).for_each(|_| step(&mut network, &mut optimizer));
        (0..3).for_each(|_| step(&mut again, &mut restored));
        assert_eq!(again, network, "{kind:?}");
        assert_ne!(again, task.network);
        assert_eq!(
            restored.states().count(),
            if kind == ADAM { 2 } else { usize::from(kind != OptimizerKind::Sgd) }
        );
    }
}

#[test]
fn states_of_another_network_or_kind_are_errors() {
    let sizes = |hidden: &[usize]| Architecture::new(3, hidden, 2).with_activation(Activation::Tanh);
    let other = Optimizer::<f32>::new(KINDS[1], &sizes(&[5]));
    let states: Vec<_> = other.states().map(<[_]>::to_vec).collect();
    let mut optimizer = Optimizer::new(KINDS[1], &sizes(&[4]));
    let error = optimizer.restore(1, states.clone()).unwrap_err();
    assert_eq!(error, "the optimizer states belong to another network");
    let mut adam = Optimizer::new(ADAM, &sizes(&[5]));
    assert_eq!(adam.restore(1, states).unwrap_err(), "1 optimizer states; expected 2");
}

#[test]
fn states_without_gradients_decay_to_zero_and_never_become_subnormal() {
    for kind in KINDS {
        let task = task::<f32>(&[20]);
        let architecture = task.network.architecture();
        let (mut network, mut optimizer) = (task.network.clone(), Optimizer::new(kind, &architecture));
        let mut workspace = Workspace::with_compute(&architecture, 70, Compute::default());
        let zeros = Array2::zeros(task.x.dim());
        for step in 0..8_000 {
            let x = if step < 3 { task.x.view() } else { zeros.view() };
            optimizer.train_step(&mut network, x, &task.labels, 1e-4, &mut workspace);
            for layer in optimizer.states().flatten() {
                assert!(!layer.weights().iter().any(|a| a.is_subnormal()), "{kind:?}, step {step}");
            }
        }
        // The first layer's inputs are zero.
        let is_zero = |layers: &[Layer<f32>]| layers[0].weights().iter().all(|&a| a == 0.0);
        assert!(optimizer.states().all(is_zero), "{kind:?}");
    }
}
