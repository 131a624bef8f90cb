"""The chapter's program as printed, except that it reads IDX files without TensorFlow.

It wrote the .txt and .json files in this directory, in f64:
  chapter.py MNIST          0 50  > mnist-seed0.txt          2> mnist-seed0.json
  chapter.py MNIST          1 3   > mnist-seed1.txt          2> mnist-seed1.json
  chapter.py MNIST          7 3   > mnist-seed7.txt          2> mnist-seed7.json
  chapter.py FASHION-MNIST  0 3   > fashion-mnist-seed0.txt  2> fashion-mnist-seed0.json

usage: chapter.py DATA_DIR SEED EPOCHS [f32]
Prints the chapter's lines on stdout, and JSON with full precision on stderr. DATA_DIR holds the
four IDX files, compressed (.gz) or not."""
import gzip, json, os, sys
import numpy as np

def idx(path):
    raw = open(path, 'rb').read() if os.path.exists(path) else gzip.open(path + '.gz').read()
    n = raw[3]
    dims = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], 'big') for i in range(n)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * n).reshape(dims)

data, seed, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
f32 = len(sys.argv) > 4
x_train = idx(f'{data}/train-images-idx3-ubyte').reshape(-1, 784).astype(np.float32) / 255.0
x_test = idx(f'{data}/t10k-images-idx3-ubyte').reshape(-1, 784).astype(np.float32) / 255.0
c_train = idx(f'{data}/train-labels-idx1-ubyte'); c_test = idx(f'{data}/t10k-labels-idx1-ubyte')
y_train = np.eye(10)[c_train].astype(np.float32); y_test = np.eye(10)[c_test].astype(np.float32)
c_train = c_train.astype(np.int32); c_test = c_test.astype(np.int32)

np.random.seed(seed)
w_h, b_h, w_o, b_o = np.random.randn(784, 100), np.random.randn(1, 100), np.random.randn(100, 10), np.random.randn(1, 10)
first = [w_h[0, 0], w_h[783, 99], b_h[0, 99], w_o[99, 9], b_o[0, 9]]
if f32: w_h, b_h, w_o, b_o = (p.astype(np.float32) for p in (w_h, b_h, w_o, b_o))

def forward(x, y, c):
    h = 1 / (1 + np.exp(-(x @ w_h + b_h)))
    z = h @ w_o + b_o
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return h, p, -(y * np.log(p)).sum(), (c == np.argmax(p, axis=1)).sum() / c.size

n, lr, size, losses, accs, perm_head = x_train.shape[0], 1e-2, 100, [], [], None
for epoch in range(epochs):
    order = np.arange(n); np.random.shuffle(order)
    if epoch == 0: perm_head = order[:10].tolist()
    xe, ye, ce = x_train[order], y_train[order], c_train[order]
    ls, as_ = [], []
    for k in range(n // size):
        s = slice(k * size, (k + 1) * size)
        h, p, loss, acc = forward(xe[s], ye[s], ce[s])
        d = p - ye[s]
        g = h * (1 - h) * (d @ w_o.T)
        w_h -= lr * (xe[s].T @ g); b_h -= lr * g.sum(0, keepdims=True)
        w_o -= lr * (h.T @ d); b_o -= lr * d.sum(0, keepdims=True)
        ls.append(loss); as_.append(acc)
    losses.append(float(np.mean(ls))); accs.append(float(np.mean(as_)))
    print(f'{epoch + 1}/{epochs}  loss {losses[-1]:.1f}  acc {accs[-1]:.4f}', flush=True)
_, _, tl, ta = forward(x_test, y_test, c_test)
json.dump(dict(seed=seed, epochs=epochs, dtype='f32' if f32 else 'f64', init_values=[float(v) for v in first], first_permutation_head=perm_head,
               loss=losses, accuracy=accs, test_loss=float(tl), test_accuracy=float(ta)), sys.stderr, indent=1)
