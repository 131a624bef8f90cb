"""Trains the chapter's program for one epoch. Writes `w_h, b_h, w_o, b_o` to network.npz and the
probabilities of the test set to probabilities.npy.

usage: train_numpy.py DIRECTORY MNIST"""
import contextlib
import io
import os
import runpy
import sys

import numpy as np

directory, mnist = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
sys.argv = ['chapter.py', mnist, '0', '1']
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    chapter = runpy.run_path(os.path.join(here, '..', 'reference', 'chapter.py'))
np.savez(os.path.join(directory, 'network.npz'), **{name: chapter[name] for name in ('w_h', 'b_h', 'w_o', 'b_o')})
_, probabilities, _, _ = chapter['forward'](chapter['x_test'], chapter['y_test'], chapter['c_test'])
np.save(os.path.join(directory, 'probabilities.npy'), probabilities)
