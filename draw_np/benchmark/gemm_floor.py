"""The matrix products of one training step and nothing else: what it costs before anything element-wise is computed.

Every product a @ b is computed forward and, in the backward pass, as gradient @ b^T and a^T @ gradient.
"""

from typing import NamedTuple

import numpy

from ..models import draw
from ..training.trees import named_leaves


class Product(NamedTuple):
    """`count` products side by side of matrices (m, k) and (k, n). `constant` ones need no gradient of the (k, n)."""

    count: int
    m: int
    k: int
    n: int
    constant: bool = False


def products(config, batch):
    """The forward products of one of the T steps, a list of Product."""
    params = named_leaves(draw.init_params(config, numpy.random.default_rng(0)))
    found = [Product(1, batch, *leaf.shape) for name, leaf in params.items() if name.endswith(("/W", "/U"))]
    if config.attention:
        height, width, R, N, planes = config.height, config.width, config.read_size, config.write_size, config.channels
        for constant in (True, False):  # reading x and x_hat: F_Y image, then F_X^T
            found.append(Product(batch * planes, R, height, width, constant))
            found.append(Product(batch * planes, R, width, R))
        found += [Product(batch * planes, height, N, N), Product(batch * planes, height, N, width)]  # F_Y^T w F_X
    return found


def gigaflop(config, batch):
    """Thousand million floating point operations, counting a multiplication and an addition as two."""
    per_step = sum(2 * p.count * p.m * p.k * p.n * (2 if p.constant else 3) for p in products(config, batch))
    return config.steps * per_step / 1e9


def all_products(config, batch, dtype=numpy.float32):
    """A function without arguments that computes every product of a training step, each as one `np.matmul`."""
    rng = numpy.random.default_rng(0)
    calls = []
    for p in products(config, batch):
        stack = (p.count,) if p.count > 1 else ()
        a, b, gradient = (
            rng.standard_normal((*stack, *shape), dtype) for shape in ((p.m, p.k), (p.k, p.n), (p.m, p.n))
        )
        calls.append((a, b, numpy.empty_like(gradient)))
        calls.append((gradient, numpy.swapaxes(b, -1, -2), numpy.empty_like(a)))
        if not p.constant:
            calls.append((numpy.swapaxes(a, -1, -2), gradient, numpy.empty_like(b)))

    def run():
        for _ in range(config.steps):
            for a, b, out in calls:
                numpy.matmul(a, b, out=out)

    return run
