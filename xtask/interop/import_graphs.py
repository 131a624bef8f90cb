"""Graphs written with onnx.helper as tf2onnx, PyTorch and tools for quantization write them, and
graphs that compute something else. See imports.py."""
import re

from imports import *

import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper


def n(text, **attributes):
    """A node from `output = Operator(input, …)`."""
    output, operator, inputs = re.fullmatch(r'(.+) = (\w+)\((.*)\)', text).groups()
    return helper.make_node(operator, inputs.split(', '), output.split(', '), **attributes)


f4 = lambda a: np.array(a, np.float32, order='C')
w1, b1 = f4(random.normal(size=(PIXELS, HIDDEN)) / 3), f4(random.normal(size=HIDDEN) / 3)
w2, b2 = f4(random.normal(size=(HIDDEN, CLASSES))), f4(random.normal(size=CLASSES))
base = dict(w1=w1, b1=b1, w2=w2, b2=b2, zero=f4(0), one=f4(1), inf=f4(np.inf), largest=f4(np.finfo(np.float32).max))

def write(name, nodes, constants={}, shape=('n', PIXELS), type_=T.FLOAT, opset=17, outputs=('y',), ml=False, other='', labels=T.STRING, out_type=T.FLOAT):
    used = {i for n in nodes for i in n.input}
    tensors = [a if isinstance(a, onnx.TensorProto) else numpy_helper.from_array(np.asarray(a), k) for k, a in {**base, **constants}.items() if k in used]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, 'g', [value('x', type_, shape)], [value(o, labels if o == 'label' else out_type, None) for o in outputs], tensors)
    opsets = [helper.make_opsetid('', opset)] + ([helper.make_opsetid('ai.onnx.ml', 3)] if ml else []) + ([helper.make_opsetid(other, 1)] if other else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10 if opset > 8 else 4)
    path = os.path.join(directory, name.replace(' ', '-').replace('/', '-') + '.onnx')
    onnx.save(model, path)
    return path

# The pieces.
first = lambda x='x', z='z': [n(f'p1 = MatMul({x}, w1)'), n(f'{z} = Add(p1, b1)')]
last = lambda h='h', z='l': [n(f'p2 = MatMul({h}, w2)'), n(f'{z} = Add(p2, b2)')]
soft = lambda z='l', axis=-1: [n(f'y = Softmax({z})', axis=axis)]
relu = [n('h = Relu(z)')]
plain = lambda front=(), x='x': [*front, *first(x), *relu, *last(), *soft()]

def both(name, nodes, x=scaled, tolerance=SINGLE, flags=(), says='', silent='', convert=None, **options):
    path = write(name, nodes, **options)
    try:
        result = onnx_output(path, x)
    except Exception as error:
        return report(name, f'onnxruntime: {str(error)[:200]}')
    result = convert(result) if convert else result
    same(name, path, result, tolerance, flags, says, silent)

# Opsets, and shapes of the input.
for opset in (7, 9, 11, 12, 13, 15, 17, 18, 20, 21):
    both(f'opset {opset}', [*first(), *relu, *last(), *soft(axis=1)], opset=opset)
