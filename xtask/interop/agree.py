"""Whether onnxruntime, NumPy and safetensors compute what `mlp` says: of one model, the exports in a directory against its predictions.

usage: agree.py DIRECTORY MNIST

DIRECTORY holds scaled.onnx, raw.onnx (made with --raw-pixels), model.npz, model.safetensors and predictions.csv, on the test set; MNIST the
IDX files. A line for each tool with the largest difference of a probability; exit code 1 if one is more than 1e-6."""
import gzip
import json
import math
import os
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors import safe_open
from safetensors.numpy import load_file

directory, mnist = sys.argv[1:]
path = lambda name: os.path.join(directory, name)


def images():
    plain = os.path.join(mnist, 't10k-images-idx3-ubyte')
    raw = open(plain, 'rb').read() if os.path.exists(plain) else gzip.open(plain + '.gz').read()
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)


ACTIVATIONS = {
    'logistic': lambda z: 1 / (1 + np.exp(-z)),
    'tanh': np.tanh,
    'relu': lambda z: np.maximum(z, 0),
    'leaky-relu': lambda z: np.where(z > 0, z, 0.01 * z),
    'gelu': lambda z: z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2,
    'identity': lambda z: z,
}


def feed_forward(x, layers, activation):
    """The chapter's, for any depth: layers are pairs of (inputs, units) and (units)."""
    for w, b in layers[:-1]:
        x = ACTIVATIONS[activation](x @ w + b)
    z = x @ layers[-1][0] + layers[-1][1]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


bytes_ = images()
x = bytes_.astype(np.float32) / np.float32(255)
expected = np.loadtxt(path('predictions.csv'), delimiter=',', skiprows=1)[:, 3:]
worst = 0.0


def compare(name, found):
    global worst
    difference = float(np.abs(found.astype(np.float64) - expected[:len(found)]).max())
    worst = max(worst, difference if math.isfinite(difference) else math.inf)
    print(f'{name}: {difference:.1e}')


for name, batch in (('scaled.onnx', x), ('raw.onnx', bytes_)):
    model = onnx.load(path(name))
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path(name), providers=['CPUExecutionProvider'])
    run = lambda some: session.run(['probabilities'], {'images': some})[0]
    compare(f'{name}, all', run(batch))
    compare(f'{name}, one', run(batch[:1]))
    assert len(json.loads({text.key: text.value for text in model.metadata_props}['class_names'])) == 10

arrays = np.load(path('model.npz'))
activation = str(arrays['activation'])
hidden = sorted(name for name in arrays.files if name.startswith('w_h'))
layers = [(arrays[w], arrays[w.replace('w', 'b')]) for w in [*hidden, 'w_o']]
compare('model.npz', feed_forward(x, layers, activation))

tensors = load_file(path('model.safetensors'))
with safe_open(path('model.safetensors'), 'np') as file:
    assert file.metadata()['format'] == 'pt' and file.metadata()['activation'] == activation
layers = [(tensors[f'{2 * l}.weight'].T, tensors[f'{2 * l}.bias']) for l in range(len(tensors) // 2)]
compare('model.safetensors', feed_forward(x, layers, activation))
sys.exit(worst > 1e-6)
