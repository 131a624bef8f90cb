"""Shared code of the peers: command line, images, initial parameters and the line per epoch.

All peers start from the chapter's parameters for seed 0 and, except for scikit-learn, shuffle as
the chapter does. They print the chapter's lines up to rounding, which shows that they do the same
work.

NumPy is imported inside the functions, after `arguments` has set the environment."""
import argparse
import gzip
import os


def arguments(description, **switches):
    """Parses the command line and limits the threads of libraries imported later.

    `switches` are extra flags of one peer, with their help."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('data_dir', help='directory with the IDX files, compressed (.gz) or not')
    parser.add_argument('--hidden', type=int, default=100, help='hidden units')
    parser.add_argument('--batch', type=int, default=100, help='batch size')
    parser.add_argument('--epochs', type=int, default=50)
    parser.add_argument('--learning-rate', type=float, default=0.01, help='for the sum of the losses of a batch')
    parser.add_argument('--examples', type=int, help='use only the first examples of each epoch, after shuffling')
    parser.add_argument('--threads', type=int, help='default: chosen by the library')
    parser.add_argument('--precision', choices=['f32', 'f64'], default='f32')
    for name, help in switches.items():
        parser.add_argument(f'--{name}', action='store_true', help=help)
    args = parser.parse_args()
    args.dtype = {'f32': 'float32', 'f64': 'float64'}[args.precision]
    if args.threads:
        for library in ['OMP', 'OPENBLAS', 'MKL']:
            os.environ[f'{library}_NUM_THREADS'] = str(args.threads)
        if hasattr(os, 'sched_setaffinity'):
            # The only limit that all libraries respect, including XLA's thread pools.
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, cores[:args.threads])
    return args


def read(data_dir):
    """The training set: images (n, 784), float32 from 0 to 1, and classes (n), int32."""
    import numpy as np
    images = idx(os.path.join(data_dir, 'train-images-idx3-ubyte'))
    classes = idx(os.path.join(data_dir, 'train-labels-idx1-ubyte'))
    return images.reshape(-1, 784).astype(np.float32) / 255.0, classes.astype(np.int32)


def idx(path):
    import numpy as np
    opener = open if os.path.exists(path) else gzip.open
    with opener(path if opener is open else path + '.gz', 'rb') as file:
        raw = file.read()
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], 'big') for i in range(rank)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def parameters(args):
    """w_h (784, hidden), b_h (1, hidden), w_o (hidden, 10), b_o (1, 10) for seed 0."""
    import numpy as np
    np.random.seed(0)
    shapes = [(784, args.hidden), (1, args.hidden), (args.hidden, 10), (1, 10)]
    return [np.random.randn(*shape).astype(args.dtype) for shape in shapes]


def shuffled(n, args):
    """The shuffled indices of an epoch, complete batches only: (batches, batch)."""
    import numpy as np
    order = np.arange(n)
    np.random.shuffle(order)
    batches = (args.examples or n) // args.batch
    return order[:batches * args.batch].reshape(batches, args.batch)


def report(epoch, args, loss, accuracy):
    """Prints the chapter's line; `loss` is the mean over batches."""
    print(f'{epoch + 1}/{args.epochs}  loss {loss:.1f}  acc {accuracy:.4f}', flush=True)