both('old softmax axis 1 by default', [*first(), *relu, *last(), n('y = Softmax(l)')], opset=11)
both('batch of 1', plain(), shape=(1, PIXELS))
both('batch of 8', plain(), shape=(8, PIXELS))
flat = [n('f = Flatten(x)')]
both('NCHW', plain(flat, 'f'), shape=('n', 1, SIDE, SIDE))
both('NHWC', plain(flat, 'f'), shape=('n', SIDE, SIDE, 1))
both('Flatten axis -3', plain([n('f = Flatten(x)', axis=-3)], 'f'), shape=('n', 1, SIDE, SIDE))
both('NHWC turned to NCHW', plain([n('t = Transpose(x)', perm=[0, 3, 1, 2]), n('f = Flatten(t)')], 'f'), shape=('n', SIDE, SIDE, 1))
refused('turned image', write('turned image', plain([n('t = Transpose(x)', perm=[0, 1, 3, 2]), n('f = Flatten(t)')], 'f'), shape=('n', 1, SIDE, SIDE)), 'moves the pixels')
both('Reshape 0 -1', plain([n('f = Reshape(x, to)')], 'f'), constants=dict(to=np.array([0, -1])), shape=('n', SIDE, SIDE))
both('Squeeze', plain([n('s = Squeeze(x, axes)'), n('f = Flatten(s)')], 'f'), constants=dict(axes=np.array([1])), shape=('n', 1, SIDE, SIDE))
both('Identity Dropout', [*first(), n('i = Identity(z)'), n('r = Relu(i)'), n('h = Dropout(r)'), *last(), *soft()])
both('Dropout before opset 12', [*first(), *relu, n('d, mask = Dropout(h)', ratio=0.5), *last('d'), *soft()], opset=11)
refused('Dropout in training mode', write('Dropout in training mode', [*first(), *relu, n('d = Dropout(h, half, true)'), *last('d'), *soft()], dict(half=f4(0.5), true=np.array(True))), 'training')
both('Dropout not in training mode', [*first(), *relu, n('d = Dropout(h, half, false)'), *last('d'), *soft()], constants=dict(half=f4(0.5), false=np.array(False)))

# Layers.
gemm = lambda x, w, b, y, **o: n(f'{y} = Gemm({x}, {w}, {b})', **o)
both('Gemm transB', [gemm('x', 'w1t', 'b1', 'z', transB=1), *relu, gemm('h', 'w2t', 'b2', 'l', transB=1), *soft()], constants=dict(w1t=w1.T.copy(), w2t=w2.T.copy()))
both('Gemm alpha beta', [gemm('x', 'w1', 'b1', 'z', alpha=0.5, beta=2.0), *relu, gemm('h', 'w2', 'b2', 'l'), *soft()])
both('Gemm scalar bias', [gemm('x', 'w1', 'one', 'z'), *relu, gemm('h', 'w2', 'b2', 'l'), *soft()])
both('Gemm without bias', [n('z = Gemm(x, w1)'), *relu, *last(), *soft()])
both('kernel transposed in the graph', [n('k = Transpose(w1t)', perm=[1, 0]), n('z = MatMul(x, k)'), *relu, *last(), *soft()], constants=dict(w1t=w1.T.copy()))
both('bias of two dimensions', plain(), constants=dict(b1=b1[None]))
both('Add of zero', [*first(), n('z0 = Add(z, zero)'), n('r = Relu(z0)'), n('h = Add(r, zero)'), *last(), *soft()])
refused('bias of a batch', write('bias of a batch', plain(), dict(b1=np.tile(b1, (EXAMPLES, 1)))), 'shape')
refused('bias that widens', write('bias that widens', plain(), dict(w1=w1[:, :1].copy(), w2=w2)), 'shape')
both('Where weights are in double', plain([n('d = Cast(x)', to=T.DOUBLE)], 'd'), constants={k: v.astype(np.float64) for k, v in base.items()}, out_type=T.DOUBLE)

# Activations.
for op in ('Sigmoid', 'Tanh', 'Relu', 'Gelu', 'LeakyRelu'):
    both(op, [*first(), n(f'h = {op}(z)'), *last(), *soft()], opset=20)
for op in ('Elu', 'Selu', 'HardSigmoid', 'Softplus', 'Softsign', 'Mish', 'HardSwish', 'Celu', 'ThresholdedRelu', 'Sin', 'Abs', 'Exp', 'Erf', 'Sqrt'):
    refused(op, write(op, [*first(), n(f'h = {op}(z)'), *last(), *soft()], opset=20), op)
