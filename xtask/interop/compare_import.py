"""Compares a network trained by another tool with the model that `mlp import` made of it.

usage: compare_import.py DIRECTORY MNIST

DIRECTORY holds the tool's network.npz or network.safetensors and probabilities.npy, and model.npz,
predictions.csv and evaluation.json that `mlp` wrote for the imported model, on the test set. Exits
with code 1 unless the parameters are bit-identical and probabilities, predictions, accuracy and
loss agree within rounding."""
import json
import os
import sys

import numpy as np

from networks import Comparison, idx, predictions

directory, mnist = sys.argv[1:]
path = lambda name: os.path.join(directory, name)

imported = np.load(path('model.npz'))
hidden = sorted(name for name in imported.files if name.startswith('w_h'))
layers = [(imported[w], imported[w.replace('w', 'b')].reshape(-1)) for w in [*hidden, 'w_o']]
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
            sys.exit(f'error: the import changed the parameters of layer {l + 1}')

images, labels = idx(mnist, 't10k-images-idx3-ubyte'), idx(mnist, 't10k-labels-idx1-ubyte').reshape(-1)
probabilities = np.load(path('probabilities.npy'))
expected, predicted = predictions(path('predictions.csv'))
comparison = Comparison(images, layers, str(imported['activation']), expected)
comparison.report('the other tool', probabilities)

slack = 2 * comparison.bound.max(axis=1) if comparison.is_single else np.full(len(labels), 2e-6)
sorted_ = np.sort(probabilities, axis=1)
certain = sorted_[:, -1] - sorted_[:, -2] > slack
if not np.array_equal(predicted[certain], probabilities.argmax(axis=1)[certain]):
    sys.exit('error: the predictions differ')
evaluation = json.load(open(path('evaluation.json')))
correct = int((probabilities.argmax(axis=1) == labels).sum())
if abs(evaluation['correct'] - correct) > (~certain).sum():
    sys.exit(f'error: {evaluation["correct"]} correct, {correct} in the other tool')
of_labels = lambda matrix: matrix[np.arange(len(labels)), labels].astype(np.float64)
loss = float(-np.log(of_labels(probabilities)).mean())
# The error of a logarithm is the relative error of its argument. Both programs may be off by the
# bound.
loss_slack = float((2 * of_labels(comparison.bound) / of_labels(comparison.truth)).mean()) if comparison.is_single else 1e-6
if not abs(evaluation['loss'] - loss) <= loss_slack:
    sys.exit(f'error: the loss is {evaluation["loss"]}, {loss} in the other tool')
print(f'{correct} of {len(labels)} correct, loss {loss:.6f}, {(~certain).sum()} predictions too close to call')
comparison.close()
