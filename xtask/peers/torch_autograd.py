"""PyTorch, eager: autograd for the gradients, torch.optim.SGD (its fused kernel) for the step.

No DataLoader: index_select takes batches from one tensor. Nothing is read back during an epoch."""
import mnist

args = mnist.arguments(__doc__)

import torch
import torch.nn.functional as F

if args.threads:
    torch.set_num_threads(args.threads)
images, classes = mnist.read(args.data_dir)
x_train, c_train = torch.from_numpy(images).to(getattr(torch, args.dtype)), torch.from_numpy(classes).long()
w_h, b_h, w_o, b_o = params = [torch.from_numpy(p).requires_grad_() for p in mnist.parameters(args)]
optimizer = torch.optim.SGD(params, lr=args.learning_rate, fused=True)

for epoch in range(args.epochs):
    batches = torch.from_numpy(mnist.shuffled(len(images), args))
    loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.long)
    for batch in batches:
        x, c = x_train.index_select(0, batch), c_train.index_select(0, batch)
        z_o = torch.addmm(b_o, torch.sigmoid(torch.addmm(b_h, x, w_h)), w_o)
        loss = F.cross_entropy(z_o, c, reduction='sum')
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach()
        correct += (z_o.argmax(dim=1) == c).sum()
    mnist.report(epoch, args, loss_sum.item() / len(batches), correct.item() / batches.numel())