both('Clip 0 inf', [*first(), n('h = Clip(z, zero, inf)'), *last(), *soft()])
both('Clip 0 largest', [*first(), n('h = Clip(z, zero, largest)'), *last(), *soft()])
both('Clip 0', [*first(), n('h = Clip(z, zero)'), *last(), *soft()])
both('Clip attributes', [*first(), n('h = Clip(z)', min=0.0, max=3.4028234663852886e38), *last(), *soft()], opset=9)
both('Max 0', [*first(), n('h = Max(z, zero)'), *last(), *soft()])
both('0 Max', [*first(), n('h = Max(zero, z)'), *last(), *soft()])
refused('Max of three', write('Max of three', [*first(), n('h = Max(z, zero, one)'), *last(), *soft()]), 'Max')
refused('Clip 0 6', write('Clip 0 6', [*first(), n('h = Clip(z, zero, six)'), *last(), *soft()], dict(six=f4(6))), 'Clip')
refused('Clip of nothing', write('Clip of nothing', [*first(), n('h = Clip(z, , one)'), *last(), *soft()]), 'Clip')
both('PRelu 0.01', [*first(), n('h = PRelu(z, s)'), *last(), *soft()], constants=dict(s=f4([0.01])))
refused('PRelu 0.25', write('PRelu 0.25', [*first(), n('h = PRelu(z, s)'), *last(), *soft()], dict(s=f4([0.25]))), 'slope')
refused('LeakyRelu 0.2', write('LeakyRelu 0.2', [*first(), n('h = LeakyRelu(z)', alpha=0.2), *last(), *soft()]), 'slope')
refused('Gelu tanh', write('Gelu tanh', [*first(), n('h = Gelu(z)', approximate='tanh'), *last(), *soft()], opset=20), 'tanh')
refused('Silu', write('Silu', [*first(), n('s = Sigmoid(z)'), n('h = Mul(z, s)'), *last(), *soft()]), 'Mul')
both('no activation', [*first(), *last('z'), *soft()])
refused('two activations', write('two activations', [*first(), *relu, n('z2 = MatMul(h, m)'), n('h2 = Tanh(z2)'), *last('h2'), *soft()], dict(m=f4(np.eye(HIDDEN)))), 'relu and tanh')
refused('residual', write('residual', [*first(), *relu, n('z2 = MatMul(h, m)'), n('h2 = Relu(z2)'), n('r = Add(h2, h)'), *last('r'), *soft()], dict(m=f4(np.eye(HIDDEN)))), 'Add')
both('BatchNormalization', [*first(), n('n = BatchNormalization(z, g, b, m, v)'), n('h = Relu(n)'), *last(), *soft()],
     constants=dict(g=f4(random.uniform(0.5, 2, HIDDEN)), b=f4(random.normal(size=HIDDEN)), m=f4(random.normal(size=HIDDEN)), v=f4(random.uniform(0.5, 2, HIDDEN))))
refused('BatchNormalization in training', write('BatchNormalization in training', [*first(), n('n, a, c = BatchNormalization(z, b1, b1, b1, v)', training_mode=1), n('h = Relu(n)'), *last(), *soft()], dict(v=f4(np.ones(HIDDEN)))), 'training')
refused('LayerNormalization', write('LayerNormalization', [*first(), n('n = LayerNormalization(z, b1, b1)'), n('h = Relu(n)'), *last(), *soft()]), 'LayerNormalization')

# Normalization in front.
both('Normalize', plain([n('c = Sub(x, mean)'), n('n = Div(c, std)')], 'n'), constants=dict(mean=f4([0.1307]), std=f4([0.3081])))
both('Normalize NCHW', plain([n('c = Sub(x, mean)'), n('n = Div(c, std)'), n('f = Flatten(n)')], 'f'),
     constants=dict(mean=f4([[[0.1307]]]), std=f4([[[0.3081]]])), shape=('n', 1, SIDE, SIDE))
