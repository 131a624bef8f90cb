"""Loads model.safetensors into an `nn.Sequential` and compares the output with predictions.csv.

usage: load_pytorch.py DIRECTORY MNIST

Prints the largest difference of a probability on the test set. Exits with code 1 if it is larger
than rounding explains."""
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from networks import Comparison, idx, predictions, scaled

directory, mnist = sys.argv[1:]
path = os.path.join(directory, 'model.safetensors')
state = load_file(path)
with safe_open(path, 'pt') as file:
    activation = file.metadata()['activation']
modules = {'logistic': torch.nn.Sigmoid, 'tanh': torch.nn.Tanh, 'relu': torch.nn.ReLU, 'leaky-relu': torch.nn.LeakyReLU, 'gelu': torch.nn.GELU}
stack, count = [], len(state) // 2
for l in range(count):
    weight = state[f'{2 * l}.weight']
    stack.append(torch.nn.Linear(weight.shape[1], weight.shape[0]))
    if l + 1 < count:
        stack.append(modules[activation]())
network = torch.nn.Sequential(*stack).to(weight.dtype)
network.load_state_dict(state, strict=True)

images = idx(mnist, 't10k-images-idx3-ubyte')
layers = [(state[f'{2 * l}.weight'].T.numpy(), state[f'{2 * l}.bias'].numpy()) for l in range(count)]
comparison = Comparison(images, layers, activation, predictions(os.path.join(directory, 'predictions.csv'))[0])
with torch.no_grad():
    comparison.report('PyTorch', network(torch.from_numpy(scaled(images)).to(weight.dtype)).softmax(1).numpy())
comparison.close()
