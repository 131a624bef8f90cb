"""Compares a model's exports in onnxruntime, NumPy and safetensors with the predictions of `mlp`.

usage: agree.py DIRECTORY MNIST

DIRECTORY holds scaled.onnx, raw.onnx (made with --raw-pixels), model.npz, model.safetensors and
predictions.csv for the test set; MNIST holds the IDX files. Prints the largest difference of a
probability for each tool. Exits with code 1 if a weight is not bit-identical or a difference is
larger than rounding explains."""
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors import safe_open
from safetensors.numpy import load_file

from networks import Comparison, feed_forward, idx, predictions, scaled

directory, mnist = sys.argv[1:]
path = lambda name: os.path.join(directory, name)

images = idx(mnist, 't10k-images-idx3-ubyte')
x = scaled(images)

arrays = np.load(path('model.npz'))
activation = str(arrays['activation'])
hidden = sorted(name for name in arrays.files if name.startswith('w_h'))
layers = [(arrays[w], arrays[w.replace('w', 'b')].reshape(-1)) for w in [*hidden, 'w_o']]
comparison = Comparison(images, layers, activation, predictions(path('predictions.csv'))[0])
comparison.report('model.npz', feed_forward(x.astype(layers[0][0].dtype), layers, activation))


def same_bits(name, others):
    for l, (ours, theirs) in enumerate(zip(layers, others, strict=True)):
        for a, b in zip(ours, theirs):
            if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != np.ascontiguousarray(b).tobytes():
                sys.exit(f'error: {name}: the parameters of layer {l + 1} differ from model.npz')


tensors = load_file(path('model.safetensors'))
with safe_open(path('model.safetensors'), 'np') as file:
    assert file.metadata()['format'] == 'pt' and file.metadata()['activation'] == activation
from_torch = [(tensors[f'{2 * l}.weight'].T, tensors[f'{2 * l}.bias']) for l in range(len(tensors) // 2)]
same_bits('model.safetensors', from_torch)
comparison.report('model.safetensors', feed_forward(x.astype(layers[0][0].dtype), from_torch, activation))

for name, batch in (('scaled.onnx', x), ('raw.onnx', images)):
    model = onnx.load(path(name))
    onnx.checker.check_model(model, full_check=True)
    parameters = [onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    matrices = [array for array in parameters if array.ndim == 2 and array.shape[0] > 1]
    vectors = [array.reshape(-1) for array in parameters if array.size > 1 and not any(array is m for m in matrices)]
    same_bits(name, list(zip(matrices, vectors, strict=True)))
    session = onnxruntime.InferenceSession(path(name), providers=['CPUExecutionProvider'])
    run = lambda some: session.run(['probabilities'], {'images': some})[0]
    comparison.report(f'{name}, all', run(batch))
    comparison.report(f'{name}, one', run(batch[:1]))
    assert len(json.loads({text.key: text.value for text in model.metadata_props}['class_names'])) == 10

comparison.close()