both('per pixel', plain([n('c = Sub(x, mean)'), n('n = Div(c, std)')], 'n'), constants=dict(mean=f4(random.uniform(0, 1, PIXELS)), std=f4(random.uniform(0.1, 0.5, PIXELS))))
both('Rescaling', plain([n('m = Mul(x, s)'), n('n = Add(m, zero)')], 'n'), raw, constants=dict(s=f4(1 / 255)), silent='assumed: inputs')
both('raw by 127.5', plain([n('m = Div(x, s)'), n('n = Sub(m, one)')], 'n'), raw, constants=dict(s=f4(127.5)), says='0 to 255')
both('raw minus 127.5', plain([n('m = Sub(x, s)')], 'm'), raw, constants=dict(s=f4(127.5), w1=w1 / 100), says='0 to 255')
both('raw minus a mean image', plain([n('m = Sub(x, s)')], 'm'), raw, constants=dict(s=f4(random.uniform(0, 200, PIXELS)), w1=w1 / 100), says='0 to 255')
constant = np.where(np.arange(PIXELS) % 5 < 3, 1, 70)
both('raw StandardScaler with constant pixels', plain([n('c = Sub(x, m)'), n('n = Div(c, s)')], 'n'), raw, constants=dict(m=f4(np.where(constant == 1, 0, 120)), s=f4(constant), w1=w1 * np.where(constant == 1, 0.01, 1)[:, None].astype('f4')), says='0 to 255')
both('uint8', plain([n('c = Cast(x)', to=T.FLOAT), n('n = Div(c, s)')], 'n'), bytes_, constants=dict(s=f4(255)), type_=T.UINT8, silent='assumed: inputs')
both('uint8 not scaled', plain([n('c = Cast(x)', to=T.FLOAT)], 'c'), bytes_, constants=dict(w1=w1 / 100), type_=T.UINT8)
both('Neg', plain([n('n = Neg(x)')], 'n'))
both('1 - x', plain([n('n = Sub(one, x)')], 'n'))
refused('255 / x', write('255 / x', plain([n('n = Div(one, x)')], 'n')), 'Div')
refused('Pow', write('Pow', plain([n('n = Pow(x, two)')], 'n'), dict(two=f4(2))), 'Pow')
refused('mean of the image', write('mean of the image', plain([n('m = ReduceMean(x)', axes=[1]), n('n = Sub(x, m)')], 'n')), 'ReduceMean')
refused('int32 input', write('int32 input', plain([n('c = Cast(x)', to=T.FLOAT)], 'c'), type_=T.INT32), 'int32')
refused('Cast to int', write('Cast to int', plain([n('i = Cast(x)', to=T.INT32), n('c = Cast(i)', to=T.FLOAT)], 'c')), 'int32')
refused('colors', write('colors', [*flat, n('z = MatMul(f, w3)'), *relu, *last(), *soft()], dict(w3=f4(random.normal(size=(3 * PIXELS, HIDDEN)))), shape=('n', 3, SIDE, SIDE)), 'channels')
refused('Conv', write('Conv', [n('c = Conv(x, k)'), n('f = Flatten(c)'), *plain((), 'f')], dict(k=f4(random.normal(size=(1, 1, 1, 1)))), shape=('n', 1, SIDE, SIDE)), 'Conv')

