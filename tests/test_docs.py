"""What the pages of docs/ show in Python runs as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest

from draw_np.training import checkpoint
from draw_np.training.trees import named_leaves

DOCS = Path(__file__).parents[1] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "library.md").read_text("utf-8"), re.DOTALL)


def run_all(blocks):
    """Run pieces of the library's page one after the other: the names that they leave."""
    names = {}
    for block in blocks:
        exec(compile(block, "docs/library.md", "exec"), names)
    return names


def test_the_library_s_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 8 and all(block.count("\n") < 20 for block in BLOCKS)
    names = run_all(BLOCKS)
    assert names["slope"].shape == (5, 5) and np.abs(names["slope"]).min() > 0
    assert (tmp_path / "runs/mine/weights.npz").is_file() and (tmp_path / "runs/bars/weights.npz").is_file()
    assert np.isfinite(names["nats"]) and names["drawn"].shape == (3, 5, 12, 10)


def test_a_run_on_the_page_s_own_data_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_all(BLOCKS[:7])
    run = names["Run"]("bars", "draw", names["config"], names["data"], names["Recipe"](names["phases"], batch=50))
    following, made = names["Bars"].next, []

    def failing(batches):
        made.append(batches)
        if len(made) == 10:
            raise RuntimeError("as if killed")
        return following(batches)

    names["train"](run, "whole", updates=12)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(names["Bars"], "next", failing)
        names["train"](run, "pieces", updates=12, checkpoint_every=7)
    names["train"](run, "pieces", updates=12, resume=True)
    (one, _), (other, _) = (checkpoint.load(f"{name}/checkpoint.npz") for name in ("pieces", "whole"))
    assert all(np.array_equal(leaf, named_leaves(other)[name]) for name, leaf in named_leaves(one).items())


def test_a_gru_s_gradient_is_right(tmp_path, monkeypatch):
    """The decoder of the page's last piece learns: its gradient agrees with finite differences."""
    from draw_np.models import draw
    from draw_np.training.gradient_check import assert_gradient

    monkeypatch.chdir(tmp_path)
    names = run_all(BLOCKS)
    config, rng = names["config"], np.random.default_rng(0)
    params = draw.init_params(config, rng, dtype=np.float64)
    gru = {key: leaf[..., : 3 * config.hidden] for key, leaf in params["decoder"].items()}
    images, noise = names["images"][:2, 0], draw.sample_noise(config, 2, rng, np.float64)
    assert_gradient(
        lambda gru: draw.loss({**params, "decoder": gru}, config, images, noise, names["with_gru"]), gru, rng
    )
