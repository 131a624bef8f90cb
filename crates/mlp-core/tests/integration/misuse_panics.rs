//! Programming errors panic instead of giving wrong numbers.

use mlp_core::{
    Activation, Adversary, Architecture, Compute, Gradients, Init, Mlp, NativeStream, Objective, Workspace,
};
use ndarray::Array2;

struct Setup {
    network: Mlp<f64>,
    workspace: Workspace<f64>,
    gradients: Gradients<f64>,
    x: Array2<f64>,
}

const LABELS: [u8; 4] = [0, 1, 2, 0];

fn setup() -> Setup {
    let architecture = Architecture::new(5, &[6], 3).with_activation(Activation::Tanh);
    Setup {
        network: Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1)).unwrap(),
        workspace: Workspace::new(&architecture, 4),
        gradients: Gradients::new(&architecture),
        x: Array2::from_elem((4, 5), 0.5),
    }
}

impl Setup {
    fn forward(&mut self) {
        self.network.forward(self.x.view(), &LABELS, &mut self.workspace);
    }

    fn backward(&mut self) {
        let (x, workspace) = (self.x.view(), &mut self.workspace);
        self.network.backward(x, workspace, &mut self.gradients);
    }
}

#[test]
fn backward_may_follow_forward_repeatedly() {
    let mut setup = setup();
    setup.forward();
    setup.backward();
    setup.backward();
    assert_eq!(setup.workspace.losses().len(), 4);
}

#[test]
#[should_panic(expected = "backward needs a forward pass of the same batch first")]
fn backward_without_forward_panics() {
    setup().backward();
}

#[test]
#[should_panic(expected = "backward needs a forward pass of the same batch first")]
fn backward_after_logits_panics() {
    let mut setup = setup();
    setup.forward();
    setup.network.logits(setup.x.view(), &mut setup.workspace);
    setup.backward();
}

#[test]
#[should_panic(expected = "backward needs a forward pass of the same batch first")]
fn backward_after_a_train_step_panics() {
    let mut setup = setup();
    setup.network.train_step(setup.x.view(), &LABELS, 0.1, &mut setup.workspace);
    assert_eq!(setup.workspace.probabilities().dim(), (4, 3), "results can still be read");
    setup.backward();
}

#[test]
#[should_panic(expected = "backward needs a forward pass of the same batch first")]
fn backward_after_score_panics() {
    let mut setup = setup();
    setup.network.score(setup.x.view(), &LABELS, &mut setup.workspace);
    setup.backward();
}

#[test]
#[should_panic(expected = "the last pass had no labels")]
fn losses_after_logits_panic() {
    let mut setup = setup();
    setup.forward();
    setup.network.logits(setup.x.view(), &mut setup.workspace);
    setup.workspace.losses();
}

#[test]
#[should_panic(expected = "label 3 in a network with 3 classes")]
fn an_unknown_label_panics() {
    let mut setup = setup();
    setup.network.forward(setup.x.view(), &[0, 1, 2, 3], &mut setup.workspace);
}

#[test]
#[should_panic(expected = "3 labels for 4 examples")]
fn too_few_labels_panic() {
    let mut setup = setup();
    setup.network.forward(setup.x.view(), &[0, 1, 2], &mut setup.workspace);
}

#[test]
#[should_panic(expected = "4 numbers per example for a network with 5 inputs")]
fn examples_of_the_wrong_width_panic() {
    let mut setup = setup();
    setup.network.logits(Array2::zeros((2, 4)).view(), &mut setup.workspace);
}

#[test]
#[should_panic(expected = "5 examples in a workspace for 4")]
fn too_many_examples_panic() {
    let mut setup = setup();
    setup.network.logits(Array2::zeros((5, 5)).view(), &mut setup.workspace);
}

#[test]
#[should_panic(expected = "the workspace was made for another architecture")]
fn a_workspace_of_another_architecture_panics() {
    let setup = setup();
    let other = Architecture::new(5, &[7], 3).with_activation(Activation::Tanh);
    setup.network.logits(setup.x.view(), &mut Workspace::new(&other, 4));
}

#[test]
#[should_panic(expected = "backward needs a forward pass of the same batch first")]
fn backward_with_another_objective_panics() {
    let mut setup = setup();
    setup.forward();
    setup.workspace.set_objective(Objective::sum().with_dropout(0.5));
    setup.backward();
}

#[test]
#[should_panic(expected = "dropout is 1; expected 0 or more, below 1")]
fn dropout_of_1_panics() {
    setup().workspace.set_objective(Objective::sum().with_dropout(1.0));
}

fn workspace_of_threads(threads: usize) -> Workspace<f64> {
    let architecture = setup().network.architecture();
    Workspace::with_compute(&architecture, 4, Compute::default().with_threads(threads))
}

#[test]
#[should_panic(expected = "0 threads; expected 1 to 64")]
fn zero_threads_panic() {
    workspace_of_threads(0);
}

#[test]
#[should_panic(expected = "65 threads; expected 1 to 64")]
fn too_many_threads_panic() {
    workspace_of_threads(Compute::MAX_THREADS + 1);
}

#[test]
fn inference_and_forward_give_the_same_probabilities() {
    let mut setup = setup();
    setup.forward();
    let forward = setup.workspace.probabilities().to_owned();
    let inference = setup.network.probabilities(setup.x.view(), &mut setup.workspace).to_owned();
    assert_eq!(forward, inference);
}

#[test]
#[should_panic(expected = "backward needs a forward pass of the same batch first")]
fn backward_after_the_gradient_of_inputs_panics() {
    let mut setup = setup();
    setup.forward();
    setup.network.input_gradients(setup.x.view(), &LABELS, &mut setup.workspace);
    setup.backward();
}

#[test]
#[should_panic(expected = "5 inputs, and memory for 4")]
fn an_adversary_of_another_architecture_panics() {
    let mut setup = setup();
    let mut adversary = Adversary::new(&Architecture::new(4, &[6], 3), 4, 0.5);
    adversary.perturb(&setup.network, setup.x.view(), &LABELS, &mut setup.workspace);
}

#[test]
#[should_panic(expected = "4 examples, and memory for 3")]
fn an_adversary_of_smaller_batches_panics() {
    let mut setup = setup();
    let mut adversary = Adversary::new(&setup.network.architecture(), 3, 0.5);
    adversary.perturb(&setup.network, setup.x.view(), &LABELS, &mut setup.workspace);
}

#[test]
#[should_panic(expected = "the distance is NaN; expected 0 or more")]
fn a_distance_that_is_not_a_number_panics() {
    let _ = Adversary::<f32>::new(&Architecture::new(4, &[6], 3), 4, f64::NAN);
}
