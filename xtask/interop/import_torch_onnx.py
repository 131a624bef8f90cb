"""PyTorch models as both exporters of torch.onnx write them. See imports.py."""

import torch
from imports import *
from torch import nn

torch.manual_seed(0)
x = torch.tensor(scaled)
place = lambda name: os.path.join(directory, 'torch-' + name.replace(' ', '-').replace('/', '-'))


def export(name, model, image=x[:2], word='', convert=softmax, tolerance=SINGLE, says='', **options):
    model.eval() if not options.pop('training', False) else model.train()
    with torch.no_grad():
        expected = model(image.new_tensor(x.numpy()).reshape(-1, *image.shape[1:])).float().numpy() if not word else None
    for dynamo in (False, True):
        path = place(f'{name} {dynamo}.onnx')
        try:
            torch.onnx.export(model, (image,), path, dynamo=dynamo, verbose=False, **options)
        except Exception as error:
            print(f'     {name}, dynamo={dynamo}: cannot export: {str(error).splitlines()[0][:150]}')
            continue
        title = f'{name}, dynamo={dynamo}'
        if word:
            refused(title, path, word)
        else:
            same(title, path, convert(expected), tolerance, says=says)


mlp = lambda *a: nn.Sequential(nn.Linear(PIXELS, HIDDEN), *a, nn.Linear(HIDDEN, CLASSES))
export('plain', mlp(nn.ReLU()))
for activation in (
    nn.Sigmoid(),
    nn.Tanh(),
    nn.GELU(),
    nn.LeakyReLU(),
    nn.Identity(),
    nn.ReLU6(),
    nn.SiLU(),
    nn.ELU(),
    nn.GELU(approximate='tanh'),
    nn.Softplus(),
    nn.Hardtanh(),
    nn.PReLU(init=0.01),
    nn.Threshold(0.0, 0.0),
):
    export(
        type(activation).__name__ + getattr(activation, 'approximate', ''),
        mlp(activation),
        word={'ReLU6': 'node', 'SiLU': 'node', 'ELU': 'Elu', 'Softplus': 'Softplus', 'Hardtanh': 'Clip', 'none': 'node'}.get(
            type(activation).__name__, 'node' if getattr(activation, 'approximate', '') == 'tanh' else ''
        ),
    )
export('Flatten', nn.Sequential(nn.Flatten(), mlp(nn.ReLU())), x[:2].reshape(-1, 1, SIDE, SIDE))
export('Softmax', nn.Sequential(mlp(nn.ReLU()), nn.Softmax(1)), convert=lambda p: p)
export('LogSoftmax', nn.Sequential(mlp(nn.ReLU()), nn.LogSoftmax(-1)), convert=np.exp)
export('no bias', nn.Sequential(nn.Linear(PIXELS, HIDDEN, bias=False), nn.ReLU(), nn.Linear(HIDDEN, CLASSES, bias=False)))
normed = mlp(nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Dropout())
normed.train()
[normed(x + i) for i in range(5)]
export('BatchNorm', normed)
export('BatchNorm after', mlp(nn.ReLU(), nn.BatchNorm1d(HIDDEN)))
export('LayerNorm', mlp(nn.LayerNorm(HIDDEN), nn.ReLU()), word='LayerNormalization')


class Normalized(nn.Module):
    def __init__(self, front, net):
        super().__init__()
        self.front, self.net = front, net

    def forward(self, images):
        return self.net(self.front(images))


export('view', Normalized(lambda v: v.view(v.size(0), -1), mlp(nn.ReLU())), x[:2].reshape(-1, 1, SIDE, SIDE), dynamic_axes=None)
export('Normalize', Normalized(lambda v: ((v - 0.1307) / 0.3081).flatten(1), mlp(nn.ReLU())), x[:2].reshape(-1, 1, SIDE, SIDE))
export('2x - 1', Normalized(lambda v: 2 * v - 1, mlp(nn.ReLU())))
export(
    'clamp',
    Normalized(lambda v: v, nn.Sequential(nn.Linear(PIXELS, HIDDEN), Normalized(lambda v: v.clamp(min=0), nn.Linear(HIDDEN, CLASSES)))),
)
export(
    'maximum',
    Normalized(
        lambda v: v,
        nn.Sequential(nn.Linear(PIXELS, HIDDEN), Normalized(lambda v: torch.maximum(v, torch.zeros(())), nn.Linear(HIDDEN, CLASSES))),
    ),
)
inner = lambda f: Normalized(
    lambda v: v, nn.Sequential(nn.Linear(PIXELS, HIDDEN), Normalized(f, nn.Linear(HIDDEN, CLASSES)))
)
export('where', inner(lambda v: torch.where(v > 0, v, torch.zeros(()))))
export('where, leaky', inner(lambda v: torch.where(v < 0, 0.01 * v, v)))
export('mask', inner(lambda v: v * (v > 0).float()))
export('half', mlp(nn.ReLU()).half(), x[:2].half(), tolerance=HALF)
export('bfloat16', mlp(nn.ReLU()).bfloat16(), x[:2].bfloat16(), tolerance=1e-1)
export('double', mlp(nn.ReLU()).double(), x[:2].double())
export(
    'one logit with Sigmoid',
    nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1), nn.Sigmoid()),
    convert=lambda p: np.hstack([1 - p, p]),
    says='second of two',
)
export('one logit', nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)), word='one output')
export('external data', mlp(nn.ReLU()), external_data=True)
export(
    'convolution',
    nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 16, CLASSES)),
    x[:2].reshape(-1, 1, SIDE, SIDE),
    word='Conv',
)
close()
