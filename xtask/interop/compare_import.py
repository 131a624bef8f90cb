"""Whether a network that another tool has trained evaluates the same once it has come through `mlp import`.

usage: came_back.py DIRECTORY MNIST

DIRECTORY holds what the tool wrote, network.npz or network.safetensors and probabilities.npy, and what `mlp` wrote of the imported model: model.npz,
predictions.csv and evaluation.json, on the test set. Exit code 1 unless the parameters are the same bits, the probabilities differ by no more than rounding
explains, the guesses are the same wherever that leaves no choice, and so are accuracy and loss."""
import json
import os
import sys

import numpy as np

from networks import Comparison, idx, predictions

directory, mnist = sys.argv[1:]
path = lambda name: os.path.join(directory, name)

back = np.load(path('model.npz'))
hidden = sorted(name for name in back.files if name.startswith('w_h'))
layers = [(back[w], back[w.replace('w', 'b')].reshape(-1)) for w in [*hidden, 'w_o']]
if os.path.exists(path('network.npz')):
    own = np.load(path('network.npz'))
    own = [(own[w], own[w.replace('w', 'b')].reshape(-1)) for w in [*hidden, 'w_o']]
else:
    from safetensors.numpy import load_file
    own = load_file(path('network.safetensors'))
    own = [(own[f'{2 * l}.weight'].T, own[f'{2 * l}.bias']) for l in range(len(own) // 2)]
for l, (ours, theirs) in enumerate(zip(layers, own, strict=True)):
    for a, b in zip(ours, theirs):
        if a.dtype != b.dtype or not np.array_equal(a, b):
            sys.exit(f'error: the parameters of layer {l + 1} have changed on the way')

images, labels = idx(mnist, 't10k-images-idx3-ubyte'), idx(mnist, 't10k-labels-idx1-ubyte').reshape(-1)
probabilities = np.load(path('probabilities.npy'))
expected, guesses = predictions(path('predictions.csv'))
comparison = Comparison(images, layers, str(back['activation']), expected)
comparison.report('the other tool', probabilities)

slack = 2 * comparison.bound.max(axis=1) if comparison.is_single else np.full(len(labels), 2e-6)
sorted_ = np.sort(probabilities, axis=1)
certain = sorted_[:, -1] - sorted_[:, -2] > slack
if not np.array_equal(guesses[certain], probabilities.argmax(axis=1)[certain]):
    sys.exit('error: it guesses otherwise')
evaluation = json.load(open(path('evaluation.json')))
correct = int((probabilities.argmax(axis=1) == labels).sum())
if abs(evaluation['correct'] - correct) > (~certain).sum():
    sys.exit(f'error: {evaluation["correct"]} are right, and {correct} by the other tool')
of_labels = lambda matrix: matrix[np.arange(len(labels)), labels].astype(np.float64)
loss = float(-np.log(of_labels(probabilities)).mean())
# A logarithm moves by as much as its number does in proportion, here twice: each program may be wrong by the bound.
loss_slack = float((2 * of_labels(comparison.bound) / of_labels(comparison.truth)).mean()) if comparison.is_single else 1e-6
if not abs(evaluation['loss'] - loss) <= loss_slack:
    sys.exit(f'error: a loss of {evaluation["loss"]}, and {loss} by the other tool')
print(f'{correct} of {len(labels)} right and a loss of {loss:.6f} in both, {(~certain).sum()} guesses too close to call')
comparison.close()
