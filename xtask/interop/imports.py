"""Imports models of other programs and compares the probabilities with theirs. The scripts
import_*.py are run as `SCRIPT MLP DIRECTORY`, and exit with code 1 unless each model gives the same
probabilities as its program for 24 random images, or is refused with a certain word."""

import os
import subprocess
import sys

import numpy as np

mlp, directory = sys.argv[1:]
os.makedirs(directory, exist_ok=True)
SIDE, HIDDEN, CLASSES, EXAMPLES = 6, 7, 4, 24
PIXELS = SIDE * SIDE
random = np.random.default_rng(0)
bytes_ = random.integers(0, 256, (EXAMPLES, PIXELS), dtype=np.uint8)
images = os.path.join(directory, 'images-idx3-ubyte')
with open(images, 'wb') as file:
    file.write(bytes([0, 0, 8, 3]) + np.array([EXAMPLES, SIDE, SIDE], '>u4').tobytes() + bytes_.tobytes())
scaled, raw = bytes_.astype(np.float32) / np.float32(255), bytes_.astype(np.float32)
# A sum of n products has an error of at most n u S (u = 2⁻²⁴ or 2⁻¹¹); here S < 40 and n < 50.
SINGLE, HALF = 1e-5, 2e-2
bad, count = [], 0


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def run(*arguments):
    done = subprocess.run([mlp, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr.strip()


def report(name, reason):
    global count
    count += 1
    if reason:
        bad.append(name)
    print(f'{"WRONG" if reason else "ok"} {name}{": " + reason if reason else ""}')


def imported(name, path, flags):
    to = path + '.mlp'
    if os.path.exists(to):
        os.remove(to)
    code, _, said = run('import', path, '--to', to, '--image-shape', f'{SIDE}x{SIDE}', *flags)
    return (to, said) if code == 0 else (None, f'exit {code}: {said}')


def same(name, path, expected, tolerance=SINGLE, flags=(), says='', silent=''):
    """`expected` are probabilities, or labels if it has one dimension."""
    to, said = imported(name, path, flags)
    if to is None:
        return report(name, said)
    code, out, error = run('predict', to, images, '--format', 'csv')
    if code != 0:
        return report(name, f'predict: {error}')
    rows = [line.split(',') for line in out.splitlines()]
    column = next(i for i, title in enumerate(rows[0]) if title.startswith('p('))
    found = np.array([[float(v) for v in row[column:]] for row in rows[1:]])
    expected = np.asarray(expected, np.float64)
    if expected.ndim == 1:
        wrong = (found.argmax(axis=1) != expected).sum()
        return report(name, f'{wrong} other labels' if wrong else '')
    if found.shape != expected.shape:
        return report(name, f'{found.shape} probabilities, not {expected.shape}')
    difference = np.abs(found - expected).max()
    if not difference <= tolerance:
        return report(name, f'imported, but {difference:.1e} apart; said: {said}')
    if says and says not in said:
        return report(name, f'does not say «{says}»: {said}')
    if silent and silent in said:
        return report(name, f'says «{silent}»: {said}')
    report(name, '')


def refused(name, path, word, flags=()):
    to, said = imported(name, path, flags)
    if to is not None:
        return report(name, f'imported; said: {said}')
    if not said.startswith('exit 2: error: ') or '\n' in said or word not in said:
        return report(name, f'«{word}» is not said: {said}')
    report(name, '')
    if os.environ.get('VERBOSE'):
        print('     ', said)


def onnx_output(path, x, output=0):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    feed = session.get_inputs()[0]
    shape = [n if isinstance(n, int) else -1 for n in feed.shape]
    if shape and shape[0] not in (-1, len(x)):  # a fixed batch
        size = shape[0]
        return np.concatenate([session.run(None, {feed.name: x[i : i + size].reshape(shape)})[output] for i in range(0, len(x), size)])
    x = x.reshape([len(x), *shape[1:]]) if -1 not in shape[1:] and len(shape) > 1 else x
    return session.run(None, {feed.name: x})[output]


def close():
    """Prints the count and exits."""
    print(f'{count - len(bad)} of {count} models as expected')
    sys.exit(bool(bad))
