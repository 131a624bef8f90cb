"""PyTorch with hand-written gradients and in-place updates, eager or compiled (--compile).

No DataLoader: index_select takes batches from one tensor. Nothing is read back during an epoch."""
import mnist

args = mnist.arguments(__doc__, compile='compile each step with torch.compile')

import torch

if args.threads:
    torch.set_num_threads(args.threads)
images, classes = mnist.read(args.data_dir)
x_train, c_train = torch.from_numpy(images).to(getattr(torch, args.dtype)), torch.from_numpy(classes).long()
w_h, b_h, w_o, b_o = [torch.from_numpy(p) for p in mnist.parameters(args)]


def train_step(x, c, w_h, b_h, w_o, b_o):
    h = torch.addmm(b_h, x, w_h).sigmoid_()
    z_o = torch.addmm(b_o, h, w_o)
    correct = (z_o.argmax(dim=1) == c).sum()
    log_p = torch.log_softmax(z_o, dim=1)
    c = c.unsqueeze(1)
    loss = -log_p.gather(1, c).sum()
    z_o_grad = log_p.exp_()
    z_o_grad.scatter_add_(1, c, minus_one)
    h_grad = (z_o_grad @ w_o.T).mul_(h).mul_(1 - h)
    w_o.addmm_(h.T, z_o_grad, alpha=-args.learning_rate)
    b_o.sub_(z_o_grad.sum(dim=0, keepdim=True), alpha=args.learning_rate)
    w_h.addmm_(x.T, h_grad, alpha=-args.learning_rate)
    b_h.sub_(h_grad.sum(dim=0, keepdim=True), alpha=args.learning_rate)
    return loss, correct


minus_one = torch.full((args.batch, 1), -1.0, dtype=w_h.dtype)
if args.compile:
    train_step = torch.compile(train_step)

with torch.inference_mode():
    for epoch in range(args.epochs):
        batches = torch.from_numpy(mnist.shuffled(len(images), args))
        loss_sum, correct_sum = torch.zeros((), dtype=w_h.dtype), torch.zeros((), dtype=torch.long)
        for batch in batches:
            x, c = x_train.index_select(0, batch), c_train.index_select(0, batch)
            loss, correct = train_step(x, c, w_h, b_h, w_o, b_o)
            loss_sum += loss
            correct_sum += correct
        mnist.report(epoch, args, loss_sum.item() / len(batches), correct_sum.item() / batches.numel())
