"""The page's files, and what it has to know of the network behind it."""

import base64
from pathlib import Path

import numpy as np

from .. import datasets
from ..models.common import image_shape

FOLDER = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
EXAMPLES = 10


def files():
    """The page's own files, {name: (content type, bytes)}."""
    return {
        path.name: (TYPES[path.suffix], path.read_bytes()) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES
    }


def about(name, config, engine):
    """What the page is told, a dict that JSON can hold: the network's name and sizes, pictures to begin with, and the
    `engine`, a dict with what the page needs to reach it.
    """
    sizes = {key: getattr(config, key) for key in ("height", "width", "channels", "steps", "attention")}
    what = {(28, 28): "a digit", (60, 60): "two digits"}.get(image_shape(config), "a picture")
    return {"name": name, "what": what, **sizes, "examples": examples(config), "engine": engine}


def examples(config):
    """Pictures for those who do not draw, [{"label", "pixels": bytes in base64}]; none, if no data set is of this size.

    Of MNIST the first test digit of each kind; of two digits, ten pictures.
    """
    if image_shape(config) == (28, 28):
        images, labels = datasets.load("mnist", "test", 100)
        chosen = [int(np.argmax(labels == digit)) for digit in range(EXAMPLES)]
        images, labels = images[chosen], labels[chosen, None]
    elif image_shape(config) == (60, 60):
        images, labels = datasets.sample("two-digit-mnist", np.random.default_rng(0), EXAMPLES, "test")
    else:
        return []
    return [
        {"label": " and ".join(map(str, digits)), "pixels": base64.b64encode(pixels).decode()}
        for pixels, digits in zip(np.rint(255 * images).astype(np.uint8), labels.tolist())
    ]
