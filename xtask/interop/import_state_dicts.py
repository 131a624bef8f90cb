"""State dicts of PyTorch as safetensors, and its other files. See imports.py."""

import torch
from imports import *
from safetensors.torch import save_file, save_model
from torch import nn

torch.manual_seed(0)
x = torch.tensor(scaled)
place = lambda name: os.path.join(directory, 'torch-' + name.replace(' ', '-').replace('/', '-'))


def tensors(name, dictionary, expected=None, word='', flags=('--activation', 'relu'), metadata=None, tolerance=SINGLE, says='', silent=''):
    path = place(name + '.safetensors')
    save_file({k: v.detach().contiguous().clone() for k, v in dictionary.items()}, path, metadata)
    if word:
        refused(name, path, word, flags)
    else:
        same(name, path, softmax(expected(x).detach().float().numpy()), tolerance, flags, says, silent)


net = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
state = net.state_dict()


def renamed(*names):
    at = dict(zip(('0', '2', '4'), names))
    return {k.replace(k[0], at[k[0]], 1): v for k, v in state.items()}


for names in [
    ('0', '2', '4'),
    ('fc1', 'fc2', 'fc3'),
    ('layers.0.linear', 'layers.1.linear', 'layers.2.linear'),
    ('net.0', 'net.2', 'classifier'),
    ('module.0', 'module.2', 'module.4'),
    ('_orig_mod.0', '_orig_mod.2', '_orig_mod.4'),
    ('_orig_mod.module.fc1', '_orig_mod.module.fc2', '_orig_mod.module.out'),
    ('in', 'mid', 'out'),
    ('fc', 'fc1', 'fc2'),
    ('encoder.fc1', 'encoder.fc2', 'head'),
    ('state_dict.model.0', 'state_dict.model.3', 'state_dict.model.6'),
    ('l9', 'l10', 'l11'),
]:
    tensors('names ' + names[1] + ' ' + names[0], renamed(*names), net)
square = nn.Sequential(*[m for _ in range(3) for m in (nn.Linear(PIXELS, PIXELS), nn.ReLU())], nn.Linear(PIXELS, PIXELS))
sq = square.state_dict()
tensors('square with numbers', sq, square)
to_words = dict(zip('0246', ('alpha', 'beta', 'gamma', 'delta')))
tensors('square without numbers', {to_words[k[0]] + k[1:]: v for k, v in sq.items()}, word='comes first')
one = nn.Linear(PIXELS, CLASSES)
tensors('one layer without a name', one.state_dict(), one, flags=())
no_bias = {k: v for k, v in state.items() if 'weight' in k}
without = nn.Sequential(*[nn.Linear(m.in_features, m.out_features, bias=False) if isinstance(m, nn.Linear) else m for m in net])
without.load_state_dict(no_bias)
tensors('no bias', no_bias, without)
turned = {k: v.T if v.ndim == 2 else v for k, v in state.items()}
tensors('transposed', turned, word='transpose')
tensors('transposed without bias', {k: v for k, v in turned.items() if v.ndim == 2}, word='transpose')
tensors(
    'transposed words without bias',
    {dict(zip('024', ('in', 'mid', 'out')))[k[0]] + k[1:]: v for k, v in turned.items() if v.ndim == 2},
    word='transpose',
)
tensors(
    'flax',
    {f'params.Dense_{int(k[0]) // 2}.{"kernel" if v.ndim == 2 else "bias"}': v.T if v.ndim == 2 else v for k, v in state.items()},
    word='kernel',
)
tensors(
    'keras', {f'dense_{k[0]}/{"kernel" if v.ndim == 2 else "bias"}:0': v.T if v.ndim == 2 else v for k, v in state.items()}, word='kernel'
)
batch = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
tensors('batch norm', batch.state_dict(), word='normalization')
tensors(
    'layer norm',
    nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.LayerNorm(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)).state_dict(),
    word='normalization',
)
tensors('convolution', nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, CLASSES)).state_dict(), word='convolution')
adam = torch.optim.Adam(net.parameters())
net(x).sum().backward()
adam.step()
flat = {f'optimizer.state.{i}.{k}': v for i, s in adam.state_dict()['state'].items() for k, v in s.items()}
tensors('optimizer state', {**state, **flat}, word='optimizer')
tensors('copy as EMA', {**state, **{f'ema.{k}': v for k, v in state.items()}}, word='weight')
tensors('square copy as EMA', {**{f'model.{k}': v for k, v in sq.items()}, **{f'ema.{k}': v for k, v in sq.items()}}, word='weight')
tensors('counters', {**state, 'epoch': torch.tensor([4]), 'best': torch.tensor(5)}, net, says='ignored')
tensors('half', {k: v.half() for k, v in state.items()}, net, tolerance=HALF)
tensors('bfloat', {k: v.bfloat16() for k, v in state.items()}, net, tolerance=1e-1)
tensors('double', {k: v.double() for k, v in state.items()}, net)
tensors('int8', {k: (v * 100).to(torch.int8) for k, v in state.items()}, word='I8')
tied = nn.Sequential(nn.Linear(PIXELS, PIXELS), nn.ReLU(), nn.Linear(PIXELS, PIXELS), nn.ReLU(), nn.Linear(PIXELS, CLASSES))
tied[2].weight = tied[0].weight
save_model(tied, place('tied.safetensors'))
same('tied', place('tied.safetensors'), softmax(tied(x).detach().numpy()), flags=('--activation', 'relu'))
tied = nn.Sequential(
    *[nn.Linear(PIXELS, PIXELS, bias=False), nn.ReLU()] * 1, nn.Linear(PIXELS, PIXELS, bias=False), nn.ReLU(), nn.Linear(PIXELS, CLASSES)
)
tied[2].weight = tied[0].weight
save_model(tied, place('tied-no-bias.safetensors'))
same('tied without bias', place('tied-no-bias.safetensors'), softmax(tied(x).detach().numpy()), flags=('--activation', 'relu'))
from torch.nn.utils import parametrizations

tensors(
    'weight norm',
    nn.Sequential(parametrizations.weight_norm(nn.Linear(PIXELS, HIDDEN)), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)).state_dict(),
    word='original',
)
lora = {**state, '2.lora_A.weight': torch.zeros(2, HIDDEN), '2.lora_B.weight': torch.zeros(HIDDEN, 2)}
tensors('LoRA', lora, word='lora')
torch.save(state, place('net.pt'))
refused('pt', place('net.pt'), 'PyTorch')
torch.save(state, place('old.pth'), _use_new_zipfile_serialization=False)
refused('old pth', place('old.pth'), 'safetensors')
torch.jit.script(net).save(place('script.pt'))
refused('TorchScript', place('script.pt'), 'PyTorch')
torch.export.save(torch.export.export(net, (x,)), place('program.pt2'))
refused('torch.export', place('program.pt2'), 'PyTorch')
close()
