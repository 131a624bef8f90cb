"""scikit-learn: MLPClassifier with plain SGD, one partial_fit per epoch.

Its loss is the mean over a batch, so its learning rate is ours times the batch size. It shuffles
internally and reports no accuracy. We measure the accuracy on the first 1,000 images after each
epoch, which takes less than 1% of the time."""
import mnist

args = mnist.arguments(__doc__)

import numpy as np
from sklearn.neural_network import MLPClassifier

images, classes = mnist.read(args.data_dir)
images = images.astype(args.dtype)
model = MLPClassifier(
    hidden_layer_sizes=(args.hidden,), activation='logistic', solver='sgd', alpha=0.0, momentum=0.0,
    batch_size=args.batch, learning_rate_init=args.learning_rate * args.batch, random_state=0)

# One step creates the arrays, which then get the chapter's initial values.
model.partial_fit(images[:args.batch], classes[:args.batch], classes=np.arange(10))
w_h, b_h, w_o, b_o = mnist.parameters(args)
for array, first in zip(model.coefs_ + model.intercepts_, [w_h, w_o, b_h, b_o]):
    array[...] = first.reshape(array.shape)

part = args.examples or len(images)
for epoch in range(args.epochs):
    # A partial epoch is a different contiguous slice each time, so nothing is copied.
    start = epoch * part % (len(images) - part + 1)
    model.partial_fit(images[start:start + part], classes[start:start + part])
    mnist.report(epoch, args, model.loss_ * args.batch, model.score(images[:1000], classes[:1000]))