# Outputs.
both('logits', [*first(), *relu, *last(z='y')], convert=softmax)
both('LogSoftmax', [*first(), *relu, *last(), n('y = LogSoftmax(l)', axis=1)], convert=np.exp)
both('Log of Softmax', [*first(), *relu, *last(), n('s = Softmax(l)', axis=1), n('y = Log(s)')], convert=np.exp)
both('Exp of LogSoftmax', [*first(), *relu, *last(), n('s = LogSoftmax(l)', axis=1), n('y = Exp(s)')])
both('temperature', [*first(), *relu, *last(), n('lt = Div(l, t)'), *soft('lt')], constants=dict(t=f4(2.5)))
both('ArgMax', [*first(), *relu, *last(), n('y = ArgMax(l)', axis=1, keepdims=0)], out_type=T.INT64)
refused('ArgMax of the batch', write('ArgMax of the batch', [*first(), *relu, *last(), n('y = ArgMax(l)', axis=0)], out_type=T.INT64), 'axis 0')
refused('ArgMin', write('ArgMin', [*first(), *relu, *last(), n('y = ArgMin(l)', axis=1)], out_type=T.INT64), 'ArgMin')
refused('Softmax of the batch', write('Softmax of the batch', [*first(), *relu, *last(), *soft(axis=0)]), 'axis 0')
refused('Softmax twice', write('Softmax twice', [*first(), *relu, *last(), n('s = Softmax(l)', axis=1), *soft('s')]), 'Softmax')
refused('Softmax of groups', write('Softmax of groups', [*first(), *relu, *last(), n('g = Reshape(l, to)'), n('s = Softmax(g)', axis=-1), n('y = Reshape(s, back)')], dict(to=np.array([-1, 2, 2]), back=np.array([-1, 4]))), 'shape')
refused('Softmax of groups as output', write('Softmax of groups as output', [*first(), *relu, *last(), n('g = Reshape(l, to)'), n('y = Softmax(g)', axis=-1)], dict(to=np.array([-1, 2, 2]))), 'shape')
refused('Softmax of single columns', write('Softmax of single columns', [*first(), *relu, *last(), n('g = Unsqueeze(l, two)'), n('y = Softmax(g)', axis=-1)], dict(two=np.array([2]))), 'shape')
refused('Softmax after a new first axis', write('Softmax after a new first axis', [*first(), *relu, *last(), n('g = Unsqueeze(l, none)'), n('y = Softmax(g)', axis=1)], dict(none=np.array([0]))), 'shape')
refused('constant of higher rank', write('constant of higher rank', [*first(), *relu, n('p2 = MatMul(h, w2)'), n('l = Add(p2, b3)'), n('y = Softmax(l)', axis=1)], dict(b3=b2[None, None])), 'shape')
refused('scalar of higher rank', write('scalar of higher rank', [*first(), *relu, *last(z='q'), n('l = Add(q, o3)'), n('y = Softmax(l)', axis=1)], dict(o3=f4([[[1]]]))), 'shape')
refused('several sigmoids', write('several sigmoids', [*first(), *relu, *last(), n('y = Sigmoid(l)')]), 'mutually exclusive')
refused('Relu at the end', write('Relu at the end', [*first(), *relu, *last(), n('y = Relu(l)')]), 'no output')
refused('one output without Sigmoid', write('one output without Sigmoid', [*first(), *relu, n('y = MatMul(h, w3)')], dict(w3=w2[:, :1].copy())), 'one output')
both('one logistic output', [*first(), *relu, n('l = MatMul(h, w3)'), n('y = Sigmoid(l)')], constants=dict(w3=w2[:, :1].copy()), convert=lambda p: np.hstack([1 - p, p]), says='second of two')
both('two classes', [*first(), *relu, n('l = MatMul(h, w3)'), n('p = Sigmoid(l)'), n('q = Sub(one, p)'), n('y = Concat(q, p)', axis=1)], constants=dict(w3=w2[:, :1].copy()))
both('two classes in the other order', [*first(), *relu, n('l = MatMul(h, w3)'), n('p = Sigmoid(l)'), n('q = Sub(one, p)'), n('y = Concat(p, q)', axis=-1)], constants=dict(w3=w2[:, :1].copy()))
refused('p twice', write('p twice', [*first(), *relu, n('l = MatMul(h, w3)'), n('p = Sigmoid(l)'), n('y = Concat(p, p)', axis=1)], dict(w3=w2[:, :1].copy())), 'Concat')
both('hidden features as an output', plain(), outputs=('y', 'h'), says='ignored the output h')
path = write('two heads', [*first(), *relu, *last(), *soft(), n('l2 = MatMul(h, w3)'), n('y2 = Softmax(l2)', axis=1)], dict(w3=f4(random.normal(size=(HIDDEN, 3)))), outputs=('y', 'y2'))
refused('two heads', path, 'different networks')
value = helper.make_tensor_value_info
graph = helper.make_graph([n('s = Add(x, x2)'), *plain((), 's')], 'g', [value('x', T.FLOAT, ['n', PIXELS]), value('x2', T.FLOAT, ['n', PIXELS])], [value('y', T.FLOAT, None)], [numpy_helper.from_array(base[k], k) for k in ('w1', 'b1', 'w2', 'b2')])
path = os.path.join(directory, 'two-inputs.onnx')
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)]), path)
refused('two inputs', path, '2 inputs')

