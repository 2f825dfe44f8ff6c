"""The examples in the docstrings give what they show."""

import doctest

import numpy as np
import pytest

import draw_np
from draw_np import datasets, equations
from draw_np.models import draw

NAMES = {
    "np": np,
    "draw": draw,
    "datasets": datasets,
    "equations": equations,
    "load_pretrained": draw_np.load_pretrained,
}
SHOWN = [  # the public face, and the equations where numbers say more than words
    draw.Config, draw.init_params, draw.sample_noise, draw.loss, draw.bound, draw.generate,
    draw_np.load_pretrained, datasets.load, datasets.sample,
    equations.filter_means, equations.filterbank, equations.kl, equations.negative_log_likelihood,
]  # fmt: skip


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.__name__)
def test_an_example_gives_what_it_shows(shown):
    example = doctest.DocTestParser().get_doctest(shown.__doc__, dict(NAMES), shown.__name__, None, 0)
    said = []
    failed, tried = doctest.DocTestRunner().run(example, out=said.append)
    assert tried > 0 and not failed, "".join(said)
