"""Trains an `nn.Sequential` for one epoch. Writes its state dict to network.safetensors and the
probabilities of the test set to probabilities.npy.

usage: train_pytorch.py DIRECTORY MNIST f32|f64"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file

from networks import idx, scaled

directory, mnist, precision = sys.argv[1:]
dtype = {'f32': torch.float32, 'f64': torch.float64}[precision]
torch.manual_seed(0)
images = lambda name: torch.from_numpy(scaled(idx(mnist, name))).to(dtype)
x, x_test = images('train-images-idx3-ubyte'), images('t10k-images-idx3-ubyte')
labels = torch.from_numpy(idx(mnist, 'train-labels-idx1-ubyte').reshape(-1).astype(np.int64))
network = torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)).to(dtype)
optimizer = torch.optim.Adam(network.parameters(), 1e-3)
for batch in torch.randperm(len(x)).split(100):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(network(x[batch]), labels[batch]).backward()
    optimizer.step()
save_file(network.state_dict(), os.path.join(directory, 'network.safetensors'))
with torch.no_grad():
    np.save(os.path.join(directory, 'probabilities.npy'), network(x_test).softmax(1).numpy())
