"""Writes MNIST's test images as PNG files for `cargo xtask e2e`: python mnist_pngs.py DATA_DIR DIR

DIR/7-00000.png is a 7. Every second image is inverted, dark on light.
"""

import gzip
import pathlib
import sys

import numpy as np
from PIL import Image


def idx(path):
    """The data of an IDX file, compressed or not."""
    compressed = path.with_name(path.name + ".gz")
    data = path.read_bytes() if path.exists() else gzip.decompress(compressed.read_bytes())
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])


def main(data, directory):
    directory.mkdir()
    images = idx(data / "t10k-images-idx3-ubyte").reshape(-1, 28, 28)
    labels = idx(data / "t10k-labels-idx1-ubyte")
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(255 - image if i % 2 else image).save(directory / f"{label}-{i:05}.png")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
