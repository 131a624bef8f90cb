"""Keras models as tf2onnx writes them. See imports.py."""

import os

os.environ.update(TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='')
from imports import *

import keras
import tensorflow as tf
import tf2onnx
from keras import layers

keras.utils.set_random_seed(0)


def case(name, *stack, shape=(SIDE, SIDE, 1), x=raw, word='', convert=lambda p: p, says='', opset=15):
    model = keras.Sequential([keras.Input(shape), *stack])
    x = x.reshape(-1, *shape)
    signature = [tf.TensorSpec((None, *shape), tf.float32, name='x')]
    made, _ = tf2onnx.convert.from_function(tf.function(lambda x: model(x, training=False), signature), signature, opset=opset)
    path = os.path.join(directory, 'keras-' + name.replace(' ', '-') + '.onnx')
    open(path, 'wb').write(made.SerializeToString())
    if word:
        return refused(name, path, word)
    same(name, path, convert(model(x, training=False).numpy()), says=says)


rescaling, flatten, hidden = layers.Rescaling(1 / 255), layers.Flatten(), lambda a: layers.Dense(HIDDEN, a)
output = lambda: layers.Dense(CLASSES, 'softmax')
for opset in (9, 13, 18):
    case(f'opset {opset}', rescaling, flatten, hidden('relu'), output(), opset=opset)
case('flat', hidden('relu'), output(), shape=(PIXELS,), x=scaled)
case('without channel', layers.Rescaling(1 / 255), layers.Flatten(), hidden('relu'), output(), shape=(SIDE, SIDE))
case('Reshape', layers.Reshape((PIXELS,)), hidden('relu'), output(), x=scaled)
case('offset', layers.Rescaling(1 / 127.5, offset=-1), layers.Flatten(), hidden('relu'), output(), says='0 to 255')
for activation in ('sigmoid', 'tanh', 'linear'):
    case(activation, rescaling, flatten, hidden(activation), output())
for activation, word in [
    ('elu', 'Elu'),
    ('gelu', 'Erfc'),
    ('softplus', 'Softplus'),
    ('relu6', 'Clip'),
    ('silu', 'expected'),
    ('leaky_relu', 'slope'),
]:
    case(activation, rescaling, flatten, hidden(activation), output(), word=word)
case('LeakyReLU 0.01', flatten, hidden(None), layers.LeakyReLU(negative_slope=0.01), output(), x=scaled)
case('ReLU layer', flatten, hidden(None), layers.ReLU(), output(), x=scaled)
case('Dropout', flatten, hidden('relu'), layers.Dropout(0.5), output(), x=scaled)
case('three layers', rescaling, flatten, hidden('relu'), hidden('relu'), output())
case('no bias', flatten, layers.Dense(HIDDEN, 'relu', use_bias=False), output(), x=scaled)
case('logits', rescaling, flatten, hidden('relu'), layers.Dense(CLASSES), convert=softmax)
case('Softmax layer', rescaling, flatten, hidden('relu'), layers.Dense(CLASSES), layers.Softmax())
case(
    'one logistic output',
    rescaling,
    flatten,
    hidden('relu'),
    layers.Dense(1, 'sigmoid'),
    convert=lambda p: np.hstack([1 - p, p]),
    says='second of two',
)
case('several logistic outputs', rescaling, flatten, hidden('relu'), layers.Dense(CLASSES, 'sigmoid'), word='mutually exclusive')
# tf2onnx makes inputs of constants that a layer creates outside of the function.
means, deviations = random.uniform(0, 255, PIXELS), random.uniform(20, 80, PIXELS)
case('Normalization', layers.Normalization(mean=120.0, variance=6400.0), flatten, hidden('relu'), output(), word='3 inputs')
case(
    'Normalization of pixels',
    layers.Normalization(mean=means, variance=deviations**2),
    hidden('relu'),
    output(),
    shape=(PIXELS,),
    word='3 inputs',
)
normed = layers.BatchNormalization()
case('BatchNormalization', flatten, hidden(None), normed, layers.ReLU(), output(), x=scaled)
case('LayerNormalization', flatten, hidden('relu'), layers.LayerNormalization(), output(), word='node')
case('convolution', rescaling, layers.Conv2D(2, 3), layers.Flatten(), output(), word='node')
model = keras.Sequential([keras.Input((PIXELS,)), hidden('relu'), output()])
for name, word in [('net.keras', 'tf2onnx'), ('net.h5', 'tf2onnx'), ('net.weights.h5', 'tf2onnx')]:
    path = os.path.join(directory, name)
    model.save_weights(path) if 'weights' in name else model.save(path)
    refused(name, path, word)
model.export(os.path.join(directory, 'saved'), verbose=False)
refused('SavedModel', os.path.join(directory, 'saved'), 'tf2onnx')
np.savez(os.path.join(directory, 'arrays.npz'), *model.get_weights())
refused('arrays', os.path.join(directory, 'arrays.npz'), 'arr_0')
close()
