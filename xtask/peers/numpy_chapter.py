"""NumPy: the chapter's program, with configurable sizes.

In f64 it prints the same as xtask/reference/chapter.py for seed 0. It works as in the chapter:
one-hot classes, a shuffled copy of the images per epoch, exp(z) computed twice, new matrices for
gradients."""
import mnist

args = mnist.arguments(__doc__)

import numpy as np

x_train, c_train = mnist.read(args.data_dir)
y_train = np.eye(10)[c_train].astype(np.float32)
w_h, b_h, w_o, b_o = mnist.parameters(args)

logistic = lambda z: 1 / (1 + np.exp(-z))
softmax = lambda z: np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
log = np.log
if args.hidden > 100:
    # In f32 the probabilities of a wide network underflow, and 0 * log(0) is not a number.
    log = lambda p: np.log(np.maximum(p, np.finfo(p.dtype).tiny))


def feed_forward(x, y, c):
    h = logistic(x @ w_h + b_h)
    y_hat = softmax(h @ w_o + b_o)
    loss = -(y * log(y_hat)).sum()
    accuracy = (c == np.argmax(y_hat, axis=1)).sum() / c.size
    return h, y_hat, loss, accuracy


def back_propagation(x, y, h, y_hat):
    loss_grad = y_hat - y
    w_o_grad = h.T @ loss_grad
    b_o_grad = np.sum(loss_grad, axis=0, keepdims=True)
    h_grad = h * (1 - h) * (loss_grad @ w_o.T)
    w_h_grad = x.T @ h_grad
    b_h_grad = np.sum(h_grad, axis=0, keepdims=True)
    return w_h_grad, b_h_grad, w_o_grad, b_o_grad


for epoch in range(args.epochs):
    batches = mnist.shuffled(len(x_train), args)
    order = batches.ravel()
    x_epoch, y_epoch, c_epoch = x_train[order], y_train[order], c_train[order]
    losses, accuracies = [], []
    for k in range(len(batches)):
        part = slice(k * args.batch, (k + 1) * args.batch)
        x, y, c = x_epoch[part], y_epoch[part], c_epoch[part]
        h, y_hat, loss, accuracy = feed_forward(x, y, c)
        grads = back_propagation(x, y, h, y_hat)
        for parameter, grad in zip([w_h, b_h, w_o, b_o], grads):
            parameter -= args.learning_rate * grad
        losses.append(loss)
        accuracies.append(accuracy)
    mnist.report(epoch, args, np.mean(losses), np.mean(accuracies))
