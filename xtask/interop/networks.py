"""Shared code: IDX files, a network in NumPy, and a bound on its rounding errors."""
import gzip
import math
import os

import numpy as np

ACTIVATIONS = {
    'logistic': lambda z: 1 / (1 + np.exp(-z)),
    'tanh': np.tanh,
    'relu': lambda z: np.maximum(z, 0),
    'leaky-relu': lambda z: np.where(z > 0, z, z.dtype.type(0.01) * z),
    'gelu': lambda z: z * (1 + erf(z / z.dtype.type(math.sqrt(2)))) / 2,
    'identity': lambda z: z,
}
# The maximum slope of each.
STEEPEST = {'logistic': 0.25, 'tanh': 1, 'relu': 1, 'leaky-relu': 1, 'gelu': 1.13, 'identity': 1}
# Maximum error, in units in the last place, of an activation and of exp in softmax: neither is
# correctly rounded in single precision.
LAST_PLACES = 8
# Number of standard deviations in the bound. By Hoeffding's inequality, a sum of independent errors
# exceeds it with a probability of at most 2 exp(-8²/2) = 3e-14.
DEVIATIONS = 8


def erf(z):
    return np.vectorize(math.erf, otypes=[z.dtype])(z)


def idx(directory, name):
    """An IDX file, compressed or not, as a matrix with one row per item."""
    plain = os.path.join(directory, name)
    raw = open(plain, 'rb').read() if os.path.exists(plain) else gzip.open(plain + '.gz').read()
    count = int.from_bytes(raw[4:8], 'big')
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(count, -1)


def scaled(pixels):
    """Pixels divided by 255 in single precision, as in `mlp`."""
    return pixels.astype(np.float32) / np.float32(255)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def feed_forward(x, layers, activation):
    """The chapter's forward pass for any depth; `layers` holds pairs of weights and biases."""
    for w, b in layers[:-1]:
        x = ACTIVATIONS[activation](x @ w + b)
    return softmax(x @ layers[-1][0] + layers[-1][1])


def truth_and_bound(x, layers, activation):
    """The probabilities of a single-precision network computed in double precision, and a bound on
    the error of a program that computes them in single precision, in any order.

    Model: each rounding is an independent error with mean 0 and relative size at most u = 2⁻²⁴
    (Higham and Mary, A new approach to probabilistic rounding error analysis, 2019). A sum of n
    nonzero products has 2 n roundings of at most u S each, with S = Σ|x||w| + |b|: a deviation of
    u S √(2 n). A layer propagates the deviations of its inputs, scaled by its weights and the slope
    of its activation. The deviations of the first layer's units are independent, so their squares
    add up. In later layers the units share earlier roundings, so the deviations themselves add up
    (Minkowski). An error of at most d in the log-odds of a probability p changes it by at most
    p (1 - p) (exp(d) - 1)."""
    u, x = 2.0 ** -24, x.astype(np.float64)
    variance = np.zeros_like(x)
    for number, (w, b) in enumerate(layers):
        w, b = w.astype(np.float64), b.astype(np.float64)
        terms = 2 * (np.count_nonzero(x, axis=1, keepdims=True) + 1)
        passed_on = variance @ w ** 2 if number < 2 else (np.sqrt(variance) @ np.abs(w)) ** 2
        variance = passed_on + terms * (u * (np.abs(x) @ np.abs(w) + np.abs(b))) ** 2
        x = x @ w + b
        if number + 1 < len(layers):
            x = ACTIVATIONS[activation](x)
            variance = STEEPEST[activation] ** 2 * variance + (LAST_PLACES * u * np.maximum(np.abs(x), 1)) ** 2
    p = softmax(x)
    # The log-odds are a logit minus a mean of the others.
    deviation = np.sqrt(variance) + np.sqrt(variance.max(axis=1, keepdims=True))
    return p, p * (1 - p) * np.expm1(DEVIATIONS * deviation) + (len(b) + 2 * LAST_PLACES) * u * p


class Comparison:
    """Compares probabilities with those of `mlp` and reports the largest difference."""

    def __init__(self, images, layers, activation, expected):
        self.is_single = layers[0][0].dtype == np.float32
        self.expected, self.is_bad = expected, False
        self.furthest, self.largest_share = 0.0, 0.0
        if self.is_single:
            self.truth, self.bound = truth_and_bound(scaled(images), layers, activation)
            self.report('mlp', expected)

    def report(self, name, found):
        """Checks for 1e-6 in double precision, and for the bound in single precision."""
        found = found.astype(np.float64)
        count = len(found)
        difference = float(np.abs(found - self.expected[:count]).max())
        line, is_good = f'{name}: {difference:.1e} from mlp', difference <= 1e-6
        self.furthest = max(self.furthest, difference)
        if self.is_single:
            share = float((np.abs(found - self.truth[:count]) / self.bound[:count]).max())
            line, is_good = f'{line}, {share:.2f} of the bound from the truth', share <= 1
            self.largest_share = max(self.largest_share, share)
        self.is_bad |= not is_good
        print(line if is_good else f'error: {line}')

    def close(self):
        """Prints the largest difference and exits."""
        share = f', at most {self.largest_share:.2f} of the bound from the truth' if self.is_single else ''
        print(f'within {self.furthest:.1e}{share}')
        raise SystemExit(self.is_bad)


def predictions(path):
    """The probabilities and predicted classes in a file written by `mlp export --to FILE.csv`."""
    table = np.loadtxt(path, delimiter=',', skiprows=1)
    return table[:, 3:], table[:, 2].astype(int)
