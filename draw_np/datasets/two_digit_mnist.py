"""Two digits (section 4.3): two MNIST digits at random places on a black 60x60 image, sums clipped at one."""

import numpy as np

from draw_np.datasets import mnist
from draw_np.datasets.base import Split
from draw_np.datasets.collage import place, random_corners

SOURCE = "made from mnist as the paper's section 4.3 says"
LICENCE = "as mnist"
HEIGHT, WIDTH, DIGIT = 60, 60, 28  # pixels
FIXED_SHA256 = {  # of the fixed sets' images, then labels
    "valid": "a98fa436344d3c64248d02e273322cfeb9b8b5412473e72e9550a78b1ac63594",
    "test": "8d01f803005b416da44fa6558aa3c2fef7a50d3c0852501f7e8e208cf0711c85",
}


def sample(rng, count, split):
    """Return `count` new images, (count, 60, 60), and labels, (count, 2), made from the digits of `split`.

    The draws of the NumPy Generator `rng`, in order: which digits, their rows, their columns.
    """
    pixels, labels = mnist.digits(split)
    which = rng.integers(len(pixels), size=(count, 2))
    rows = random_corners(rng, (count, 2), HEIGHT, DIGIT)
    columns = random_corners(rng, (count, 2), WIDTH, DIGIT)
    images = place(pixels[which], rows, columns, HEIGHT, WIDTH)  # (count, 60, 60)
    return Split(mnist.grey_levels(images), labels[which].astype(np.int64))
