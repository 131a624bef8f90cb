"""JAX: an epoch is one jitted function, a scan over batches, with gradients from value_and_grad.

The images stay on the device and the parameters' buffers are donated. Only the shuffled order goes
in, and only the losses come out."""
import functools

import mnist

args = mnist.arguments(__doc__)

import jax
import jax.numpy as jnp

jax.config.update('jax_enable_x64', args.precision == 'f64')
images, classes = mnist.read(args.data_dir)
x_train, c_train = jnp.asarray(images, args.dtype), jnp.asarray(classes)
params = [jnp.asarray(parameter) for parameter in mnist.parameters(args)]


def loss_and_correct(params, x, c):
    w_h, b_h, w_o, b_o = params
    h = jax.nn.sigmoid(x @ w_h + b_h)
    z_o = h @ w_o + b_o
    y = jax.nn.one_hot(c, 10, dtype=z_o.dtype)
    loss = -(y * jax.nn.log_softmax(z_o)).sum()
    return loss, (z_o.argmax(axis=1) == c).sum()


@functools.partial(jax.jit, donate_argnums=0)
def train_epoch(params, batches, x_train, c_train):
    def step(params, batch):
        gradient = jax.value_and_grad(loss_and_correct, has_aux=True)
        measured, grads = gradient(params, x_train[batch], c_train[batch])
        return [p - args.learning_rate * g for p, g in zip(params, grads)], measured

    params, (losses, correct) = jax.lax.scan(step, params, batches)
    return params, losses.mean(), correct.sum() / batches.size


for epoch in range(args.epochs):
    batches = mnist.shuffled(len(images), args).astype('int32')
    params, loss, accuracy = train_epoch(params, batches, x_train, c_train)
    mnist.report(epoch, args, loss, accuracy)
