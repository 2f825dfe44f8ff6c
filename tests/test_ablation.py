"""The ablation trains what has not been measured yet, and its table says what each part is worth."""

import json
from types import SimpleNamespace

import pytest

from tools import ablation


@pytest.fixture
def found(tmp_path, monkeypatch):
    """All runs but one are measured: the k-th variant reached 90 + k and 92 + k nats, in ten minutes each."""
    numbers = {
        name: {str(seed): {"nats": 90.0 + k + 2 * seed, "seconds": 600.0} for seed in ablation.SEEDS}
        for k, name in enumerate(ablation.VARIANTS)
    }
    del numbers["no clipping"]["1"]
    path = tmp_path / "ablation.json"
    path.write_text(json.dumps(numbers))
    monkeypatch.setattr(ablation, "FOUND", path)
    monkeypatch.setattr(ablation, "PAGE", tmp_path / "ablation.md")
    return path


def call(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["ablation.py", *map(str, arguments)])
    ablation.main()


def test_only_what_is_not_measured_is_trained(found, tmp_path, monkeypatch):
    trained, before = [], json.loads(found.read_text())

    def train(run, out, seed, resume):
        trained.append((run.name, seed, resume))
        return True

    monkeypatch.setattr(ablation, "train", train)
    monkeypatch.setattr(ablation, "load_weights", lambda path: (None, None, None, {"seconds": 660.0}))
    monkeypatch.setattr(ablation, "evaluate", lambda *args, **kwargs: SimpleNamespace(nll_bound=104.5))
    call(monkeypatch, tmp_path, "--part", "0/2")
    assert trained == []
    call(monkeypatch, tmp_path, "--part", "1/2")
    assert trained == [("ablation: no clipping", 1, False)]
    before["no clipping"]["1"] = {"nats": 104.5, "seconds": 660.0}
    assert json.loads(found.read_text()) == before
    page = ablation.PAGE.read_text()
    assert "| the whole recipe | 90.00 | 92.00 |  |\n| T = 16 from the start | 91.00 | 93.00 | +1.00 |\n" in page
    assert "| no clipping | 99.00 | 104.50 | +10.75 |\n" in page and "(about\n10 minutes" in page


def test_there_is_no_table_of_some_of_the_runs(found, monkeypatch, capsys):
    call(monkeypatch, "--table")
    assert capsys.readouterr().out == "19 of 20 runs are done: the table is made when all are\n"
    assert not ablation.PAGE.exists()