# Labels.
names = helper.make_tensor('names', T.STRING, [CLASSES], [b'ant', b'bee', b'cat', b'dog'])
label = [n('i = ArgMax(y)', axis=1), n('e = ArrayFeatureExtractor(names, i)', domain='ai.onnx.ml'), n('label = Reshape(e, to)')]
path = write('names', [*plain(), *label], dict(names=names, to=np.array([-1])), ml=True, outputs=('label', 'y'))
same('names', path, onnx_output(path, scaled, 1), silent='class names 0')
doubled = helper.make_tensor('names', T.STRING, [CLASSES], [b'ant', b'bee', b'cat', b'ant'])
path = write('names twice', [*plain(), *label], dict(names=doubled, to=np.array([-1])), ml=True, outputs=('label', 'y'))
refused('names twice', path, 'ant')
floats = write('labels in fractions', [*plain(), *label], dict(names=f4([0.5, 1.5, 2.5, 3.5]), to=np.array([-1])), ml=True, outputs=('y', 'label'), labels=T.FLOAT)
same('labels in fractions', floats, onnx_output(floats, scaled, 0), silent='class names 0')

# 16 bits and fewer.
halves = {k: v.astype(np.float16) for k, v in base.items()}
both('float16', plain(), scaled.astype(np.float16), HALF, type_=T.FLOAT16, constants=halves, out_type=T.FLOAT16, convert=lambda y: y.astype(np.float64))
both('float16 weights', [n('w = Cast(k)', to=T.FLOAT), n('p = MatMul(x, w)'), n('z = Add(p, b1)'), *relu, *last(), *soft()], constants=dict(k=halves['w1']))
b16 = helper.make_tensor('k', T.BFLOAT16, w1.shape, w1.ravel())
both('bfloat16 weights', [n('w = Cast(k)', to=T.FLOAT), n('p = MatMul(x, w)'), n('z = Add(p, b1)'), *relu, *last(), *soft()], constants=dict(k=b16), tolerance=SINGLE)
quantized = np.clip(np.round(w1 * 100), -127, 127).astype(np.int8)
refused('weights in int8', write('weights in int8', [n('w = DequantizeLinear(k, s, z8)'), n('p = MatMul(x, w)'), n('z = Add(p, b1)'), *relu, *last(), *soft()], dict(k=quantized, s=f4(0.01), z8=np.int8(0))), 'quantized')
refused('QDQ', write('QDQ', plain([n('q = QuantizeLinear(x, s, z8)'), n('d = DequantizeLinear(q, s, z8)')], 'd'), dict(s=f4(1 / 255), z8=np.uint8(0))), 'quantized')
refused('dynamic quantization', write('dynamic quantization', [n('q, s, zp = DynamicQuantizeLinear(x)'), n('i = MatMulInteger(q, k, zp)'), n('c = Cast(i)', to=T.FLOAT), n('z = Mul(c, s)'), *relu, *last(), *soft()], dict(k=quantized)), 'quantized')
refused('FusedGemm', write('FusedGemm', [n('h = FusedGemm(x, w1, b1)', domain='com.microsoft', activation='Relu'), *last(), *soft()], other='com.microsoft'), 'com.microsoft.FusedGemm')
refused('com.microsoft Gelu', write('com.microsoft Gelu', [*first(), n('h = Gelu(z)', domain='com.microsoft'), *last(), *soft()], other='com.microsoft'), 'com.microsoft.Gelu')
refused('If', write('If', [*first(), n('h = Where(true, z, zero)'), *last(), *soft()], dict(true=np.array(True))), 'Where')
# All in a file beside the model.
path = write('external', plain())
expected = onnx_output(path, scaled)
onnx.save(onnx.load(path), path, save_as_external_data=True, location='external.data', size_threshold=0)
same('external data', path, expected)
os.rename(os.path.join(directory, 'external.data'), os.path.join(directory, 'elsewhere.data'))
refused('external data is missing', path, 'external.data')
close()
